"""What is sent to an address that nobody has shown to want it: in bytes, beside those that come from there."""

import socket
import struct

import pytest

from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.contract.messages import CloseLeg, Configure, SendKeys, UpdateLeg
from softphone.media.engine.legs import EARLY_BYTES, FACTOR, OVERHEAD
from softphone.media.rtp import rtcp
from tests.media.peer import SILENCE, Driver, Peer

TICK = OVERHEAD + 160


def settled(driver: Driver, peer: Peer, trust: str, **settings: object) -> int:
    """Open an answered leg; give its number."""
    info = driver.open(peer, driver.room(), trust=trust, **settings)
    driver.engine.handle(Configure(info.leg, answered=True), driver.now)
    return info.leg


def change(driver: Driver, leg: int, remote: MediaAddress, trust: str, **settings: object) -> None:
    spec = LegSpec(remote=remote, trust=trust, **settings)  # type: ignore[arg-type]
    driver.engine.handle(UpdateLeg(leg, spec), driver.now)


def run(driver: Driver, peer: Peer, ticks: int, payload: int = 0, every: int = 0) -> tuple[int, int]:
    """Let a peer send a payload each so many ticks; the packets of sound that came, and all bytes with headers."""
    packets = size = 0
    for tick in range(ticks):
        if every and tick % every == 0:
            peer.say(b"\xff" * payload)
        driver.tick()
        sound = peer.heard()
        packets += len(sound)
        size += sum(len(each) - 12 + OVERHEAD for each in sound) + reported(peer)
    return packets, size


def reported(peer: Peer) -> int:
    """Bytes of all reports that came, with headers."""
    return sum(len(each) + OVERHEAD - 12 for each in peer.reports())


def told_of(driver: Driver, leg: int) -> bytes:
    """Write a report on our stream, as its receiver would."""
    row = driver.engine._rows[leg]
    block = rtcp.ReportBlock(int(driver.engine.plane.legs.ssrc[row]), 0, 0, 0, 0, 0, 0)
    return bytes(rtcp.Report(7, None, (block,)))


# --- nobody has shown anything


def test_nothing_goes_where_nothing_comes_from(driver: Driver, peers: list[Peer]) -> None:
    leg = settled(driver, peers[0], "earned")
    driver.engine.handle(SendKeys(leg, "12"), driver.now)
    _, size = run(driver, peers[0], 200)
    driver.engine.handle(CloseLeg(leg), driver.now)
    assert size + reported(peers[0]) == 0


@pytest.mark.parametrize(("payload", "every"), [(160, 1), (160, 3), (480, 3), (80, 1)])
def test_who_sends_is_sent_every_tick(driver: Driver, peers: list[Peer], payload: int, every: int) -> None:
    settled(driver, peers[0], "earned")
    packets, _ = run(driver, peers[0], 60, payload, every)
    assert packets == 60


