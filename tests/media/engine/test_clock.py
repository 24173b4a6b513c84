"""Times on the plane: ticks that are late, reports, time-outs. On real loopback sockets, with a clock of our own."""

from collections import Counter

import numpy as np
import pytest

from mixer.bridge import Bridge
from softphone.media.contract.leg import LegSpec, RtpTimeout
from softphone.media.contract.messages import CloseLeg, UpdateLeg
from softphone.media.engine.legs import Legs
from softphone.media.engine.plane import REPORT_TICKS
from softphone.media.engine.reports import Reports
from softphone.media.rtp import rtcp
from tests.media.peer import SILENCE, Driver, Peer, codes, come, fields, stats


def aged(driver: Driver, age_s: float) -> None:
    """Let all datagrams have come so long before a tick begins."""
    come(driver.engine, lambda used: np.full(used, age_s))


def test_ticks_that_are_late_by_turns_make_no_jitter(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], driver.room())
    for k in range(200):
        late_s = 0.01 * (k % 2)
        peers[0].say(SILENCE)
        aged(driver, 0.005 + late_s)  # it came 5 ms before the tick was due, each time
        driver.tick(late_s=late_s)
    assert stats(driver, info.leg).jitter_ms == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("stall_s", [0.06, 0.08, 0.1])
def test_a_stall_that_is_made_up_for_costs_no_sound(driver: Driver, peers: list[Peer], stall_s: float) -> None:
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.open(peers[1], room)
    sound = codes(400, 100)

    def say(count: int) -> None:
        for _ in range(count):
            peers[0].say(sound.pop(0))

    aged(driver, 0.005)
    for _ in range(50):
        say(1)
        driver.tick()
    missed = round(stall_s / 0.02)
    say(1 + missed)
    come(driver.engine, lambda used: np.array([0.005 + 0.02 * k for k in reversed(range(used))]))
    for k in range(missed + 1):  # all of them at once, when the worker runs again
        driver.tick(late_s=stall_s - 0.02 * k)
    aged(driver, 0.005)
    before = stats(driver, info.leg).concealed
    for _ in range(20):
        say(1)
        driver.tick()
    found = stats(driver, info.leg)
    assert (found.overrun, found.late, found.lost, found.concealed) == (0, 0, 0, before)
    assert found.delay_ms <= 31


def test_a_report_tells_the_time_of_its_timestamp(driver: Driver, peers: list[Peer]) -> None:
    driver.open(peers[0], driver.room())
    driver.tick(REPORT_TICKS)
    driver.engine.plane._reports.due_at(0, driver.now)
    driver.tick(late_s=0.013)
    last = fields(peers[0].heard()[-1])
    (report, _) = rtcp.parse(peers[0].reports()[-1])
    assert isinstance(report, rtcp.Report) and report.sender is not None
    assert report.sender.ntp == rtcp.ntp(driver.now + 0.013)
    assert report.sender.timestamp == last[4] + 104 & 0xFFFFFFFF  # 13 ms after that frame was due


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

    found = stats(driver, info.leg)
    assert (found.rtt_ms, found.remote_loss_percent, found.lost) == (None, None, 1)
    driver.engine.handle(CloseLeg(info.leg), driver.now)
    last = rtcp.parse(peer.reports()[-1])
    assert last[-1] == rtcp.Goodbye((report.ssrc,))


def test_round_trip_time_counts_what_was_on_the_way(driver: Driver, peers: list[Peer]) -> None:
    peer = peers[0]
    info = driver.open(peer, driver.room())
    driver.tick(REPORT_TICKS)
    driver.engine.plane._reports.due_at(0, driver.now)
    driver.tick(late_s=0.007)
    (report, _) = rtcp.parse(peer.reports()[-1])
    assert isinstance(report, rtcp.Report) and report.sender is not None
    held = int(0.005 * 65536)  # the peer answers 5 ms after it came
    answer = rtcp.ReportBlock(report.ssrc, 64, 3, 0, 0, report.sender.ntp >> 16 & 0xFFFFFFFF, held)
    peer.rtcp.sendto(bytes(rtcp.Report(peer.ssrc, None, (answer,))), peer.to_rtcp)
    aged(driver, 0.004)
    driver.tick(late_s=0.011)
    found = stats(driver, info.leg)
    assert found.rtt_ms == pytest.approx(20 + 11 - 4 - 7 - 5, abs=0.05)
    assert found.remote_loss_percent == 25.0


