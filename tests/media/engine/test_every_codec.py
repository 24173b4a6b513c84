"""Legs that speak each codec of the table, in one room: what each is really sent, decoded by ffmpeg where it can."""

import struct
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.codec import TABLE, Codec, codec
from softphone.errors import MediaError
from softphone.media.codecs import libopus
from softphone.media.codecs.opus import OpusEncoder
from softphone.media.contract.leg import LegSpec
from softphone.media.contract.messages import CloseLeg, Configure, Failed, OpenLeg, UpdateLeg
from softphone.media.engine.engine import Engine
from softphone.media.net.port import LoopPort
from softphone.opus import OpusParameters
from tests.media.codecs import lines
from tests.media.codecs.any import decoder, encoder
from tests.media.peer import Driver, Peer, drained, fields, stats

TICKS = 60
LEVEL = 6000
FOREIGN = {"G722": lines.Peer("g722", 16_000), "OPUS": lines.Peer("libopus", 48_000)}
"""ffmpeg's, for codecs whose sound it gives at once."""


class Hall(Driver):
    """A driver that has its phones take what they are sent, tick by tick."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.phones: list[Phone] = []

    def tick(self, count: int = 1, late_s: float = 0.0) -> None:
        for _ in range(count):
            super().tick(1, late_s)
            for phone in self.phones:
                phone.kept += drained(phone.rtp)


def opened(monkeypatch: pytest.MonkeyPatch, *, gate: bool = False) -> Iterator[Hall]:
    """Give a hall, and close it with its phones."""
    monkeypatch.setattr("softphone.media.net.portpool.Port", LoopPort)
    hall = Hall(Engine(capacity=16, gate=gate))
    yield hall
    hall.engine.close(2000.0)
    for phone in hall.phones:
        phone.close()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    yield from opened(monkeypatch)


class Phone(Peer):
    """A telephone that says a tone in a codec, and listens."""

    def __init__(self, driver: Hall, spoken: Codec, room: int, hz: float, **settings: object) -> None:
        super().__init__(spoken.payload_type)
        self.driver, self.codec, self.hz, self.level = driver, spoken, hz, LEVEL
        ptime = settings.pop("ptime_ms", min(20, max(spoken.ptimes_ms)))
        self.leg = driver.open(self, room, codec=spoken.name, ptime_ms=ptime, **settings).leg
        self._encoder, self._said = encoder(spoken, 1, spoken.rate_hz), 0
        if isinstance(self._encoder, OpusEncoder):
            self._encoder.configure(np.zeros(1, np.int64), OpusParameters(fec=True))
        self.kept: list[bytes] = []
        driver.phones.append(self)

    def heard(self) -> list[bytes]:
        """All that came since the last call."""
        kept, self.kept = self.kept, []
        return kept

    def talk(self, ms: int = 20) -> bytes:
        """Say some of the tone, in a packet."""
        payload = self.coded(ms)
        self.rtp.sendto(self.packet(payload), self.to)
        self.go_on(ms)
        return payload

    def coded(self, ms: int = 20) -> bytes:
        """Encode the next of the tone."""
        count = self.codec.rate_hz * ms // 1000
        at = np.arange(self._said, self._said + count) / self.codec.rate_hz
        self._said += count
        frame = np.rint(self.level * np.sin(2 * np.pi * self.hz * at)).astype(np.int16)[None]
        out = np.zeros((1, 4000), np.uint8)
        return out[0, : self._encoder.encode(np.zeros(1, np.int64), frame, out)[0]].tobytes()

    def go_on(self, ms: int = 20) -> None:
        self.seq += 1
        self.timestamp += self.codec.ticks(ms)

    def sound(self, datagrams: list[bytes] | None = None) -> tuple[NDArray[np.int16], int]:
        """What was heard, and its sampling rate."""
        payloads = [each[12:] for each in (self.heard() if datagrams is None else datagrams)]
        if foreign := FOREIGN.get(self.codec.name):
            return foreign.decode(payloads), foreign.rate_hz
        rows, laid = np.zeros(len(payloads), np.int64), lines.laid(payloads)
        pcm = np.zeros((len(payloads), 6000), np.int16)
        made = decoder(self.codec, 1, self.codec.rate_hz).decode(rows, laid, pcm)
        return np.concatenate([each[:count] for each, count in zip(pcm, made, strict=True)]), self.codec.rate_hz


def loudness(sound: NDArray[np.int16], rate_hz: int, hz: float) -> float:
    """Amplitude of a tone in the last half second."""
    last = sound[-rate_hz // 2 :].astype(float)
    return float(abs(2 * np.mean(last * np.exp(-2j * np.pi * hz * np.arange(len(last)) / rate_hz))))


@pytest.mark.parametrize("theirs", TABLE, ids=lambda each: each.name)
def test_everybody_hears_the_others_in_whatever_codec(driver: Hall, theirs: Codec) -> None:
    room = driver.room()
    phones = [Phone(driver, each, room, 300.0 + 100 * k) for k, each in enumerate((theirs, *TABLE))]
    step = min(20, max(theirs.ptimes_ms))
    for _ in range(TICKS):
        for _ in range(0, 20, step):
            phones[0].talk(step)
        phones[1].talk()
        driver.tick()
    for k, phone in enumerate(phones):
        sound, rate_hz = phone.sound()
        found = [loudness(sound, rate_hz, other.hz) for other in phones]
        for other in range(len(phones)):
            if other in (0, 1) and other != k:
                assert found[other] == pytest.approx(LEVEL, rel=0.15), (phone.codec.name, other)
            else:
                assert found[other] < 0.03 * LEVEL, (phone.codec.name, other)


@pytest.mark.parametrize("spoken", TABLE, ids=lambda each: each.name)
def test_numbers_and_timestamps_count_as_the_codec_says(driver: Hall, spoken: Codec) -> None:
    for ptime in spoken.ptimes_ms:
        phone = Phone(driver, spoken, driver.room(), 400.0, ptime_ms=ptime)
        other = Phone(driver, codec("PCMU"), driver.room(), 500.0)
        driver.engine.handle(Configure(phone.leg, answered=True), driver.now)
        driver.tick(12)
        told = [fields(each) for each in phone.heard()]
        assert len(told) == 240 // ptime
        for before, after in pairwise(told):
            assert (after[3] - before[3]) & 0xFFFF == 1
            assert (after[4] - before[4]) & 0xFFFFFFFF == spoken.ticks(ptime)
        assert {kind for _, kind, *_ in told} == {spoken.payload_type}
        for each in (phone, other):
            driver.engine.handle(CloseLeg(each.leg), driver.now)


@pytest.mark.parametrize("name", ["G722", "OPUS", "OPUS/16000"])
def test_what_is_lost_late_or_out_of_order_is_made_up_or_put_in_order(driver: Hall, name: str) -> None:
    room = driver.room()
    talker, listener = Phone(driver, codec(name), room, 400.0), Phone(driver, codec("L16/16000"), room, 900.0)
    for k in range(100):
        packet = talker.packet(talker.coded())
        talker.go_on()
        if k % 10 == 3:
            held = packet
        elif k % 10 != 7:
            talker.rtp.sendto(packet, talker.to)
        if k % 10 == 4:
            talker.rtp.sendto(held, talker.to)
        driver.tick()
    sound, rate_hz = listener.sound()
    assert loudness(sound, rate_hz, 400.0) == pytest.approx(LEVEL, rel=0.2)
    pieces = sound[-rate_hz:].reshape(-1, 160).astype(float)
    assert np.sqrt(np.mean(pieces**2, axis=1)).min() > 0.1 * LEVEL, "a hole of 10 ms"
    counted = stats(driver, talker.leg)
    assert (counted.lost, counted.late, counted.stray) == (10, 0, 0)


def test_all_who_hear_the_same_are_sent_the_same_and_a_talker_goes_over_without_a_break(driver: Hall) -> None:
    room = driver.room()
    talker = Phone(driver, codec("PCMU"), room, 400.0)
    listeners = [Phone(driver, codec("OPUS"), room, 1000.0) for _ in range(3)]
    heard: list[list[bytes]] = [[] for _ in listeners]
    for k in range(150):
        talker.talk()
        if 50 <= k < 100:
            listeners[0].talk()
        driver.tick()
        for each, phone in zip(heard, listeners, strict=True):
            each += phone.heard()
    assert [each[12:] for each in heard[1]] == [each[12:] for each in heard[2]]
    same = [a[12:] == b[12:] for a, b in zip(heard[0], heard[1], strict=True)]
    assert all(same[:50]) and all(same[-40:]) and not any(same[56:100])
    sound, rate_hz = listeners[0].sound(heard[0])
    assert loudness(sound[: rate_hz * 2], rate_hz, 400.0) == pytest.approx(LEVEL, rel=0.1)
    assert loudness(sound[: rate_hz * 2], rate_hz, 1000.0) < 0.05 * LEVEL
    # A break would bend the tone more than the codec's own noise does anywhere else.
    bends = np.abs(np.diff(sound.astype(int), 2)).reshape(-1)[: rate_hz * 3 - 2]
    near = [bends[rate_hz * k // 50 : rate_hz * (k + 8) // 50].max() for k in (50, 100)]
    apart = np.concatenate((bends[rate_hz // 5 : rate_hz], bends[rate_hz * 6 // 5 : rate_hz * 2]))
    assert max(near) < 1.2 * apart.max()


def test_who_wants_other_opus_than_the_rest_has_a_stream_of_his_own(driver: Hall) -> None:
    room = driver.room()
    talker = Phone(driver, codec("PCMU"), room, 400.0)
    usual, small = (
        Phone(driver, codec("OPUS"), room, 900.0, parameters=said)
        for said in ("minptime=10;useinbandfec=1", "maxaveragebitrate=10000;cbr=1")
    )
    for _ in range(TICKS):
        talker.talk()
        driver.tick()
    sizes = {len(each) - 12 for each in small.heard()[5:]}
    assert len(sizes) == 1 and sizes.pop() == 25, "10 kbit/s, all of a size"
    assert len(usual.heard()) == TICKS


def test_who_wants_what_the_others_get_again_leaves_them_nothing_of_his_own(driver: Hall) -> None:
    room = driver.room()
    talker = Phone(driver, codec("PCMU"), room, 400.0)
    small = Phone(driver, codec("OPUS"), room, 900.0, parameters="maxaveragebitrate=10000;cbr=1")
    for parameters in ("", "useinbandfec=1"):
        for _ in range(TICKS):
            talker.talk()
            driver.tick()
        spec = LegSpec(codec="OPUS", remote=small.address, payload_type=111, parameters=parameters)
        driver.engine.handle(UpdateLeg(small.leg, spec), driver.now)
    small.heard()
    late = Phone(driver, codec("OPUS"), room, 900.0)
    for _ in range(TICKS):
        talker.talk()
        driver.tick()
    mine, theirs = small.heard(), late.heard()
    assert [each[12:] for each in mine[-TICKS:]] == [each[12:] for each in theirs[-TICKS:]]
    assert len({len(each) for each in theirs}) > 1, "of any size"


def test_who_wants_few_packets_in_silence_gets_few(driver: Hall) -> None:
    room = driver.room()
    talker = Phone(driver, codec("PCMU"), room, 400.0)
    saving, usual = (
        Phone(driver, codec("OPUS/16000"), room, 900.0, parameters=said)
        for said in ("useinbandfec=1;usedtx=1", "useinbandfec=1")
    )
    for phone in (saving, usual):
        driver.engine.handle(Configure(phone.leg, answered=True), driver.now)
    counts, told = [], []
    for talks in (True, False, True):
        for _ in range(2 * TICKS):
            if talks:
                talker.talk()
            driver.tick()
        heard = saving.heard()
        counts.append(len(heard))
        told += [fields(each) for each in heard]
        assert len(usual.heard()) == 2 * TICKS
    assert counts[0] == 2 * TICKS and counts[1] < TICKS and counts[2] > 1.9 * TICKS
    # Timestamps count what was not sent, and what follows it begins a talk spurt (RFC 7587 section 3.1.3).
    for before, after in pairwise(told):
        left_out = ((after[4] - before[4]) & 0xFFFFFFFF) // 320 - 1
        assert (after[3] - before[3]) & 0xFFFF == 1 and after[2] == (left_out > 0)
    assert (told[-1][4] - told[0][4]) & 0xFFFFFFFF == 320 * (6 * TICKS - 1)


def test_a_peer_may_change_to_a_codec_of_another_rate(driver: Hall) -> None:
    room = driver.room()
    talker = Phone(driver, codec("PCMU"), room, 400.0, others=((9, "G722"), (111, "OPUS")))
    listener = Phone(driver, codec("L16/16000"), room, 900.0)
    for name, kind in (("PCMU", 0), ("G722", 9), ("OPUS", 111), ("PCMU", 0)):
        talker.codec, talker.payload_type = codec(name), kind
        talker._encoder = encoder(talker.codec, 1, talker.codec.rate_hz)
        listener.heard()
        for _ in range(40):
            talker.talk()
            driver.tick()
        sound, rate_hz = listener.sound()
        assert loudness(sound, rate_hz, 400.0) == pytest.approx(LEVEL, rel=0.15), name
    assert stats(driver, talker.leg).stray == 0


def test_one_packet_of_a_stranger_in_another_codec_changes_nothing(driver: Hall) -> None:
    room = driver.room()
    talker = Phone(driver, codec("PCMU"), room, 400.0, others=((9, "G722"),))
    listener = Phone(driver, codec("PCMU"), room, 900.0)
    for k in range(TICKS):
        if k % 7 == 3:
            talker.rtp.sendto(struct.pack(">BBHII", 0x80, 9, 7 * k, 99, 12345) + bytes(160), talker.to)
        talker.talk()
        driver.tick()
    sound, rate_hz = listener.sound()
    assert loudness(sound, rate_hz, 400.0) == pytest.approx(LEVEL, rel=0.02)
    assert stats(driver, talker.leg).concealed == 0


def test_a_leg_goes_on_in_another_codec_after_an_offer(driver: Hall) -> None:
    room = driver.room()
    first, second = Phone(driver, codec("OPUS"), room, 400.0), Phone(driver, codec("OPUS"), room, 900.0)
    for name in ("OPUS", "PCMA", "G722", "L16/48000", "OPUS"):
        spoken = codec(name)
        spec = LegSpec(
            codec=name,
            remote=first.address,
            payload_type=spoken.payload_type,
            ptime_ms=min(20, max(spoken.ptimes_ms)),
        )
        driver.engine.handle(UpdateLeg(first.leg, spec), driver.now)
        first.codec, first.payload_type = spoken, spoken.payload_type
        first._encoder = encoder(spoken, 1, spoken.rate_hz)
        first.heard(), second.heard()
        step = spec.ptime_ms
        for _ in range(40):
            for _ in range(0, 20, step):
                first.talk(step)
            second.talk()
            driver.tick()
        for phone, hz in ((first, 900.0), (second, 400.0)):
            sound, rate_hz = phone.sound()
            assert loudness(sound, rate_hz, hz) == pytest.approx(LEVEL, rel=0.15), (name, hz)


def test_who_is_muted_is_not_decoded_and_is_heard_when_let_in_again(driver: Hall) -> None:
    room = driver.room()
    talker, listener = Phone(driver, codec("OPUS"), room, 400.0), Phone(driver, codec("PCMU"), room, 900.0)
    found = []
    for on in (False, True, False):
        driver.engine.handle(Configure(talker.leg, muted=on), driver.now)
        listener.heard()
        for _ in range(40):
            talker.talk()
            driver.tick()
        found.append(loudness(*listener.sound(), 400.0))
    assert found[0] == pytest.approx(LEVEL, rel=0.1) and found[1] < 1 and found[2] == pytest.approx(LEVEL, rel=0.1)
    assert stats(driver, talker.leg).concealed == 0


@pytest.mark.parametrize("payload", [b"", b"\x03", b"\xff" * 1275, b"\x00", bytes(range(256)) * 5, b"\xfb\x3f"])
@pytest.mark.parametrize("name", ["G722", "OPUS", "L16/48000"])
def test_bytes_that_are_no_sound_disturb_nobody(driver: Hall, name: str, payload: bytes) -> None:
    room = driver.room()
    bad, good = Phone(driver, codec(name), room, 400.0), Phone(driver, codec("PCMU"), room, 900.0)
    ear = Phone(driver, codec("PCMA"), room, 700.0)
    driver.engine.handle(Configure(bad.leg, muted=name != "OPUS"), driver.now)
    for _ in range(TICKS):
        bad.rtp.sendto(bad.packet(payload), bad.to)
        bad.go_on()
        good.talk()
        driver.tick()
    assert len(ear.heard()) == TICKS
    driver.engine.handle(Configure(bad.leg, muted=True), driver.now)
    for _ in range(TICKS):
        good.talk()
        driver.tick()
    assert loudness(*ear.sound(), 900.0) == pytest.approx(LEVEL, rel=0.05)


def test_without_libopus_a_leg_in_opus_is_refused_and_others_are_served(
    driver: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise MediaError("libopus is not there")

    monkeypatch.setattr(libopus, "load", none)
    room = driver.room()
    spec = LegSpec(codec="OPUS", payload_type=111)
    failed = driver.engine.handle(OpenLeg(spec), driver.now)
    assert isinstance(failed, Failed) and "libopus" in failed.message
    first, second = (Phone(driver, codec("G722"), room, hz) for hz in (400.0, 900.0))
    for _ in range(TICKS):
        first.talk()
        driver.tick()
    assert loudness(*second.sound(), 400.0) == pytest.approx(LEVEL, rel=0.1)


@pytest.mark.parametrize("ptime_ms", [40, 60])
def test_opus_in_longer_packets_is_whole_and_ends_with_what_there_is(driver: Hall, ptime_ms: int) -> None:
    room = driver.room()
    talker = Phone(driver, codec("OPUS"), room, 400.0, ptime_ms=ptime_ms)
    listener = Phone(driver, codec("OPUS"), room, 900.0, ptime_ms=ptime_ms)
    usual = Phone(driver, codec("OPUS"), room, 900.0)
    for _ in range(TICKS + 1):
        talker.talk()
        driver.tick()
    hold = LegSpec(codec="OPUS", remote=listener.address, payload_type=111, ptime_ms=ptime_ms, direction="inactive")
    driver.engine.handle(UpdateLeg(listener.leg, hold), driver.now)
    driver.tick()
    heard = listener.heard()
    assert len(heard) == TICKS * 20 // ptime_ms + 1
    stamps = [fields(each)[4] for each in heard]
    assert {(b - a) & 0xFFFFFFFF for a, b in pairwise(stamps)} == {48 * ptime_ms}
    sound, rate_hz = listener.sound(heard)
    plain, _ = usual.sound()
    np.testing.assert_array_equal(sound, plain[: len(sound)])
    assert len(sound) == rate_hz * (TICKS + 1) // 50
    assert loudness(sound, rate_hz, 400.0) == pytest.approx(LEVEL, rel=0.1)