@pytest.mark.parametrize(("payload", "every", "ptime_ms"), [(1, 1, 20), (160, 10, 10), (20, 5, 60), (0, 2, 30)])
def test_little_brings_little(driver: Driver, peers: list[Peer], payload: int, every: int, ptime_ms: int) -> None:
    leg = settled(driver, peers[0], "earned", ptime_ms=ptime_ms)
    driver.engine.handle(SendKeys(leg, "12"), driver.now)
    _, size = run(driver, peers[0], 150, payload, every)
    driver.engine.handle(CloseLeg(leg), driver.now)
    assert 0 < size + reported(peers[0]) <= FACTOR * (payload + OVERHEAD) * (150 // every)


def test_others_are_sent_all(driver: Driver, peers: list[Peer]) -> None:
    first = settled(driver, peers[0], "earned")
    settled(driver, peers[1], "free")
    driver.tick(10)
    assert (len(peers[0].heard()), len(peers[1].heard())) == (0, 10)
    change(driver, first, peers[0].address, "free")
    driver.tick(10)
    assert (len(peers[0].heard()), len(peers[1].heard())) == (10, 10)


# --- a peer that is elsewhere has named it


@pytest.mark.parametrize("direction", ["sendrecv", "sendonly"])
def test_a_named_host_has_two_seconds_of_sound(driver: Driver, peers: list[Peer], direction: str) -> None:
    settled(driver, peers[0], "early", direction=direction)
    _, size = run(driver, peers[0], 130)
    assert EARLY_BYTES - 2 * TICK < size <= EARLY_BYTES


@pytest.mark.parametrize("after", [0, 50, 110])
def test_who_sends_from_there_is_sent_all_from_then_on(driver: Driver, peers: list[Peer], after: int) -> None:
    settled(driver, peers[0], "early")
    run(driver, peers[0], after)
    packets, _ = run(driver, peers[0], 120, 160, 120)
    assert packets == 120


@pytest.mark.parametrize("trust", ["early", "earned"])
def test_a_report_on_our_stream_is_as_good(driver: Driver, peers: list[Peer], trust: str) -> None:
    """Who only listens says that it hears us; our SSRC went nowhere else."""
    leg = settled(driver, peers[0], trust, direction="sendonly")
    run(driver, peers[0], 110)
    peers[0].rtcp.sendto(bytes(rtcp.Report(7, None, ())), peers[0].to_rtcp)
    assert run(driver, peers[0], 10)[0] == 0
    peers[0].rtcp.sendto(told_of(driver, leg), peers[0].to_rtcp)
    assert run(driver, peers[0], 10)[0] >= 9


def test_a_report_from_beside_is_none(driver: Driver, peers: list[Peer]) -> None:
    """Reports on one host, sound for another: who reports does not say that the other wants it."""
    elsewhere = MediaAddress("127.0.0.9", 9)
    leg = settled(driver, peers[0], "early", remote=elsewhere, remote_rtcp=peers[0].address, direction="sendonly")
    driver.tick(110)
    peers[0].rtp.sendto(told_of(driver, leg), peers[0].to_rtcp)
    before = driver.engine.plane.legs.packets_sent.max()
    driver.tick(10)
    assert driver.engine.plane.legs.packets_sent.max() == before


def test_another_host_has_no_more_of_it(driver: Driver, peers: list[Peer]) -> None:
    """Neither to and fro, nor what was earned before, brings anybody more than that once."""
    leg = settled(driver, peers[0], "free")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind(("127.0.0.9", 0))
        victim.setblocking(False)
        victim.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        count = 0
        for _ in range(2):
            for port in (victim.getsockname()[1], 9):
                change(driver, leg, MediaAddress("127.0.0.9", port), "early")
                driver.tick(60)
            change(driver, leg, peers[0].address, "free")
            for _ in range(10):
                peers[0].say(SILENCE)
                driver.tick()
            while True:
                try:
                    victim.recv(2048)
                except BlockingIOError:
                    break
                count += 1
        assert 0 < count <= EARLY_BYTES // TICK
        assert len(peers[0].heard()) == 20


def test_behind_a_nat_the_first_packet_of_the_signalling_host_is_enough(driver: Driver, peers: list[Peer]) -> None:
    settled(driver, peers[0], "early", remote=MediaAddress("192.168.1.7", 4000), latch_host="127.0.0.1")
    driver.tick(110)
    packets, _ = run(driver, peers[0], 100, 160, 100)
    assert packets == 100


def test_sound_from_elsewhere_shows_nothing_of_where_it_goes(driver: Driver, peers: list[Peer]) -> None:
    """A stranger speaks from its own host, and has reports say that it listens at another one."""
    inside = MediaAddress("192.168.1.7", 4000)
    settled(driver, peers[0], "early", remote=inside, remote_rtcp=peers[1].address, latch_host="127.0.0.1")
    peers[1].rtp.sendto(struct.pack(">BBHI", 0x80, 201, 1, 7), peers[0].to_rtcp)
    driver.tick()
    assert run(driver, peers[0], 110, 160, 1)[0] == 0
    assert driver.engine.plane.legs.packets_sent.max() <= EARLY_BYTES // TICK
