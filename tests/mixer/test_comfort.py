"""Senders that suppress silence: nothing is lost, nothing buzzes, nothing is counted as concealed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import Bridge
from mixer.comfort import LOUDEST_DBOV
from mixer.gate import level_dbov
from tests.support.packets import Packet, deliver, packets_of

Pcm = NDArray[np.int16]


def room_noise(samples: int, dbov: float, seed: int = 1) -> Pcm:
    wave = np.random.default_rng(seed).standard_normal(samples) * 32768 * 10 ** (dbov / 20)
    return np.rint(wave).clip(-32767, 32767).astype(np.int16)


class Line:
    """One sender; a bridge without voice gate unless said otherwise."""

    def __init__(self, bridge: Bridge | None = None) -> None:
        self.bridge = bridge or Bridge(2, gate=None)
        room = self.bridge.roster.add_room()
        self.row, _ = self.bridge.add_party(room), self.bridge.add_party(room)
        self.tick = 0
        self.seq, self.timestamp = 65_500, 2**32 - 4000
        self.talking: list[bool] = []

    def hush(self, level_dbov: float, *, ssrc: int = 1) -> None:
        now = 0.02 * self.tick
        self.bridge.comfort(
            np.array([self.row]),
            np.array([self.seq & 0xFFFF], np.uint16),
            np.array([self.timestamp & 0xFFFFFFFF], np.uint32),
            np.array([ssrc], np.uint32),
            np.array([level_dbov]),
            np.array([now - 0.01]),
            now,
        )
        self.seq += ssrc == 1

    def run(self, pcm: Pcm | None = None, ticks: int = 0) -> Pcm:
        """Say something, or nothing for some ticks; gives what was heard of it."""
        cut = np.zeros((0, 160), np.int16) if pcm is None else pcm.reshape(-1, 160)
        heard = []
        for k in range(ticks or len(cut)):
            now = 0.02 * self.tick
            if pcm is not None:
                deliver(self.bridge, [Packet(now - 0.011, self.seq & 0xFFFF, self.timestamp & 0xFFFFFFFF, cut[k])], now)
                self.seq += 1
            self.timestamp += 160
            heard.append(self.bridge.tick(now).said_by(self.row).copy())
            self.talking.append(bool(self.bridge.talking[self.row]))
            self.tick += 1
        return np.concatenate(heard)

    @property
    def concealed(self) -> int:
        return self.bridge.counters(self.row).concealed


@pytest.mark.parametrize("level", [-40.0, -55.0, -70.0])
def test_a_pause_is_filled_with_noise_of_its_level(level: float) -> None:
    line = Line()
    line.run(room_noise(160 * 50, level))
    line.hush(level)
    said = line.run(ticks=100)
    assert [level_dbov(part) for part in said[1600:].reshape(-1, 1600)] == pytest.approx([level] * 9, abs=1.0)
    after = line.run(room_noise(160 * 50, level, 2))
    counters = line.bridge.counters(line.row)
    assert (counters.concealed, counters.lost, counters.stray, counters.late) == (0, 0, 0, 0)
    assert np.isin(room_noise(160 * 50, level, 2)[: 160 * 40], after).all()


def test_noise_does_not_repeat_within_hearing() -> None:
    line = Line()
    line.run(room_noise(160 * 20, -50.0))
    line.hush(-50.0)
    wave = line.run(ticks=60)[1600:].astype(np.float64)
    own = np.correlate(wave[:4000], wave[:2000], "valid") / (wave[:2000] ** 2).sum()
    assert np.abs(own[20:]).max() < 0.25


@pytest.mark.parametrize("level", [-127.0, -55.0])
def test_the_sound_before_is_led_out_without_an_edge(level: float) -> None:
    line = Line()
    at = np.arange(160 * 30)
    line.run(np.rint(8000 * np.sin(2 * np.pi * 200 / 8000 * at)).astype(np.int16))
    line.hush(level)
    said = line.run(ticks=20).astype(np.int64)
    # A 200 Hz wave of 8,000 moves 1,257 from one sample to the next, an edge up to 8,000.
    assert np.abs(np.diff(said)).max() < 1600
    quiet = np.flatnonzero(np.abs(said) > 600)
    assert len(quiet) and quiet[-1] < 480
    assert line.concealed == 0


@pytest.mark.parametrize("level", [0.0, -1.0, -30.0])
def test_nobody_is_hurt_by_a_level_that_is_a_lie(level: float) -> None:
    line = Line()
    line.run(room_noise(1600, -50.0))
    line.hush(level)
    assert level_dbov(line.run(ticks=50)[1600:]) <= LOUDEST_DBOV + 0.5


def test_noise_is_no_talk() -> None:
    line = Line(Bridge(2))
    line.run(room_noise(160 * 20, -30.0))
    line.hush(-36.0)
    line.run(ticks=60)
    assert line.talking[10] and not line.talking[-1]


@pytest.mark.parametrize("ssrc", [2, 99])
def test_noise_of_a_source_of_its_own_stops_no_voice(ssrc: int) -> None:
    line, alone = Line(), Line()
    sent = room_noise(160 * 30, -30.0)
    for k in range(30):
        if k > 10:
            line.hush(-40.0, ssrc=ssrc)
        part = sent[160 * k : 160 * k + 160]
        np.testing.assert_array_equal(line.run(part), alone.run(part))
    line.run(ticks=1)
    line.hush(-40.0, ssrc=ssrc)  # but once the voice is silent it says what the silence sounds like
    assert level_dbov(line.run(ticks=30)[3200:]) == pytest.approx(-40, abs=1)


def test_noise_older_than_the_voice_means_nothing() -> None:
    line = Line()
    line.run(room_noise(160 * 20, -30.0))
    line.seq -= 3
    line.hush(-40.0)
    line.seq += 2
    heard = line.run(room_noise(160 * 20, -30.0, 3))
    assert np.isin(room_noise(160 * 20, -30.0, 3)[:2400], heard).all()


@pytest.mark.parametrize("pause", [6, 20, 300])
def test_a_pause_that_nobody_announced_is_not_counted_as_loss(pause: int) -> None:
    """The next number after a gap in time: nothing was sent in between, so nothing was missing."""
    line = Line()
    line.run(room_noise(160 * 20, -55.0))
    line.run(ticks=pause)
    assert line.concealed > 0
    line.run(room_noise(160 * 20, -30.0))
    assert line.concealed == 0
    assert line.bridge.counters(line.row).lost == 0


def test_loss_in_front_of_a_pause_stays_counted() -> None:
    line = Line()
    line.run(room_noise(160 * 20, -30.0))
    line.seq += 2
    line.run(ticks=2)  # two lost
    line.run(room_noise(160 * 20, -30.0))
    before = line.concealed
    assert before >= 2
    line.run(ticks=20)
    line.run(room_noise(160 * 20, -30.0))
    assert (line.concealed, line.bridge.counters(line.row).lost) == (before, 2)


def test_a_newcomer_hears_nothing_of_the_noise_before() -> None:
    line = Line()
    line.run(room_noise(1600, -50.0))
    line.hush(-40.0)
    line.run(ticks=5)
    line.bridge.roster.remove(line.row)
    line.bridge.tick(0.02 * line.tick)
    assert line.bridge.add_party(0) == line.row
    line.tick += 1
    assert not line.run(ticks=10).any()


def test_voices_in_the_same_tick_as_noise_are_heard() -> None:
    bridge = Bridge(2, gate=None)
    room = bridge.roster.add_room()
    for _ in range(2):
        bridge.add_party(room)
    sent = packets_of(np.arange(1, 8001).astype(np.int16), row=1)
    for k in range(40):
        now = 0.02 * k
        deliver(bridge, [p for p in sent if now - 0.02 < p.at_s <= now], now)
        one = np.array([0])
        bridge.comfort(
            one,
            one.astype(np.uint16) + np.uint16(k),
            one.astype(np.uint32) + np.uint32(k * 160),
            one.astype(np.uint32) + np.uint32(7),
            np.array([-50.0]),
            np.array([now]),
            now,
        )
        bridge.tick(now)
        heard = bridge.usual.heard
    assert (np.diff(heard[1].astype(np.int64)) == 1).all()
    assert level_dbov(heard[0]) == pytest.approx(-50, abs=1.5)
