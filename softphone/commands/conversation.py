"""The call of ``softphone call``, from ringing to its end, on a terminal or without one."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from mixer.frame import samples_per_tick
from softphone import sound_card
from softphone.agent import Agent, Call
from softphone.audio import frames_of, source
from softphone.codec import CODECS
from softphone.errors import CallEnded
from softphone.srtp import Encryption

__all__ = ["Controls", "Face", "CallOptions", "hold_conversation"]

# A comma among the keys waits: telephone bridges ask for the next number only after they have said something.
COMMA_S = 1.0


@dataclass(frozen=True)
class CallOptions:
    """What the user asked for. `play` is a file, ``tone:HZ`` or ``mic``; `record` a file or ``speaker``."""

    uri: str
    identity: str
    password: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    registrar: str | None = None
    play: str | None = None
    record: str | None = None
    keys: str = ""
    duration_s: float | None = None
    ends_with_file: bool = False
    codecs: tuple[str, ...] = CODECS
    encryption: Encryption = "optional"


@dataclass
class Controls:
    """What the user can do while the call goes on; `said` is the last frame that was spoken, before it was muted."""

    muted: bool = False
    said: NDArray[np.int16] | None = None
    heard: list[str] = field(default_factory=list)
    quit: asyncio.Event = field(default_factory=asyncio.Event)


class Face(Protocol):
    """Shows the call and passes on what the user does."""

    def show(self, text: str) -> None:
        """Say one line about what happens."""

    async def run(self, call: Call, controls: Controls) -> None:
        """Stay with the call until it is over; may return earlier."""


async def hold_conversation(plan: CallOptions, face: Face) -> dict[str, Any]:
    """Place the call, do what the plan says, and hang up.

    Returns
    -------
    The report: ``uri``, ``remote``, ``reason``, ``seconds``, ``keys`` heard, ``recording`` and ``stats``.

    Raises
    ------
    SoftphoneError
        The call did not come about, or a file or sound card could not be used.
    """
    controls = Controls()
    loop = asyncio.get_running_loop()
    agent = Agent(
        plan.identity,
        password=plan.password,
        registrar=plan.registrar,
        codecs=plan.codecs,
        encryption=plan.encryption,
    )
    async with agent:
        face.show(f"calling {plan.uri} ...")
        with _interrupts(controls.quit):
            call = await _unless_quit(agent.invite(plan.uri, headers=plan.headers), controls.quit)
            began = loop.time()
            face.show(f"connected to {call.remote_uri}")
            try:
                await _talk(call, plan, face, controls)
            finally:
                await call.hangup()
        return {
            "uri": plan.uri,
            "remote": call.remote_uri,
            "reason": await call.wait_ended(),
            "seconds": round(loop.time() - began, 3),
            "keys": "".join(controls.heard),
            "recording": plan.record,
            "stats": msgspec.to_builtins(await call.stats()),
        }


async def _talk(call: Call, plan: CallOptions, face: Face, controls: Controls) -> None:
    """Run everything the plan asks for side by side until something says that it is enough."""
    call.on_key = controls.heard.append
    if plan.record and plan.record != "speaker":
        call.record(Path(plan.record))
    ending = [_duration(plan.duration_s), controls.quit.wait(), call.wait_ended()]
    beside = [face.run(call, controls), _press(call, plan.keys)]
    if plan.record == "speaker":
        beside.append(_listen(call))
    if plan.play:
        if plan.ends_with_file:
            ending.append(_speak_and_go(call, plan.play, controls))
        else:
            beside.append(_speak(call, plan.play, controls))
    await _until_one_ends(ending, beside)


async def _until_one_ends(
    ending: Sequence[Coroutine[Any, Any, object]], beside: Sequence[Coroutine[Any, Any, object]]
) -> None:
    """Run all; return when one of `ending` is done, raise as soon as one of any kind fails."""
    enders = {asyncio.create_task(work) for work in ending}
    tasks = enders | {asyncio.create_task(work) for work in beside}
    pending = set(tasks)
    try:
        while not enders - pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            with suppress(CallEnded):
                for task in done:
                    task.result()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _duration(seconds: float | None) -> None:
    await asyncio.sleep(float("inf") if seconds is None else seconds)


async def _press(call: Call, keys: str) -> None:
    """Send the keys; each comma waits a second."""
    for index, group in enumerate(keys.split(",")):
        if index:
            await asyncio.sleep(COMMA_S)
        if group:
            await call.send_keys(group)


async def _speak(call: Call, play: str, controls: Controls) -> None:
    """Say what ``--play`` names; while the user has muted it goes on silently. A file ends, a tone does not."""
    async for frame in _sound(play, call.rate):
        controls.said = frame
        await call.write(np.zeros_like(frame) if controls.muted else frame)


async def _speak_and_go(call: Call, play: str, controls: Controls) -> None:
    """Say it, and hang up with its last sample."""
    await _speak(call, play, controls)
    await call.hangup(drain=True)


async def _sound(play: str, rate_hz: int) -> AsyncIterator[NDArray[np.int16]]:
    if play == "mic":
        async for frame in sound_card.microphone(rate_hz):
            yield frame
        return
    pcm = await asyncio.to_thread(source, play, rate_hz)
    while True:
        for frame in frames_of(pcm, samples_per_tick(rate_hz)):
            yield frame
        if not play.startswith("tone:"):
            return


async def _listen(call: Call) -> None:
    """Let the loudspeaker say what we hear."""
    with sound_card.loudspeaker(call.rate) as speaker:
        async for frame in call.frames():
            await asyncio.to_thread(speaker.write, frame)


async def _unless_quit(invite: Coroutine[Any, Any, Call], quit_: asyncio.Event) -> Call:
    """Wait for the answer; the user may give up before."""
    calling, giving_up = asyncio.create_task(invite), asyncio.create_task(quit_.wait())
    try:
        await asyncio.wait({calling, giving_up}, return_when=asyncio.FIRST_COMPLETED)
        if not calling.done():
            calling.cancel()
            await asyncio.wait({calling})
    finally:
        giving_up.cancel()
    if calling.cancelled():
        raise CallEnded("given up before the answer")
    return calling.result()


@contextmanager
def _interrupts(quit_: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM hang up instead of tearing everything down."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, quit_.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
