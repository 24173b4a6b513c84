"""Calls from extension to extension; over real SIP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mixer.rules.roles import Place
from softphone.errors import CallRefused
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.session import PartyStatus, TelephonySession
from softphone.server import Server
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.testing.bridge import offer
from tests.focus.phone import Phone
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def answer(call: InviteSession) -> None:
    await call.answer(offer())


async def busy(call: InviteSession) -> None:
    call.reject(486)


async def ring(call: InviteSession) -> None:
    await call.ring()


async def reachable(
    phone: Phone, behaviour: Callable[[InviteSession], Awaitable[None]]
) -> "asyncio.Queue[InviteSession]":
    """Register a phone that treats calls as said; give where its calls show up."""
    calls: asyncio.Queue[InviteSession] = asyncio.Queue()

    async def on_invite(call: InviteSession) -> None:
        call.on_ended = phone.ended.put_nowait
        calls.put_nowait(call)
        await behaviour(call)

    phone.behaviour = on_invite
    await phone.register()
    return calls


def calls_of(server: Server) -> list[TelephonySession]:
    return [room.session for room in server.focus.calls.values()]


async def test_a_call_and_its_end(shared: Server) -> None:
    async with Phone(shared, "101") as caller, Phone(shared, "102") as callee:
        incoming = await reachable(callee, answer)
        call = await caller.call("102")
        other = incoming.get_nowait()
        assert other.invite.from_.uri.user == "101"
        # An INVITE that was repeated, because its first answer took half a second, is answered once more.
        assert list(dict.fromkeys(each.status for each in caller.progress if each.status > 100)) == [183]
        (session,) = calls_of(shared)
        first, second = session.parties.values()
        assert (first.status, second.status) == (PartyStatus.ANSWERED, PartyStatus.ANSWERED)
        assert (first.caller.number, first.callee.number, second.id[-2:]) == ("101", "102", "-2")
        await call.bye()
        assert await callee.hung_up() == "bye"
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)


async def test_the_callee_hangs_up(shared: Server) -> None:
    async with Phone(shared, "101") as caller, Phone(shared, "102") as callee:
        incoming = await reachable(callee, answer)
        await caller.call("+16505550100*102")
        await incoming.get_nowait().bye()
        assert await caller.hung_up() == "bye"


async def test_all_phones_ring_and_the_first_to_answer_wins(shared: Server) -> None:
    async with Phone(shared, "101") as caller, Phone(shared, "103") as desk, Phone(shared, "103") as mobile:
        await reachable(desk, ring)
        incoming = await reachable(mobile, answer)
        call = await caller.call("103")
        assert await desk.hung_up() == "cancelled"
        assert not incoming.empty()
        await call.bye()
        assert await mobile.hung_up() == "bye"


async def test_busy(shared: Server) -> None:
    async with Phone(shared, "101") as caller, Phone(shared, "104") as callee:
        await reachable(callee, busy)
        with pytest.raises(CallRefused, match="486"):
            await caller.call("104")
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)


async def test_the_caller_gives_up(shared: Server) -> None:
    async with Phone(shared, "102") as caller, Phone(shared, "101") as callee:
        incoming = await reachable(callee, ring)
        calling = asyncio.create_task(caller.call("101"))
        await incoming.get()
        await until(lambda: any(each.status == 180 for each in caller.progress))
        calling.cancel()
        assert await callee.hung_up() == "cancelled"
        await until(lambda: not calls_of(shared))
        await asyncio.gather(calling, return_exceptions=True)


async def test_registering_for_somebody_else_or_with_a_wrong_password(shared: Server) -> None:
    async with Phone(shared, "101", "wrong") as stranger, Phone(shared, "101") as thief:
        with pytest.raises(CallRefused, match="403"):
            await stranger.register()
        thief.number = "102"
        with pytest.raises(CallRefused, match="403"):
            await thief.register()


@asynccontextmanager
async def connected(
    server: Server, number: str = "102"
) -> AsyncIterator[tuple[TelephonySession, InviteSession, InviteSession]]:
    """101 in a call with an extension; its session, and both ends of it."""
    async with Phone(server, "101") as caller, Phone(server, number) as callee:
        incoming = await reachable(callee, answer)
        call = await caller.call(number)
        (session,) = calls_of(server)
        yield session, call, incoming.get_nowait()
        if call.state is not InviteState.ENDED:
            await call.bye()
        await until(lambda: not calls_of(server))


async def test_a_call_is_commanded_as_a_conference_is(shared: Server) -> None:
    async with connected(shared) as (session, _caller, _callee):
        begin = shared.focus.feed.last_id
        first, second = session.parties.values()
        assert (await shared.control.mute(session.id, second.id, True)).muted
        assert (await shared.control.deafen(session.id, first.id, True)).deaf
        assert (await shared.control.volume(session.id, first.id, in_db=3.0)).volume_in_db == 3.0
        levelled = await shared.control.level(session.id, second.id, True)
        assert levelled.facts is not None and levelled.facts.levelled
        assert (await shared.control.hold(session.id, second.id, True)).place is Place.HELD
        changes: list[tuple[str | None, dict[str, Any]]] = []
        while (event := shared.focus.feed.after(begin)) is not None:
            begin = event.id
            if event.type is EventType.PARTY_CHANGED:
                changes.append((event.party, dict(event.data)))
        assert changes == [
            (second.id, {"muted": True}),
            (first.id, {"deaf": True}),
            (first.id, {"volume_in_db": 3.0, "volume_out_db": 0.0, "level_voice": False}),
            (second.id, {"volume_in_db": 0.0, "volume_out_db": 0.0, "level_voice": True}),
            (second.id, {"held": True}),
        ]
        with pytest.raises(WrongState, match="two parties"):
            await shared.control.lock(session.id, True)
        with pytest.raises(WrongState, match="not being recorded"):
            await shared.control.stop_recording(session.id)


async def test_a_call_is_recorded_with_a_track_for_each_end(shared: Server) -> None:
    async with connected(shared) as (session, _caller, _callee):
        begun = await shared.control.start_recording(session.id)
        assert await shared.control.start_recording(session.id) == begun
        assert shared.control.recording(session.id) is not None
        done = await shared.control.stop_recording(session.id)
        assert (done.active, done.id) == (False, begun.id)


async def test_who_is_removed_from_a_call_ends_it(shared: Server) -> None:
    async with connected(shared) as (session, caller, callee):
        second = list(session.parties)[1]
        await shared.control.remove(session.id, second)
        await until(lambda: caller.state is callee.state is InviteState.ENDED)


async def test_the_other_end_of_a_phone_that_holds_hears_music(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    ended: list[int] = []
    playbacks = shared.focus.context.playbacks
    play, stop = playbacks.to_leg, playbacks.stop

    async def to_leg(leg: int, *args: Any, **options: Any) -> int:
        begun.append(leg)
        return await play(leg, *args, **options)

    async def stopped(number: int) -> None:
        ended.append(number)
        await stop(number)

    monkeypatch.setattr(playbacks, "to_leg", to_leg)
    monkeypatch.setattr(playbacks, "stop", stopped)
    async with connected(shared) as (session, caller, _callee):
        other = shared.focus.room(session.id).member(list(session.parties)[1])
        await caller.reinvite(offer(direction="sendonly"))
        await until(lambda: begun == [other.leg])
        await caller.reinvite(offer())
        await until(lambda: len(ended) == 1)
