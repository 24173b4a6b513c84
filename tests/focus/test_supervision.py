"""Whoever supervises hears a session, and is heard there by nobody, by one, or by all; and ends with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softphone import Agent, Call
from softphone.focus.errors import NoSuchParty, NotAllowed, WrongState
from softphone.focus.room.supervision import Mode
from softphone.focus.session import Party
from softphone.testing import ConferenceBridge
from tests.focus.test_bringing_in import play
from tests.support.tones import sine, tones_in

CALLER, CALLEE, BOSS = TONES = (440.0, 850.0, 1250.0)
HIDDEN = {"conference": {"hidden_listeners": True}}


async def accept(call: Call) -> None:
    await call.accept()


def taking(calls: list[Call]) -> Callable[[Call], Any]:
    async def take(call: Call) -> None:
        calls.append(call)
        await call.accept()

    return take


async def heard(call: Call) -> set[float]:
    """Which tones a call hears in its last second of two."""
    frames: list[Any] = []
    async for frame in call.frames():
        frames.append(frame)
        if len(frames) == 100:
            break
    return tones_in(np.concatenate(frames[50:]), list(TONES))


async def call_of_two(bridge: ConferenceBridge, caller: Agent) -> tuple[str, Call]:
    call = await caller.invite("103")
    (session,) = bridge.focus.calls
    return session, call


@pytest.mark.parametrize(
    ("heard_by", "by_caller", "by_callee"),
    [((), False, False), (("-2",), False, True), (None, True, True)],
    ids=["listens", "whispers", "barges in"],
)
def test_who_hears_whom(tmp_path: Path, heard_by: tuple[str, ...] | None, by_caller: bool, by_callee: bool) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        theirs: list[Call] = []
        boss: list[Call] = []
        async with (
            bridge.agent("101", on_call=taking(boss)),
            bridge.agent("102") as caller,
            bridge.agent("103", on_call=taking(theirs)),
        ):
            session, call = await call_of_two(bridge, caller)
            parties = dict(bridge.focus.session(session).parties)
            named = None if heard_by is None else tuple(f"p-{session[2:]}{each}" for each in heard_by)
            ann = bridge._accounts.extensions["101"]
            party = await bridge.control.calls.supervise(session, by=ann, heard_by=named)
            assert party.extension_id == ann.id and dict(bridge.focus.session(session).parties) == parties
            said = zip(TONES, (call, theirs[0], boss[0]), strict=True)
            saying = [asyncio.create_task(each.write(sine(hz, 4.0))) for hz, each in said]
            await asyncio.sleep(0.5)
            found = await asyncio.gather(heard(boss[0]), heard(call), heard(theirs[0]))
            assert found[0] == {CALLER, CALLEE}
            assert found[1] == {CALLEE} | ({BOSS} if by_caller else set())
            assert found[2] == {CALLER} | ({BOSS} if by_callee else set())
            for each in saying:
                each.cancel()
            await asyncio.gather(*saying, return_exceptions=True)
            await call.hangup()
            assert await boss[0].wait_ended() == "bye"
            assert await theirs[0].wait_ended() == "bye"
            await asyncio.sleep(1)
            assert bridge.focus.parties == 0

    play(tmp_path, scene, **HIDDEN)


@asynccontextmanager
async def advised(bridge: ConferenceBridge) -> AsyncIterator[tuple[str, str, Party, tuple[Call, Call, Call]]]:
    """101 advises 103, which 102 has called, and all say their tones: the session, 103's party, the supervisor's, the
    calls."""
    theirs: list[Call] = []
    boss: list[Call] = []
    async with (
        bridge.agent("101", on_call=taking(boss)),
        bridge.agent("102") as caller,
        bridge.agent("103", on_call=taking(theirs)),
    ):
        session, call = await call_of_two(bridge, caller)
        callee, ann = f"p-{session[2:]}-2", bridge._accounts.extensions["101"]
        party = await bridge.control.calls.supervise(session, by=ann, heard_by=(callee,))
        all_three = (call, theirs[0], boss[0])
        saying = [asyncio.create_task(each.write(sine(hz, 30.0))) for hz, each in zip(TONES, all_three, strict=True)]
        yield session, callee, party, all_three
        for each in saying:
            each.cancel()
        await asyncio.gather(*saying, return_exceptions=True)
        await boss[0].hangup()
        await call.hangup()
        await asyncio.sleep(1)
        assert bridge.focus.parties == 0


def test_who_hears_it_changes(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        advise = bridge.control.calls.advise
        modes: list[tuple[Mode, bool, bool]] = [
            ("barge", True, True),
            ("monitor", False, False),
            ("whisper", False, True),
        ]
        async with advised(bridge) as (session, callee, party, (call, theirs, boss)):
            for mode, by_caller, by_callee in modes:
                await advise(session, party.id, mode)
                await asyncio.sleep(0.5)
                found = await asyncio.gather(heard(boss), heard(call), heard(theirs))
                assert found[0] == {CALLER, CALLEE}, mode
                assert [BOSS in each for each in found[1:]] == [by_caller, by_callee], mode
            with pytest.raises(WrongState, match="supervises nothing"):
                await advise(session, callee, "barge")

    play(tmp_path, scene, **HIDDEN)


def test_it_takes_the_place_of_who_it_advises(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        advise = bridge.control.calls.advise
        async with advised(bridge) as (session, callee, party, (call, theirs, boss)):
            await advise(session, party.id, "takeover")
            assert await theirs.wait_ended() == "bye"
            await asyncio.sleep(0.5)
            assert [*await asyncio.gather(heard(boss), heard(call))] == [{CALLER}, {BOSS}]
            shown = bridge.focus.session(session).parties
            assert shown[callee].address.number == "101" and len(shown) == 2
            with pytest.raises(WrongState):
                await advise(session, party.id, "barge")

    play(tmp_path, scene, **HIDDEN)


def test_what_is_wanted_during_a_takeover_comes_too_late(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        advise, media = bridge.control.calls.advise, bridge.focus.context.media
        async with advised(bridge) as (session, _, party, (call, theirs, boss)):
            ask = media.ask

            async def ask_far(message: Any) -> Any:
                answer = await ask(message)
                await asyncio.sleep(0.1)
                return answer

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(media, "ask", ask_far)
                modes: list[Mode] = ["takeover", "whisper"]
                outcomes = await asyncio.gather(
                    *(advise(session, party.id, each) for each in modes), return_exceptions=True
                )
            assert [isinstance(each, WrongState) for each in outcomes] == [False, True]
            assert await theirs.wait_ended() == "bye"
            await asyncio.sleep(0.5)
            assert [*await asyncio.gather(heard(boss), heard(call))] == [{CALLER}, {BOSS}]

    play(tmp_path, scene, **HIDDEN)


def test_who_is_parked_is_not_taken_over(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async with (
            bridge.agent("101", on_call=accept),
            bridge.agent("102") as caller,
            bridge.agent("103", on_call=accept),
        ):
            session, call = await call_of_two(bridge, caller)
            party = await bridge.control.calls.supervise(session, by=bridge._accounts.extensions["101"])
            await bridge.control.calls.park(session, f"p-{session[2:]}-2")
            with pytest.raises(WrongState, match="other end"):
                await bridge.control.calls.advise(session, party.id, "takeover")
            await asyncio.sleep(1)
            (waits,) = bridge.focus.session(session).parties.values()
            assert waits.address.number == "102" and waits.parked
            await call.hangup()

    play(tmp_path, scene, **HIDDEN)


def test_of_two_extensions_one_is_to_be_named(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async with (
            bridge.agent("101", on_call=accept),
            bridge.agent("102") as caller,
            bridge.agent("103", on_call=accept),
        ):
            session, _ = await call_of_two(bridge, caller)
            party = await bridge.control.calls.supervise(session, by=bridge._accounts.extensions["101"])
            with pytest.raises(WrongState, match="whom it advises"):
                await bridge.control.calls.advise(session, party.id, "whisper")

    play(tmp_path, scene, **HIDDEN)


def test_who_supervises_hangs_up_and_the_others_talk_on(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        boss: list[Call] = []
        async with (
            bridge.agent("101", on_call=taking(boss)),
            bridge.agent("102") as host,
            bridge.agent("103", on_call=accept) as other,
        ):
            conference = await bridge.conference("102")
            await host.invite(bridge.uri(conference))
            await other.invite(bridge.uri(conference))
            ann = bridge._accounts.extensions["101"]
            await bridge.control.calls.supervise(conference.id, by=ann)
            assert len(conference.parties) == 2 and bridge.focus.parties == 3
            await boss[0].hangup()
            await asyncio.sleep(1)
            assert len(conference.parties) == 2 and bridge.focus.parties == 2
            await bridge.control.calls.supervise(conference.id, by=ann)
            await bridge.control.end(conference.id)
            assert await boss[1].wait_ended() == "bye"
            await asyncio.sleep(1)
            assert bridge.focus.parties == 0

    play(tmp_path, scene, **HIDDEN)


def test_who_was_to_hear_it_has_left_when_it_answers(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        rung, boss = asyncio.Event(), list[Call]()

        async def late(call: Call) -> None:
            boss.append(call)
            rung.set()
            await asyncio.sleep(1)
            await call.accept()

        async with (
            bridge.agent("101", on_call=late),
            bridge.agent("102") as host,
            bridge.agent("103") as other,
        ):
            conference = await bridge.conference("102")
            await host.invite(bridge.uri(conference))
            call = await other.invite(bridge.uri(conference))
            (advised,) = (id for id, each in conference.parties.items() if each.address.number == "103")
            ann = bridge._accounts.extensions["101"]
            asked = asyncio.create_task(bridge.control.calls.supervise(conference.id, by=ann, heard_by=(advised,)))
            await rung.wait()
            await call.hangup()
            with pytest.raises(NoSuchParty):
                await asked
            assert await boss[0].wait_ended() == "bye"
            await asyncio.sleep(1)
            assert len(conference.parties) == 1 and bridge.focus.parties == 1

    play(tmp_path, scene, **HIDDEN)


async def ring(call: Call) -> None:
    await call.wait_ended()


def test_it_ends_with_a_call_that_nobody_has_answered(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        boss: list[Call] = []
        async with bridge.agent("101", on_call=taking(boss)), bridge.agent("102", on_call=ring):
            ann, ben = (bridge._accounts.extensions[each] for each in ("101", "102"))
            session = await bridge.control.calls.call_out(ben, "103")
            await bridge.control.calls.supervise(session.id, by=ann)
            await bridge.control.end(session.id)
            assert await boss[0].wait_ended() == "bye"
            await asyncio.sleep(1)
            assert bridge.focus.parties == 0

    play(tmp_path, scene, **HIDDEN)


def test_its_telephones_ring_no_longer_than_the_session_lasts(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        rung, ended = asyncio.Event(), list[str]()

        async def let_ring(call: Call) -> None:
            rung.set()
            ended.append(await call.wait_ended())

        async with (
            bridge.agent("101", on_call=let_ring),
            bridge.agent("102") as caller,
            bridge.agent("103", on_call=accept),
        ):
            session, call = await call_of_two(bridge, caller)
            ann = bridge._accounts.extensions["101"]
            asked = asyncio.create_task(bridge.control.calls.supervise(session, by=ann))
            await rung.wait()
            await call.hangup()
            with pytest.raises(WrongState, match="cancelled"):
                await asyncio.wait_for(asked, 5)
            await asyncio.sleep(1)
            assert ended == ["cancelled"] and bridge.focus.parties == 0

    play(tmp_path, scene, **HIDDEN)


def test_who_may_not_or_cannot(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async with bridge.agent("102") as caller, bridge.agent("103", on_call=accept):
            session, _ = await call_of_two(bridge, caller)
            ann = bridge._accounts.extensions["101"]
            supervise = bridge.control.calls.supervise
            with pytest.raises(WrongState, match="not registered"):
                await supervise(session, by=ann)
            with pytest.raises(NoSuchParty):
                await supervise(session, by=ann, heard_by=("p-0",))
            assert bridge.focus.parties == 2

    play(tmp_path, scene, **HIDDEN)


def test_there_may_be_no_hidden_listeners(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async with bridge.agent("102") as caller, bridge.agent("103", on_call=accept):
            session, _ = await call_of_two(bridge, caller)
            with pytest.raises(NotAllowed):
                await bridge.control.calls.supervise(session, by=bridge._accounts.extensions["101"])

    play(tmp_path, scene)
