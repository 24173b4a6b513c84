"""Ten thousand broken messages: nothing but BadMessage is raised, nothing grows, and the next good call works."""

import random
import tracemalloc
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from softphone.errors import BadMessage
from softphone.sip.message.digest import Challenge, parse_auth
from softphone.sip.message.message import request, response
from softphone.sip.message.parser import parse
from softphone.sip.transaction.events import AckReceived, CancelReceived, RequestReceived
from softphone.sip.transaction.layer import TransactionLayer
from softphone.sip.transport.connection import Framer
from tests.sip.wire import ALICE, BOB, invite, invite_bytes

SEEDS = [
    invite_bytes(Contact='"A, B" <sip:a@b;x=y>;+sip.instance="<urn:uuid:1>"', Content_Length="4") + b"v=0\n",
    invite_bytes(method="ACK", CSeq="1 ACK", Route="<sip:p;lr>, <sip:q;lr>"),
    invite_bytes(method="CANCEL", CSeq="1 CANCEL"),
    invite_bytes(method="REGISTER", CSeq="7 REGISTER", Contact="*", uri="sip:h"),
    bytes(response(invite(Record_Route="<sip:p;lr>"), 200, body="v=0\r\n")),
]
# What breaks parsers: the characters that mean something, lengths, and bytes that are no UTF-8.
BITS = [
    b"\r\n",
    b"\r\n ",
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"=",
    b"\\",
    b"\0",
    b"\xff",
    b"%",
    b"9" * 30,
    b" ",
    b";self=1",
]


def mutated(count: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(SEEDS))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            at = chance.randrange(len(data) + 1)
            if chance.random() < 0.5:
                data[at : at + chance.choice((0, 1, 1, 20))] = chance.choice(BITS)
            else:
                start = chance.randrange(len(data) + 1)
                data[at:at] = data[start : start + chance.randint(0, 60)]
        yield bytes(data)


def feed(layer: TransactionLayer, messages: Iterator[bytes], now: float) -> float:
    """Answer each request that gets through, as a server does; the time at the end."""
    for data in messages:
        layer.receive(data, ALICE, now)
        for event in layer.events():
            if isinstance(event, RequestReceived | CancelReceived):
                layer.respond(event.key, response(event.request, 404), now)
            elif isinstance(event, AckReceived):
                assert event.request.method == "ACK"
        layer.sends()
        now += 0.05
        layer.expire(now)
    return now


def test_ten_thousand_mutants() -> None:
    layer = TransactionLayer()
    layer.request(request("INVITE", "sip:b@h", from_="<sip:a@h>;tag=1", to="<sip:b@h>", call_id="c", cseq=1), BOB, 0.0)
    now = feed(layer, mutated(10_000, seed=1), 0.0)
    assert 1_000 < layer.counters.bad < 9_990
    layer.expire(now + 100)
    assert len(layer) == 0 and layer.next_deadline() is None
    layer.events()
    layer.receive(invite_bytes(Call_ID="next"), ALICE, now + 100)
    (event,) = layer.events()
    assert isinstance(event, RequestReceived) and event.request.call_id == "next"


def test_mutants_leave_no_memory_behind() -> None:
    layer = TransactionLayer()
    now = feed(layer, mutated(3_000, seed=2), 0.0)
    layer.expire(now + 100)
    layer.sends(), layer.events()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()  # nothing, if nobody else is tracing
    now = feed(layer, mutated(3_000, seed=2), now + 100)
    layer.expire(now + 100)
    layer.sends(), layer.events()
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert left < 50_000


def test_what_is_read_can_be_used() -> None:
    """The promise of `parse`: no typed header of what it returns raises, and it can be written."""
    read = 0
    for data in mutated(3_000, seed=4):
        try:
            message = parse(data)
        except BadMessage:
            continue
        read += 1
        assert message.via and message.from_ and message.to and message.call_id and message.cseq
        _ = (message.contacts, message.routes, message.record_routes, message.expires, message.max_forwards)
        assert parse(bytes(message)).cseq == message.cseq
    assert read > 300


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_noise(data: bytes) -> None:
    layer = TransactionLayer()
    layer.receive(data, ALICE, 0.0)
    assert layer.events() == [] and layer.counters.bad == 1


@given(st.text(max_size=200))
def test_authentication_noise(text: str) -> None:
    assert isinstance(parse_auth("Digest " + text), list)
    assert isinstance(Challenge.parse_list(text), list)


@given(
    st.lists(st.sampled_from([*SEEDS[:2], b"\r\n\r\n"]), max_size=5),
    st.lists(st.integers(1, 400), min_size=1, max_size=30),
)
def test_frames_do_not_depend_on_how_tcp_cut_them(messages: list[bytes], cuts: list[int]) -> None:
    stream, whole, framer = b"".join(messages), Framer(), Framer()
    expected, found, at = whole.feed(stream), [], 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += framer.feed(stream[at : at + size])
        at += size
    assert found == expected == messages and not framer.broken
