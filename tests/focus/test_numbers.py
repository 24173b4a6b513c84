"""One number in many spellings, over the wire: routed alike, banned alike."""

import asyncio

import pytest

from softphone.errors import CallRefused
from softphone.server import Server
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Outsider(Phone):
    """Somebody from outside, whose From may be any URI."""

    def __init__(self, server: Server, from_: str = "<sip:guest@pstn.example>") -> None:
        super().__init__(server)
        self.from_ = from_

    async def dial(self, uri: str) -> None:
        """Call a Request-URI of this server, and stay a moment."""
        route = f"sip:127.0.0.1:{self.server.stack.port}"
        called = await self.stack.invite(uri, offer(), from_uri=self.from_, route=[route] if route else ())
        called.on_ended = self.ended.put_nowait


@pytest.mark.parametrize(
    "uri",
    [
        "tel:+1-650-555-0100",
        "sip:+1(650)555.0100@host;user=phone",
        "sip:1.650.555.0100@bridge.example",
        "tel:555-0100;phone-context=+1-650",
        "sip:+16505550100;npdi;rn=+12025440000@host;user=phone",
    ],
)
async def test_the_bridge_number_in_any_spelling(shared: Server, uri: str) -> None:
    async with Outsider(shared) as phone:
        await phone.dial(uri)
        (call,) = phone.stack.calls
        await call.bye()
        with pytest.raises(CallRefused, match="407"):
            await phone.dial("tel:+1-650-555-0101")


@pytest.mark.parametrize(
    "later", ["<sip:+15550123@pstn.example>", "<sip:+1(555)0123@other.example;user=phone>", "<tel:+1.555.0123;npdi>"]
)
async def test_a_ban_holds_for_a_number_however_it_is_written(shared: Server, later: str) -> None:
    session = await conference(shared)
    uri = f"sip:{session.token}@127.0.0.1:{shared.stack.port}"
    async with Outsider(shared, "<tel:+1-555-0123>") as first, Outsider(shared, later) as again:
        await first.dial(uri)
        (party,) = session.parties.values()
        assert party.caller.number == "+15550123"
        await shared.control.kick(session.id, party.id, ban=True)
        await asyncio.wait_for(first.ended.get(), 30)
        with pytest.raises(CallRefused, match="403"):
            await again.dial(uri)
        await shared.control.unban(session.id, "tel:+1-555-0123")
        await again.dial(uri)
        (call,) = again.stack.calls
        await call.bye()
    await until(lambda: not session.parties)
    await shared.control.end(session.id)