def test_reports_of_all_go_out_when_more_are_due_than_a_tick_can_build() -> None:
    legs = Legs(4096)
    bridge = Bridge(legs.capacity)
    reports = Reports(legs, bridge, 0.0)
    bridge.roster.rows_end = legs.capacity  # all are in use
    legs.reports_to[:] = True
    for row in range(legs.capacity):
        reports.due_at(row, 0.0)
    told = Counter(int(row) for k in range(150) for row in reports.due(0.1 * k))  # 15 s
    assert len(told) == 4096
    assert max(len(reports.due(100.0 + k)) for k in range(3)) <= 102


def test_repeats_do_not_hide_losses(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0])
    for k in range(20):
        peers[0].say(SILENCE)
        if k % 2:
            peers[0].seq -= 1
            peers[0].timestamp -= 160
            peers[0].say(SILENCE)
            peers[0].seq += 1
            peers[0].timestamp += 160
        driver.tick(1 + k % 2)
    found = stats(driver, info.leg)
    assert (found.packets_received, found.duplicate, found.lost) == (30, 10, 9)
    assert found.loss_percent == pytest.approx(100 * 9 / 29)


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


def test_a_time_out_is_told_again_only_after_media_came_back(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], timeout_s=3.0)
    driver.tick(200)
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[0].address, timeout_s=3.0)), driver.now)
    driver.tick(200)
    assert driver.events == [RtpTimeout(info.leg)]
    peers[0].say(SILENCE)
    driver.tick(100)
    assert driver.events == [RtpTimeout(info.leg)]
    driver.tick(200)
    assert driver.events == [RtpTimeout(info.leg)] * 2


RR, SDES = rtcp.Report(7), bytes(rtcp.SourceDescription(7, "a@b"))


@pytest.mark.parametrize(
    ("datagram", "alive"),
    [
        (bytes(RR) + SDES, True),
        (bytes(rtcp.Report(7, rtcp.SenderInfo(1, 2, 3, 4))), True),
        (bytes(rtcp.Report(8, None, (rtcp.ReportBlock(9, 0, 0, 0, 0, 0, 0),))) + SDES, True),
        (bytes(RR) + bytes(rtcp.Goodbye((7,))), False),
        (SDES, False),
        (b"\x80\xc9\0\x07garbage", False),
        (b"ours", False),
    ],
)
@pytest.mark.parametrize("mux", [False, True])
def test_reports_of_a_peer_are_a_sign_of_life(
    driver: Driver, peers: list[Peer], datagram: bytes, alive: bool, mux: bool
) -> None:
    peer = peers[0]
    info = driver.open(peer, timeout_s=3.0, rtcp_mux=mux)
    if datagram == b"ours":  # a peer that sends back what it gets
        datagram = bytes(rtcp.Report(int(driver.engine.plane.legs.ssrc[0])))
    for k in range(400):
        if k % 100 == 0:
            (peer.rtp if mux else peer.rtcp).sendto(datagram, peer.to if mux else peer.to_rtcp)
        driver.tick()
    assert (RtpTimeout(info.leg) not in driver.events) is alive


def test_a_stranger_keeps_nobody_alive(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], timeout_s=3.0)
    for _ in range(200):
        peers[1].rtcp.sendto(bytes(RR), peers[0].to_rtcp)
        driver.tick()
    assert driver.events == [RtpTimeout(info.leg)]


def test_silence_counts_from_when_it_is_listened_for(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], timeout_s=0.0)
    driver.tick(200)
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[0].address, timeout_s=3.0)), driver.now)
    driver.tick(140)
    assert RtpTimeout(info.leg) not in driver.events
    driver.tick(60)
    assert driver.events.count(RtpTimeout(info.leg)) == 1
