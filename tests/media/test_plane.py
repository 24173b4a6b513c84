"""The plane on real loopback sockets, with a clock of our own."""

import random
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from mixer import g711
from softphone.media import rtcp
from softphone.media.engine import Engine
from softphone.media.leg import Address, KeyPressed, KeysSent, LegInfo, LegSpec, LegStats, RtpTimeout
from softphone.media.messages import CloseLeg, Failed, GetStats, OpenLeg, SendKeys, UpdateLeg
from tests.media.peer import Driver, Peer, drained, fields, power, tone

SILENCE = b"\xff" * 160


@pytest.fixture
def driver() -> Iterator[Driver]:
    engine = Engine(capacity=16, gate=False)
    yield Driver(engine)
    engine.close(2000.0)


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    made = [Peer(), Peer(), Peer(8)]
    yield made
    for peer in made:
        peer.close()


def codes(hz: float, frames: int, law: int = 0) -> list[bytes]:
    table = (g711.ENCODE_ULAW, g711.ENCODE_ALAW)[law]
    return [frame.tobytes() for frame in g711.encode(tone(hz, frames, 4000), table)]


def stats(driver: Driver, leg: int) -> LegStats:
    found = driver.engine.handle(GetStats(leg), driver.now)
    assert isinstance(found, LegStats)
    return found


def test_each_hears_the_others_in_its_own_codec(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    infos = [driver.open(peer, room, codec=codec) for peer, codec in zip(peers, ("PCMU", "PCMU", "PCMA"), strict=True)]
    assert len({info.port for info in infos}) == 1  # the shared port
    tones = [codes(hz, 60, law) for hz, law in ((400, 0), (700, 0), (1000, 1))]
    for k in range(60):
        for peer, frames in zip(peers, tones, strict=True):
            peer.say(frames[k])
        driver.tick()
    for i, (peer, table) in enumerate(zip(peers, (g711.DECODE_ULAW, g711.DECODE_ULAW, g711.DECODE_ALAW), strict=True)):
        heard = peer.heard()
        assert len(heard) == 60
        found = [power(heard[20:], hz, table) > 1e-3 for hz in (400, 700, 1000)]
        assert found == [j != i for j in range(3)]


def test_outgoing_headers_go_on_over_hold(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.tick(5)
    first = [fields(datagram) for datagram in peers[0].heard()]
    spec = LegSpec(remote=peers[0].address, direction="inactive")
    driver.engine.handle(UpdateLeg(info.leg, spec), driver.now)
    driver.tick(10)
    assert peers[0].heard() == []
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[0].address)), driver.now)
    driver.tick(2)
    after = [fields(datagram) for datagram in peers[0].heard()]
    assert [marker for _, _, marker, *_ in first + after] == [True] + [False] * 4 + [True, False]
    assert {(kind, ssrc) for _, kind, _, _, _, ssrc in first + after} == {(0, first[0][5])}
    assert [(seq - first[0][3]) & 0xFFFF for _, _, _, seq, _, _ in first + after] == list(range(7))
    assert [(at - first[0][4]) & 0xFFFFFFFF for *_, at, _ in first + after] == [
        160 * k for k in (0, 1, 2, 3, 4, 15, 16)
    ]


