"""Calls of two that are handed over by REFER, blind and attended, and conferences that take somebody over so."""

import asyncio
from urllib.parse import quote

import pytest

from softphone.server import Server
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference
from tests.focus.table import until
from tests.focus.test_referrals import Told
from tests.focus.test_two_party import answer, busy, calls_of, reachable, ring

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY = ("Referred-By", "<sip:101@softphone.local>")


def refer_to(server: Server, user: str, other: InviteSession | None = None, host: str = "") -> list[tuple[str, str]]:
    """Of a user, perhaps in the place of another call of the one who asks."""
    replaced = f"?Replaces={quote(str(Replaces.naming(other.dialog)), safe='')}" if other is not None else ""
    return [("Refer-To", f"<sip:{user}@{host or f'127.0.0.1:{server.stack.port}'}{replaced}>"), BY]


async def refer(call: InviteSession, told: Told, headers: list[tuple[str, str]]) -> str:
    """Send a REFER; what it is said to have come to."""
    assert (await call.request("REFER", headers=headers)).status == 202
    assert await told.next() == "SIP/2.0 100 Trying"
    return await told.next()


async def test_a_blind_transfer(shared: Server) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        bobs, cids = await reachable(bob, answer), await reachable(cid, answer)
        told = Told(ann)
        call = await ann.call("102")
        theirs = bobs.get_nowait()
        (session,) = calls_of(shared)
        assert call.response is not None and "REFER" in (call.response.get("Allow") or "")
        assert await refer(call, told, refer_to(shared, "103")) == "SIP/2.0 200 OK"
        assert await ann.hung_up() == "bye"
        taken = cids.get_nowait()
        # Whoever is called sees for whom it is, and by whom.
        assert taken.invite.from_.uri.user == "102" and taken.invite.get("Referred-By") == BY[1]
        # Whoever rings knows already that it may hand the call over once it has answered.
        assert all("REFER" in each.invite.tokens("Allow") for each in (theirs, taken))
        assert calls_of(shared) == [session] and theirs.state is InviteState.CONFIRMED
        assert [each.caller.number for each in session.parties.values()] == ["103", "103"]
        await until(lambda: shared.focus.parties == 2)
        await taken.bye()
        assert await bob.hung_up() == "bye"
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)


@pytest.mark.parametrize(("user", "status"), [("104", "486"), ("nobody", "404"), ("102;method=BYE", "501")])
async def test_a_transfer_that_fails_changes_nothing(shared: Server, user: str, status: str) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "104") as dan:
        bobs = await reachable(bob, answer)
        await reachable(dan, busy)
        told = Told(ann)
        call = await ann.call("102")
        name, _, params = user.partition(";")
        headers = [("Refer-To", f"<sip:{name}@127.0.0.1:{shared.stack.port}{';' if params else ''}{params}>")]
        assert (await refer(call, told, headers)).startswith(f"SIP/2.0 {status}")
        assert call.state is bobs.get_nowait().state is InviteState.CONFIRMED
        await call.bye()
        assert await bob.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)


async def begun(
    ann: Phone, bob: Phone, cid: Phone, more: tuple[tuple[str, str], ...] = ()
) -> tuple[InviteSession, ...]:
    """Ann talks with Bob, has handed that over, and Cid rings; their calls."""
    bobs, cids = await reachable(bob, answer), await reachable(cid, ring)
    call = await ann.call("102")
    assert (await call.request("REFER", headers=[*refer_to(ann.server, "103"), *more])).status == 202
    return call, bobs.get_nowait(), await asyncio.wait_for(cids.get(), 30)


