"""From whom requests are taken, and how many."""

import asyncio
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.config import DEV_PATH, load
from softphone.parts import source_limits
from softphone.sip.driver import StackSettings
from softphone.sip.message.message import Response
from softphone.sip.message.parser import parse
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.transport.sources import (
    BURST_S,
    MOST_SOURCES,
    QUIET_S,
    SourceGate,
    SourceLimits,
    Taken,
    _Verdict,
    refusal,
)
from tests.focus.switchboard import changed

FAR, OTHER = "192.0.2.7", "192.0.2.8"


def taken(gate: SourceGate, host: str, times: int, now: float = 0.0) -> int:
    return sum(gate.takes(host, now) is Taken.YES for _ in range(times))


def test_a_source_has_a_burst_and_then_its_rate() -> None:
    gate = SourceGate(SourceLimits(10.0))
    assert taken(gate, FAR, 100) == 10 * BURST_S
    assert taken(gate, FAR, 100, 0.5) == 5
    assert taken(gate, FAR, 100, 3600.0) == 10 * BURST_S
    assert taken(gate, OTHER, 5) == 5, "another's flood is another's"
    assert gate.flooded == 300 - 45


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "2001:db8::1", "paper"])
def test_who_is_not_counted(host: str) -> None:
    gate = SourceGate(SourceLimits(1.0, exempt=("10.1.0.0/16", "2001:db8::1")))
    assert taken(gate, host, 1000) == 1000
    assert taken(SourceGate(SourceLimits()), FAR, 1000) == 1000, "no rate: no limit"


def test_a_network_of_ipv6_is_one_source() -> None:
    gate = SourceGate(SourceLimits(1.0))
    assert sum(taken(gate, f"2001:db8::{number:x}", 1) for number in range(1, 100)) == BURST_S


@pytest.mark.parametrize(
    ("allowed", "denied", "expected"),
    [
        ((), (), True),
        (("192.0.2.0/24",), (), True),
        (("198.51.100.0/24",), (), False),
        ((), ("192.0.2.7",), False),
        (("192.0.2.0/24",), ("192.0.2.7",), False),
        (("2001:db8::/32",), (), False),
    ],
)
def test_networks_that_are_let_in_and_kept_out(
    allowed: tuple[str, ...], denied: tuple[str, ...], expected: bool
) -> None:
    gate = SourceGate(SourceLimits(1000.0, allowed, denied, exempt=(FAR,)))
    assert gate.takes(FAR, 0.0, stream=True) is (Taken.YES if expected else Taken.DROPPED)
    assert gate.denied == (not expected)


def test_a_flood_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    gate = SourceGate(SourceLimits(1.0))
    with caplog.at_level(logging.WARNING):
        for second in range(20):
            taken(gate, FAR, 100, float(second))
        assert [record.getMessage() for record in caplog.records] == [
            f"too many requests, some are not taken: host={FAR}"
        ]
        taken(gate, FAR, 100, 20.0 + QUIET_S)
        assert len(caplog.records) == 2


