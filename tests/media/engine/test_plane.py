"""The plane on real loopback sockets, with a clock of our own."""

import random
import socket

import numpy as np
import pytest

from mixer import g711
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import CloseLeg, Configure, Failed, JoinRoom, LeaveRoom, OpenLeg, UpdateLeg
from tests.media.peer import SILENCE, Driver, Peer, codes, drained, fields, power, stats


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


def test_a_peer_may_change_between_both_codecs(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    driver.open(peers[0], room, others=((8, "PCMA"),))
    driver.open(peers[1], room, codec="PCMU")
    laws = [codes(400, 60, law) for law in (0, 1)]
    for k in range(60):
        peers[0].payload_type = (0, 8)[k // 3 % 2]
        peers[0].say(laws[k // 3 % 2][k])
        driver.tick()
    heard = peers[1].heard()[20:]
    tone = power(heard, 400, g711.DECODE_ULAW)
    sound = g711.decode(np.frombuffer(b"".join(each[12:] for each in heard), np.uint8), g711.DECODE_ULAW)
    # All of the power is in the tone: a frame in the wrong law would be noise.
    assert tone == pytest.approx(2 * np.mean(np.square(sound / 32767)), rel=0.02)


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


@pytest.mark.parametrize("stranger_first", [True, False])
def test_latches_to_the_host_that_signalling_came_from(driver: Driver, peers: list[Peer], stranger_first: bool) -> None:
    info = driver.open(peers[0], driver.room(), remote=MediaAddress("192.168.1.7", 4000), latch_host="127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.9.9.9", 0))
        stranger.setblocking(False)
        for k in range(5):
            if stranger_first or k:
                stranger.sendto(peers[0].packet(SILENCE), peers[0].to)
            if k or not stranger_first:
                peers[0].say(SILENCE)
            driver.tick()
        assert drained(stranger) == []
    told = 4 if stranger_first else 5
    assert stats(driver, info.leg).packets_received == len(peers[0].heard()) == told
    assert driver.engine.plane.strangers == (5 if stranger_first else 4)


def test_speaks_to_where_signalling_says_until_it_has_latched(driver: Driver, peers: list[Peer]) -> None:
    """Two that wait for each other's first packet would wait for ever."""
    signalled, real = peers[:2]
    info = driver.open(signalled, driver.room(), latch_host="127.0.0.1")
    driver.tick(3)
    real.meet(info)
    real.say(SILENCE)
    driver.tick(2)
    assert (len(signalled.heard()), len(real.heard())) == (3, 2)


def test_latches_once(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    behind_nat, stranger = peers[:2]
    info = driver.open(behind_nat, room, remote=MediaAddress("127.0.0.1", 9), latch_host="127.0.0.1")
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


@pytest.mark.parametrize("kind", ["hold", "comfort noise", "empty"])
def test_what_is_not_played_is_not_lost(driver: Driver, peers: list[Peer], kind: str) -> None:
    info = driver.open(peers[0], driver.room(), timeout_s=3.0)
    spec = LegSpec(remote=peers[0].address, timeout_s=3.0)
    for k in range(250):
        between = 20 <= k < 220
        if kind == "hold" and k in (20, 220):
            directed = LegSpec(remote=spec.remote, timeout_s=3.0, direction="sendonly" if between else "sendrecv")
            driver.engine.handle(UpdateLeg(info.leg, directed), driver.now)
        peers[0].payload_type = 13 if between and kind == "comfort noise" else 0
        peers[0].say(b"" if between and kind == "empty" else SILENCE)
        driver.tick()
    found = stats(driver, info.leg)
    assert (found.packets_received, found.lost, found.duplicate) == (250, 0, 0)
    assert driver.events == []


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
    assert found.packets_received + found.stray == 320 * each
    assert found.overrun >= 160 * each


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
    for _ in range(2):  # the first confirmed by the second
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
    found = stats(driver, info.leg)
    assert found.packets_received + found.stray == 300


@pytest.mark.parametrize(
    "wrong",
    [
        {"codec": "G729"},
        {"direction": "both"},
        {"payload_type": 128},
        {"remote": MediaAddress("example.com", 5)},
        {"remote_rtcp": MediaAddress("127.0.0.1", 70000)},
        {"latch_host": "example.com"},
    ],
)
def test_refuses_a_spec_that_it_cannot_serve(driver: Driver, wrong: dict[str, object]) -> None:
    spec = LegSpec(**{"remote": MediaAddress("127.0.0.1", 9)} | wrong)  # type: ignore[arg-type]
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


@pytest.mark.parametrize("size", [1, 2, 9])
def test_comfort_noise_is_played_whether_it_was_agreed_on_or_not(driver: Driver, peers: list[Peer], size: int) -> None:
    """RFC 3389: the first byte is the level below overload; payload type 13 is static (RFC 3551)."""
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.open(peers[1], room)
    for frame in codes(400, 10):
        peers[0].say(frame)
        driver.tick()
    peers[0].payload_type = 13
    peers[0].say(bytes([45, *range(100, 99 + size)]))
    driver.tick(5)
    peers[1].heard()
    driver.tick(50)
    sent = b"".join(datagram[12:] for datagram in peers[1].heard())
    heard = g711.decode(np.frombuffer(sent, np.uint8), g711.DECODE_ULAW).astype(np.float64)
    assert 10 * np.log10(np.mean(heard**2) / 32768**2) == pytest.approx(-45, abs=1)
    assert stats(driver, info.leg).concealed == 0


def test_comfort_noise_in_a_header_that_fills_the_datagram_does_no_harm(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], driver.room())
    words = (1536 - 16) // 4
    peers[0].rtp.sendto(
        peers[0].packet(b"\xbe\xde" + words.to_bytes(2) + bytes(4 * words), kind=13, first=0x90), peers[0].to
    )
    driver.tick(2)
    assert stats(driver, info.leg).packets_received == 1


@pytest.mark.parametrize(("size", "taken"), [(1523, 1), (1524, 1), (1525, 0)])
def test_the_longest_packet_is_what_an_ethernet_frame_holds(
    driver: Driver, peers: list[Peer], size: int, taken: int
) -> None:
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.open(peers[1], room)
    peers[0].say(bytes([0x90]) * size)
    driver.tick(12)
    assert stats(driver, info.leg).packets_received == taken
    loud = b"".join(datagram[12:] for datagram in peers[1].heard()).count(0x90)
    assert loud >= size - 20 if taken else not loud


def test_a_marker_after_every_pause(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.tick(3)
    driver.engine.handle(LeaveRoom(info.leg), driver.now)
    driver.tick(5)
    driver.engine.handle(JoinRoom(info.leg, room), driver.now)
    driver.tick(2)
    driver.engine.skip(10)
    driver.tick(2)
    heard = [fields(each)[2] for each in peers[0].heard()]
    assert heard[:1] == [True] and heard[-4:] == [True, False, True, False]


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
@pytest.mark.parametrize(("codec", "silence"), [("PCMU", 0xFF), ("PCMA", 0xD5)])
def test_who_is_answered_hears_silence_where_there_is_nothing(
    driver: Driver, peers: list[Peer], codec: str, silence: int, ptime_ms: int
) -> None:
    """In no room, one stream with what is heard there: no pause, no marker, no jump in time."""
    room = driver.room()
    info = driver.open(peers[0], codec=codec, ptime_ms=ptime_ms)
    driver.open(peers[1], room)
    driver.tick(6)
    assert peers[0].heard() == []
    driver.engine.handle(Configure(info.leg, answered=True), driver.now)
    for request in (JoinRoom(info.leg, room), LeaveRoom(info.leg), JoinRoom(info.leg, room)):
        for _ in range(12):
            peers[1].say(b"\x10" * 160)
            driver.tick()
        driver.engine.handle(request, driver.now)
    driver.tick(6)
    found, sizes = peers[0].heard(), 8 * ptime_ms
    heard = [fields(each) for each in found]
    assert [(at - heard[0][4]) & 0xFFFFFFFF for *_, at, _ in heard] == [sizes * k for k in range(840 // ptime_ms)]
    assert [(seq - heard[0][3]) & 0xFFFF for *_, seq, _, _ in heard] == list(range(840 // ptime_ms))
    assert [marker for _, _, marker, *_ in heard] == [True] + [False] * (len(heard) - 1)
    sound = b"".join(each[12:] for each in found)
    assert set(sound[:1920]) == set(sound[3840 + 160 : 5760]) == {silence}, "once the room is faded out"
    assert set(sound[1920:3840]) != {silence}


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
def test_nobody_who_wants_no_sound_is_sent_silence(driver: Driver, peers: list[Peer], direction: str) -> None:
    info = driver.open(peers[0], driver.room(), direction=direction)
    driver.engine.handle(Configure(info.leg, answered=True), driver.now)
    driver.tick(5)
    driver.engine.handle(LeaveRoom(info.leg), driver.now)
    driver.tick(5)
    assert peers[0].heard() == []
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[0].address, direction="sendonly")), driver.now)
    driver.tick(5)
    assert len(peers[0].heard()) == 5


def test_the_next_call_of_a_row_is_sent_nothing_before_it_is_answered(driver: Driver, peers: list[Peer]) -> None:
    first = driver.open(peers[0])
    driver.engine.handle(Configure(first.leg, answered=True), driver.now)
    driver.engine.handle(CloseLeg(first.leg), driver.now)
    driver.open(peers[1])
    driver.tick(5)
    assert peers[1].heard() == []


def test_a_peer_that_turns_out_behind_a_nat_gets_a_port_of_its_own(driver: Driver, peers: list[Peer]) -> None:
    infos = [driver.open(peer, driver.room()) for peer in peers[:2]]
    ports = {info.port for info in infos}
    for peer, info in zip(peers, infos, strict=False):
        spec = LegSpec(remote=peer.address, latch_host="127.0.0.2")
        changed = driver.engine.handle(UpdateLeg(info.leg, spec), driver.now)
        assert isinstance(changed, LegInfo)
        ports.add(changed.port)
    assert len(ports) == 3
