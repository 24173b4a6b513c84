"""Connectivity checks, read and answered; a library nobody here wrote makes and reads them."""

import hmac
import struct

import pytest
from aioice import stun as library
from hypothesis import given
from hypothesis import strategies as st

from softphone.media.rtp import stun
from tests.media.rtp.checks import KEY, check


def with_attribute(kind: int, value: bytes, key: bytes = KEY) -> bytes:
    """Give a check with an attribute of our own before its integrity, by hand: the library knows only its own."""
    body = check()[20:-32] + struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)
    head = struct.pack(">HHI", 1, len(body) + 24, 0x2112A442) + bytes(12)
    return head + body + struct.pack(">HH", 8, 20) + hmac.digest(key, head + body, "sha1")


def parsed(datagram: bytes) -> stun.BindingRequest:
    request = stun.parse(datagram)
    assert request is not None
    return request


def test_reads_what_a_check_says() -> None:
    request = parsed(check("abcd:efgh", nominate=True))
    assert (request.username, request.ours, request.priority) == ("abcd:efgh", "abcd", 1853824767)
    assert request.use_candidate and request.controlling == 1 << 60 and request.controlled is None
    assert request.is_by(KEY) and not request.is_by(b"q" * 24)
    assert request.refused(KEY) is None
    assert not parsed(check(nominate=False)).use_candidate


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.255", "255.255.255.255", "::1", "2001:db8:1:2:3:4:5:6"])
def test_a_good_check_is_told_where_it_came_from(host: str) -> None:
    answer = library.parse_message(stun.success(parsed(check()), KEY, host, 40_001))
    assert answer.message_class == library.Class.RESPONSE
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == (host, 40_001)
    assert answer.check_message_integrity(KEY)


@pytest.mark.parametrize("code", sorted(stun.ERRORS))
@pytest.mark.parametrize("key", [None, KEY])
def test_a_refusal_has_its_code(code: int, key: bytes | None) -> None:
    request = parsed(check())
    answer = library.parse_message(stun.failure(request, code, key))
    assert answer.message_class == library.Class.ERROR
    assert answer.transaction_id == request.transaction
    assert answer.error_code == code
    assert answer.check_message_integrity(KEY) is (key is not None)


@pytest.mark.parametrize(
    ("datagram", "code"),
    [
        (check(key=b"guessed"), 401),
        (check(role="ICE-CONTROLLED"), 487),
        (check(priority=None), 400),
        (with_attribute(0x0025, b"", key=b"guessed"), 401),
        (with_attribute(0x7777, b"what"), 420),
        (with_attribute(0x0003, b"\0\0\0\0"), 420),
        (with_attribute(0x8777, b"a browser's own"), None),
        (with_attribute(0xC057, b"\0\1"), None),
    ],
    ids=["password", "role", "no priority", "attribute", "unknown", "not asked for", "optional", "a browser's"],
)
def test_what_cannot_be_granted_is_refused_by_its_reason(datagram: bytes, code: int | None) -> None:
    assert parsed(datagram).refused(KEY) == code


def test_without_proof_it_is_a_bad_request() -> None:
    bare = library.Message(library.Method.BINDING, library.Class.REQUEST)
    assert parsed(bytes(bare)).refused(KEY) == 400
    bare.attributes["USERNAME"] = "ours:theirs"
    assert parsed(bytes(bare)).refused(KEY) == 400


def test_unknown_attributes_are_named() -> None:
    request = parsed(with_attribute(0x7777, b"what"))
    assert struct.pack(">HHH", 0x000A, 2, 0x7777) in stun.failure(request, 420, KEY)


def test_what_stands_behind_the_integrity_does_not_count() -> None:
    plain = check(nominate=False)[:-8]
    late = plain[:2] + struct.pack(">H", len(plain) - 20 + 4) + plain[4:] + struct.pack(">HH", 0x0025, 0)
    request = parsed(late)
    assert request.is_by(KEY) and not request.use_candidate


@pytest.mark.parametrize("kind", [library.Class.INDICATION, library.Class.RESPONSE, library.Class.ERROR])
def test_only_requests_are_read(kind: library.Class) -> None:
    assert stun.parse(bytes(library.Message(library.Method.BINDING, kind))) is None
    assert stun.parse(bytes(library.Message(library.Method.ALLOCATE, library.Class.REQUEST))) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_left(datagram: bytes) -> None:
    request = stun.parse(datagram)
    assert request is None or request.refused(KEY) in (400, 401)


@given(st.lists(st.tuples(st.integers(0, 107), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 108))
def test_what_a_check_says_is_believed_as_it_was_signed(changes: list[tuple[int, int]], length: int) -> None:
    good = check()
    signed = parsed(good).signed
    spoiled = bytearray(good)
    for at, value in changes:
        spoiled[at % len(good)] = value
    for datagram in (bytes(spoiled), good[:length]):
        request = stun.parse(datagram)
        assert request is None or request.refused(KEY) is not None or request.signed == signed