def test_strangers_are_dropped_and_counted(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.open(peers[1], room)
    peers[2].to, peers[2].payload_type = peers[0].to, 0
    loud = codes(1000, 20)
    for k in range(20):
        peers[2].say(loud[k])
        peers[0].say(SILENCE)
        driver.tick()
    assert driver.engine.plane.strangers == 20
    assert stats(driver, info.leg).packets_received == 20
    assert power(peers[1].heard(), 1000, g711.DECODE_ULAW) < 1e-6


def test_latches_once(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    behind_nat, stranger = peers[:2]
    info = driver.open(behind_nat, room, remote=Address("127.0.0.1", 9), latch=True)
    stranger.meet(info)
    stranger.rtp.sendto(b"\x80", stranger.to)  # no RTP
    stranger.payload_type = 77
    stranger.say(SILENCE)  # not what was negotiated
    driver.tick()
    behind_nat.say(SILENCE)
    driver.tick()
    stranger.payload_type = 0
    for _ in range(3):
        stranger.say(SILENCE)
        behind_nat.say(SILENCE)
        driver.tick()
    assert stats(driver, info.leg).packets_received == 4
    assert stranger.heard() == []
    assert len(behind_nat.heard()) == 4


def test_own_ports(driver: Driver, peers: list[Peer]) -> None:
    shared = driver.open(peers[0])
    unknown = driver.open(peers[1], remote=None)
    same_peer = driver.open(peers[0])
    assert len({shared.port, unknown.port, same_peer.port}) == 3
    assert all(info.port % 2 == 0 and info.rtcp_port == info.port + 1 for info in (shared, unknown, same_peer))
    answered = driver.engine.handle(UpdateLeg(unknown.leg, LegSpec(remote=peers[1].address)), driver.now)
    assert isinstance(answered, LegInfo)
    assert answered.port == unknown.port
    peers[1].meet(answered)
    peers[1].say(SILENCE)
    driver.tick()
    assert stats(driver, unknown.leg).packets_received == 1


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


def test_event_floods_are_capped_per_leg(driver: Driver, peers: list[Peer]) -> None:
    flooder, other = (driver.open(peer) for peer in peers[:2])
    for i in range(100):
        peers[0].event(event(1, 160), 100_000 * i)
    peers[1].event(event(2, 160), 0)
    driver.tick()
    assert driver.events.count(KeyPressed(other.leg, "2")) == 1
    assert 1 <= driver.events.count(KeyPressed(flooder.leg, "1")) <= 8


@pytest.mark.parametrize("each", [1, 9])
def test_a_flood_in_many_sizes_costs_nobody_else_a_packet(driver: Driver, peers: list[Peer], each: int) -> None:
    victims = [driver.open(peer, driver.room()) for peer in peers[:2]]
    flooder = driver.open(peers[2], driver.room(), codec="PCMA")
    for _ in range(10):
        peers[0].say(SILENCE)
        peers[1].say(SILENCE[:80])
        peers[1].say(SILENCE[80:])
        for size in range(10, 10 + 32):
            for _ in range(each):
                peers[2].say(b"\xd5" * size)
        driver.tick()
    for victim, packets in zip(victims, (10, 20), strict=True):
        found = stats(driver, victim.leg)
        assert (found.packets_received, found.overrun, found.lost) == (packets, 0, 0)
    found = stats(driver, flooder.leg)
    assert found.packets_received == 320 * each
    assert found.overrun >= 160 * (2 * each - 1)


@pytest.mark.parametrize("sequence", [100, 0xFFFC])
def test_sends_keys(driver: Driver, peers: list[Peer], sequence: int) -> None:
    info = driver.open(peers[0], driver.room())
    driver.engine.plane.legs.seq[:] = sequence
    driver.tick()
    peers[0].heard()
    driver.engine.handle(SendKeys(info.leg, "7d", 0.06, 0.04, 55), driver.now)
    driver.tick(12)
    sent = [(fields(datagram), datagram[12:]) for datagram in peers[0].heard()]
    events = [(head[2], head[4], *struct.unpack(">BBH", body)) for head, body in sent if head[1] == 101]
    for key, code in ((events[:7], 7), (events[7:], 15)):
        assert [(marker, *rest) for marker, _, *rest in key] == [
            (True, code, 10, 160),
            (False, code, 10, 160),
            (False, code, 10, 160),
            (False, code, 10, 320),
            *[(False, code, 0x8A, 480)] * 3,
        ]
        assert len({at for _, at, *_ in key}) == 1
    kinds = [head[1] for head, _ in sent]
    assert kinds == [101] * 7 + [0] * 2 + [101] * 7 + [0] * 4  # no sound beside a key
    assert [(b[0][3] - a[0][3]) & 0xFFFF for a, b in zip(sent, sent[1:], strict=False)] == [1] * (len(sent) - 1)
    assert driver.events == [KeysSent(55)]


@pytest.mark.parametrize("keys", ["", "12x"])
def test_refuses_what_is_no_key(driver: Driver, peers: list[Peer], keys: str) -> None:
    info = driver.open(peers[0])
    assert isinstance(driver.engine.handle(SendKeys(info.leg, keys, 0.1, 0.05, 1), driver.now), Failed)


def test_reports(driver: Driver, peers: list[Peer]) -> None:
    peer = peers[0]
    info = driver.open(peer, driver.room())
    for k in range(400):
        peer.seq += k == 20  # one packet never comes
        peer.say(SILENCE)
        driver.tick()
    sent = peer.heard()
    compounds = [rtcp.parse(datagram) for datagram in peer.reports()]
    assert len(compounds) in (1, 2, 3)
    report, description = compounds[-1]
    assert isinstance(report, rtcp.Report) and report.sender is not None
    assert isinstance(description, rtcp.SourceDescription) and description.cname
    assert report.ssrc == fields(sent[0])[5]
    assert 0 < report.sender.packets <= 400
    assert report.sender.octets == 160 * report.sender.packets
    (block,) = report.blocks
    assert (block.ssrc, block.total_lost) == (peer.ssrc, 1)

    answer = rtcp.ReportBlock(report.ssrc, 64, 3, 0, 0, report.sender.ntp >> 16 & 0xFFFFFFFF, 0)
    peer.rtcp.sendto(bytes(rtcp.Report(peer.ssrc, None, (answer,))), peer.to_rtcp)
    driver.tick()
    found = stats(driver, info.leg)
    assert found.rtt_ms is not None and 0 <= found.rtt_ms < 8000
    assert found.remote_loss_percent == 25.0
    assert found.lost == 1

    driver.engine.handle(CloseLeg(info.leg), driver.now)
    last = rtcp.parse(peer.reports()[-1])
    assert last[-1] == rtcp.Goodbye((report.ssrc,))


def test_reports_on_the_media_port_when_multiplexed(driver: Driver, peers: list[Peer]) -> None:
    peer = peers[0]
    info = driver.open(peer, driver.room(), rtcp_mux=True)
    driver.tick()
    peer.heard()
    driver.engine.handle(CloseLeg(info.leg), driver.now)
    (goodbye,) = peer.heard()
    assert rtcp.parse(goodbye)[-1] == rtcp.Goodbye((int(rtcp.parse(goodbye)[0].ssrc),))  # type: ignore[union-attr]
    assert peer.reports() == []


def test_time_out_once_and_not_on_hold(driver: Driver, peers: list[Peer]) -> None:
    silent = driver.open(peers[0], timeout_s=3.0)
    driver.open(peers[1], timeout_s=3.0, direction="sendonly")
    talking = driver.open(peers[2], codec="PCMA", timeout_s=3.0)
    for _ in range(200):
        peers[2].say(b"\xd5" * 160)
        driver.tick()
    assert [event for event in driver.events if isinstance(event, RtpTimeout)] == [RtpTimeout(silent.leg)]
    driver.tick(200)
    assert driver.events.count(RtpTimeout(talking.leg)) == 1


def test_random_datagrams_do_no_harm(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.open(peers[1], room)
    source = random.Random(1)
    heads = [
        b"",
        b"\x80\0",
        b"\x80\x65",
        b"\x90\0",
        b"\xbf\0",
        b"\x81\xc8",
        b"\x80\xc9",
        b"\x8f\xca",
        b"\x9f\xcb",
        b"\x40\0",
    ]
    for i in range(3000):
        junk = source.choice(heads) + source.randbytes(source.choice([0, 1, 9, 10, 14, 40, 170, 600, 1600]))
        sender = peers[i % 3]
        target = (peers[0].to, peers[0].to_rtcp)[i % 7 == 0]
        (sender.rtcp if i % 5 == 0 else sender.rtp).sendto(junk, target)
        if i % 50 == 0:
            driver.tick()
    driver.tick(10)
    before = stats(driver, info.leg).packets_received
    peers[0].say(SILENCE)
    driver.tick()
    assert stats(driver, info.leg).packets_received == before + 1
    assert driver.engine.plane.invalid > 0 and driver.engine.plane.strangers > 0


def test_more_than_the_slots_hold_is_taken_in_turns(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0])
    for _ in range(300):
        peers[0].say(SILENCE)
    driver.tick()
    driver.tick()
    assert stats(driver, info.leg).packets_received == 300


@pytest.mark.parametrize(
    "wrong",
    [
        {"codec": "G729"},
        {"direction": "both"},
        {"payload_type": 128},
        {"remote": Address("example.com", 5)},
        {"remote_rtcp": Address("127.0.0.1", 70000)},
    ],
)
def test_refuses_a_spec_that_it_cannot_serve(driver: Driver, wrong: dict[str, object]) -> None:
    spec = LegSpec(**{"remote": Address("127.0.0.1", 9)} | wrong)  # type: ignore[arg-type]
    assert isinstance(driver.engine.handle(OpenLeg(spec), driver.now), Failed)
    assert not driver.engine.active


def test_a_closed_leg_is_silent_and_its_port_free(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    info = driver.open(peers[0], room, remote=None)
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[0].address)), driver.now)
    driver.tick(2)
    driver.engine.handle(CloseLeg(info.leg), driver.now)
    peers[0].heard()
    driver.tick(2)
    assert drained(peers[0].rtp) == []
    assert isinstance(driver.engine.handle(CloseLeg(info.leg), driver.now), Failed)
    assert not driver.engine.active
    np.testing.assert_array_equal(driver.engine.plane.legs.sending, False)
