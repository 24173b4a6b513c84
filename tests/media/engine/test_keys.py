"""Telephone events on real loopback sockets, with a clock of our own."""

import struct

import numpy as np
import pytest

from softphone.media.contract.leg import KeyPressed, LegSpec
from softphone.media.contract.messages import Failed, SendKeys, UpdateLeg
from softphone.media.engine.outcomes import KeysSent
from tests.media.peer import Driver, Peer, come, fields
from tests.media.rtp.test_key_receiver import MANNERS, Manner, pressed


def event(code: int, duration: int, end: bool = False) -> bytes:
    return struct.pack(">BBH", code, end << 7 | 10, duration)


def test_one_key_however_many_packets(driver: Driver, peers: list[Peer]) -> None:
    peer = peers[0]
    info = driver.open(peer)
    at = 2**32 - 100
    for duration in (160, 160, 160, 320, 480):
        peer.event(event(1, duration), at, marker=duration == 160)
    driver.tick()
    for _ in range(3):
        peer.event(event(1, 640, end=True), at)
    for _ in range(2):  # the same key again, its end lost
        peer.event(event(1, 160), at + 1600)
    peer.event(event(11, 800, end=True), at + 3200)  # all but one end packet lost
    peer.event(event(1, 640, end=True), at)  # a straggler of the first
    peer.event(event(99, 160), at + 4800)  # no key
    peer.event(b"\1", at + 6400)  # no event
    driver.tick()
    assert driver.events == [KeyPressed(info.leg, key) for key in "11#"]


def test_a_long_key_is_one_key(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0])
    for segment in range(3):
        peers[0].event(event(5, 160), 1000 + 0xFFFF * segment, marker=segment == 0)
        peers[0].event(event(5, 0xFFFF), 1000 + 0xFFFF * segment)
        driver.tick()
    assert driver.events == [KeyPressed(info.leg, "5")]


@pytest.mark.parametrize("age_s", [0.0, 0.3, 5.0])
def test_keys_that_come_in_one_burst_are_all_found(driver: Driver, peers: list[Peer], age_s: float) -> None:
    """However long a worker was held up: sound is old then, a key is a key."""
    info = driver.open(peers[0])
    come(driver.engine, lambda used: np.full(used, age_s))
    for key in range(4):  # a stall on the way: all packets of four keys at once
        for duration in (160, 160, 160, 320, 480, 640, 800):
            peers[0].event(event(key, duration), 2000 * key)
        for _ in range(3):
            peers[0].event(event(key, 800, end=True), 2000 * key)
    driver.tick()
    peers[0].event(event(3, 160), 6000 + 0xFFFF)  # the last one was over: this is another, not its next segment
    driver.tick()
    assert driver.events == [KeyPressed(info.leg, key) for key in "01233"]


def test_event_floods_are_capped_per_leg(driver: Driver, peers: list[Peer]) -> None:
    flooder, other = (driver.open(peer) for peer in peers[:2])
    for i in range(100):
        peers[0].event(event(1, 160), 100_000 * i)
    peers[1].event(event(2, 160), 0)
    driver.tick()
    assert driver.events.count(KeyPressed(other.leg, "2")) == 1
    assert 1 <= driver.events.count(KeyPressed(flooder.leg, "1")) <= 8


@pytest.mark.parametrize("sequence", [100, 0xFFFC])
def test_sends_keys(driver: Driver, peers: list[Peer], sequence: int) -> None:
    info = driver.open(peers[0], driver.room())
    driver.engine.plane.legs.seq[:] = sequence
    driver.tick()
    peers[0].heard()
    driver.engine.handle(SendKeys(info.leg, "7d", 0.06, 0.04), driver.now, 55)
    driver.tick(12)
    sent = [(fields(datagram), datagram[12:]) for datagram in peers[0].heard()]
    events = [(head[2], head[4], *struct.unpack(">BBH", body)) for head, body in sent if head[1] == 101]
    for key, code in ((events[:5], 7), (events[5:], 15)):
        assert [(marker, *rest) for marker, _, *rest in key] == [
            (True, code, 10, 160),
            (False, code, 10, 320),
            *[(False, code, 0x8A, 480)] * 3,
        ]
        assert len({at for _, at, *_ in key}) == 1
    kinds = [head[1] for head, _ in sent]
    # No sound beside a key; copies of its end go out a tick apart, beside the sound that follows.
    assert kinds == [101, 101, 101, 101, 0, 101, 0] * 2 + [0] * 2
    assert [(b[0][3] - a[0][3]) & 0xFFFF for a, b in zip(sent, sent[1:], strict=False)] == [1] * (len(sent) - 1)
    assert driver.events == [KeysSent(55)]


def test_a_telephone_that_tells_a_key_by_its_first_packet_has_that_once(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], driver.room(), key_prelude=True)
    driver.tick()
    peers[0].heard()
    driver.engine.handle(SendKeys(info.leg, "7#", 0.06, 0.04), driver.now, 55)
    driver.tick(12)
    sent = [(fields(datagram), datagram[12:]) for datagram in peers[0].heard()]
    events = [(head[2], head[4], body) for head, body in sent if head[1] == 101]
    for key, code in ((events[:6], 7), (events[6:], 11)):
        assert [(marker, body) for marker, _, body in key[:2]] == [
            (True, bytes((code, 6, 0, 0))),
            (False, bytes((code, 10, 0, 160))),
        ]
        assert len({at for _, at, _ in key}) == 1 and not any(marker for marker, *_ in key[1:])
    assert driver.events == [KeysSent(55)]


