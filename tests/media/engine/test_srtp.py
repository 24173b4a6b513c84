"""Encrypted legs of an engine: who hears whom, and that nothing that is not sealed is heard or sent."""

import random
import secrets
import socket
from collections.abc import Iterator

import pytest

from mixer import g711
from softphone.media.contract.leg import KeyPressed, LegInfo, LegSpec, MediaAddress, SrtpRefused
from softphone.media.contract.messages import CloseLeg, Failed, OpenLeg, SendKeys, UpdateLeg
from softphone.media.contract.security import Srtp
from softphone.media.rtp import rtcp
from softphone.srtp import SRTP_PROFILES
from tests.media.peer import SILENCE, Driver, Peer, codes, drained, fields, power, stats
from tests.media.srtp import SecretPeer, Secrets

HERE = "127.0.0.1"
MIXED = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM")


def keys(profile: str = "AES_CM_128_HMAC_SHA1_80") -> Srtp:
    size = SRTP_PROFILES[profile]
    return Srtp(profile, secrets.token_bytes(size), secrets.token_bytes(size))


@pytest.fixture
def srtp() -> Srtp:
    return keys()


@pytest.fixture
def secret(srtp: Srtp) -> Iterator[SecretPeer]:
    peer = SecretPeer(srtp)
    yield peer
    peer.close()


def opened(driver: Driver, peer: Peer, srtp: Srtp | None, room: int, **settings: object) -> LegInfo:
    return driver.open(peer, room, srtp=srtp, **settings)


def updated(driver: Driver, info: LegInfo, peer: Peer, **settings: object) -> None:
    spec = LegSpec(**{"remote": peer.address} | settings)  # type: ignore[arg-type]
    assert isinstance(driver.engine.handle(UpdateLeg(info.leg, spec), driver.now), LegInfo)


@pytest.mark.parametrize("profiles", [MIXED, tuple(SRTP_PROFILES)[1:]])
def test_encrypted_and_plain_legs_hear_each_other(driver: Driver, profiles: tuple[str, ...]) -> None:
    """Three talk; whoever listens has the same sound, and nobody's packets hold it as it is but the plain one's."""
    room, kinds = driver.room(), [keys(profile) for profile in profiles] + [None]
    made = [SecretPeer(each) if each else Peer() for each in kinds]
    for peer, kind in zip(made, kinds, strict=True):
        opened(driver, peer, kind, room)
    tones = [codes(300 + 200 * i, 60) for i in range(3)]
    for k in range(60):
        for peer, frames in zip(made, tones, strict=False):
            peer.say(frames[k])
        driver.tick()
    for i, peer in enumerate(made):
        heard = peer.heard()
        assert len(heard) == 60 and {len(each) for each in heard} == {172}
        found = [power(heard[20:], 300 + 200 * j, g711.DECODE_ULAW) > 1e-3 for j in range(3)]
        assert found == [j != i for j in range(3)]
        peer.close()
    assert driver.engine.metrics().invalid == 0


def test_a_packet_as_it_is_is_never_heard(driver: Driver, peers: list[Peer], secret: SecretPeer, srtp: Srtp) -> None:
    room = driver.room()
    info = opened(driver, secret, srtp, room)
    driver.open(peers[0], room)
    loud = codes(1000, 30)
    for k in range(30):
        secret.rtp.sendto(peers[1].packet(loud[k]), secret.to)
        peers[1].seq, peers[1].timestamp = peers[1].seq + 1, peers[1].timestamp + 160
        secret.say(SILENCE)
        driver.tick()
    assert power(peers[0].heard(), 1000, g711.DECODE_ULAW) < 1e-6
    found = stats(driver, info.leg)
    assert (found.packets_received, found.refused, found.stray) == (30, 30, 0)
    assert [each for each in driver.events if isinstance(each, SrtpRefused)] == [SrtpRefused(info.leg, "key")]