@pytest.mark.parametrize("told", [True, False])
async def test_who_hands_over_may_hang_up_before_it_is_done(shared: Server, told: bool) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        Told(ann)
        call, theirs, taken = await begun(ann, bob, cid, () if told else (("Refer-Sub", "false"),))
        await call.bye()
        (session,) = calls_of(shared)
        await until(lambda: len(session.parties) == 1)
        (waits,) = session.parties.values()
        assert waits.facts is not None and waits.facts.music is not None
        await taken.answer(offer())
        await until(lambda: len(session.parties) == 2 and shared.focus.parties == 2)
        assert [each.caller.number for each in session.parties.values()] == ["103", "103"]
        assert theirs.state is InviteState.CONFIRMED and waits.facts.music is None
        await theirs.bye()
        await until(lambda: not shared.focus.rooms and shared.focus.parties == 0)


@pytest.mark.parametrize("there", [True, False])
async def test_who_has_handed_over_in_vain_is_rung_again(shared: Server, there: bool) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        back = await reachable(ann, answer if there else busy)
        call, theirs, taken = await begun(ann, bob, cid)
        await call.bye()
        (session,) = calls_of(shared)
        await until(lambda: len(session.parties) == 1)
        taken.reject(486)
        again = await asyncio.wait_for(back.get(), 30)
        assert again.invite.from_.uri.user == "102"
        if there:
            await until(lambda: shared.focus.parties == 2)
            await again.bye()
        assert await bob.hung_up() == "bye"
        await until(lambda: not shared.focus.rooms and shared.focus.parties == 0)


@pytest.mark.parametrize("first", ["who hands over", "who is handed on"])
async def test_nobody_is_rung_for_a_call_that_is_over(shared: Server, first: str) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        call, theirs, taken = await begun(ann, bob, cid)
        if first == "who hands over":
            await call.bye()
            await until(lambda: len(calls_of(shared)[0].parties) == 1)
        await theirs.bye()
        await until(lambda: taken.state is InviteState.ENDED)
        await until(lambda: not shared.focus.rooms and shared.focus.parties == 0 and not shared.stack.calls)


async def test_a_call_is_handed_over_once_at_a_time(shared: Server) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        told = Told(ann)
        call, theirs, taken = await begun(ann, bob, cid)
        assert [await told.next() for _ in range(2)] == ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"]
        assert (await refer(call, told, refer_to(shared, "104"))).startswith("SIP/2.0 491")
        await taken.answer(offer())
        assert await told.next() == "SIP/2.0 200 OK"
        await theirs.bye()
        await until(lambda: not shared.focus.rooms and shared.focus.parties == 0)


async def test_an_attended_transfer(shared: Server) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        bobs, cids = await reachable(bob, answer), await reachable(cid, answer)
        told = Told(ann)
        first, second = await ann.call("102"), await ann.call("103")
        await first.reinvite(offer(direction="sendonly"))
        kept = calls_of(shared)[0]
        assert await refer(first, told, refer_to(shared, "103", second)) == "SIP/2.0 200 OK"
        assert await ann.hung_up() == "bye" and await ann.hung_up() == "bye"
        assert calls_of(shared) == [kept]
        assert [each.caller.number for each in kept.parties.values()] == ["103", "103"]
        assert bobs.get_nowait().state is cids.get_nowait().state is InviteState.CONFIRMED
        await until(lambda: shared.focus.parties == 2)
        # Ann had held Bob; who takes her place does not.
        (room,) = shared.focus.calls.values()
        assert not any(each.left_alone for each in room.rules.parties.values())
        await shared.control.end(kept.id)
        await until(lambda: shared.focus.parties == 0)


async def test_a_conference_takes_over_whom_somebody_talks_with(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as ann, Phone(shared, "103") as cid:
        cids = await reachable(cid, answer)
        told = Told(ann)
        inside, outside = await ann.call(session.token), await ann.call("103")
        assert await refer(inside, told, refer_to(shared, "103", outside)) == "SIP/2.0 200 OK"
        assert await ann.hung_up() == "bye"
        assert outside.state is InviteState.ENDED and inside.state is InviteState.CONFIRMED
        assert [each.caller.number for each in session.parties.values()] == ["101", "103"]
        assert cids.get_nowait().state is InviteState.CONFIRMED and not calls_of(shared)
        await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)


