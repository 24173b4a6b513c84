"""Keys by DTLS without ICE in the control process: whom it answers, with how much, and what the worker is told."""

import asyncio
import random
from typing import Any, Literal

import msgspec
import pytest

from softphone.errors import MediaError, NoSuchLeg
from softphone.media.contract.leg import LegSpec, MediaAddress, RtpTimeout
from softphone.media.contract.messages import CloseLeg, OpenLeg, UpdateLeg
from softphone.media.contract.security import DtlsPeer, Srtp
from softphone.media.rtp.dtls import HANDSHAKE_S, Association, Fingerprint
from tests.media.workers.test_webrtc import HOME, NO_KEYS, OTHER, PORT, SOMEBODY, THEIRS, UNIX, Bridge

BESIDE = MediaAddress(HOME.host, HOME.port + 1)
ELSEWHERE = MediaAddress(HOME.host, 61_000)
Role = Literal["client", "server"]


class Telephone:
    """A peer on paper, of one port or two."""

    def __init__(self, bridge: Bridge, role: Role = "client", *, at: MediaAddress = HOME, local: int = PORT) -> None:
        self.bridge, self.at, self.local = bridge, at, local
        self.dtls = Association(THEIRS, role, (Fingerprint(*bridge.print),))

    def send(self, data: bytes) -> list[bytes]:
        return self.bridge.come(data, self.at, self.local)

    def go_on(self, said: list[bytes]) -> None:
        while said:
            answers = [each for datagram in said for each in self.send(datagram)]
            said = [each for answer in answers for each in self.dtls.receive(answer, UNIX)]

    def shake_hands(self) -> None:
        self.go_on(self.dtls.start(UNIX))

    @property
    def keys(self) -> tuple[bytes, bytes]:
        assert self.dtls.keys is not None
        return self.dtls.keys.receive, self.dtls.keys.send


def spec(role: Role = "server", prints: Any = THEIRS, **more: Any) -> LegSpec:
    who = DtlsPeer((tuple(prints.fingerprint),), role)
    return LegSpec(dtls=who, srtp=NO_KEYS, **{"remote": HOME, "rtcp_mux": True, **more})


async def met(spec: LegSpec) -> Bridge:
    bridge = Bridge()
    await bridge.media.ask(OpenLeg(spec))
    return bridge


async def test_who_says_hello_is_asked_for_a_cookie_and_then_keys_are_made() -> None:
    bridge = await met(spec())
    phone = Telephone(bridge)
    (hello,) = phone.dtls.start(UNIX)
    (asked,) = phone.send(hello)
    assert len(asked) < len(hello) and asked[13] == 3  # a HelloVerifyRequest (RFC 6347 section 4.3.2)
    assert phone.send(hello) == [asked]
    phone.go_on(phone.dtls.receive(asked, UNIX))
    assert bridge.keys is not None and (bridge.keys.send, bridge.keys.receive) == phone.keys
    assert bridge.remote == HOME and bridge.worker.specs[1].timeout_s == spec().timeout_s and bridge.events == []


async def test_reports_on_a_port_of_their_own_have_keys_of_their_own() -> None:
    bridge = await met(spec(rtcp_mux=False))
    media, reports = Telephone(bridge), Telephone(bridge, at=BESIDE, local=PORT + 1)
    media.shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed and bridge.keys.reports == Srtp(bridge.keys.profile)
    reports.shake_hands()
    assert bridge.keys.reports is not None and all(each.reports for each in bridge.worker.sent if each.to == BESIDE)
    assert (bridge.keys.send, bridge.keys.receive) == media.keys
    assert (bridge.keys.reports.send, bridge.keys.reports.receive) == reports.keys


async def test_spoofed_senders_are_sent_no_more_than_they_send_and_keep_nobody_out() -> None:
    bridge = await met(spec(latch_host=HOME.host))
    phone, said = Telephone(bridge), 0
    hellos = [Telephone(bridge).dtls.start(UNIX)[0] for _ in range(20)]
    (asked,) = phone.send(phone.dtls.start(UNIX)[0])
    for number, hello in enumerate(hellos):
        for at in (HOME, OTHER, MediaAddress(HOME.host, 1024 + number)):
            said += len(hello)
            bridge.come(hello, at)
    assert sum(len(each.data) for each in bridge.worker.sent[1:]) <= said
    assert not any(each.to == OTHER for each in bridge.worker.sent)
    phone.go_on(phone.dtls.receive(asked, UNIX))
    assert phone.dtls.state == "connected"


