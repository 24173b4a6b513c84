"""The host of a conference brings in whom it talks with in another call."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softphone import Agent, Call
from softphone.config import DEV_PATH, load
from softphone.errors import CallRefused
from softphone.focus.errors import NoSuchParty, NoSuchSession, WrongState
from softphone.testing import ConferenceBridge, run
from tests.focus.switchboard import changed
from tests.support.membership import astray
from tests.support.tones import sine

SILENT = 50.0


async def accept(call: Call) -> None:
    await call.accept()


def levels(frames: list[Any]) -> list[float]:
    return [float(np.abs(frame.astype(float)).mean()) for frame in frames]


def longest_gap(found: list[float]) -> int:
    """Consecutive silent frames between the first that is heard and the last."""
    heard = [index for index, level in enumerate(found) if level > SILENT]
    return max((later - earlier - 1 for earlier, later in zip(heard, heard[1:], strict=False)), default=len(found))


async def hear(call: Call, ticks: int) -> list[float]:
    frames: list[Any] = []
    async for frame in call.frames():
        frames.append(frame)
        if len(frames) == ticks:
            break
    return levels(frames)


async def answered(bridge: ConferenceBridge, host: Agent, number: str, calls: list[Call]) -> tuple[str, str, Call]:
    """The host calls an extension; the session, the host's party, and its call."""
    known = set(bridge.focus.calls)
    call = await host.invite(number)
    (session,) = set(bridge.focus.calls) - known
    own = next(iter(bridge.focus.session(session).parties))
    return session, own, call


def play(folder: Path, scene: Callable[[ConferenceBridge], Any], **sections: dict[str, Any]) -> None:
    async def all_of_it() -> None:
        async with ConferenceBridge(folder, changed(load(DEV_PATH), sections)) as bridge:
            await scene(bridge)
            assert astray(bridge.focus) == []

    run(all_of_it())


@pytest.mark.parametrize("remote", [False, True])
def test_the_other_end_is_moved_without_a_gap_and_its_call_goes_on(tmp_path: Path, remote: bool) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        calls: list[Call] = []

        async def take(call: Call) -> None:
            calls.append(call)
            await call.accept()

        async with bridge.agent("101") as host, bridge.agent("102", on_call=take) as guest:
            session, own, merged = await answered(bridge, host, "102", calls)
            conference = await bridge.conference()
            hosting = await host.invite(bridge.uri(conference))
            tone = sine(440, 3.0)
            saying = [asyncio.create_task(each.write(tone)) for each in (merged, hosting, calls[0])]
            heard = asyncio.create_task(hear(calls[0], 100))
            heard_by_host = asyncio.create_task(hear(hosting, 120))
            await asyncio.sleep(1.0)
            invites = bridge.wire.methods().count("INVITE")
            named = list(bridge.focus.session(session).parties)[1] if remote else own
            party = await bridge.control.calls.bring_in(session, named, conference.id, own=merged_by("101", bridge))
            assert (party.id, party.address.number) == (f"p-{conference.id[2:]}-2", "102")
            assert longest_gap(await heard) <= 1
            assert await merged.wait_ended() == "bye"
            await asyncio.sleep(0.5)
            assert session not in bridge.focus.rooms and guest.calls == calls
            assert bridge.wire.methods().count("INVITE") == invites
            assert max((await heard_by_host)[-20:]) > SILENT
            for each in saying:
                each.cancel()

    play(tmp_path, scene)


def merged_by(number: str, bridge: ConferenceBridge) -> str:
    return bridge._accounts.extensions[number].id


def test_what_is_not_brought_in_stays_as_it_was(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async with bridge.agent("101") as host, bridge.agent("102", on_call=accept):
            conference = await bridge.conference()
            session, own, merged = await answered(bridge, host, "102", [])
            bring_in, me = bridge.control.calls.bring_in, merged_by("101", bridge)
            with pytest.raises(WrongState, match="host"):
                await bring_in(session, own, conference.id, own=me)
            await host.invite(bridge.uri(conference))
            with pytest.raises(NoSuchParty):
                await bring_in(session, "p-0", conference.id, own=me)
            for here, there in ((conference.id, conference.id), (session, session), ("s-0", conference.id)):
                with pytest.raises(NoSuchSession):
                    await bring_in(here, own, there, own=me)
            await bridge.control.lock(conference.id, True)
            with pytest.raises(WrongState, match="locked"):
                await bring_in(session, own, conference.id, own=me)
            assert list(bridge.focus.session(session).parties) and merged in host.calls
            await merged.hangup()
            await asyncio.sleep(0.1)
            with pytest.raises(NoSuchSession):
                await bring_in(session, own, conference.id, own=me)

    play(tmp_path, scene)


def test_a_call_that_still_rings_is_not_brought_in(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async def ring(call: Call) -> None:
            await call.wait_ended()

        async with bridge.agent("101") as host, bridge.agent("102", on_call=ring):
            conference = await bridge.conference()
            await host.invite(bridge.uri(conference))
            ringing = asyncio.create_task(host.invite("102"))
            await asyncio.sleep(1.0)
            (room,) = bridge.focus.calls.values()
            own = next(iter(room.session.parties))
            for me in ("", merged_by("101", bridge)):
                with pytest.raises(WrongState):
                    await bridge.control.calls.bring_in(room.session.id, own, conference.id, own=me)
            ringing.cancel()

    play(tmp_path, scene)


def test_two_that_race_for_the_last_place(tmp_path: Path) -> None:
    """Three besides the host, of whom none is refused; the fourth is, and stays in its call."""

    async def scene(bridge: ConferenceBridge) -> None:
        async with bridge.agent("101", max_calls=20) as host, bridge.agent("102", max_calls=20, on_call=accept):
            conference = await bridge.conference()
            await host.invite(bridge.uri(conference))
            merged = [await answered(bridge, host, "102", []) for _ in range(4)]
            for session, own, _ in merged[:2]:
                await bridge.control.calls.bring_in(session, own, conference.id, own=merged_by("101", bridge))
            last = (
                bridge.control.calls.bring_in(session, own, conference.id, own=merged_by("101", bridge))
                for session, own, _ in merged[2:]
            )
            outcomes = await asyncio.gather(*last, return_exceptions=True)
            assert sorted(isinstance(each, WrongState) for each in outcomes) == [False, True]
            assert len(conference.parties) == 4 and len(bridge.focus.calls) == 1
            with pytest.raises(CallRefused):
                await host.invite(bridge.uri(conference))

    play(tmp_path, scene, conference={"max_members": 3})
