"""Whose packets a leg takes: its named address, one other source in its place, and nobody else's."""

import socket
import struct
from collections.abc import Iterator

import pytest

from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress, RtpTimeout, Unclaimed
from softphone.media.contract.messages import CloseLeg, UpdateLeg
from softphone.media.rtp import rtcp
from tests.media.peer import SILENCE, Driver, Peer, drained, stats

HERE = "127.0.0.1"


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """Another port of the peers' host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        sock.setblocking(False)
        yield sock


def says(peer: Peer, sock: socket.socket, driver: Driver, count: int = 1, ssrc: int | None = None) -> None:
    """Send frames of a peer's stream from another socket."""
    peer.ssrc = peer.ssrc if ssrc is None else ssrc
    for _ in range(count):
        sock.sendto(peer.packet(SILENCE), peer.to)
        peer.seq, peer.timestamp = peer.seq + 1, peer.timestamp + len(SILENCE)
        driver.tick()


@pytest.mark.parametrize("host", [HERE, "192.168.1.7"])
def test_another_port_of_the_host_of_the_signalling_is_heard_and_sent_to(
    driver: Driver, peers: list[Peer], other: socket.socket, host: str
) -> None:
    info = driver.open(peers[0], driver.room(), remote=MediaAddress(host, peers[0].address.port), latch_host=HERE)
    says(peers[0], other, driver, 5)
    assert stats(driver, info.leg).packets_received == len(drained(other)) == 5
    assert peers[0].heard() == []


@pytest.mark.parametrize("before", [True, False])
def test_who_reports_from_where_it_says_is_sent_its_sound_there(
    driver: Driver, peers: list[Peer], other: socket.socket, before: bool
) -> None:
    """A telephone with one socket to listen at, which it names, and another one to send from."""
    info = driver.open(peers[0], driver.room(), latch_host=HERE)
    for on in (before, not before):
        if on:
            peers[0].rtcp.sendto(reports(peers[0]), peers[0].to_rtcp)
        else:
            says(peers[0], other, driver, 2)
    driver.tick(2)
    peers[0].heard(), drained(other)
    says(peers[0], other, driver, 5)
    assert stats(driver, info.leg).packets_received == 7
    assert (len(peers[0].heard()), drained(other)) == (5, [])


def reports(peer: Peer) -> bytes:
    """RR and SDES of a peer that has not heard anybody."""
    return struct.pack(">BBHIBBHI", 0x80, 201, 1, peer.ssrc, 0x81, 202, 2, peer.ssrc) + b"\1\1a\0"


