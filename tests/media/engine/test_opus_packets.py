"""Packets of Opus that are no tick long, as ffmpeg reads them."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from softphone.codec import codec
from softphone.media.contract.leg import LegSpec
from softphone.media.contract.messages import UpdateLeg
from tests.media.engine.test_every_codec import LEVEL, TICKS, Hall, Phone, loudness, opened
from tests.media.peer import fields


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    yield from opened(monkeypatch)


def test_who_wants_opus_in_packets_of_10_ms_is_sent_such_and_talks_without_a_break(driver: Hall) -> None:
    room = driver.room()
    talker = Phone(driver, codec("PCMU"), room, 400.0)
    short, usual = (Phone(driver, codec("OPUS"), room, 1000.0, ptime_ms=ms) for ms in (10, 20))
    for k in range(150):
        talker.talk()
        if 50 <= k < 100:
            short.talk(10)
            short.talk(10)
        driver.tick()
    packets, others = short.heard(), usual.heard()
    assert (len(packets), len(others)) == (300, 150)
    told = [fields(each) for each in packets]
    assert all((after[4] - before[4]) & 0xFFFFFFFF == 480 for before, after in pairwise(told))
    for phone, heard, hz in ((short, packets, (400.0,)), (usual, others, (400.0, 1000.0))):
        sound, rate_hz = phone.sound(heard)
        assert len(sound) == 3 * rate_hz, "what ffmpeg makes of it lasts as long"
        for tone in (400.0, 1000.0):
            level = loudness(sound[: 2 * rate_hz], rate_hz, tone)
            assert level == pytest.approx(LEVEL, rel=0.15) if tone in hz else level < 0.05 * LEVEL
        pieces = sound[rate_hz // 5 :].reshape(-1, rate_hz // 100).astype(float)
        assert np.sqrt(np.mean(pieces**2, axis=1)).min() > 0.5 * LEVEL, "a hole of 10 ms"
    bends = np.abs(np.diff(short.sound(packets)[0].astype(int), 2))
    near = [bends[rate_hz * k // 50 : rate_hz * (k + 8) // 50].max() for k in (50, 100)]
    assert (
        max(near) < 1.2 * np.concatenate((bends[rate_hz // 5 : rate_hz], bends[rate_hz * 6 // 5 : rate_hz * 2])).max()
    )


def test_who_asks_for_other_packets_within_a_call_goes_over_without_a_hole(driver: Hall) -> None:
    room = driver.room()
    talker, listener = Phone(driver, codec("PCMU"), room, 400.0), Phone(driver, codec("OPUS"), room, 900.0)
    for ptime in (20, 10, 40, 10, 20):
        spec = LegSpec(codec="OPUS", remote=listener.address, payload_type=111, ptime_ms=ptime)
        driver.engine.handle(UpdateLeg(listener.leg, spec), driver.now)
        for _ in range(TICKS // 2):
            talker.talk()
            driver.tick()
    sound, rate_hz = listener.sound()
    assert len(sound) == 5 * (TICKS // 2) * rate_hz // 50
    pieces = sound[rate_hz // 5 :].reshape(-1, rate_hz // 100).astype(float)
    assert np.sqrt(np.mean(pieces**2, axis=1)).min() > 0.5 * LEVEL
