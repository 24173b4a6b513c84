"""STUN and DTLS on the ports of media, and legs whose peers show where they are."""

from collections.abc import Callable

import numpy as np
import pytest

from mixer import g711
from softphone.media.contract.leg import Datagram, LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import CloseLeg, JoinRoom, OpenLeg, SendDatagram, UpdateLeg
from softphone.media.contract.security import DtlsPeer, Ice
from softphone.media.engine.asides import PER_TICK
from tests.media.peer import SILENCE, Driver, Peer, codes, power, stats

ICE = Ice("ours", "p" * 24)
STUN = b"\x00\x01\x00\x00" + b"\x21\x12\xa4\x42" + bytes(12)
DTLS = b"\x16\xfe\xff" + bytes(20)


def told(driver: Driver) -> list[Datagram]:
    found = [each for each in driver.events if isinstance(each, Datagram)]
    driver.events.clear()
    return found


def spec(peer: Peer | None = None) -> LegSpec:
    return LegSpec(ice=ICE, rtcp_mux=True, remote=None if peer is None else peer.address)


def opened(driver: Driver, *peers: Peer, shown: Peer | None = None) -> LegInfo:
    """Open a leg with ICE that peers send to; one of them may have shown where it is."""
    info = driver.engine.handle(OpenLeg(spec(shown)), driver.now)
    assert isinstance(info, LegInfo)
    for peer in peers:
        peer.meet(info)
    return info


def test_what_is_stun_or_dtls_is_told_with_its_sender(driver: Driver, peers: list[Peer]) -> None:
    opened(driver, peers[0])
    for first in (0, 1, 3, 20, 22, 63):
        peers[0].rtp.sendto(bytes((first,)) + bytes(20), peers[0].to)
    driver.tick()
    found = told(driver)
    assert [each.data[0] for each in found] == [0, 1, 3, 20, 22, 63]
    assert {each.sender for each in found} == {peers[0].address}
    assert {each.local for each in found} == {driver.engine.port}


def test_nothing_else_is_told(driver: Driver, peers: list[Peer]) -> None:
    opened(driver, peers[0])
    before = driver.engine.plane.invalid
    for first in (4, 15, 19, 64, 79, 127, 128, 192, 255):
        peers[0].rtp.sendto(bytes((first,)) + bytes(20), peers[0].to)
    peers[0].rtp.sendto(b"\x00", peers[0].to)
    peers[0].rtp.sendto(b"", peers[0].to)
    driver.tick()
    assert told(driver) == [] and driver.engine.plane.invalid > before


def test_without_a_leg_that_it_could_concern_nothing_is_told(driver: Driver, peers: list[Peer]) -> None:
    driver.open(peers[0])
    before = driver.engine.plane.invalid
    for _ in range(5):
        peers[0].rtp.sendto(STUN, peers[0].to)
    driver.tick()
    assert told(driver) == [] and driver.engine.plane.invalid == before + 5


@pytest.mark.parametrize("last", [CloseLeg, lambda leg: UpdateLeg(leg, LegSpec())])
def test_nor_when_it_is_gone_or_another(
    driver: Driver, peers: list[Peer], last: Callable[[int], CloseLeg | UpdateLeg]
) -> None:
    driver.open(peers[1])
    info = opened(driver, peers[0])
    driver.engine.handle(UpdateLeg(info.leg, LegSpec(dtls=DtlsPeer(()))), driver.now)
    peers[0].rtp.sendto(STUN, peers[0].to)
    driver.tick()
    assert len(told(driver)) == 1
    driver.engine.handle(last(info.leg), driver.now)
    peers[0].rtp.sendto(STUN, peers[0].to)
    driver.tick()
    assert told(driver) == []


def test_a_flood_leaves_room_for_those_who_are_known(driver: Driver, peers: list[Peer]) -> None:
    opened(driver, shown=peers[0])
    for _ in range(3 * PER_TICK):
        peers[1].rtp.sendto(STUN, ("127.0.0.1", driver.engine.port))
    peers[0].rtp.sendto(DTLS, ("127.0.0.1", driver.engine.port))
    driver.tick()
    found = told(driver)
    assert len(found) == PER_TICK
    assert (peers[0].address, DTLS) in [(each.sender, each.data) for each in found]


