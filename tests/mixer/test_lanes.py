"""Parties at different rates in one bridge: who hears whom, without an edge, an image or an alias."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer import Bridge
from mixer.carry import carry_taps, convert
from mixer.frame import RATES_HZ
from tests.support.packets import Packet, deliver

PAIRS = [(a, b) for a in RATES_HZ for b in RATES_HZ if a != b]


def tone(hz: float, rate_hz: int, tick: int, level: float = 3000) -> NDArray[np.int16]:
    at = np.arange(rate_hz // 50 * tick, rate_hz // 50 * (tick + 1)) / rate_hz
    return np.rint(level * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def converted(wave: NDArray[np.int16], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    """All of a sound at another rate, frame by frame."""
    up, down = max(to_hz // from_hz, 1), max(from_hz // to_hz, 1)
    taps, size, made = carry_taps(up, down), from_hz // 50, to_hz // 50
    tail, out = np.zeros(taps.shape[1], np.int16), []
    parts, total = np.zeros((down, (len(tail) + size) // down + 1), np.float32), np.zeros(made // up, np.float32)
    for frame in wave[: len(wave) // size * size].reshape(-1, size):
        out.append(np.zeros(made, np.int16))
        convert(tail, frame, taps, up, parts, total, out[-1])
        tail = np.concatenate((tail, frame))[-len(tail) :]
    return np.concatenate(out)


def power_db(wave: NDArray[Any]) -> float:
    return float(10 * np.log10(np.mean(wave.astype(float) ** 2) + 1e-9))


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_what_both_rates_have_passes_and_nothing_else_is_heard(from_hz: int, to_hz: int) -> None:
    low = min(from_hz, to_hz)
    for hz in np.arange(100, from_hz / 2, low / 67):
        wave = np.rint(20000 * np.sin(2 * np.pi * hz * np.arange(from_hz // 5) / from_hz)).astype(np.int16)
        heard = converted(wave, from_hz, to_hz)[to_hz // 50 :]
        at = np.arange(len(heard)) / to_hz
        basis = np.stack((np.sin(2 * np.pi * hz * at), np.cos(2 * np.pi * hz * at)), axis=1)
        true = basis @ np.linalg.lstsq(basis, heard.astype(float), rcond=None)[0] if hz < to_hz / 2 else 0 * at
        sent, passed, wrong = power_db(wave), power_db(true), power_db(heard - true)
        assert wrong < sent - 70, (hz, wrong - sent)
        if hz < 0.42 * low:
            assert abs(passed - sent) < 0.1, hz


class Hall:
    """A room with a party at each of some rates, of which some speak tones of their own."""

    def __init__(self, rates_hz: list[int]) -> None:
        self.bridge = Bridge(12)
        self.room = self.bridge.roster.add_room()
        self.rows = [self.bridge.add_party(self.room, rate_hz=hz, local=True) for hz in rates_hz]
        self.rates_hz, self.tick = rates_hz, 0
        self.heard: list[list[NDArray[np.int16]]] = [[] for _ in rates_hz]

    def run(self, ticks: int, talkers: set[int]) -> None:
        for _ in range(ticks):
            for k in talkers:
                self.bridge.push(self.rows[k], tone(self.hz(k), self.rates_hz[k], self.tick))
            made = self.bridge.tick(0.02 * self.tick)
            for k, row in enumerate(self.rows):
                self.heard[k].append(made.frame_for(row).copy())
            self.tick += 1

    def hz(self, k: int) -> float:
        """Its tone: a whole number of periods in 200 ms."""
        return 300.0 + 250 * k

    def hears(self, k: int) -> set[int]:
        """Whose tones are in the last 200 ms."""
        wave = np.concatenate(self.heard[k][-10:])
        spectrum = np.abs(np.fft.rfft(wave)) / len(wave) * 2
        return {other for other in range(len(self.rows)) if spectrum[round(self.hz(other) * 0.2)] > 1500}


@given(st.lists(st.sampled_from(RATES_HZ), min_size=2, max_size=6), st.data())
def test_everybody_hears_the_others_whatever_their_rates(rates_hz: list[int], data: st.DataObject) -> None:
    hall = Hall(rates_hz)
    talkers = data.draw(st.sets(st.integers(0, len(rates_hz) - 1)))
    muted = data.draw(st.sets(st.integers(0, len(rates_hz) - 1), max_size=1))
    for k in muted:
        hall.bridge.roster.set_muted(hall.rows[k], True)
    hall.run(13, talkers)
    for k in range(len(rates_hz)):
        assert hall.hears(k) == talkers - muted - {k}
        assert len(hall.heard[k][-1]) == rates_hz[k] // 50


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_who_is_muted_moves_or_changes_rate_is_heard_without_an_edge(from_hz: int, to_hz: int) -> None:
    hall = Hall([from_hz, to_hz])
    roster, speaker = hall.bridge.roster, hall.rows[0]
    elsewhere = roster.add_room()
    changes: tuple[Callable[[], None], ...] = (
        lambda: roster.set_muted(speaker, True),
        lambda: roster.set_muted(speaker, False),
        lambda: roster.move(speaker, elsewhere),
        lambda: roster.move(speaker, hall.room),
        lambda: roster.set_whisper(speaker, [hall.rows[1]]),
        lambda: roster.set_whisper(speaker, None),
        lambda: roster.set_gain_in(speaker, 0.5),
    )
    for change in changes:
        hall.run(7, {0})
        change()
    hall.run(3, {0})
    steps = np.abs(np.diff(np.concatenate(hall.heard[1]).astype(int)))
    assert steps.max() < 1.2 * 3000 * 2 * np.pi * 300 / to_hz, int(steps.argmax()) / to_hz


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_whisper_goes_to_its_listener_alone_at_his_rate(from_hz: int, to_hz: int) -> None:
    hall = Hall([from_hz, to_hz, to_hz, from_hz])
    hall.bridge.roster.set_whisper(hall.rows[0], [hall.rows[1]])
    hall.run(13, {0, 3})
    assert [hall.hears(k) for k in range(4)] == [{3}, {0, 3}, {3}, set()]


def test_a_room_is_recorded_at_a_rate_that_nobody_listens_at() -> None:
    hall = Hall([8000, 8000])
    hall.bridge.roster.tape({hall.room: 0b10})
    kept = []
    for _ in range(13):
        hall.run(1, {0})
        kept.append(hall.bridge.outcome.recorded_frame(hall.room, 1).copy())
    wave = np.concatenate(kept[-10:])
    assert len(wave) == 3200
    assert np.abs(np.fft.rfft(wave))[60] / 1600 > 2900


@pytest.mark.parametrize(("rate_hz", "clock_hz"), [(16_000, 8000), (16_000, 48_000), (48_000, 48_000), (8000, 48_000)])
def test_timestamps_count_the_clock_of_the_codec(rate_hz: int, clock_hz: int) -> None:
    bridge = Bridge(1, gate=None)
    row = bridge.add_party(bridge.roster.add_room())
    bridge.set_rate(row, rate_hz, clock_hz)
    size, ticks, heard = rate_hz // 50, clock_hz // 50, []
    wave = np.arange(1, 30 * size + 1).astype(np.int16)
    for k in range(30):
        stamp = 0xFFFF_FF00 + k * ticks & 0xFFFF_FFFF  # round the end of 32 bits
        if k not in (12, 13):
            deliver(bridge, [Packet(0.02 * k + 0.005, k, stamp, wave[k * size : (k + 1) * size])], 0.02 * k + 0.02)
        heard.append(bridge.tick(0.02 * k + 0.02).said_by(row).copy())
    sound = np.concatenate(heard)
    first = int(np.flatnonzero(sound == 1)[0])
    np.testing.assert_array_equal(sound[first : first + 12 * size], wave[: 12 * size])
    tail = slice(first + 16 * size, first + 28 * size)
    np.testing.assert_array_equal(sound[tail], wave[16 * size : 28 * size])
    counters = bridge.counters(row)
    assert (counters.lost, counters.late, counters.stray) == (2, 0, 0)
    assert counters.jitter_s < 1e-9


def test_who_changes_his_rate_is_heard_at_the_new_one() -> None:
    hall = Hall([8000, 8000])
    hall.run(11, {0})
    for row in hall.rows:
        hall.bridge.set_rate(row, 16_000)
    hall.rates_hz[:] = [16_000, 16_000]
    hall.run(12, {0})
    assert hall.hears(1) == {0}
    assert len(hall.heard[1][-1]) == 320


def test_who_sits_down_has_nothing_of_who_sat_there_before_at_any_rate() -> None:
    hall = Hall([16_000, 8000])
    hall.run(5, {0})
    hall.bridge.roster.remove(hall.rows[0])
    hall.bridge.tick(1.0)
    row = hall.bridge.add_party(hall.room)
    assert row == hall.rows[0]
    assert not any(lane.past[:, row].any() for lane in hall.bridge.lanes)


def test_a_voice_is_not_carried_on_with_what_it_said_before_nobody_listened() -> None:
    hall = Hall([16_000, 8000])
    roster, listener = hall.bridge.roster, hall.rows[1]
    hall.run(5, {0})
    roster.remove(listener)
    hall.rows.pop(), hall.heard.pop(), hall.rates_hz.pop()
    hall.run(5, {0})
    hall.run(60, set())
    hall.rows.append(hall.bridge.add_party(hall.room, local=True))
    hall.heard.append([])
    hall.rates_hz.append(8000)
    hall.bridge.push(hall.rows[0], np.ones(320, np.int16))
    hall.run(1, set())
    assert np.abs(hall.heard[1][0]).max() <= 2, "what was said a second ago"


@pytest.mark.parametrize("others", [[], [8000]])
def test_a_voice_that_had_another_rate_is_not_carried_on_with_what_it_said_before(others: list[int]) -> None:
    hall = Hall([8000, 48_000, *others])
    bridge, speaker = hall.bridge, hall.rows[0]
    hall.run(3, {0})
    bridge.set_rate(speaker, 16_000)
    hall.run(3, set())
    bridge.set_rate(speaker, 8000)
    bridge.push(speaker, np.full(160, 1, np.int16))
    assert np.abs(bridge.tick(0.0).frame_for(hall.rows[1]).astype(int)).max() <= 2
