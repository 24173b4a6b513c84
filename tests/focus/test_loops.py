"""Conferences do not call themselves, and packages that are not served are refused whoever is asked."""

import pytest

from softphone.errors import CallRefused
from softphone.server import Server
from softphone.sip.message.message import request
from softphone.sip.transport.hop import Hop
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_invite_of_ours_that_comes_back_to_a_conference_is_a_loop(shared: Server) -> None:
    session = await conference(shared)
    here = f"127.0.0.1:{shared.stack.port}"
    for uri in (f"sip:{session.token}@{here}", f"sip:201@{here}", f"sip:+16505550100@{here}"):
        with pytest.raises(CallRefused) as refused:
            await shared.stack.invite(uri, offer(), from_uri="sip:conference@127.0.0.1")
        assert refused.value.status == 482
    # To another extension than it was for it has been forwarded; there it is treated as anybody else's.
    for to, status in (("101", 482), ("102", 407), ("+16505550123", 407)):
        with pytest.raises(CallRefused) as refused:
            await shared.stack.invite(
                f"sip:101@{here}", offer(), from_uri="sip:conference@127.0.0.1", to=f"<sip:{to}@{here}>"
            )
        assert refused.value.status == status
    async with Phone(shared) as phone:
        await (await phone.call(session.token)).bye()
    await until(lambda: not session.parties)
    await shared.control.end(session.id)


@pytest.mark.parametrize("user", ["101", "102", "201", "999", "+16505550100"])
@pytest.mark.parametrize("event", ["dialog", "message-summary", "presence;id=1", ""])
async def test_packages_that_are_not_served(shared: Server, user: str, event: str) -> None:
    async with Phone(shared) as phone:
        for tag in ("", ";tag=unknown"):
            asked = request(
                "SUBSCRIBE",
                f"sip:{user}@127.0.0.1:{shared.stack.port}",
                from_=f"<sip:guest@127.0.0.1>;tag=one{tag[5:]}",
                to=f"<sip:{user}@127.0.0.1>{tag}",
                call_id=f"{event}-{user}",
                cseq=1,
                contact=phone.stack.contact("guest"),
                headers=[("Event", event)] if event else [],
            )
            answer = await phone.stack.request(asked, Hop("udp", "127.0.0.1", shared.stack.port))
            assert (answer.status, answer.get("Allow-Events")) == (489, "conference")
