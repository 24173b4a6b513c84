"""What the caller hears before the call is answered: what the telephones say, and no more."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from softphone.errors import CallRefused
from softphone.media.contract.leg import RtpTimeout
from softphone.media.contract.security import Ice
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.switchboard import Behaviour, Switchboard, answers, play, rings


def says(*progress: tuple[int, bool]) -> Behaviour:
    """A telephone that says these one after the other, with early media or without, and then nothing."""

    async def saying(call: InviteSession) -> None:
        for status, media in progress:
            await call.ring(status, offer() if media else None)
            await asyncio.sleep(1)
        await asyncio.sleep(1_000)

    return saying


async def heard(board: Switchboard, *behaviours: Behaviour) -> list[tuple[int, bool]]:
    """Call 102, whose telephones behave so, for some seconds."""
    for behaviour in behaviours:
        await board.telephone("102", behaviour)
    caller = await board.telephone("101")
    calling = asyncio.create_task(caller.call("102"))
    await asyncio.sleep(5)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    await asyncio.sleep(2)
    assert not board.focus.rooms and not board.focus.context.legs
    return list(dict.fromkeys((each.status, bool(each.body)) for each in caller.progress if each.status > 100))


@pytest.mark.parametrize(
    ("behaviours", "expected"),
    [
        ([says((180, False))], [(180, False)]),
        ([says()], []),
        ([says((181, False), (182, False), (180, False))], [(181, False), (182, False), (180, False)]),
        ([says((183, True))], [(183, True)]),
        ([says((180, True))], [(180, True)]),
        ([says((183, False))], [(183, False)]),
        ([says((199, False))], [(183, False)]),
        ([says((183, True), (180, False))], [(183, True), (180, False)]),
        ([says((183, True)), says((180, False))], [(183, True), (180, False)]),
        ([says((180, False)), says((180, False))], [(180, False)]),
    ],
)
def test_what_the_telephones_say_is_passed_on(
    tmp_path: Path, behaviours: list[Behaviour], expected: list[tuple[int, bool]]
) -> None:
    async def scene(board: Switchboard) -> None:
        assert sorted(await heard(board, *behaviours)) == sorted(expected)

    play(tmp_path, scene)


def test_of_two_with_early_media_the_first_is_heard_and_then_the_other(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        assert await heard(board, says((183, True)), says((183, True))) == [(183, True), (183, False)]

    play(tmp_path, scene)


def test_an_announcement_of_the_network_and_then_its_refusal(tmp_path: Path) -> None:
    async def announces(call: InviteSession) -> None:
        await call.ring(183, offer())
        await asyncio.sleep(3)
        call.reject(404)

    async def scene(board: Switchboard) -> None:
        await board.telephone("102", announces)
        caller = await board.telephone("101")
        with pytest.raises(CallRefused, match="404"):
            await caller.call("102")
        assert [bool(each.body) for each in caller.progress if each.status == 183] == [True]

    play(tmp_path, scene)


def test_the_answer_after_early_media_has_the_same_description(tmp_path: Path) -> None:
    async def announces(call: InviteSession) -> None:
        await call.ring(183, offer())
        await asyncio.sleep(1)
        await call.answer(offer())

    async def scene(board: Switchboard) -> None:
        await board.telephone("102", announces)
        await board.telephone("102", rings)
        caller = await board.telephone("101")
        call = await caller.call("102")
        early = next(each for each in caller.progress if each.status == 183)
        assert early.body.decode() == call.remote_sdp
        assert len(board.focus.context.legs) == 2
        await call.bye()

    play(tmp_path, scene)


def test_a_dead_telephone_does_not_ring(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.leave(await board.telephone("102", answers))
        caller = await board.telephone("101")
        with pytest.raises(CallRefused):
            await caller.call("102")
        assert caller.statuses == []

    play(tmp_path, scene)


@pytest.mark.parametrize("webrtc", [True, False])
def test_a_caller_of_webrtc_that_is_lost_ends_the_call_before_it_is_answered(tmp_path: Path, webrtc: bool) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", says((183, True)))
        caller = await board.telephone("101")
        calling = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(5)
        (room,) = board.focus.rooms.values()
        (member,) = room.members.values()
        if webrtc:
            member.media.spec = msgspec.structs.replace(member.media.spec, ice=Ice("ours", "password"))
        board.focus.on_media_event(RtpTimeout(member.leg or 0))
        await asyncio.sleep(5)
        assert (not board.focus.rooms, not board.focus.context.legs, calling.done()) == (webrtc, webrtc, webrtc)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await asyncio.sleep(2)

    play(tmp_path, scene)
