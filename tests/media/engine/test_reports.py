"""What our reports say is true of one source (RFC 3550 section 6.4.1)."""

import pytest

from softphone.media.engine.plane import REPORT_TICKS
from softphone.media.rtp import rtcp
from tests.media.peer import SILENCE, Driver, Peer, stats


def told(driver: Driver, peer: Peer, row: int = 0) -> rtcp.Report:
    """Let a report go out, and read it."""
    peer.reports()
    driver.engine.plane._reports.due_at(row, driver.now)
    driver.tick(REPORT_TICKS)
    (datagram,) = peer.reports()
    report, _ = rtcp.parse(datagram)
    assert isinstance(report, rtcp.Report)
    return report


def say(driver: Driver, peer: Peer, count: int, lost: int = 0) -> None:
    """Send packets, of which every `lost`-th is missing."""
    for k in range(count):
        if lost and k % lost == 0:
            peer.seq += 1
            peer.timestamp += 160
        else:
            peer.say(SILENCE)
        driver.tick()


@pytest.mark.parametrize("fresh", [0xABCDEF01, 0, 0xFFFFFFFF])
def test_a_new_source_owes_nothing_for_the_one_before(driver: Driver, peers: list[Peer], fresh: int) -> None:
    peer = peers[0]
    info = driver.open(peer, driver.room())
    say(driver, peer, 80, lost=2)
    (block,) = told(driver, peer).blocks
    assert (block.ssrc, block.total_lost) == (peer.ssrc, 39)
    assert block.fraction_lost == pytest.approx(128, abs=4)
    driver.tick(10)
    peer.ssrc, peer.seq, peer.timestamp = fresh, 77, 5
    say(driver, peer, 5)
    (block,) = told(driver, peer).blocks
    assert (block.ssrc, block.total_lost, block.fraction_lost) == (fresh, 0, 0)
    assert block.highest_seq == 81
    assert block.jitter < 20
    assert stats(driver, info.leg).lost == 39


def test_who_was_not_heard_since_is_not_spoken_of(driver: Driver, peers: list[Peer]) -> None:
    peer = peers[0]
    driver.open(peer, driver.room())
    assert told(driver, peer).blocks == ()
    say(driver, peer, 10)
    assert len(told(driver, peer).blocks) == 1
    driver.tick(10)
    assert told(driver, peer).blocks == ()
    say(driver, peer, 3)
    assert len(told(driver, peer).blocks) == 1


@pytest.mark.parametrize("order", [("voice", "other"), ("other", "voice"), ("voice", "other", "other"), ("other",)])
def test_the_time_of_a_report_is_answered_to_who_sent_it(
    driver: Driver, peers: list[Peer], order: tuple[str, ...]
) -> None:
    """A peer with several sources (RFC 8108) reports for each of them."""
    peer = peers[0]
    driver.open(peer, driver.room())
    say(driver, peer, 5)
    for who in order:
        ssrc, middle = (peer.ssrc, 0x11112222) if who == "voice" else (peer.ssrc + 1, 0x33334444)
        info = rtcp.SenderInfo(middle << 16, 0, 1, 160)
        peer.rtcp.sendto(bytes(rtcp.Report(ssrc, info)), peer.to_rtcp)
        driver.tick()
    say(driver, peer, 5)
    (block,) = told(driver, peer).blocks
    assert block.last_report == (0x11112222 if "voice" in order else 0)
    assert (block.delay > 0) is ("voice" in order)


def test_calls_do_not_share_a_name(driver: Driver, peers: list[Peer]) -> None:
    names = set()
    for peer in peers[:2]:
        driver.open(peer)
        driver.tick(REPORT_TICKS)
    for row, peer in enumerate(peers[:2]):
        peer.reports()
        driver.engine.plane._reports.due_at(row, driver.now)
        driver.tick(REPORT_TICKS)
        _, description = rtcp.parse(peer.reports()[-1])
        assert isinstance(description, rtcp.SourceDescription) and len(description.cname) == 24
        names.add(description.cname)
    assert len(names) == 2


def test_our_own_sound_come_back_is_nobodys_voice(driver: Driver, peers: list[Peer]) -> None:
    """RFC 3550 section 8.2: a loop."""
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.open(peers[1], room)
    for _ in range(20):
        peers[1].say(b"\x80" * 160)
        driver.tick()
        for datagram in peers[0].heard():
            peers[0].rtp.sendto(datagram, peers[0].to)
    driver.tick()
    assert stats(driver, info.leg).packets_received == 0
    assert driver.engine.plane.invalid >= 19
    assert all(set(datagram[12:]) == {0xFF} for datagram in peers[1].heard())


def test_jitter_is_not_measured_across_a_jump(driver: Driver, peers: list[Peer]) -> None:
    peer = peers[0]
    info = driver.open(peer, driver.room())
    say(driver, peer, 20)
    peer.timestamp += 0x30000000
    say(driver, peer, 20)
    assert stats(driver, info.leg).jitter_ms < 1
    driver.tick(30)
    peer.timestamp -= 0x10000000
    say(driver, peer, 20)
    assert stats(driver, info.leg).jitter_ms < 1
