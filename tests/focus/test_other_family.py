"""Telephones that name an address of the family that is not spoken here are found where their signalling comes from."""

from pathlib import Path

import pytest

from softphone.errors import CallRefused
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, bridge, conference

IPV6 = offer().replace("IN IP4 127.0.0.1", "IN IP6 2001:db8::7")


@pytest.mark.parametrize(("sdp", "host"), [(IPV6, "127.0.0.1"), (IPV6.replace("2001:db8::7", "::"), None)])
async def test_who_names_an_address_of_ipv6_is_sent_to_where_it_calls_from(
    tmp_path: Path, sdp: str, host: str | None
) -> None:
    """And who holds by ``c=IN IP6 ::`` is nowhere. Within the call, too."""
    assert "IP6" in sdp
    async with bridge(tmp_path) as server, Phone(server, "101") as phone:
        session = await conference(server)
        call = await phone.call(session.token, sdp)
        (member,) = server.focus.room(session.id).members.values()

        def sent_to() -> str | None:
            remote = member.media.spec.remote
            return remote.host if remote is not None and member.media.spec.sends else None

        assert sent_to() == host
        await call.reinvite(offer)
        assert sent_to() == "127.0.0.1"
        with pytest.raises(CallRefused) as refused:  # an extension that is not there
            await phone.call("102", sdp)
        assert refused.value.status == 480
