"""Whose packets a party behind a NAT is latched to."""

from types import SimpleNamespace
from typing import cast

import pytest

from softphone.calls.nat import signalling_host
from softphone.server import Server
from softphone.sip.message.message import Request
from softphone.sip.message.uri import Uri
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference


@pytest.mark.parametrize(
    ("vias", "direction", "host"),
    [
        (["SIP/2.0/UDP 10.0.0.5:5060;rport=1024;received=198.51.100.7"], "in", "198.51.100.7"),
        (["SIP/2.0/UDP 203.0.113.1;branch=z", "SIP/2.0/UDP 10.0.0.5;received=192.0.2.44"], "in", "192.0.2.44"),
        (["SIP/2.0/UDP 203.0.113.1;branch=z", "SIP/2.0/UDP 192.0.2.45;branch=y"], "in", "192.0.2.45"),
        (["SIP/2.0/UDP 203.0.113.1;branch=z", "SIP/2.0/UDP 192.0.2.45;branch=y"], "out", "198.51.100.7"),
    ],
)
def test_signalling_comes_from_where_the_first_hop_saw_it(vias: list[str], direction: str, host: str) -> None:
    invite = Request("INVITE", Uri.parse("sip:conf@example.com"))
    invite.set("Via", *vias)
    call = SimpleNamespace(invite=invite, direction=direction, source=SimpleNamespace(host="198.51.100.7"))
    assert signalling_host(cast(InviteSession, call)) == host


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("media_host", "other"), [("192.168.1.7", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("8.8.8.8", None)]
)
async def test_only_the_host_of_the_caller_is_latched_to(shared: Server, media_host: str, other: str | None) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        call = await phone.call(session.token, offer().replace("127.0.0.1", media_host))
        (member,) = shared.focus.room(session.id).members.values()
        assert member.media.spec.latch_host == other
        await call.bye()
