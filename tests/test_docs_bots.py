"""The programs of docs/bots.md and docs/streams.md are the files in examples/, and each bot does what the page says."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from softphone import Agent, Call, CallState, run_bot, serve_bot
from softphone.testing import ConferenceBridge, run
from tests.agent.test_agent import Answering, until_heard
from tests.support.tones import amplitude_of, read_wav, sine, write_wav
from tests.test_examples import EXAMPLES, example

pytestmark = pytest.mark.realtime

PAGES = [(EXAMPLES.parent / "docs" / f"{name}.md").read_text() for name in ("bots", "streams")]


def test_the_page_shows_the_files() -> None:
    shown = dict(re.findall(r"```python\n# examples/(\w+)\.py\n(.*?)```", "".join(PAGES), re.DOTALL))
    assert len(shown) == 6
    for name, source in shown.items():
        assert source == (EXAMPLES / f"{name}.py").read_text(), f"examples/{name}.py and its page differ"


@asynccontextmanager
async def joined(bot: Any) -> AsyncIterator[Call]:
    """The other end of a call that the bot is in; whatever it does, it is gone afterwards."""
    async with Answering() as host:
        running = asyncio.create_task(run_bot(bot, host.contact))
        call = await host.answered.get()
        try:
            yield call
        finally:
            await call.hangup()
            await running


async def test_the_greeter_joins_speaks_and_records(tmp_path: Path) -> None:
    greeting = write_wav(tmp_path / "hello.wav", sine(700, 0.5, rate_hz=16000), 16000)
    async with joined(example("greeter_bot").GreeterBot(greeting, tmp_path / "heard.wav")) as call:
        await until_heard(call, 700)
        await call.play(sine(440, 1.0))
        greeted = asyncio.create_task(until_heard(call, 700))
        await call.send_keys("5", method="info")
        await greeted
        await call.send_keys("#", method="info")
        assert await call.wait_ended() == "bye"
    pcm, rate_hz = read_wav(tmp_path / "heard.wav")
    assert rate_hz == 16000 and amplitude_of(pcm, 440, rate_hz) > 0.05


@asynccontextmanager
async def serving(make: Any) -> AsyncIterator[Agent]:
    """An agent whose calls are answered by bots."""
    ready: asyncio.Queue[Agent] = asyncio.Queue()
    running = asyncio.create_task(serve_bot(make, on_ready=ready.put_nowait))
    try:
        yield await ready.get()
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_the_menu_wants_a_pin_and_transfers() -> None:
    module = example("pin_menu_bot")
    async with Answering() as operator, Agent("sip:caller@127.0.0.1") as caller:
        module.PinMenuBot.operator = operator.contact
        async with serving(module.PinMenuBot) as agent:
            call = await caller.invite(agent.contact)
            call.on_refer = caller.invite
            await until_heard(call, 660)
            await call.send_keys("1234#", method="info")
            await until_heard(call, 880)
            await call.send_keys("0", method="info")
            assert (await operator.answered.get()).state is CallState.CONNECTED
            assert await call.wait_ended() == "bye"


async def test_who_does_not_know_the_pin_is_hung_up_on() -> None:
    async with serving(example("pin_menu_bot").PinMenuBot) as agent, Agent() as caller:
        call = await caller.invite(agent.contact)
        await call.send_keys("1#2#3#", method="info")
        assert await call.wait_ended() == "bye"


async def test_many_bots_in_one_process() -> None:
    async with Answering() as host:
        running = asyncio.create_task(example("crowd_bots").main(host.contact, 5, 1.5))
        calls = sorted([await host.answered.get() for _ in range(5)], key=lambda call: call.remote_uri)
        await asyncio.gather(*(until_heard(call, 400.0 + 100.0 * number) for number, call in enumerate(calls)))
        bots = await running
    assert len(bots) == 5


def test_the_transcriber_gets_whole_utterances_with_their_time(tmp_path: Path) -> None:
    """In a conference, by a clock that jumps: how long they are does not depend on the machine."""
    told: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
    bot = example("transcription_bot").TranscriptionBot(
        lambda pcm, rate_hz: f"{pcm.size / rate_hz:.2f}", lambda at_s, text: told.put_nowait((at_s, text))
    )

    async def scene() -> list[tuple[float, str]]:
        async with ConferenceBridge(tmp_path) as bridge:
            uri = bridge.uri(await bridge.conference())
            async with bridge.agent("102") as speaker:
                running = asyncio.create_task(run_bot(bot, uri))
                call = await speaker.invite(uri)
                await asyncio.sleep(1.0)
                said = []
                for _ in range(2):
                    await call.play(sine(440, 0.5))
                    said.append(await told.get())
                await call.hangup()
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
                return said

    (first_s, first), (second_s, second) = run(scene())
    assert 1.0 <= float(first) <= 1.3 and 1.0 <= float(second) <= 1.3  # the pause at the end is part of it
    assert second_s > first_s + 0.5
