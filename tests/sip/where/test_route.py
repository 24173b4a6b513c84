"""Whose word is taken for where our requests go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.fields import Address
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import Hop
from softphone.sip.where.route import WayBack, may_follow, reach
from tests.sip.wire import invite

PUBLIC = Hop("udp", "8.8.4.4", 5060)
OFFICE = Hop("udp", "10.1.2.3", 5060)
STREAM = Hop("tcp", "8.8.4.4", 40_000, 7)


@pytest.mark.parametrize(
    ("named", "came", "trusted", "goes"),
    [
        ("sip:x@8.8.4.4:7000", PUBLIC, False, "8.8.4.4:7000"),  # another port of its own host
        ("sip:x@8.8.4.4;transport=tcp", PUBLIC, False, "8.8.4.4:5060"),
        ("sip:x@10.0.0.5:6379;transport=tcp", PUBLIC, False, "8.8.4.4:5060"),
        ("sip:x@1.1.1.1", PUBLIC, False, "8.8.4.4:5060"),
        ("sip:victim.example:53;lr", PUBLIC, False, "8.8.4.4:5060"),
        ("sip:x@10.9.9.9", OFFICE, False, "10.1.2.3:5060"),
        ("sip:x@127.0.0.1:6379;transport=tcp", STREAM, False, "8.8.4.4:40000"),
        ("sip:x@8.8.4.4;maddr=10.0.0.5", PUBLIC, False, "8.8.4.4:5060"),
        ("sips:x@1.1.1.1", PUBLIC, True, "1.1.1.1:5061"),
        ("sips:x@1.1.1.1", PUBLIC, False, "8.8.4.4:5060"),
        ("sip:x@1.1.1.1;transport=wss", PUBLIC, True, "8.8.4.4:5060"),
        ("sips:x@1.1.1.1;transport=udp", PUBLIC, True, "8.8.4.4:5060"),
        ("sip:x@1.1.1.1", PUBLIC, True, "1.1.1.1:5060"),
        ("sip:sbc.example:5070;lr", PUBLIC, True, "sbc.example:5070"),
        ("sip:x@10.9.9.9", OFFICE, True, "10.9.9.9:5060"),
    ],
)
def test_where_a_request_goes(named: str, came: Hop, trusted: bool, goes: str) -> None:
    target = reach(Uri.parse(named), came, trusted=trusted)
    assert f"{target.host}:{target.port}" == goes


INSIDE = ["10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "fd00::1"]
HERE = ["127.0.0.1", "127.8.8.8", "localhost", "LocalHost.", "::1"]
NOBODY = ["0.0.0.0", "::", "224.0.1.75", "255.255.255.255", "ff02::1", "fe80::1"]


@pytest.mark.parametrize("inside", INSIDE)
def test_nobody_outside_names_an_address_inside(inside: str) -> None:
    assert not may_follow(inside, "8.8.4.4", trusted=True)
    assert may_follow(inside, "10.1.2.3", trusted=True) and not may_follow(inside, "10.1.2.3", trusted=False)


@pytest.mark.parametrize("here", HERE)
def test_nobody_on_another_machine_names_this_one(here: str) -> None:
    assert not any(may_follow(here, came, trusted=True) for came in ("8.8.4.4", "10.1.2.3", "fd00::2"))
    assert may_follow(here, "127.0.0.2", trusted=True) and not may_follow(here, "127.0.0.2", trusted=False)


@pytest.mark.parametrize("nobody", NOBODY)
def test_an_address_that_is_no_single_hosts_is_followed_for_nobody(nobody: str) -> None:
    for came in ("8.8.4.4", "10.1.2.3", "127.0.0.1", "fd00::2"):
        assert not may_follow(nobody, came, trusted=True)
    target = reach(Uri.parse(f"sip:x@[{nobody}]" if ":" in nobody else f"sip:x@{nobody}"), OFFICE, trusted=True)
    assert target == OFFICE


@given(
    st.ip_addresses(v=4).map(str),
    st.integers(1, 65535),
    st.sampled_from(["", ";transport=tcp", ";lr", ";maddr=10.0.0.1"]),
)
def test_a_stranger_gets_nothing_sent_to_another_host(host: str, port: int, params: str) -> None:
    for came in (PUBLIC, OFFICE, STREAM):
        assert reach(Uri.parse(f"sip:x@{host}:{port}{params}"), came, trusted=False).host == came.host


CAME = Hop("udp", "192.0.2.1", 5071)
VIA = "SIP/2.0/UDP 192.0.2.1:5071;branch=z9hG4bK-a1"


@pytest.mark.parametrize(
    ("contact", "via", "port"),
    [
        ("", VIA, 5071),  # nowhere but where it came from
        ("", VIA + ";rport", 5071),
        ("", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK-a1", 5071),
        ("<tel:+15550100>", VIA, 5071),
        ("<sip:alice@192.0.2.1:5099>", VIA, 5099),
        ("<sip:alice@192.0.2.1>", VIA, 5060),
    ],
)
def test_who_says_no_contact_is_found_where_it_came_from(contact: str, via: str, port: int) -> None:
    asked = invite(Contact=contact, Via=via, From="<sip:alice@192.0.2.1>;tag=a")
    way = WayBack.of(lambda hop: None, asked, CAME)
    dialog = Dialog.from_request(asked, "t", Address.parse("<sip:bob@h>"))
    assert way.target(dialog).port == port


def test_a_contact_that_is_said_later_counts() -> None:
    asked = invite(Contact="", Via=VIA, From="<sip:alice@192.0.2.1>;tag=a")
    way = WayBack.of(lambda hop: None, asked, CAME)
    dialog = Dialog.from_request(asked, "t", Address.parse("<sip:bob@h>"))
    again = invite(Via=VIA, Contact="<sip:alice@192.0.2.1:5099>")
    way.moved(again, CAME)
    dialog.refresh(again)
    assert way.target(dialog).port == 5099