@pytest.mark.parametrize(
    "changed", [{"direction": "recvonly"}, {"direction": "inactive"}, {"event_payload_type": None}]
)
def test_no_keys_for_a_peer_that_takes_none(driver: Driver, peers: list[Peer], changed: dict[str, object]) -> None:
    info = driver.open(peers[0], driver.room())
    driver.engine.handle(SendKeys(info.leg, "7", 0.06, 0.04), driver.now, 55)
    spec = LegSpec(**{"remote": peers[0].address} | changed)  # type: ignore[arg-type]
    driver.engine.handle(UpdateLeg(info.leg, spec), driver.now)
    driver.tick(6)
    assert not [head for head in map(fields, peers[0].heard()) if head[1] != 0]
    assert driver.events == [KeysSent(55)]


@pytest.mark.parametrize("tone_s", [float("inf"), float("nan"), -1.0, 9.0])
def test_refuses_a_key_without_end(driver: Driver, peers: list[Peer], tone_s: float) -> None:
    info = driver.open(peers[0])
    assert isinstance(driver.engine.handle(SendKeys(info.leg, "1", tone_s, 0.05), driver.now, 1), Failed)


@pytest.mark.parametrize("keys", ["", "12x"])
def test_refuses_what_is_no_key(driver: Driver, peers: list[Peer], keys: str) -> None:
    info = driver.open(peers[0])
    assert isinstance(driver.engine.handle(SendKeys(info.leg, keys, 0.1, 0.05), driver.now, 1), Failed)


@pytest.mark.parametrize("gap_s", [0.0, 0.02, 0.06])
def test_a_key_survives_two_lost_ticks(driver: Driver, peers: list[Peer], gap_s: float) -> None:
    """At its begin, in its middle or at its end, by whatever came in those ticks."""
    info = driver.open(peers[0], driver.room())
    for begin in range(12):
        driver.engine.handle(SendKeys(info.leg, "15", 0.06, gap_s), driver.now, 55)
        ticks = []
        for _ in range(16):
            driver.tick()
            ticks.append([each for each in map(event_of, peers[0].heard()) if each is not None])
        kept = [each for i, tick in enumerate(ticks) if i not in (begin, begin + 1) for each in tick]
        assert {each[1] for each in kept} == {1, 5}
        assert {each[1] for each in kept if each[2]} == {1, 5}
        assert all(len(tick) <= 1 for tick in ticks)


def event_of(datagram: bytes) -> tuple[int, int, bool] | None:
    """Timestamp, code and whether it is an end, of an event packet."""
    head = fields(datagram)
    code, flags, _ = struct.unpack(">BBH", datagram[12:16])
    return (head[4], code, flags >= 0x80) if head[1] == 101 else None


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS)
@pytest.mark.parametrize("at_once", [True, False])
def test_keys_of_every_manner_over_the_wire(driver: Driver, peers: list[Peer], manner: Manner, at_once: bool) -> None:
    info = driver.open(peers[0], event_clock_hz=manner.clock_hz)
    for sent in pressed("1234#", manner):
        while not at_once and driver.now - 1000.0 < sent.at_s:
            driver.tick()
        packet = sent.packet
        peers[0].event(packet.payload, packet.timestamp, packet.marker)
    driver.tick()
    assert driver.events == [KeyPressed(info.leg, key) for key in "1234#"]


@pytest.mark.parametrize(("came", "key"), [(101, "5"), (97, "5"), (96, ""), (0, "")])
def test_keys_come_by_our_number_and_go_by_theirs(driver: Driver, peers: list[Peer], came: int, key: str) -> None:
    info = driver.open(peers[0], driver.room(), event_payload_type=97, event_payload_type_in=101)
    peers[0].event(event(5, 160), 8000, marker=True, kind=came)
    driver.engine.handle(SendKeys(info.leg, "7", 0.06, 0.04), driver.now, 55)
    driver.tick(4)
    assert [each for each in driver.events if isinstance(each, KeyPressed)] == [KeyPressed(info.leg, k) for k in key]
    assert {fields(each)[1] for each in peers[0].heard()} == {97, 0}


def test_keys_at_the_clock_of_their_own(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], event_clock_hz=48_000)
    driver.engine.handle(SendKeys(info.leg, "7", 0.06, 0.04), driver.now, 55)
    driver.tick(7)
    lengths = [struct.unpack(">BBH", each[12:])[2] for each in peers[0].heard() if fields(each)[1] == 101]
    assert lengths == [960, 1920, 2880, 2880, 2880]
    driver.engine.handle(SendKeys(info.leg, "77", 0.06, 0.04), driver.now, 56)
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[0].address)), driver.now)
    driver.tick()
    assert driver.events == [KeysSent(55), KeysSent(56)]