async def test_a_cookie_is_worth_nothing_elsewhere() -> None:
    bridge = await met(spec(latch_host=HOME.host))
    phone = Telephone(bridge)
    (asked,) = phone.send(phone.dtls.start(UNIX)[0])
    (again,) = phone.dtls.receive(asked, UNIX)
    phone.at = ELSEWHERE
    (other,) = phone.send(again)
    assert other[13] == 3 and other != asked


async def test_who_sends_from_another_port_of_its_host_is_known_by_its_certificate() -> None:
    bridge = await met(spec(latch_host=HOME.host))
    phone = Telephone(bridge, at=ELSEWHERE)
    phone.shake_hands()
    assert bridge.remote == ELSEWHERE and bridge.keys is not None and bridge.keys.keyed


async def test_we_say_hello_to_a_peer_that_waits_once_it_is_no_stranger() -> None:
    bridge = await met(spec("client", trust="earned"))
    bridge.media.handshakes.step(bridge.now)
    assert bridge.worker.sent == []
    await bridge.media.ask(UpdateLeg(1, spec("client")))
    (hello,) = bridge.worker.sent
    assert hello.to == HOME
    phone = Telephone(bridge, "server")
    phone.go_on(phone.dtls.receive(hello.data, UNIX))
    assert bridge.keys is not None and (bridge.keys.send, bridge.keys.receive) == phone.keys


async def test_another_certificate_is_refused_counted_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    bridge = await met(spec(prints=SOMEBODY, rtcp_mux=False))
    for phone in (Telephone(bridge, at=BESIDE, local=PORT + 1), Telephone(bridge), Telephone(bridge)):
        phone.shake_hands()
    assert bridge.keys == NO_KEYS and bridge.events == [RtpTimeout(1)] and bridge.media.ended["refused"] == 2
    assert len([each for each in caplog.records if "fingerprint" in each.message]) == 1


async def test_hold_keeps_the_keys_and_another_certificate_does_not() -> None:
    bridge = await met(spec())
    Telephone(bridge).shake_hands()
    keys = bridge.keys
    await bridge.media.ask(UpdateLeg(1, spec(direction="sendonly")))
    assert bridge.keys == keys != NO_KEYS and bridge.worker.specs[1].direction == "sendonly"
    await bridge.media.ask(UpdateLeg(1, spec(prints=SOMEBODY)))
    assert bridge.keys == NO_KEYS


async def test_at_another_address_the_keys_are_good_till_there_are_others() -> None:
    bridge = await met(spec())
    Telephone(bridge).shake_hands()
    keys = bridge.keys
    await bridge.media.ask(UpdateLeg(1, spec(remote=OTHER)))
    assert (bridge.remote, bridge.keys) == (OTHER, keys)
    anew = Telephone(bridge, at=OTHER)
    anew.shake_hands()
    assert bridge.keys is not None and (bridge.keys.send, bridge.keys.receive) == anew.keys


async def test_a_telephone_that_began_anew_has_other_keys() -> None:
    bridge = await met(spec())
    Telephone(bridge).shake_hands()
    bridge.now += 10.0
    anew = Telephone(bridge)
    anew.shake_hands()
    assert bridge.keys is not None and (bridge.keys.send, bridge.keys.receive) == anew.keys


async def test_a_leg_that_moves_to_another_worker_keeps_its_keys() -> None:
    bridge = await met(spec())
    Telephone(bridge).shake_hands()
    keys, said = bridge.keys, len(bridge.worker.sent)
    bridge.worker.port = PORT + 2
    await bridge.media.ask(OpenLeg(spec()))
    await bridge.media.ask(CloseLeg(1))
    assert bridge.worker.specs[2].srtp == keys and len(bridge.worker.sent) == said
    await bridge.media.ask(CloseLeg(2))
    assert len(bridge.worker.sent) == said + 1  # goodbye


async def test_keys_that_another_worker_had_are_good_till_the_leg_is_over() -> None:
    had = Srtp(NO_KEYS.profile, bytes(28), bytes(28), heard=((7, 90_000),))
    bridge = await met(msgspec.structs.replace(spec(prints=SOMEBODY), srtp=had))
    assert bridge.keys == had
    Telephone(bridge).shake_hands()
    assert bridge.keys == NO_KEYS and bridge.events == [RtpTimeout(1)]