def test_what_is_remembered_of_sources_is_bounded() -> None:
    gate = SourceGate(SourceLimits(1.0))
    for number in range(MOST_SOURCES + 500):
        gate.takes(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(gate) == len(gate._buckets) == MOST_SOURCES


@given(st.lists(st.tuples(st.sampled_from([FAR, OTHER]), st.floats(0.0, 2.0)), max_size=200), st.floats(0.5, 50.0))
def test_never_more_than_the_rate_and_a_burst(requests: list[tuple[str, float]], rate: float) -> None:
    gate, now, passed = SourceGate(SourceLimits(rate)), 0.0, {FAR: 0, OTHER: 0}
    for host, pause in requests:
        now += pause
        passed[host] += gate.takes(host, now, stream=True) is Taken.YES
    assert all(count <= rate * (now + BURST_S) + 1e-6 for count in passed.values())


def test_a_stack_reads_nothing_of_what_is_too_much() -> None:
    async def scene() -> None:
        settings = StackSettings(tcp=False, sources=SourceGate(SourceLimits(5.0)))
        stack = Stack(settings)
        await stack.start()
        try:
            for number in range(50):
                stack._driver._received(options(number), Hop("udp", FAR, 5060))
            assert (stack.counters["requests_in"], stack.counters["flooded"]) == (10, 40)
            stack._driver._received(b"SIP/2.0 200 OK\r\n\r\n", Hop("udp", FAR, 5060))
            assert stack.counters["flooded"] == 40, "who answers was asked"
        finally:
            await stack.stop()

    asyncio.run(scene())


def test_who_is_where_it_says_is_told_when_to_come_again_as_often_as_it_may_ask() -> None:
    gate = SourceGate(SourceLimits(0.25))
    answers = [gate.takes(FAR, now, stream=True) for now in (0.0, 16.0, 16.0, 16.0, 20.0, 20.0)]
    assert gate.wait_s == 4 and answers == [Taken.DROPPED] * 6, "half a request at once is none"
    gate.limit(SourceLimits(5.0))
    kinds = [gate.takes(OTHER, 0.0, stream=True) for _ in range(30)]
    assert kinds == [Taken.YES] * 10 + [Taken.REFUSED] * 10 + [Taken.DROPPED] * 10
    assert [gate.takes(OTHER, 0.2, stream=True) for _ in range(3)] == [Taken.YES, Taken.REFUSED, Taken.DROPPED]


def test_other_limits_hold_at_once_for_sources_that_are_known() -> None:
    gate = SourceGate(SourceLimits(1.0))
    assert taken(gate, FAR, 10) == 2
    gate.limit(SourceLimits(1.0, denied=(FAR,)))
    assert taken(gate, FAR, 10, 10.0) == 0 and gate.denied == 10
    gate.limit(SourceLimits())
    assert taken(gate, FAR, 10, 10.0) == 10


def test_too_much_over_a_stream_is_answered_by_503_and_an_ack_by_nothing() -> None:
    request = options(1).replace(b"/UDP", b"/TCP")
    told = parse(refusal(request, Hop("tcp", FAR, 4321, 7), 3) or b"")
    assert isinstance(told, Response) and (told.status, told.get("Retry-After")) == (503, "3")
    assert told.get("Call-ID") == f"1@{FAR}" and told.to.tag
    for silent in (request.replace(b"OPTIONS", b"ACK"), b"OPTIONS nonsense\r\n\r\n"):
        assert refusal(silent, Hop("tcp", FAR, 4321, 7), 3) is None


def test_a_stream_that_sends_too_much_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr(SourceGate, "_judge", lambda _self, host: _Verdict(denied=False, counted=host))
        stack = Stack(StackSettings(sources=SourceGate(SourceLimits(5.0))))
        stack.serve()
        await stack.start()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
            writer.write(b"".join(options(number).replace(b"/UDP", b"/TCP") for number in range(30)))
            statuses: list[bytes] = []
            async with asyncio.timeout(30):
                while len(statuses) < 20:
                    head = await reader.readuntil(b"\r\n\r\n")
                    statuses.append(head.split(b" ")[1])
            # How many of each is a matter of time; the connection lives, and who asks is told.
            assert set(statuses) == {b"200", b"503"} and 0 < stack.counters["flooded"] <= 20
            writer.close()
        finally:
            await stack.stop()

    asyncio.run(scene())


def options(number: int) -> bytes:
    """A request that is a new one each time."""
    lines = (
        "OPTIONS sip:x@192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {FAR}:5060;branch=z9hG4bK{number}",
        f"From: <sip:a@{FAR}>;tag={number}",
        "To: <sip:x@192.0.2.1>",
        f"Call-ID: {number}@{FAR}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def test_our_proxies_and_the_addresses_of_trunks_are_not_counted(tmp_path: Path) -> None:
    config = changed(load(DEV_PATH), {"sip": {"trusted_peers": ("192.0.2.1",), "requests_per_s": 7.0}})
    assert source_limits(config) == SourceLimits(7.0, (), (), exempt=("192.0.2.1",))
    assert taken(SourceGate(SourceLimits(load(DEV_PATH).sip.requests_per_s)), FAR, 1)
