"""Messages out of a stream, and what each byte of it costs: bytes looked at, not time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.message.parser import BadRequest, parse
from softphone.sip.transport import connection
from softphone.sip.transport.connection import PING, Framer
from tests.sip.wire import invite_bytes

INVITE = invite_bytes(Content_Length="0")
WITH_BODY = invite_bytes(Content_Length="40") + b"b" * 40
COMPACT = invite_bytes(l="3") + b"abc"


class Looked(bytearray):
    """A buffer that counts the bytes that searches in it look at."""

    seen = 0

    def find(self, sub: object, start: object = 0, end: object = None) -> int:
        assert isinstance(sub, bytes) and isinstance(start, int)
        found = super().find(sub, start)
        Looked.seen += (len(self) if found < 0 else found + len(sub)) - start
        return found


class Counting:
    """A pattern that counts the bytes that it is given to look at."""

    def __init__(self, pattern: "re.Pattern[bytes]") -> None:
        self.pattern = pattern

    def findall(self, data: bytearray, start: int, end: int) -> list[bytes]:
        Looked.seen += end - start
        return self.pattern.findall(data, start, end)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Framer:
    Looked.seen = 0
    monkeypatch.setattr(connection, "_LENGTH", Counting(connection._LENGTH))
    framer = Framer()
    framer._buffer = Looked()
    return framer


LONG_HEADERS = invite_bytes(X="y" * 57_000, Content_Length="4000") + b"b" * 4_000


@pytest.mark.parametrize("size", [1, 2, 7, 1460, 100_000])
@pytest.mark.parametrize(
    "stream",
    [LONG_HEADERS, INVITE * 40, (PING + INVITE) * 40, PING * 2_000, LONG_HEADERS + PING * 500, invite_bytes(X="z") * 9],
    ids=["long headers", "many", "pings between", "pings only", "pings after", "no length"],
)
def test_the_work_is_linear_in_the_bytes_however_they_are_cut(counted: Framer, stream: bytes, size: int) -> None:
    for start in range(0, len(stream), size):
        counted.feed(stream[start : start + size])
    assert not counted.broken and Looked.seen <= 5 * len(stream)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    framer, found, start = Framer(), [], 0
    for place in [*sorted(places), len(stream)]:
        found += framer.feed(stream[start:place])
        start = place
    assert not framer.broken
    return found


@given(st.lists(st.sampled_from([INVITE, WITH_BODY, COMPACT, PING, b"\r\n"]), max_size=6), st.data())
def test_the_same_messages_come_out_wherever_the_stream_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    found = cut(stream, data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    assert [each for each in found if each != PING] == [each for each in pieces if each not in (PING, b"\r\n")]
    assert found == cut(stream, [])


@pytest.mark.parametrize("places", [[], [1], [2], [3], [1, 2, 3]])
def test_a_ping_is_one_wherever_it_is_cut(places: list[int]) -> None:
    assert cut(PING, places) == [PING]
    assert cut(INVITE + PING + INVITE, [len(INVITE) + place for place in places]) == [INVITE, PING, INVITE]


def test_a_single_line_end_before_a_message_is_no_ping() -> None:
    assert cut(b"\r\n" + INVITE, []) == cut(b"\r\n" + INVITE, [1]) == [INVITE]


@pytest.mark.parametrize("kind", ["Content-Type", "content-type", "c"])
@pytest.mark.parametrize("body", [b"", b"v=0\r\n", b"v=0\r\n\r\n" + INVITE])
def test_a_body_of_no_length_ends_what_can_be_cut(kind: str, body: bytes) -> None:
    framer = Framer()
    assert framer.feed(INVITE) == [INVITE]
    described = invite_bytes(**{kind: "application/sdp"})
    (found,) = framer.feed(described + body)
    assert found.startswith(described)
    assert framer.broken
    with pytest.raises(BadRequest, match="Missing Content-Length"):
        parse(found, streamed=True)


def test_what_has_neither_a_type_nor_a_length_has_no_body() -> None:
    bare = invite_bytes(method="OPTIONS", CSeq="1 OPTIONS")
    assert cut(bare + INVITE, []) == [bare, INVITE]
    assert parse(bare, streamed=True).body == b""


def test_a_datagram_needs_no_length() -> None:
    assert parse(invite_bytes(Content_Type="application/sdp") + b"v=0").body == b"v=0"