def test_a_packet_that_comes_again_is_not_heard_again(driver: Driver, secret: SecretPeer, srtp: Srtp) -> None:
    info = opened(driver, secret, srtp, driver.room())
    for _ in range(20):
        kept = secret.packet(SILENCE)
        secret.rtp.sendto(kept, secret.to)
        secret.seq, secret.timestamp = secret.seq + 1, secret.timestamp + 160
        secret.rtp.sendto(kept, secret.to)
        driver.tick()
    found = stats(driver, info.leg)
    assert (found.packets_received, found.refused, found.duplicate) == (20, 20, 0)
    assert [each for each in driver.events if isinstance(each, SrtpRefused)] == [SrtpRefused(info.leg, "replay")]


def test_a_leg_that_waits_for_its_keys_neither_sends_nor_hears(
    driver: Driver, secret: SecretPeer, srtp: Srtp, peers: list[Peer]
) -> None:
    room = driver.room()
    info = opened(driver, secret, Srtp(srtp.profile), room)
    driver.open(peers[0], room)
    driver.engine.handle(SendKeys(info.leg, "1", 0.06, 0.04), driver.now)
    for _ in range(400):
        secret.say(SILENCE)
        driver.tick()
    found = stats(driver, info.leg)
    assert (found.packets_received, found.packets_sent, found.refused) == (0, 0, 0)
    assert (drained(secret.rtp), drained(secret.rtcp)) == ([], [])
    updated(driver, info, secret, srtp=srtp)
    for _ in range(10):
        secret.say(SILENCE)
        driver.tick()
    assert stats(driver, info.leg).packets_received == len(secret.heard()) == 10
    drained(secret.rtcp)  # a report may have been due while there were keys
    updated(driver, info, secret, srtp=Srtp(srtp.profile))  # and back
    driver.tick(10)
    driver.engine.handle(CloseLeg(info.leg), driver.now)
    assert (drained(secret.rtp), drained(secret.rtcp)) == ([], [])


