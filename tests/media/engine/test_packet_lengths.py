"""Talkers whose packets hold 10 to 60 ms of sound, in each codec that permits it."""

from collections.abc import Iterator

import pytest

from softphone.codec import TABLE, Codec, codec
from tests.media.engine.test_every_codec import LEVEL, TICKS, Hall, Phone, loudness, opened
from tests.media.peer import stats


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    yield from opened(monkeypatch)


@pytest.mark.parametrize("spoken", TABLE, ids=lambda each: each.name)
def test_a_talker_is_heard_whatever_the_length_of_its_packets(driver: Hall, spoken: Codec) -> None:
    """Each length in a room of its own, with a listener that takes sound as it is mixed."""
    ears, rooms = codec(f"L16/{min(16_000, spoken.rate_hz)}"), {ms: driver.room() for ms in spoken.ptimes_ms}
    pairs = {ms: (Phone(driver, spoken, room, 400.0), Phone(driver, ears, room, 900.0)) for ms, room in rooms.items()}
    for k in range(TICKS):
        for ms, (talker, _) in pairs.items():
            for _ in range(20 * k // ms, 20 * (k + 1) // ms):
                talker.talk(ms)
        driver.tick()
    for ms, (talker, listener) in pairs.items():
        assert loudness(*listener.sound(), 400.0) == pytest.approx(LEVEL, rel=0.05), ms
        found = stats(driver, talker.leg)
        assert (found.packets_received, found.concealed, found.stray) == (TICKS * 20 // ms, 0, 0), ms
