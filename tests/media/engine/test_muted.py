"""A leg that is muted: what it says in vain is told in whatever codec, by glances, and it is let in again cleanly."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.codec import TABLE, Codec, codec
from softphone.media.contract.leg import LegInVain
from softphone.media.contract.messages import Configure
from tests.media.codecs.any import encoder
from tests.media.engine.test_every_codec import LEVEL, Hall, Phone, opened

S = 50
SPOKEN = [each for each in TABLE if 20 in each.ptimes_ms]


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    yield from opened(monkeypatch, gate=True)


def talk(phone: Phone, seconds: float, level: int) -> None:
    phone.level = level
    for _ in range(round(seconds * S)):
        phone.talk()
        phone.driver.tick()


def told(hall: Hall) -> list[object]:
    """Who was told of since the last call."""
    found: list[object] = [event for event in hall.events if isinstance(event, LegInVain)]
    hall.events.clear()
    return found


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda each: each.name)
def test_talk_in_vain_is_told_in_whatever_codec(hall: Hall, spoken: Codec) -> None:
    phone = Phone(hall, spoken, hall.room(), 400.0)
    hall.engine.handle(Configure(phone.leg, muted=True), hall.now)
    talk(phone, 6.0, 20)
    assert told(hall) == [], "the noise of its line"
    talk(phone, 0.3, LEVEL)
    talk(phone, 2.0, 20)
    assert told(hall) == [], "a cough"
    for _ in range(2):
        talk(phone, 3.0, LEVEL)
        assert told(hall) == [LegInVain(phone.leg)]
        talk(phone, 6.0, 20)


@pytest.mark.parametrize("name", ["G722", "OPUS"])
def test_of_who_is_muted_little_is_decoded(hall: Hall, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    phones = [Phone(hall, codec(name), hall.room(), 400.0 + 10 * k) for k in range(4)]
    decoded = np.zeros(16, int)
    (decoder,) = hall.engine.plane._parcels.decoders.values()
    decode = decoder.decode

    def counted(rows: NDArray[np.int64], *others: Any) -> NDArray[np.int64]:
        np.add.at(decoded, rows, 1)
        return decode(rows, *others)

    monkeypatch.setattr(decoder, "decode", counted)
    for muted, most in ((False, 4 * 120), (True, 4 * 20)):
        for phone in phones:
            hall.engine.handle(Configure(phone.leg, muted=muted), hall.now)
        hall.tick(3)
        decoded[:] = 0
        for _ in range(120):
            for phone in phones:
                phone.talk()
            hall.tick()
        assert most - 8 <= decoded.sum() <= most + 4


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda each: each.name)
def test_who_is_let_in_again_is_heard_in_the_next_tick_without_a_click(hall: Hall, spoken: Codec) -> None:
    room = hall.room()
    phone, listener = Phone(hall, spoken, room, 400.0), Phone(hall, codec("L16/16000"), room, 900.0)
    talk(phone, 1.0, LEVEL)
    for wait in range(3, 15):
        hall.engine.handle(Configure(phone.leg, muted=True), hall.now)
        talk(phone, wait / S, LEVEL)
        hall.engine.handle(Configure(phone.leg, muted=False), hall.now)
        listener.heard()
        talk(phone, 0.5, LEVEL)
        sound, rate_hz = listener.sound()
        wave = sound.astype(float)
        late = np.flatnonzero(np.abs(wave) > 0.5 * LEVEL)[0] / rate_hz
        assert late < 0.07, "two ticks later than where nothing has to begin anew"
        bends, usual = np.abs(np.diff(wave, 2)), np.abs(np.diff(wave[rate_hz // 5 :], 2)).max()
        assert bends.max() < 1.5 * usual


def test_nothing_is_left_of_what_was_said_in_another_codec_before(hall: Hall) -> None:
    wide, narrow = codec("L16/16000"), codec("PCMU")
    phone = Phone(hall, wide, hall.room(), 400.0, others=((narrow.payload_type, narrow.name),))
    bridge = hall.engine.bridge
    for spoken, muted in ((wide, False), (narrow, False), (narrow, True), (wide, True)):
        hall.engine.handle(Configure(phone.leg, muted=muted), hall.now)
        phone.codec, phone.payload_type, phone._encoder = (
            spoken,
            spoken.payload_type,
            encoder(spoken, 1, spoken.rate_hz),
        )
        talk(phone, 0.4, LEVEL)
        assert len(bridge.outcome.said_by(0)) == spoken.rate_hz // S
        assert bridge.outcome.said_by(0).any() == (not muted)