async def test_the_call_of_somebody_else_is_not_handed_over(shared: Server) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "104") as eve:
        await reachable(bob, answer)
        told = Told(eve)
        session = await conference(shared)
        call, other = await ann.call("102"), await eve.call(session.token)
        assert (await refer(other, told, refer_to(shared, "102", call))).startswith("SIP/2.0 403")
        # Nor is a place in a conference a call that one could hand over.
        assert (await refer(other, told, refer_to(shared, "104", other))).startswith("SIP/2.0 481")
        bad = [("Refer-To", f"<sip:102@127.0.0.1:{shared.stack.port}?Replaces=nonsense>")]
        assert (await refer(other, told, bad)).startswith("SIP/2.0 400")
        assert call.state is InviteState.CONFIRMED
        await call.bye()
        await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)


async def test_a_call_that_is_none_of_ours_is_replaced_by_whoever_has_it(shared: Server) -> None:
    """Two phones talk without us; one sends us to the other in its place."""
    session = await conference(shared)
    async with Phone(shared, "101") as ann, Phone(shared, "103") as cid:
        cids = await reachable(cid, answer)
        told = Told(ann)
        straight = await ann.stack.invite(f"sip:103@127.0.0.1:{cid.stack.port}", offer(), from_uri="sip:101@x.test")
        theirs = cids.get_nowait()
        inside = await ann.call(session.token)
        assert await refer(inside, told, refer_to(shared, "103", straight)) == "SIP/2.0 200 OK"
        taken = cids.get_nowait()
        assert taken.pending is not None and taken.pending.replaces is theirs
        assert taken.invite.get("Referred-By") == BY[1] and "replaces" in taken.invite.tokens("Require")
        await straight.bye()
        await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)
        await asyncio.sleep(0)


@pytest.mark.parametrize("status", [481, 420])
async def test_that_a_call_cannot_be_replaced_is_told(shared: Server, status: int) -> None:
    async def refuses(call: InviteSession) -> None:
        call.reject(status)

    session = await conference(shared)
    async with Phone(shared, "101") as ann, Phone(shared, "103") as cid:
        cids = await reachable(cid, answer)
        told = Told(ann)
        straight = await ann.stack.invite(f"sip:103@127.0.0.1:{cid.stack.port}", offer(), from_uri="sip:101@x.test")
        cids.get_nowait()
        await reachable(cid, refuses)
        inside = await ann.call(session.token)
        assert (await refer(inside, told, refer_to(shared, "103", straight))).startswith(f"SIP/2.0 {status} ")
        await straight.bye()
        await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize("there", ["token", "*8101"])
async def test_a_call_is_handed_into_a_conference(shared: Server, there: str) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob:
        bobs = await reachable(bob, answer)
        call = await ann.call("102")
        to = refer_to(shared, str(session.token) if there == "token" else there)
        assert (await call.request("REFER", headers=to)).status == 202
        assert await ann.hung_up() == "bye"
        rooms = shared.focus.conferences.values()
        (room,) = (each for each in rooms if [p.address.number for p in each.session.parties.values()] == ["102"])
        assert (room.session is session) is (there == "token") and not calls_of(shared)
        assert bobs.get_nowait().state is InviteState.CONFIRMED and shared.focus.parties == 1
        await shared.control.end(room.session.id)
        if there != "token":
            await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize(("there", "status"), [("201", "403"), ("*8103", "403"), ("conf_00", "404"), ("locked", "403")])
async def test_who_would_be_asked_for_a_code_is_not_handed_in(shared: Server, there: str, status: str) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        await reachable(bob, answer)
        told = Told(ann)
        inside, call = await cid.call(session.token), await ann.call("102")
        if there == "locked":
            await shared.control.lock(session.id, True)
            there = str(session.token)
        assert (await refer(call, told, refer_to(shared, there))).startswith(f"SIP/2.0 {status}")
        assert call.state is inside.state is InviteState.CONFIRMED and len(session.parties) == 1
        await call.bye()
        await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)
