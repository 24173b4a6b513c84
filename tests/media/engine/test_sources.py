"""Whose packets a leg takes: its named address, one other source in its place, and nobody else's."""

import socket
from collections.abc import Iterator

import pytest

from softphone.media.contract.leg import Address, LegInfo, LegSpec
from softphone.media.contract.messages import UpdateLeg
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


def test_another_port_of_the_named_host_is_heard_and_sent_to(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    info = driver.open(peers[0], driver.room(), latch_host=HERE)
    says(peers[0], other, driver, 5)
    assert stats(driver, info.leg).packets_received == len(drained(other)) == 5
    peers[0].say(SILENCE)  # once: what was named is a stranger's now
    driver.tick()
    assert stats(driver, info.leg).packets_received == 5


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
    assert len(drained(other)) == (5 if found else 0)


def test_of_two_that_nobody_has_heard_nobody_is_guessed_at(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    room = driver.room()
    infos = [driver.open(peer, room, latch_host=HERE) for peer in peers[:2]]
    says(peers[0], other, driver, 3)
    assert [stats(driver, info.leg).packets_received for info in infos] == [0, 0]
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
    says(peers[0], other, driver, 2)
    changed = driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peers[1].address, latch_host=HERE)), driver.now)
    assert isinstance(changed, LegInfo)
    peers[1].meet(changed)
    peers[1].say(SILENCE)
    driver.tick()
    drained(other)
    says(peers[0], other, driver, 2)
    assert driver.engine.plane.strangers == 2
    assert (len(peers[1].heard()), len(drained(other))) == (3, 0)


def test_the_same_description_again_leaves_who_was_found(
    driver: Driver, peers: list[Peer], other: socket.socket
) -> None:
    named = Address("192.168.1.7", 4000)
    info = driver.open(peers[0], driver.room(), remote=named, latch_host=HERE)
    says(peers[0], other, driver, 2)
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=named, latch_host=HERE)), driver.now)
    says(peers[0], other, driver, 2)
    assert stats(driver, info.leg).packets_received == len(drained(other)) == 4