def test_what_was_named_wins_when_it_speaks_and_for_good(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    info = driver.open(peers[0], driver.room(), latch_host=HERE)
    theirs = Peer()
    theirs.meet(info)
    says(theirs, other, driver, 5)
    peers[0].say(SILENCE)
    driver.tick()
    says(theirs, other, driver, 5)
    assert (stats(driver, info.leg).packets_received, driver.engine.plane.strangers) == (5, 5)
    for _ in range(30):
        peers[0].say(SILENCE)
        driver.tick()
    driver.tick(30)
    says(theirs, other, driver, 5)
    assert driver.engine.plane.strangers == 10
    theirs.close()


@pytest.mark.parametrize("latch_host", [None, "127.0.0.2"])
def test_a_stranger_is_never_heard(
    driver: Driver, peers: list[Peer], other: socket.socket, latch_host: str | None
) -> None:
    info = driver.open(peers[0], driver.room(), latch_host=latch_host)
    says(peers[0], other, driver, 5)
    assert (stats(driver, info.leg).packets_received, drained(other)) == (0, [])
    assert driver.engine.plane.strangers == 5


def test_the_named_address_is_heard_while_another_may_be(driver: Driver, peers: list[Peer]) -> None:
    info = driver.open(peers[0], driver.room(), latch_host="127.9.9.9")
    for _ in range(3):
        peers[0].say(SILENCE)
        driver.tick()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(("127.9.9.9", 0))
        says(peers[0], late, driver, 3, ssrc=7)
    assert stats(driver, info.leg).packets_received == 3


@pytest.mark.parametrize(("quiet_ticks", "same", "found"), [(15, True, True), (0, True, False), (15, False, False)])
def test_who_moves_its_port_is_found_by_its_source(
    driver: Driver, peers: list[Peer], other: socket.socket, quiet_ticks: int, same: bool, found: bool
) -> None:
    room = driver.room()
    infos = [driver.open(peer, room, latch_host=HERE, payload_type=0) for peer in peers[:2]]
    for _ in range(10):
        for peer in peers[:2]:
            peer.say(SILENCE)
        driver.tick()
    driver.tick(quiet_ticks)
    drained(other)
    says(peers[0], other, driver, 5, ssrc=None if same else 5)
    assert [stats(driver, info.leg).packets_received for info in infos] == [15 if found else 10, 10]
    assert len(drained(other)) == (5 if found else 0)  # it was heard from where it was sent to, and so it is again


def test_of_two_that_nobody_has_heard_nobody_is_guessed_at(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    room = driver.room()
    infos = [driver.open(peer, room, latch_host=HERE) for peer in peers[:2]]
    says(peers[0], other, driver, 3)
    assert [stats(driver, info.leg).packets_received for info in infos] == [0, 0]
    assert driver.engine.plane.unclaimed == 3
    driver.tick(10)
    assert driver.events == [Unclaimed(HERE)]
    peers[1].say(SILENCE)
    driver.tick()
    says(peers[0], other, driver, 3)
    assert [stats(driver, info.leg).packets_received for info in infos] == [3, 1]


def test_one_that_moves_is_not_taken_for_one_that_is_new(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    room = driver.room()
    infos = [driver.open(peer, room, latch_host=HERE) for peer in peers[:2]]
    for _ in range(5):
        peers[0].say(SILENCE)
        driver.tick()
    says(peers[0], other, driver, 15)
    received = [stats(driver, info.leg).packets_received for info in infos]
    assert received[0] > 5
    assert received[1] == 0


def test_a_new_address_begins_anew(driver: Driver, peers: list[Peer], other: socket.socket) -> None:
    info = driver.open(peers[0], driver.room(), latch_host=HERE)
    peers[0].say(SILENCE)
    driver.tick()
    changed = driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[1].address, latch_host=HERE)), driver.now)
    assert isinstance(changed, LegInfo)
    peers[1].meet(changed)
    peers[0].say(SILENCE)  # what it still sends from where it was
    driver.tick()
    assert (driver.engine.plane.strangers, stats(driver, info.leg).packets_received) == (1, 1)
    says(peers[0], other, driver, 2)  # the same source, from a port that is new
    assert stats(driver, info.leg).packets_received == 3
    assert (len(peers[1].heard()), len(drained(other))) == (1, 2)


def test_who_sends_from_elsewhere_than_it_says_may_go_on_after_a_new_description(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    info = driver.open(peers[0], driver.room(), latch_host=HERE)
    says(peers[0], other, driver, 2)
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[1].address, latch_host=HERE)), driver.now)
    says(peers[0], other, driver, 2)
    assert stats(driver, info.leg).packets_received == 4


def test_the_same_description_again_leaves_who_was_found(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    named = MediaAddress("192.168.1.7", 4000)
    info = driver.open(peers[0], driver.room(), remote=named, latch_host=HERE)
    says(peers[0], other, driver, 2)
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=named, latch_host=HERE)), driver.now)
    says(peers[0], other, driver, 2)
    assert stats(driver, info.leg).packets_received == len(drained(other)) == 4


@pytest.mark.parametrize("spoke", [True, False])
def test_what_an_ended_call_still_sends_is_no_other_call(
    driver: Driver, peers: list[Peer], other: socket.socket, spoke: bool
) -> None:
    room = driver.room()
    ended = driver.open(peers[0], room, latch_host=HERE)
    if spoke:
        peers[0].say(SILENCE)
        driver.tick()
    driver.engine.handle(CloseLeg(ended.leg), driver.now)
    info = driver.open(peers[1], room, latch_host=HERE)
    for _ in range(100):
        peers[0].say(SILENCE)
        driver.tick()
    assert stats(driver, info.leg).packets_received == 0
    says(peers[1], other, driver, 3)
    peers[0].say(SILENCE)
    driver.tick()
    assert stats(driver, info.leg).packets_received == 3


@pytest.mark.parametrize(("quiet_ticks", "ssrc", "taken"), [(10, None, 0), (60, None, 3), (0, 77, 3), (10, 77, 3)])
def test_who_begins_anew_is_new(
    driver: Driver, peers: list[Peer], other: socket.socket, quiet_ticks: int, ssrc: int | None, taken: int
) -> None:
    """A telephone that sends from a port that it does not name, and dials again."""
    room = driver.room()
    ended = driver.open(peers[0], room, latch_host=HERE)
    says(peers[0], other, driver, 5)
    driver.engine.handle(CloseLeg(ended.leg), driver.now)
    info = driver.open(peers[1], room, latch_host=HERE)
    driver.tick(quiet_ticks)
    says(peers[0], other, driver, 3, ssrc=ssrc)
    assert stats(driver, info.leg).packets_received == taken


