"""A phone takes the place of a party (RFC 3891) in a conference or a call of two; or all is as it was."""

import asyncio

import pytest

from softphone.errors import CallRefused
from softphone.focus.session import ConferenceRole
from softphone.server import Server
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference
from tests.focus.table import until
from tests.focus.test_two_party import answer, calls_of, reachable, ring

pytestmark = pytest.mark.asyncio(loop_scope="module")


def naming(call: InviteSession, more: str = "") -> list[tuple[str, str]]:
    """As another phone is told to name a call."""
    return [("Replaces", f"{Replaces.naming(call.dialog)}{more}"), ("Require", "replaces")]


async def take(phone: Phone, call: InviteSession, more: str = "", sdp: str | None = None) -> InviteSession:
    return await phone.call("101", sdp, headers=naming(call, more))


async def test_the_place_in_a_conference_is_kept(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host, Phone(shared, "102") as mobile, Phone(shared) as guest:
        first = await host.call(session.token)
        await guest.call(session.token)
        (party, _) = session.parties.values()
        await shared.control.mute(session.id, party.id, True)
        second = await take(mobile, first)
        assert await host.hung_up() == "bye"
        assert session.parties[party.id] is party and len(session.parties) == 2
        assert (party.role, party.muted, party.caller.number) == (ConferenceRole.HOST, True, "102")
        assert second.response is not None and party.id in (second.response.get("p-rc-api-ids") or "")
        # It is this phone's keys that count now, and its end.
        await mobile.keys(second, "*1")
        await until(lambda: not party.muted)
        with pytest.raises(CallRefused, match="603"):
            await take(mobile, first)
        await second.bye()
        await until(lambda: party.id not in session.parties)
        await shared.control.end(session.id)


async def test_the_place_in_a_call_of_two_is_kept(shared: Server) -> None:
    async with Phone(shared, "101") as desk, Phone(shared, "102") as bob, Phone(shared, "103") as mobile:
        incoming = await reachable(bob, answer)
        first = await desk.call("102")
        theirs = incoming.get_nowait()
        (session,) = calls_of(shared)
        second = await take(mobile, first)
        assert await desk.hung_up() == "bye"
        assert theirs.state is InviteState.CONFIRMED and calls_of(shared) == [session]
        assert [each.caller.number for each in session.parties.values()] == ["103", "103"]
        # Whoever was called can be replaced, too.
        third = await take(desk, theirs)
        assert await bob.hung_up() == "bye"
        assert [each.callee.number for each in session.parties.values()] == ["101", "101"]
        await third.bye()
        assert await mobile.hung_up() == "bye" and second.state is InviteState.ENDED
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)


async def test_who_may_not_or_cannot_changes_nothing(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host, Phone(shared, "102") as mobile, Phone(shared) as guest:
        first = await host.call(session.token)
        with pytest.raises(CallRefused, match="407"):
            await take(guest, first)
        with pytest.raises(CallRefused, match="488"):
            await take(mobile, first, sdp=offer("18"))
        with pytest.raises(CallRefused, match="400"):
            await take(mobile, first, sdp="nonsense")
        with pytest.raises(CallRefused, match="486"):
            await take(mobile, first, ";early-only")
        (party,) = session.parties.values()
        assert party.caller.number == "101" and first.state is InviteState.CONFIRMED
        # Two at once: one of them gets it.
        outcomes = await asyncio.gather(take(mobile, first), take(mobile, first), return_exceptions=True)
        refused = [each for each in outcomes if isinstance(each, CallRefused)]
        assert len(refused) == 1 and refused[0].status in (481, 603)
        await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)


async def test_a_telephone_that_rings_is_picked_up_by_another(shared: Server) -> None:
    async with Phone(shared, "101") as caller, Phone(shared, "102") as desk, Phone(shared, "103") as other:
        ringing = await reachable(desk, ring)
        calling = asyncio.create_task(caller.call("102"))
        rings = await asyncio.wait_for(ringing.get(), 30)
        async with Phone(shared) as guest:
            with pytest.raises(CallRefused, match="407"):
                await take(guest, rings, ";early-only")
        for sdp, status in ((offer("18"), "488"), ("nonsense", "400")):
            with pytest.raises(CallRefused, match=status):
                await take(other, rings, ";early-only", sdp)
        assert rings.state is InviteState.EARLY and not calling.done()
        theirs = await take(other, rings, ";early-only")
        assert await desk.hung_up() == "cancelled"
        call = await calling
        (session,) = calls_of(shared)
        assert [each.callee.number for each in session.parties.values()] == ["103", "103"]
        own = shared.accounts.extensions["103"]
        assert [each.callee.number for each in session.calls_of(own.id)] == ["103"]
        with pytest.raises(CallRefused, match="481"):
            await take(other, rings)
        await call.bye()
        assert await other.hung_up() == "bye" and not theirs.is_confirmed
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)


async def test_who_is_called_into_a_conference_is_picked_up_by_another(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host, Phone(shared, "102") as desk, Phone(shared, "103") as other:
        ringing = await reachable(desk, ring)
        await host.call(session.token)
        await shared.control.dial(session.id, "102", confirm=False)
        rings = await asyncio.wait_for(ringing.get(), 30)
        theirs = await take(other, rings)
        assert theirs.response is not None and "isfocus" in (theirs.response.get("Contact") or "")
        assert await desk.hung_up() == "cancelled"
        await until(lambda: len(session.parties) == 2)
        (_, party) = session.parties.values()
        assert (party.caller.number, party.extension_id) == ("103", shared.accounts.extensions["103"].id)
        await shared.control.end(session.id)
        assert await other.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)


async def test_a_dialog_that_is_no_partys_is_not_replaced(shared: Server) -> None:
    """Somebody who is being asked for a code is nobody yet."""
    async with Phone(shared, "101") as caller, Phone(shared, "102") as other:
        call = await caller.call("+16505550100")
        with pytest.raises(CallRefused, match="481"):
            await take(other, call)
        assert call.state is InviteState.CONFIRMED
        await call.bye()
