"""Addresses as text."""

import pytest

from softphone import address
from softphone.address import (
    bare,
    bracketed,
    canonical,
    family_of,
    host_port,
    is_loopback,
    is_single,
    is_wildcard,
    local_address,
    own_address,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "2001:db8::1", "example.com", ""])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_all_addresses_are_announced_as_one_that_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_address("192.0.2.7") == "192.0.2.7"
    assert own_address("2001:db8::7") == "2001:db8::7"
    assert own_address("pbx.example") == "pbx.example"
    assert own_address("0.0.0.0") == own_address("") != "0.0.0.0"
    assert family_of(own_address("::")) == 6
    assert own_address("::") != "::"
    nowhere = {4: "255.255.255.255", 6: "fe80::1"}  # no route for those who may not broadcast, or name no interface
    monkeypatch.setattr(address, "ANYWHERE", nowhere)
    assert (own_address("0.0.0.0"), own_address("::")) == ("127.0.0.1", "::1")


def test_who_is_on_this_machine_is_reached_from_loopback() -> None:
    assert (local_address("127.0.0.1"), local_address("::1")) == ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("host", "same"),
    [
        ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("pbx.example", "pbx.example"),
    ],
)
def test_one_address_has_one_spelling(host: str, same: str) -> None:
    assert canonical(host) == same


def test_ipv6_stands_in_brackets_beside_a_port() -> None:
    assert [bracketed(each) for each in ("::1", "[::1]", "h", "1.2.3.4")] == ["[::1]", "[::1]", "h", "1.2.3.4"]
    assert [bare(each) for each in ("::1", "[::1]", "h")] == ["::1", "::1", "h"]
    assert (host_port("::1", 5060), host_port("h", 1)) == ("[::1]:5060", "h:1")


@pytest.mark.parametrize(
    "host", ["224.0.0.1", "ff02::1", "250.1.1.1", "fe80::1", "fe80::1%eth0", "::ffff:192.0.2.1", "h"]
)
def test_packets_cannot_be_sent_there(host: str) -> None:
    assert not is_single(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "127.0.0.1", "::1", "::", "2001:db8::1", "fd00::1"])
def test_packets_can_be_sent_there(host: str) -> None:
    assert is_single(host, family_of(host))
    assert not is_single(host, 10 - family_of(host))


def test_wildcards() -> None:
    assert [is_wildcard(each) for each in ("0.0.0.0", "::", "", "::1", "h")] == [True, True, True, False, False]
