"""What stands in a Via and in a Contact, for each transport."""

import pytest

from softphone.address import bare
from softphone.sip.message.fields import Address, Via
from softphone.sip.transport.hop import KINDS, Hop
from softphone.sip.transport.listener import Listener, Listeners
from softphone.sip.where.locate import hop_of


@pytest.mark.parametrize(
    ("transport", "via", "contact"),
    [
        ("udp", "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKx;rport", "<sip:bob@192.0.2.1:5070>"),
        ("tls", "SIP/2.0/TLS 192.0.2.1:5071;branch=z9hG4bKx;rport", "<sip:bob@192.0.2.1:5071;transport=tls>"),
        ("wss", "SIP/2.0/WSS 192.0.2.1:8443;branch=z9hG4bKx;rport", "<sip:bob@192.0.2.1:8443;transport=ws>"),
        ("ws", "SIP/2.0/WS 192.0.2.1:8080;branch=z9hG4bKx;rport", "<sip:bob@192.0.2.1:8080;transport=ws>"),
        ("tcp", "SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKx;rport", "<sip:bob@192.0.2.1:5070;transport=tcp>"),
    ],
)
def test_a_listener_writes_its_own_via_and_contact(transport: str, via: str, contact: str) -> None:
    here = Listeners("192.0.2.1", 5070, {"tls": 5071, "ws": 8080, "wss": 8443}).by(KINDS[transport])
    assert (str(here.via("z9hG4bKx")), str(here.contact("bob"))) == (via, contact)


@pytest.mark.parametrize(
    ("contact", "reached"),
    [
        ("<sip:bob@192.0.2.1:5070>;isfocus", "<sip:bob@192.0.2.1:5070;transport=tcp>;isfocus"),
        ("<sip:bob@192.0.2.1:5070;transport=udp>", "<sip:bob@192.0.2.1:5070;transport=udp>"),
        ("<sip:bob@198.51.100.1:5070>", "<sip:bob@198.51.100.1:5070>"),
        ("<sip:bob@192.0.2.1>", "<sip:bob@192.0.2.1>"),
    ],
)
def test_our_contact_says_how_a_listener_is_reached(contact: str, reached: str) -> None:
    ours = Listeners("192.0.2.1", 5070, host6="2001:db8::1")
    assert str(ours.reached(Address.parse(contact), Hop("tcp", "192.0.2.9", 5060))) == reached
    assert str(ours.reached(Address.parse(contact), Hop("udp", "192.0.2.9", 5060))) == contact


@pytest.mark.parametrize(
    ("contact", "reached"),
    [
        ("<sip:bob@192.0.2.1:5070>", "<sip:bob@[2001:db8::1]:5070>"),
        ("<sip:bob@192.0.2.1:5070;transport=udp>", "<sip:bob@[2001:db8::1]:5070;transport=udp>"),
        ("<sip:bob@[2001:db8::1]:5070>", "<sip:bob@[2001:db8::1]:5070>"),
        ("<sip:bob@198.51.100.1:5070>", "<sip:bob@198.51.100.1:5070>"),
    ],
)
def test_our_contact_is_of_the_family_that_a_peer_is_reached_by(contact: str, reached: str) -> None:
    ours = Listeners("192.0.2.1", 5070, host6="2001:db8::1")
    assert str(ours.reached(Address.parse(contact), Hop("udp", "2001:db8::9", 5060))) == reached


@pytest.mark.parametrize("peer", ["2001:db8::9", "198.51.100.1", "pbx.example", ""])
def test_who_is_reached_by_ipv6_is_told_an_address_of_it(peer: str) -> None:
    here = Listeners("192.0.2.1", 5070, host6="2001:db8::1").by(None, peer)
    six = ":" in peer
    assert str(here.via("z9hG4bKx")).split(";")[0].endswith("[2001:db8::1]:5070" if six else "192.0.2.1:5070")
    assert here.contact("bob").uri.host == ("[2001:db8::1]" if six else "192.0.2.1")
    assert Listeners("::1", 5070).by(None, peer).contact(None).uri.host == "[::1]"


@pytest.mark.parametrize("transport", [name for name, kind in KINDS.items() if not kind.parameter])
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_what_a_listener_writes_leads_back_to_it(transport: str, host: str) -> None:
    here = Listener(transport, host, 5070)
    there = hop_of(here.contact("conf", focus=True).uri)
    assert (there.transport, there.host, there.port) == (here.transport, here.host, here.port)
    via = Via.parse(str(here.via("z9hG4bKx")))
    assert (via.transport.lower(), via.port, via.branch) == (transport, here.port, "z9hG4bKx")
    assert bare(via.host) == host
