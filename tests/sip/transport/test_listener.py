"""What stands in a Via and in a Contact, for each transport."""

import pytest

from softphone.sip.message.fields import Address, Via
from softphone.sip.transport.hop import KINDS
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
    here = Listeners.at("192.0.2.1", 5070, {"tls": 5071, "ws": 8080, "wss": 8443}).by(KINDS[transport])
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
    assert str(Listener("tcp", "192.0.2.1", 5070).reached(Address.parse(contact))) == reached
    assert str(Listener("udp", "192.0.2.1", 5070).reached(Address.parse(contact))) == contact


@pytest.mark.parametrize("transport", [name for name, kind in KINDS.items() if not kind.parameter])
def test_what_a_listener_writes_leads_back_to_it(transport: str) -> None:
    here = Listener(transport, "192.0.2.1", 5070)
    there = hop_of(here.contact("conf", focus=True).uri)
    assert (there.transport, there.host, there.port) == (here.transport, here.host, here.port)
    via = Via.parse(str(here.via("z9hG4bKx")))
    assert (via.transport.lower(), via.host, via.port, via.branch) == (transport, here.host, here.port, "z9hG4bKx")