async def test_who_waits_for_keys_is_told_when_they_are_there_or_never_will_be() -> None:
    for prints in (THEIRS, SOMEBODY):
        bridge = await met(spec(prints=prints))
        media = bridge.media.handshakes
        waiting = asyncio.ensure_future(media.keyed(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        Telephone(bridge).shake_hands()
        if prints is THEIRS:
            await waiting
            assert media.told(1) == bridge.worker.specs[1]
        else:
            with pytest.raises(MediaError, match="another one"):
                await waiting
    await media.keyed(2)  # none of DTLS
    bridge = await met(spec())
    waiting = asyncio.ensure_future(bridge.media.handshakes.keyed(1))
    await asyncio.sleep(0)
    await bridge.media.ask(CloseLeg(1))
    with pytest.raises(NoSuchLeg):
        await waiting


async def test_keys_of_reports_or_of_a_certificate_before_are_not_those_that_are_waited_for() -> None:
    bridge = await met(spec(rtcp_mux=False))
    media = bridge.media.handshakes
    waiting = asyncio.ensure_future(media.keyed(1))
    await asyncio.sleep(0)
    Telephone(bridge, at=BESIDE, local=PORT + 1).shake_hands()
    await asyncio.sleep(0)
    Telephone(bridge).shake_hands()
    await waiting
    await bridge.media.ask(UpdateLeg(1, spec(prints=SOMEBODY)))
    waiting = asyncio.ensure_future(media.keyed(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    await bridge.media.ask(UpdateLeg(1, spec()))
    Telephone(bridge).shake_hands()
    await waiting


async def test_time_goes_on_for_those_alone_that_have_something_to_do() -> None:
    """However many others there are, and however often a leg is described, or its worker refuses that."""
    bridge = await met(spec())
    media = bridge.media.handshakes
    Telephone(bridge).shake_hands()
    others = [LegSpec(dtls=DtlsPeer((("sha-256", f"{k:02X}"),)), srtp=NO_KEYS, remote=OTHER) for k in range(40)]
    for each in others:
        await bridge.media.ask(OpenLeg(each))
    media.step(bridge.now)
    assert media._busy == set()
    await bridge.media.ask(UpdateLeg(2, spec("client", remote=ELSEWHERE, rtcp_mux=False)))
    assert len(media._busy) == 2 and len(media._by_peer) == 41
    bridge.now += 2.0
    sent = len(bridge.worker.sent)
    media.step(bridge.now)
    assert {each.leg for each in bridge.worker.sent[sent:]} <= {2}
    for number in bridge.worker.specs:
        await bridge.media.ask(CloseLeg(number))
    assert not (media._busy or media._by_peer or media._by_place or media._by_host or media._legs)


async def test_what_the_worker_refuses_leaves_the_leg_as_it_was() -> None:
    bridge = await met(spec())

    async def refuse(request: object) -> object:
        raise MediaError("no port")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(MediaError):
        patch.setattr(bridge.worker, "ask", refuse)
        await bridge.media.ask(UpdateLeg(1, spec(prints=SOMEBODY, remote=OTHER)))
    Telephone(bridge).shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed and bridge.remote == HOME


async def test_a_handshake_that_is_not_finished_makes_room_for_another() -> None:
    bridge = await met(spec())
    phone = Telephone(bridge)
    (again,) = phone.dtls.receive(phone.send(phone.dtls.start(UNIX)[0])[0], UNIX)
    assert phone.send(again) != []
    bridge.now += HANDSHAKE_S + 1.0
    bridge.media.handshakes.step(bridge.now)
    Telephone(bridge).shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed and bridge.media.ended["handshake"] == 1


async def test_spoiled_datagrams_end_nothing() -> None:
    bridge = await met(spec(latch_host=HOME.host))
    dice, phone = random.Random(5764), Telephone(bridge)
    (hello,) = phone.dtls.start(UNIX)
    said = len(bridge.worker.sent)
    for _ in range(3000):
        spoiled = bytearray(hello[: dice.randrange(1, len(hello) + 1)])
        for _ in range(dice.randrange(1, 4)):
            spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        spoiled[0] = dice.choice((20, 21, 22, 22, 22, 22, 63))
        assert sum(map(len, bridge.come(bytes(spoiled), dice.choice((HOME, ELSEWHERE))))) <= len(spoiled)
    assert len(bridge.worker.sent) > said and bridge.events == []
    Telephone(bridge).shake_hands()
    assert bridge.keys is not None and bridge.keys.keyed
    for _ in range(1000):
        bridge.come(bytes([dice.choice((20, 21, 22, 23))]) + dice.randbytes(dice.randrange(60)), HOME)
    assert bridge.keys.keyed and bridge.events == []


async def test_a_call_that_is_encrypted_no_more_is_forgotten() -> None:
    bridge = await met(spec())
    await bridge.media.ask(UpdateLeg(1, msgspec.structs.replace(spec(), dtls=None, srtp=None)))
    phone = Telephone(bridge)
    assert phone.send(phone.dtls.start(UNIX)[0]) == []