def test_reports_and_goodbyes_are_sealed_and_those_of_the_peer_are_read(
    driver: Driver, secret: SecretPeer, srtp: Srtp
) -> None:
    info = opened(driver, secret, srtp, driver.room())
    for _ in range(400):
        secret.say(SILENCE)
        driver.tick()
    ours = fields(secret.heard()[0])[5]
    reports = [packet for each in secret.reports() for packet in rtcp.parse(each)]
    assert {each.ssrc for each in reports if isinstance(each, rtcp.Report)} == {ours}
    block = bytes(rtcp.ReportBlock(ours, 64, 0, 0, 0, 0, 0))
    report = b"\x81\xc9" + (1 + len(block) // 4).to_bytes(2, "big") + secret.ssrc.to_bytes(4, "big") + block
    report += b"\x81\xca\0\2" + secret.ssrc.to_bytes(4, "big") + b"\1\1a\0"
    for sent, lost in ((report, None), (secret.out.seal_report(report), 25.0)):
        secret.rtcp.sendto(sent, secret.to_rtcp)
        driver.tick(2)
        assert stats(driver, info.leg).remote_loss_percent == lost
    assert stats(driver, info.leg).refused == 1
    driver.engine.handle(CloseLeg(info.leg), driver.now)
    (last,) = secret.reports()
    assert any(isinstance(each, rtcp.Goodbye) for each in rtcp.parse(last))


def test_keys_of_the_telephone_are_sealed_both_ways(driver: Driver, secret: SecretPeer, srtp: Srtp) -> None:
    info = opened(driver, secret, srtp, driver.room())
    driver.engine.handle(SendKeys(info.leg, "5", 0.06, 0.04), driver.now)
    for k in range(30):
        secret.say(SILENCE)
        if k == 5:
            sent = secret.packet(b"\x07\x0a\x03\x20", kind=101, marker=True)
            secret.rtp.sendto(sent, secret.to)
            secret.seq += 1
        driver.tick()
    assert KeyPressed(info.leg, "7") in driver.events
    assert {each[12] for each in secret.heard() if fields(each)[1] == 101} == {5}


def test_other_keys_hold_at_once_and_begin_another_source(driver: Driver, secret: SecretPeer, srtp: Srtp) -> None:
    info, other = opened(driver, secret, srtp, driver.room()), keys("AEAD_AES_256_GCM")
    before = secret.packet(SILENCE)
    driver.tick(3)
    first = {fields(each)[5] for each in secret.heard()}
    updated(driver, info, secret, srtp=other)
    secret.rtp.sendto(before, secret.to)
    secret.out, secret.inward = Secrets(other.profile, other.receive), Secrets(other.profile, other.send)
    secret.seq += 1
    secret.say(SILENCE)
    driver.tick(3)
    heard = secret.heard()
    assert len(heard) == 3 and {fields(each)[5] for each in heard}.isdisjoint(first) and fields(heard[0])[2]
    found = stats(driver, info.leg)
    assert (found.packets_received, found.refused) == (1, 1)


def test_an_update_with_the_same_keys_goes_on(driver: Driver, secret: SecretPeer, srtp: Srtp) -> None:
    info = opened(driver, secret, srtp, driver.room())
    secret.seq = 65_530
    for k in range(20):
        secret.say(SILENCE)
        driver.tick()
        updated(driver, info, secret, srtp=Srtp(*srtp.outgoing, srtp.receive), ptime_ms=(20, 20, 40, 40)[k % 4])
    assert stats(driver, info.leg).packets_received == 20
    assert len({fields(each)[5] for each in secret.heard()}) == 1


def test_keys_come_and_go_with_a_call(driver: Driver, secret: SecretPeer, srtp: Srtp) -> None:
    """Plain, encrypted and plain again; the next leg in the row has no keys of the one before it."""
    room = driver.room()
    info = opened(driver, secret, None, room)
    driver.tick(3)
    assert all(len(each) == 172 for each in drained(secret.rtp))
    updated(driver, info, secret, srtp=srtp)
    driver.tick(3)
    assert len(secret.heard()) == 3
    updated(driver, info, secret)
    driver.tick(3)
    assert [len(each) for each in drained(secret.rtp)] == [172] * 3
    updated(driver, info, secret, srtp=srtp)
    driver.engine.handle(CloseLeg(info.leg), driver.now)
    assert len(driver.engine.plane.legs.vault) == 0
    opened(driver, secret, None, room)
    drained(secret.rtp)
    driver.tick(3)
    assert [len(each) for each in drained(secret.rtp)] == [172] * 3


@pytest.mark.parametrize("srtp", [Srtp("NULL", b"k", b"k"), Srtp("AEAD_AES_128_GCM", b"short", b"short")])
def test_keys_that_cannot_be_are_refused_and_nothing_is_lost(driver: Driver, peers: list[Peer], srtp: Srtp) -> None:
    info, spec = driver.open(peers[0], driver.room()), LegSpec(remote=peers[0].address, srtp=srtp)
    assert isinstance(driver.engine.handle(OpenLeg(spec), driver.now), Failed)
    assert isinstance(driver.engine.handle(UpdateLeg(info.leg, spec), driver.now), Failed)
    driver.tick(3)
    assert [len(each) for each in peers[0].heard()] == [172] * 3


def said(peer: Peer, sock: socket.socket, driver: Driver, count: int) -> None:
    for _ in range(count):
        sock.sendto(peer.packet(SILENCE), peer.to)
        peer.seq, peer.timestamp = peer.seq + 1, peer.timestamp + 160
        driver.tick()


def test_several_from_one_host_are_told_apart_by_their_keys(driver: Driver) -> None:
    """All behind one NAT, none heard before, all from elsewhere than they say: by addresses nobody could tell."""
    room, kinds = driver.room(), [keys(), keys("AEAD_AES_128_GCM"), keys()]
    made = [SecretPeer(each) for each in kinds]
    infos = [
        opened(driver, peer, kind, room, latch_host=HERE, remote=MediaAddress(HERE, 9 + 2 * i))
        for i, (peer, kind) in enumerate(zip(made, kinds, strict=True))
    ]
    stranger = SecretPeer(keys())
    stranger.meet(infos[0])
    for peer in (stranger, *reversed(made)):
        said(peer, peer.rtp, driver, 5)
    assert [stats(driver, info.leg).packets_received for info in infos] == [5, 5, 5]
    assert [stats(driver, info.leg).refused for info in infos] == [0, 0, 0]
    assert all(peer.heard() for peer in made) and not drained(stranger.rtp)
    for peer in (stranger, *made):
        peer.close()


def test_who_moves_its_port_is_found_by_its_key_and_nobody_else_is(
    driver: Driver, secret: SecretPeer, srtp: Srtp
) -> None:
    info = opened(driver, secret, srtp, driver.room(), latch_host=HERE)
    said(secret, secret.rtp, driver, 5)
    driver.tick(15)
    thief, elsewhere = SecretPeer(keys()), SecretPeer(srtp)
    thief.ssrc, thief.seq, thief.timestamp = secret.ssrc, secret.seq, secret.timestamp
    thief.meet(info)
    said(thief, thief.rtp, driver, 5)
    assert stats(driver, info.leg).packets_received == 5 and not drained(thief.rtp)
    said(secret, elsewhere.rtp, driver, 5)
    assert stats(driver, info.leg).packets_received == 10 and drained(elsewhere.rtp)
    for peer in (thief, elsewhere):
        peer.close()


def test_a_listener_says_hello_and_is_sent_its_sound_until_somebody_has_the_key(driver: Driver) -> None:
    """RingCentral's softphone: a port of no meaning in its description, a word in clear, and no packet ever."""
    kind, room = keys(), driver.room()
    made = [SecretPeer(kind) for _ in range(3)]
    info = opened(driver, made[0], kind, room, latch_host=HERE)
    spoofed, listener = made[1:]
    for peer in (spoofed, listener):
        peer.meet(info)
    for peer, sound in ((spoofed, 5), (listener, 0)):  # who is first is believed, until it is known better
        peer.rtp.sendto(b"hello", peer.to)
        driver.tick(5)
        assert len(peer.heard()) == sound
    assert not drained(made[0].rtp) and stats(driver, info.leg).packets_received == 0
    said(listener, listener.rtp, driver, 3)
    driver.tick(5)
    spoofed.heard()
    spoofed.rtp.sendto(b"hello", spoofed.to)
    driver.tick(5)
    assert len(listener.heard()) >= 12 and not drained(spoofed.rtp)
    said(made[0], made[0].rtp, driver, 3)  # who was named, and has the key
    listener.heard()
    driver.tick(5)
    assert len(made[0].heard()) >= 5 and not drained(listener.rtp)
    for peer in made:
        peer.close()


@pytest.mark.parametrize("plain", [True, False])
def test_hello_moves_no_plain_leg_and_none_of_several(driver: Driver, peers: list[Peer], plain: bool) -> None:
    room = driver.room()
    for peer in peers[: 1 if plain else 2]:
        opened(driver, peer, None if plain else keys(), room, latch_host=HERE)
    peers[2].to = peers[0].to
    peers[2].rtp.sendto(b"hello", peers[2].to)
    driver.tick(5)
    assert not peers[2].heard()


def test_ten_thousand_spoilt_packets_hurt_nobody(driver: Driver, secret: SecretPeer, srtp: Srtp) -> None:
    rng, info = random.Random(10), opened(driver, secret, srtp, driver.room())
    for _ in range(200):
        for _ in range(50):
            spoilt = bytearray(secret.packet(rng.randbytes(rng.choice((0, 1, 160, 1400)))))
            for bit in rng.sample(range(8 * len(spoilt)), rng.randint(1, 4)):
                spoilt[bit // 8] ^= 1 << bit % 8
            secret.rtp.sendto(bytes(spoilt[: rng.choice((rng.randrange(1, 30), len(spoilt)))]), secret.to)
        secret.rtp.sendto(rng.randbytes(rng.randrange(1600)), rng.choice((secret.to, secret.to_rtcp)))
        driver.tick()
    found = stats(driver, info.leg)
    assert found.packets_received == 0 and found.refused > 5000
    secret.seq += 1
    for _ in range(5):
        secret.say(SILENCE)
        driver.tick()
    assert stats(driver, info.leg).packets_received == 5


def test_what_could_not_be_sealed_is_not_counted_as_sent(driver: Driver, secret: SecretPeer, srtp: Srtp) -> None:
    info = opened(driver, secret, srtp, driver.room())
    safes = driver.engine.plane.legs.vault.table
    for lost in (False, True):
        safes["outbound"][0] *= not lost
        driver.engine.handle(SendKeys(info.leg, "1", 0.06, 0.04), driver.now)
        for _ in range(20):
            secret.say(SILENCE)
            driver.tick()
    assert stats(driver, info.leg).packets_sent == len(drained(secret.rtp)) >= 20