def test_a_leg_with_ice_waits_on_the_shared_port_and_is_deaf(driver: Driver, peers: list[Peer]) -> None:
    info = opened(driver, peers[0])
    assert info.port == driver.engine.port
    for _ in range(3):
        peers[0].say(SILENCE)
        driver.tick()
    assert stats(driver, info.leg).packets_received == 0
    assert peers[0].heard() == []


def test_it_is_heard_from_where_it_is_told_to_be(driver: Driver, peers: list[Peer]) -> None:
    room = driver.room()
    info = driver.open(peers[1], room)
    ice = opened(driver)
    driver.engine.handle(JoinRoom(ice.leg, room), driver.now)
    tone = codes(700, 60)
    for k in range(60):
        if k == 20:
            driver.engine.handle(UpdateLeg(ice.leg, spec(peers[0])), driver.now)
            peers[0].meet(ice)
        if k >= 20:
            peers[0].say(tone[k])
        peers[1].say(SILENCE)
        driver.tick()
    heard = peers[1].heard()
    assert power(heard[:20], 700, g711.DECODE_ULAW) < 1e-6
    assert power(heard[40:], 700, g711.DECODE_ULAW) > 1e-3
    assert len(peers[0].heard()) == 40 and stats(driver, info.leg).packets_received == 60


def test_an_address_that_was_shown_wins_over_one_that_was_named(driver: Driver, peers: list[Peer]) -> None:
    named = driver.open(peers[0])
    ice = opened(driver)
    driver.engine.handle(UpdateLeg(ice.leg, spec(peers[0])), driver.now)
    peers[0].meet(ice)
    for _ in range(4):
        peers[0].say(SILENCE)
        driver.tick()
    assert stats(driver, ice.leg).packets_received == 4
    assert stats(driver, named.leg).packets_received == 0


def test_a_peer_that_moves_is_heard_where_it_is(driver: Driver, peers: list[Peer]) -> None:
    ice = opened(driver, peers[0], peers[1], shown=peers[0])
    peers[1].ssrc, peers[1].seq, peers[1].timestamp = peers[0].ssrc, peers[0].seq + 3, peers[0].timestamp + 480
    for _ in range(3):
        peers[0].say(SILENCE)
        driver.tick()
    driver.engine.handle(UpdateLeg(ice.leg, spec(peers[1])), driver.now)
    peers[0].heard()
    for _ in range(3):
        peers[1].say(SILENCE)
        driver.tick()
    assert stats(driver, ice.leg).packets_received == 6
    assert peers[0].heard() == []


def test_datagrams_go_out_from_the_port_of_the_leg(driver: Driver, peers: list[Peer]) -> None:
    ice = opened(driver)
    driver.engine.handle(SendDatagram(ice.leg, peers[0].address, DTLS), driver.now)
    data, sender = peers[0].rtp.recvfrom(2048)
    assert (data, sender) == (DTLS, ("127.0.0.1", driver.engine.port))
    driver.engine.handle(SendDatagram(ice.leg, MediaAddress("127.0.0.1", 0), DTLS), driver.now)


def test_ten_thousand_spoiled_datagrams_leave_the_sound_alone(driver: Driver, peers: list[Peer]) -> None:
    opened(driver)
    info = driver.open(peers[0])
    rng = np.random.default_rng(7)
    for tick in range(50):
        for _ in range(200):
            size = int(rng.integers(0, 200))
            junk = rng.integers(0, 256, size, np.uint8).tobytes()
            first = bytes((int(rng.choice((0, 1, 20, 22, 23, 63))),))
            peers[1].rtp.sendto(first + junk, peers[0].to)
        peers[0].say(SILENCE)
        driver.tick()
        assert len(told(driver)) <= PER_TICK, tick
    assert stats(driver, info.leg).packets_received == 50