def test_who_was_there_before_is_nobodys(driver: Driver, peers: list[Peer], other: socket.socket) -> None:
    """Calls of a server that was started anew: their telephones have not noticed yet."""
    room = driver.room()
    (first, *_) = infos = [driver.open(peers[1], room)]
    peers[0].meet(first)
    says(peers[0], other, driver, 3)
    infos.append(driver.open(peers[2], room, latch_host=HERE))
    says(peers[0], other, driver, 50)
    driver.engine.skip(100)  # a pause of the bridge is none of the telephone
    driver.now += 2.0
    says(peers[0], other, driver, 3)
    assert [stats(driver, info.leg).packets_received for info in infos] == [0, 0]


def test_a_stream_is_of_the_one_that_was_there_when_it_began(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    room = driver.room()
    waiting = driver.open(peers[0], room, latch_host=HERE, payload_type=8)
    says(peers[0], other, driver, 1)  # in another codec than was agreed on
    late = driver.open(peers[1], room, latch_host=HERE)
    peers[0].payload_type = 8
    says(peers[0], other, driver, 3)
    assert [stats(driver, info.leg).packets_received for info in (waiting, late)] == [3, 0]


@pytest.mark.parametrize("settings", [{"payload_type": 8}, {"direction": "sendonly"}])
def test_who_cannot_have_said_it_claims_nothing(
    driver: Driver, peers: list[Peer], other: socket.socket, settings: dict[str, object]
) -> None:
    room = driver.room()
    infos = [
        driver.open(peers[0], room, latch_host=HERE),
        driver.open(peers[1], room, latch_host=HERE, **settings),
    ]
    says(peers[0], other, driver, 3)
    assert [stats(driver, info.leg).packets_received for info in infos] == [3, 0]


def test_an_ended_call_with_the_source_of_another_is_not_its_move(driver: Driver, peers: list[Peer]) -> None:
    """Recorded calls are played with one SSRC, all of them."""
    room = driver.room()
    peers[0].ssrc = peers[1].ssrc = 9
    ended, info = (driver.open(peer, room, latch_host=HERE) for peer in peers[:2])
    for _ in range(5):
        peers[0].say(SILENCE)
        peers[1].say(SILENCE)
        driver.tick()
    driver.engine.handle(CloseLeg(ended.leg), driver.now)
    for _ in range(40):
        peers[0].say(SILENCE)
        driver.tick()
    assert stats(driver, info.leg).packets_received == 5
    peers[1].heard()
    driver.tick()
    assert len(peers[1].heard()) == 1


def test_reports_of_both_ports_are_its_own(driver: Driver, peers: list[Peer], other: socket.socket) -> None:
    info = driver.open(peers[0], driver.room(), latch_host=HERE, timeout_s=1.0)
    says(peers[0], other, driver, 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as beside:
        beside.bind((HERE, other.getsockname()[1] + 1))
        for sock in (beside, peers[0].rtcp):
            driver.tick(40)
            sock.sendto(reports(peers[0]), peers[0].to_rtcp)
            driver.tick()
    assert stats(driver, info.leg).packets_received == 2
    assert not driver.events


@pytest.mark.parametrize("mux", [False, True])
@pytest.mark.parametrize(
    ("host", "foreign", "spoken", "alive"),
    [(HERE, 0, 1, True), (HERE, 1, 1, False), ("127.0.0.9", 0, 1, False), (HERE, 0, 0, False)],
    ids=["its source", "another source", "another host", "never heard"],
)
def test_a_report_of_its_source_from_any_port_of_its_host_is_a_sign_of_life(
    driver: Driver,
    peers: list[Peer],
    other: socket.socket,
    host: str,
    foreign: int,
    spoken: int,
    alive: bool,
    mux: bool,
) -> None:
    info = driver.open(peers[0], driver.room(), latch_host=host, timeout_s=3.0, rtcp_mux=mux)
    if spoken:
        says(peers[0], peers[0].rtp, driver)
    report = bytes(rtcp.Report(peers[0].ssrc + foreign))
    for k in range(400):
        if k % 100 == 0:
            other.sendto(report, peers[0].to if mux else peers[0].to_rtcp)
        driver.tick()
    assert (RtpTimeout(info.leg) not in driver.events) is alive
