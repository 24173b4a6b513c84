"""Legs of WebRTC in the control process: whom they answer, when the worker is told what, and when they are over."""

import random
from typing import Any

import pytest

from softphone.media.contract.leg import Datagram, Event, LegInfo, LegSpec, MediaAddress, RtpTimeout, WorkerLost
from softphone.media.contract.messages import CloseLeg, OpenLeg, SendDatagram, UpdateLeg
from softphone.media.contract.security import Ice, Srtp
from softphone.media.rtp import stun
from softphone.media.rtp.dtls import HANDSHAKE_S, HANDSHAKES, Association, Fingerprint, Identity
from softphone.media.rtp.ice import CONSENT_S
from softphone.media.workers.client import Media
from softphone.media.workers.webrtc import WebrtcMedia
from tests.media.rtp.checks import check

PORT, PASSWORD, UNIX = 40_000, "p" * 24, 1_790_000_000.0
HOME, MOBILE, OTHER = (MediaAddress(host, 50_000) for host in ("192.0.2.1", "192.0.2.2", "203.0.113.9"))
THEIRS, SOMEBODY = Identity(), Identity()
NO_KEYS = Srtp("AEAD_AES_128_GCM")


class PaperWorker(Media):
    """Notes what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.specs: dict[int, LegSpec] = {}
        self.sent: list[SendDatagram] = []
        self.port = PORT

    async def ask(self, request: Any) -> Any:
        if isinstance(request, OpenLeg):
            self.specs[len(self.specs) + 1] = request.spec
            return LegInfo(len(self.specs), "192.0.2.5", self.port, self.port + 1)
        return self._done(request)

    def tell(self, request: Any) -> None:
        self._done(request)

    def _done(self, request: Any) -> Any:
        if isinstance(request, SendDatagram):
            self.sent.append(request)
        if isinstance(request, UpdateLeg):
            self.specs[request.leg] = request.spec
            return LegInfo(request.leg, "192.0.2.5", PORT, PORT + 1)
        return None


class Browser:
    """A peer on paper, which sends what it says from an address."""

    def __init__(self, bridge: "Bridge", name: str, at: MediaAddress = HOME, role: str = "client") -> None:
        self.bridge, self.name, self.at = bridge, name, at
        self.password = PASSWORD
        self.dtls = Association(THEIRS, role, (Fingerprint(*bridge.print),))  # type: ignore[arg-type]

    def check(self, **said: Any) -> list[bytes]:
        return self.send(check(f"{self.name}:theirs", self.password.encode(), **said))

    def send(self, data: bytes) -> list[bytes]:
        return self.bridge.come(data, self.at)

    def shake_hands(self) -> None:
        said = self.dtls.start(UNIX)
        while said:
            answers = [each for datagram in said for each in self.send(datagram)]
            said = [each for answer in answers for each in self.dtls.receive(answer, UNIX)]


class Bridge:
    """Our side, with a worker of paper and a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.worker = PaperWorker()
        self.media = WebrtcMedia(self.worker, clock=lambda: self.now, unix=lambda: UNIX)
        self.events: list[Event] = []
        self.media.on_event = self.events.append
        algorithm, _, value = self.media.fingerprint.partition(" ")
        self.print = (algorithm, value)

    def come(self, data: bytes, sender: MediaAddress, local: int = PORT) -> list[bytes]:
        """Let a datagram come; give what was sent back to where it came from."""
        before = len(self.worker.sent)
        self.worker.on_event(Datagram(local, sender, data))
        return [each.data for each in self.worker.sent[before:] if each.to == sender]

    def spec(self, name: str = "ours", **ice: Any) -> LegSpec:
        prints = ice.pop("fingerprints", (tuple(THEIRS.fingerprint),))
        return LegSpec(ice=Ice(name, PASSWORD, "theirs", prints, **ice), srtp=NO_KEYS, codec="OPUS")

    async def open(self, name: str = "ours", **ice: Any) -> Browser:
        await self.media.ask(OpenLeg(self.spec(name, **ice)))
        return Browser(self, name, role="server" if ice.get("dtls") == "client" else "client")

    @property
    def keys(self) -> Srtp | None:
        return self.worker.specs[1].srtp

    @property
    def remote(self) -> MediaAddress | None:
        return self.worker.specs[1].remote


async def test_a_check_says_where_and_dtls_says_what_keys() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    assert bridge.remote is None and bridge.keys == NO_KEYS
    assert browser.check() and bridge.remote == HOME and bridge.keys == NO_KEYS
    browser.shake_hands()
    assert browser.dtls.keys is not None and bridge.keys is not None
    assert (bridge.keys.send, bridge.keys.receive) == (browser.dtls.keys.receive, browser.dtls.keys.send)
    assert bridge.worker.specs[1].timeout_s == 0 and bridge.worker.specs[1].rtcp_mux and bridge.events == []


