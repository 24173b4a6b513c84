"""Calls from extension to extension; over real SIP."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from softphone.errors import CallRefused
from softphone.focus.session import PartyStatus, SessionOrigin, TelephonySession
from softphone.server import Server
from softphone.sip.ua.call import Call
from tests.focus.phone import Phone, offer
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def answer(call: Call) -> None:
    await call.answer(offer())


async def busy(call: Call) -> None:
    call.reject(486)


async def ring(call: Call) -> None:
    await call.ring()


async def reachable(phone: Phone, behaviour: Callable[[Call], Awaitable[None]]) -> "asyncio.Queue[Call]":
    """Register a phone that treats calls as said; give where its calls show up."""
    calls: asyncio.Queue[Call] = asyncio.Queue()

    async def on_invite(call: Call) -> None:
        call.on_ended = phone.ended.put_nowait
        calls.put_nowait(call)
        await behaviour(call)

    phone.stack.on_invite = on_invite
    await phone.register()
    return calls


def calls_of(server: Server) -> list[TelephonySession]:
    return [room.session for room in server.focus.rooms.values() if room.session.origin is SessionOrigin.CALL]


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
