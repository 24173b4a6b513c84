"""Levels that packets tell (RFC 6464): who says that it is silent is not decoded, and no length is believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.codec import codec
from softphone.errors import MediaError
from softphone.media.contract.leg import LegInVain, LegSpec
from softphone.media.contract.messages import Configure
from softphone.media.engine.engine import Engine
from softphone.media.engine.legs import check
from softphone.media.net.port import LoopPort
from softphone.media.net.slots import SLOT_SIZE
from softphone.media.rtp import rtp
from tests.media.engine.test_every_codec import LEVEL, Hall, Phone, loudness

LEVEL_ID = 3


def extended(datagram: bytes, level: int) -> bytes:
    """The same with a stream's name before, and its level, in a header extension (RFC 8285 section 4.2)."""
    said = bytes([0x42, 1, 2, 3, 0, LEVEL_ID << 4, 0x80 | level, 0])
    return bytes([datagram[0] | 0x10]) + datagram[1:12] + b"\xbe\xde\x00\x02" + said + datagram[12:]


class Meter(Phone):
    """A telephone that says how loud it is, whatever is so."""

    def tell(self, level: int) -> None:
        datagram = self.packet(self.coded())
        self.rtp.sendto(extended(datagram, level), self.to)
        self.go_on()


@pytest.mark.parametrize(
    ("gate", "others", "level", "gain", "heard"),
    [
        (False, 1, 20, 1.0, True),
        (False, 1, 126, 1.0, True),
        (False, 1, 127, 4.0, False),
        (True, 1, 70, 1.0, True),  # in a small room everybody is heard, be it ever so softly
        (True, 1, 127, 1.0, False),
        (True, 7, 70, 1.0, False),
        (True, 7, 40, 1.0, True),
        (True, 7, 70, 4.0, True),  # the gate judges what its volume makes of it
        (True, 7, 74, 4.0, False),
        (True, 7, 40, 0.25, True),
    ],
)
def test_who_says_that_it_is_silent_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch, gate: bool, others: int, level: int, gain: float, heard: bool
) -> None:
    monkeypatch.setattr("softphone.media.net.portpool.Port", LoopPort)
    driver = Hall(engine := Engine(capacity=16, gate=gate))
    room = driver.room()
    listener, *_ = (Phone(driver, codec("PCMU"), room, 900.0) for _ in range(others))
    meter = Meter(driver, codec("OPUS"), room, 400.0, level_id=LEVEL_ID)
    engine.handle(Configure(meter.leg, gain_in=gain), driver.now)

    def told(level: int, ticks: int = 40) -> float:
        """How loud it is heard that says so much, whatever it says."""
        listener.heard()
        for _ in range(ticks):
            meter.tell(level)
            driver.tick()
        return loudness(*listener.sound(), 400.0)

    try:
        told(127, 5)
        assert told(level) == (pytest.approx(gain * LEVEL, rel=0.1) if heard else pytest.approx(0, abs=1))
        assert told(10) == pytest.approx(gain * LEVEL, rel=0.1)  # it speaks up
    finally:
        engine.close(2000.0)
        for phone in driver.phones:
            phone.close()


@pytest.mark.parametrize("muted", [False, True])
def test_a_soft_talker_is_known_from_noise_whether_levels_are_told_or_not(
    monkeypatch: pytest.MonkeyPatch, muted: bool
) -> None:
    """One who speaks without a break for so long that it seems to be noise, and then with pauses."""
    monkeypatch.setattr("softphone.media.net.portpool.Port", LoopPort)
    driver = Hall(engine := Engine(capacity=16, gate=True))
    room = driver.room()
    meters = [Meter(driver, codec("OPUS"), room, 400.0, level_id=LEVEL_ID) for _ in range(2)]
    for _ in range(7):
        Phone(driver, codec("PCMU"), room, 900.0)
    for phone in meters:
        engine.handle(Configure(phone.leg, muted=muted), driver.now)
    talks = []
    try:
        for k in range(800):
            softness = 40 if k < 300 or k % 50 < 35 else 66
            for phone in meters:
                phone.level = round(2**0.5 * 32_768 * 10 ** (-softness / 20))
            meters[0].tell(softness)
            meters[1].talk()
            driver.tick()
            talks.append(engine.bridge.talking[:2].copy())
        told = {event.leg for event in driver.events if isinstance(event, LegInVain)}
        assert told == ({phone.leg for phone in meters} if muted else set())
        assert np.all(talks[500:], axis=0).tolist() == [not muted] * 2
    finally:
        engine.close(2000.0)
        for each in driver.phones:
            each.close()


def level_of(datagram: bytes, number: int = LEVEL_ID) -> int:
    """What is read of a datagram, all behind which says that it is loud."""
    data = np.full((1, SLOT_SIZE), LEVEL_ID << 4, np.uint8)
    data[0, : len(datagram)] = np.frombuffer(datagram, np.uint8)
    parsed = np.zeros(1, rtp.PARSED)
    rtp.parse(data, np.array([len(datagram)], np.uint32), np.zeros(1, np.int64), parsed)
    if parsed[0]["kind"] != rtp.MEDIA:
        return -1
    return int(rtp.audio_level(data[0], parsed[0]["offset"], number))


HEADER = bytes([0x90, 111, *range(10)])


@pytest.mark.parametrize(
    ("extension", "level"),
    [
        (b"\xbe\xde\x00\x01\x30\xff\x00\x00", 127),
        (b"\xbe\xde\x00\x01\x00\x00\x30\x05", 5),
        (b"\xbe\xde\x00\x01\x00\x00\x00\x30", -1),  # cut off
        (b"\xbe\xde\x00\x01\xf0\x00\x30\x05", -1),  # nothing counts behind 15
        (b"\xbe\xde\x00\x01\x1f\x30\x05\x00", -1),  # longer than there is
        (b"\xbe\xde\x00\x00", -1),
        (b"\x10\x00\x00\x01\x30\x05\x00\x00", -1),  # of two bytes
        (b"\x30\x05\x00\x01\x30\x05\x00\x00", -1),
    ],
)
def test_the_level_is_read_where_it_is(extension: bytes, level: int) -> None:
    assert level_of(HEADER + extension + b"sound") == level
    assert level_of(HEADER + extension + b"sound", 0) == -1


@given(st.binary(max_size=200))
def test_whatever_an_extension_says_nothing_behind_it_is_read(said: bytes) -> None:
    datagram = HEADER + b"\xbe\xde" + (len(said) // 4).to_bytes(2) + said[: len(said) // 4 * 4]
    assert -1 <= level_of(datagram) <= 127
    assert level_of(datagram) == level_of(datagram + b"\x30\x00" * 8)


def test_a_number_that_no_extension_has_is_refused() -> None:
    for number in (-1, 15, 300):
        with pytest.raises(MediaError):
            check(LegSpec(level_id=number))