async def test_we_say_hello_where_that_is_our_part() -> None:
    bridge = Bridge()
    browser = await bridge.open(dtls="client")
    answers = browser.check()
    assert len(answers) == 2  # of the check, and our hello
    said = browser.dtls.receive(answers[1], UNIX)
    while said:
        answers = [each for datagram in said for each in browser.send(datagram)]
        said = [each for answer in answers for each in browser.dtls.receive(answer, UNIX)]
    assert bridge.keys is not None and bridge.keys.keyed


async def test_nobody_is_answered_dtls_who_has_not_shown_that_he_is_there() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    hello = browser.dtls.start(UNIX)[0]
    assert browser.send(hello) == []
    browser.check()
    browser.at = OTHER
    assert browser.send(hello) == [] and bridge.worker.sent[-1].to == HOME
    browser.at = HOME
    assert browser.send(hello) != []


async def test_checks_for_nobody_or_at_another_port_are_not_answered() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    assert bridge.come(check("nobody:theirs", PASSWORD.encode()), HOME) == []
    assert bridge.come(check("ours:theirs", PASSWORD.encode()), HOME, PORT + 2) == []
    assert bridge.remote is None and browser.check()


async def test_who_has_another_certificate_is_refused_and_told_of_once() -> None:
    bridge = Bridge()
    browser = await bridge.open(fingerprints=(tuple(SOMEBODY.fingerprint),))
    browser.check()
    browser.shake_hands()
    assert bridge.keys == NO_KEYS and bridge.remote is None
    assert bridge.events == [RtpTimeout(1)] and bridge.media.ended["refused"] == 1
    assert browser.check() == []
    bridge.media.step(bridge.now + 1000)
    assert bridge.events == [RtpTimeout(1)]


async def test_media_stop_without_consent() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    browser.shake_hands()
    for _ in range(4):
        bridge.now += CONSENT_S - 1
        bridge.media.step(bridge.now)
        browser.check(nominate=False)
    assert bridge.events == [] and bridge.remote == HOME
    bridge.now += CONSENT_S + 1
    bridge.media.step(bridge.now)
    assert bridge.events == [RtpTimeout(1)] and bridge.remote is None
    assert bridge.media.ended["consent"] == 1


@pytest.mark.parametrize(("checked", "kind"), [(False, "checks"), (True, "handshake")])
async def test_what_is_begun_is_finished_in_time_or_not_at_all(checked: bool, kind: str) -> None:
    bridge = Bridge()
    browser = await bridge.open()
    bridge.now += HANDSHAKE_S / 2
    if checked:
        browser.check()
    bridge.media.step(bridge.now)
    assert bridge.events == []
    bridge.now += HANDSHAKE_S / 2 + 1
    bridge.media.step(bridge.now)
    assert bridge.events == [RtpTimeout(1)] and bridge.media.ended[kind] == 1


async def test_who_has_not_been_described_yet_is_waited_for() -> None:
    bridge = Bridge()
    browser = await bridge.open(fingerprints=())
    bridge.now += 10 * HANDSHAKE_S
    bridge.media.step(bridge.now)
    assert bridge.events == []
    await bridge.media.ask(UpdateLeg(1, bridge.spec()))
    browser.check()
    browser.shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed


async def test_the_same_peer_again_keeps_its_place_and_keys() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    browser.shake_hands()
    keys = bridge.keys
    await bridge.media.ask(UpdateLeg(1, LegSpec(ice=bridge.spec().ice, srtp=NO_KEYS, codec="PCMU")))
    spec = bridge.worker.specs[1]
    assert (spec.codec, spec.remote, spec.srtp) == ("PCMU", HOME, keys)


async def test_a_restart_of_ice_keeps_the_keys() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    browser.shake_hands()
    keys = bridge.keys
    await bridge.media.ask(UpdateLeg(1, bridge.spec("anew")))
    assert bridge.remote == HOME and browser.check(nominate=False)
    browser.at, browser.name = MOBILE, "anew"
    browser.check()
    assert bridge.remote == MOBILE and bridge.keys == keys


async def test_another_certificate_needs_another_handshake() -> None:
    bridge = Bridge()
    browser = await bridge.open(fingerprints=(tuple(SOMEBODY.fingerprint),))
    browser.check()
    await bridge.media.ask(UpdateLeg(1, bridge.spec("anew")))
    assert bridge.keys == NO_KEYS
    other = Browser(bridge, "anew")
    other.check()
    other.shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed
    before = bridge.keys
    await bridge.media.ask(UpdateLeg(1, bridge.spec("third", fingerprints=(tuple(SOMEBODY.fingerprint),))))
    assert bridge.keys == NO_KEYS and bridge.keys != before


async def test_a_goodbye_ends_it() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    browser.shake_hands()
    for datagram in browser.dtls.close():
        browser.send(datagram)
    assert bridge.events == [RtpTimeout(1)] and bridge.media.ended["goodbye"] == 1


