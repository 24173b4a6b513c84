"""Whose word is taken for where our requests go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import Hop
from softphone.sip.where.route import may_follow, reach

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
        ("sips:x@1.1.1.1", PUBLIC, True, "8.8.4.4:5060"),
        ("sip:x@1.1.1.1", PUBLIC, True, "1.1.1.1:5060"),
        ("sip:sbc.example:5070;lr", PUBLIC, True, "sbc.example:5070"),
        ("sip:x@10.9.9.9", OFFICE, True, "10.9.9.9:5060"),
    ],
)
def test_where_a_request_goes(named: str, came: Hop, trusted: bool, goes: str) -> None:
    target = reach(Uri.parse(named), came, trusted=trusted)
    assert f"{target.host}:{target.port}" == goes


INSIDE = ["10.0.0.5", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "localhost"]
INSIDE += ["224.0.1.75", "255.255.255.255", "LocalHost.", "::1", "fe80::1", "fd00::1"]


@pytest.mark.parametrize("inside", INSIDE)
def test_nobody_outside_names_an_address_inside(inside: str) -> None:
    assert not may_follow(inside, "8.8.4.4", trusted=True)
    assert may_follow(inside, "10.1.2.3", trusted=True) and not may_follow(inside, "10.1.2.3", trusted=False)


@given(
    st.ip_addresses(v=4).map(str),
    st.integers(1, 65535),
    st.sampled_from(["", ";transport=tcp", ";lr", ";maddr=10.0.0.1"]),
)
def test_a_stranger_gets_nothing_sent_to_another_host(host: str, port: int, params: str) -> None:
    for came in (PUBLIC, OFFICE, STREAM):
        assert reach(Uri.parse(f"sip:x@{host}:{port}{params}"), came, trusted=False).host == came.host
