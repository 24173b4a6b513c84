"""What the feed tells of how far the calls of parties are: each change once, in order, over real SIP."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from softphone.errors import CallRefused
from softphone.focus.feed import EventType, FeedEvent
from softphone.server import Server
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, busy, calls_of, connected, reachable, ring

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Told:
    """The statuses that the feed tells from now on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._begin = server.focus.feed.last_id

    def events(self) -> list[FeedEvent]:
        last, found = self._begin, []
        while (event := self._server.focus.feed.after(last)) is not None:
            last = event.id
            if event.type is EventType.PARTY_STATUS:
                found.append(event)
        return found

    def by_party(self) -> dict[str, list[str]]:
        """Their order, by session and party: ``0-1`` is the first of the first session that was told of."""
        events, found = self.events(), dict[str, list[str]]()
        sessions = list(dict.fromkeys(event.session for event in events))
        for event in events:
            name = f"{sessions.index(event.session)}-{str(event.party).rpartition('-')[2]}"
            found.setdefault(name, []).append(event.data["status"])
        return found


async def ring_then_answer(call: InviteSession) -> None:
    await call.ring()
    await answer(call)


@pytest.mark.parametrize("behaviour", [answer, ring_then_answer])
async def test_a_call_from_its_beginning_to_its_end(
    shared: Server, behaviour: Callable[[InviteSession], Awaitable[None]]
) -> None:
    told = Told(shared)
    async with Phone(shared, "101") as caller, Phone(shared, "102") as callee:
        await reachable(callee, behaviour)
        call = await caller.call("102")
        await call.bye()
        await until(lambda: not calls_of(shared))
    whole = ["setup", "proceeding", "answered", "disconnected"]
    assert told.by_party() == {"0-1": whole, "0-2": whole}
    assert {event.data["number"] for event in told.events() if str(event.party).endswith("-2")} == {"102"}


async def test_a_call_that_is_refused(shared: Server) -> None:
    told = Told(shared)
    async with Phone(shared, "101") as caller, Phone(shared, "104") as callee:
        await reachable(callee, busy)
        with pytest.raises(CallRefused, match="486"):
            await caller.call("104")
        await until(lambda: not calls_of(shared))
    assert told.by_party() == {"0-1": ["setup", "disconnected"], "0-2": ["setup", "disconnected"]}


async def test_a_call_that_is_given_up_while_it_rings(shared: Server) -> None:
    told = Told(shared)
    async with Phone(shared, "102") as caller, Phone(shared, "101") as callee:
        incoming = await reachable(callee, ring)
        calling = asyncio.create_task(caller.call("101"))
        await incoming.get()
        await until(lambda: any(each.status == 180 for each in caller.progress))
        calling.cancel()
        await until(lambda: not calls_of(shared))
        await asyncio.gather(calling, return_exceptions=True)
    whole = ["setup", "proceeding", "disconnected"]
    assert told.by_party() == {"0-1": whole, "0-2": whole}


async def test_nobody_of_that_number(shared: Server) -> None:
    told = Told(shared)
    async with Phone(shared, "101") as caller:
        with pytest.raises(CallRefused):
            await caller.call("105")
        await until(lambda: not calls_of(shared))
    assert told.by_party() == {"0-1": ["setup", "disconnected"], "0-2": ["setup", "disconnected"]}


async def test_a_telephone_that_holds(shared: Server) -> None:
    told = Told(shared)
    async with connected(shared) as (_, caller, _callee):
        await caller.reinvite(offer().replace("a=sendrecv", "a=sendonly"))
    assert told.by_party()["0-1"] == ["setup", "proceeding", "answered", "hold", "disconnected"]


async def test_who_is_brought_into_a_conference_is_gone_from_its_call(shared: Server) -> None:
    extension = shared.accounts.find("101")
    assert extension is not None
    conference = await shared.control.create(extension)
    async with Phone(shared, "101") as host:
        told = Told(shared)
        await host.call(str(conference.token))
        async with connected(shared) as (session, _caller, _callee):
            brought = await shared.control.calls.bring_in(
                session.id, f"p-{session.id[2:]}-1", conference.id, own=extension.id
            )
            await until(lambda: not calls_of(shared))
            await shared.control.end(conference.id)
    assert told.by_party() == {
        "0-1": ["setup", "proceeding", "answered", "disconnected"],
        "0-2": ["setup", "answered", "disconnected"],
        "1-1": ["setup", "proceeding", "answered", "disconnected"],
        "1-2": ["setup", "proceeding", "answered", "gone"],
    }
    (gone,) = [event for event in told.events() if event.data["status"] == "gone"]
    assert gone.data["moved_to"] == brought.id