async def test_we_say_goodbye_and_then_know_nothing_of_it() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    browser.shake_hands()
    before = len(bridge.worker.sent)
    await bridge.media.ask(CloseLeg(1))
    browser.dtls.receive(bridge.worker.sent[before].data, UNIX)
    assert browser.dtls.state == "closed" and browser.check() == []


async def test_legs_of_a_lost_worker_are_forgotten() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    bridge.worker.on_event(lost := WorkerLost(1, [1], []))
    assert browser.check() == [] and bridge.events == [lost]


@pytest.mark.parametrize("left", [1, 2])
async def test_a_leg_that_moves_to_another_worker_keeps_its_peer_and_so_does_one_that_does_not_after_all(
    left: int,
) -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    browser.shake_hands()
    keys = bridge.keys
    bridge.worker.port = PORT + 2
    await bridge.media.ask(OpenLeg(bridge.spec()))
    said = len(bridge.worker.sent)
    await bridge.media.ask(CloseLeg(left))
    assert len(bridge.worker.sent) == said  # no goodbye: who holds the other leg goes on
    stays, local = (2, PORT + 2) if left == 1 else (1, PORT)
    (answer,) = bridge.come(check("ours:theirs", PASSWORD.encode()), HOME, local)
    assert stun.is_success(answer)
    there = bridge.worker.specs[stays]
    assert keys is not None and (there.remote, there.srtp) == (HOME, keys)
    bridge.now += CONSENT_S - 1.0
    bridge.media.step(bridge.now)
    assert bridge.events == [] and bridge.worker.sent[-1].data == answer
    bridge.now += 2.0
    bridge.media.step(bridge.now)
    assert bridge.events == [RtpTimeout(stays)]


async def test_a_leg_that_has_moved_to_where_its_peer_does_not_follow_is_over() -> None:
    bridge = Bridge()
    browser = await bridge.open()
    browser.check()
    browser.shake_hands()
    bridge.worker.port = PORT + 2
    await bridge.media.ask(OpenLeg(bridge.spec()))
    await bridge.media.ask(CloseLeg(1))
    bridge.now += CONSENT_S + 1.0
    bridge.media.step(bridge.now)
    assert bridge.events == [RtpTimeout(2)]


async def test_so_many_shake_hands_at_once() -> None:
    bridge = Bridge()
    for number in range(HANDSHAKES + 1):
        browser = await bridge.open(f"leg{number}")
        browser.at = MediaAddress("192.0.2.1", 1000 + number)
        browser.check()
        answered = browser.send(browser.dtls.start(UNIX)[0])
        assert bool(answered) is (number < HANDSHAKES)


async def test_so_many_are_greeted_at_once_and_the_next_when_one_has_gone() -> None:
    bridge = Bridge()
    for number in range(HANDSHAKES + 1):
        browser = await bridge.open(f"leg{number}", dtls="client")
        browser.at = MediaAddress("192.0.2.1", 1000 + number)
        hello = browser.check()[1:]
        assert bool(hello) is (number < HANDSHAKES)
    before = len(bridge.worker.sent)
    bridge.media.step(bridge.now)
    assert bridge.worker.sent[before:] == []
    await bridge.media.ask(CloseLeg(1))
    bridge.media.step(bridge.now)
    assert {each.to for each in bridge.worker.sent[before:]} == {browser.at}


async def test_spoofed_senders_get_no_more_bytes_than_they_sent() -> None:
    bridge, rng = Bridge(), random.Random(7)
    browser = await bridge.open()
    hello = Browser(bridge, "ours").dtls.start(UNIX)[0]
    kinds = (check("ours:x", b"guessed"), check("ours:theirs", b"g" * 24, nominate=False), hello, bytes(20))
    sent = returned = 0
    for number in range(10_000):
        data = bytearray(rng.choice(kinds))
        for _ in range(rng.randint(0, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        data[0] = rng.choice((0, 1, 20, 22, data[0] % 64))
        sent += len(data)
        back = sum(map(len, bridge.come(bytes(data), MediaAddress("203.0.113.9", 1 + number % 60_000))))
        returned += back
        assert back <= len(data)
    assert 0 < returned <= sent and bridge.remote is None and bridge.events == []
    browser.check()
    browser.shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed


async def test_spoiled_dtls_of_a_known_sender_ends_no_other_leg() -> None:
    bridge, rng = Bridge(), random.Random(8)
    good, bad = await bridge.open("good"), await bridge.open("bad")
    bad.at = OTHER
    bad.check()
    hello = bad.dtls.start(UNIX)[0]
    for _ in range(10_000):
        data = bytearray(hello)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(1, len(data))] = rng.randrange(256)
        bad.send(bytes(data))
    good.check()
    good.shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed
