"""Delay that shrinks and grows by pieces which nobody misses: in pauses at once, in speech by periods of the voice."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import Bridge
from tests.support.packets import packets_of, play
from tests.support.signals import level_dbov, noise

Pcm = NDArray[np.int16]
STALL_S = 0.09
BEGUN = 45
"""Ticks before the stall."""


def voice(seconds: float, rate_hz: int = 8000, pitch_hz: float = 125.0) -> Pcm:
    """A vowel: the first harmonics of a pitch."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = sum(np.sin(2 * np.pi * k * pitch_hz * at + k) / k for k in range(1, 9))
    return np.rint(5000 * np.asarray(wave)).astype(np.int16)


def stalled(sound: Pcm, rate_hz: int, *, gated: bool = True, keys: bool = False) -> tuple[Pcm, list[int]]:
    """What is said of a sender whose packets stand still for a while, and how far its cursor moves besides."""
    bridge = Bridge(1, rate_hz) if gated else Bridge(1, rate_hz, gate=None)
    bridge.add_party(bridge.roster.add_room(), inband_keys=keys)
    sent = packets_of(
        sound, rate_hz // 50, rate_hz=rate_hz, delay_s=lambda k: max(0.0, STALL_S - (k - 50) * 0.02) if k >= 50 else 0.0
    )
    said, gone = [], []
    for tick in range(len(sound) * 50 // rate_hz - 10):
        said.append(play(bridge, [p for p in sent if tick - 1 < p.at_s * 50 <= tick], 1, first=tick))
        gone.append(int(bridge.parties[0].cursor))
    return np.concatenate(said), (np.diff(gone)[BEGUN:] - rate_hz // 50).tolist()


def seams(moves: list[int], rate_hz: int) -> list[int]:
    """The ticks in which a piece was left out."""
    return [k for k, move in enumerate(moves) if move >= rate_hz // 400]


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_in_speech_whole_periods_are_left_out_and_the_pitch_stays(rate_hz: int) -> None:
    sound = voice(5.0, rate_hz)
    said, moves = stalled(sound, rate_hz)
    left_out = [move for move in moves if move > rate_hz // 400]
    period = rate_hz / 125
    assert left_out and all(abs(move / period - round(move / period)) < 0.03 for move in left_out)
    assert np.ptp(seams(moves, rate_hz)[:6]) < 10 and np.ptp(seams(moves, rate_hz)) < 50
    # No edge: nothing in what is said is steeper than in what was sent.
    steep = np.abs(np.diff(said[rate_hz * 3 // 2 :].astype(int))).max()
    assert steep <= 1.05 * np.abs(np.diff(sound.astype(int))).max()


def test_in_a_pause_the_wait_is_gone_at_once() -> None:
    sound = noise(40_000, dbov=-58.0)
    said, moves = stalled(sound, 8000)
    assert max(moves) == 120
    assert np.ptp(seams(moves, 8000)) < 10
    assert sum(moves[k] for k in seams(moves, 8000)[:3]) == 360
    assert level_dbov(said[12000:32000]) == pytest.approx(-58.0, abs=1.0)


@pytest.mark.parametrize("offset", [0, 8000])  # of the line: it makes any two pieces of sound look alike
def test_sound_without_a_period_is_played_faster_instead(offset: int) -> None:
    _, moves = stalled(noise(48_000, dbov=-26.0) + np.int16(offset), 8000, gated=False)
    assert max(moves) == 4


def test_keys_are_not_cut() -> None:
    _, moves = stalled(voice(6.0), 8000, keys=True)
    assert 0 < max(moves) <= 2


def test_a_row_that_waits_for_too_little_plays_a_period_twice() -> None:
    later = packets_of(voice(4.0), start_s=0.001, delay_s=lambda k: 0.014 if k >= 60 else 0.0)
    bridge = Bridge(1)
    bridge.add_party(bridge.roster.add_room())
    play(bridge, [p for p in later if p.at_s <= 1.0], 51)
    moves = []
    for tick in range(51, 120):
        before = int(bridge.parties[0].cursor)
        play(bridge, [p for p in later if tick - 1 < p.at_s * 50 <= tick], 1, first=tick)
        moves.append(int(bridge.parties[0].cursor) - before - 160)
    assert {move for move in moves if move < 0} == {-64}
    assert bridge.counters(0).concealed == 0


def test_nobody_waits_for_longer_than_is_permitted() -> None:
    _, moves = stalled(voice(4.0), 8000)
    assert sum(move < -640 or move > 400 for move in moves[1:]) == 0
    assert sum(min(move, 0) for move in moves) > -800 - 160


def test_all_rows_of_a_bridge_that_stood_still_recover_a_part_at_a_time() -> None:
    rows, sound = 300, noise(32_000, dbov=-58.0)
    bridge = Bridge(rows)
    room = bridge.roster.add_room()
    sent = []
    for row in range(rows):
        bridge.add_party(room)
        sent += packets_of(sound, delay_s=lambda k: max(0.0, 0.09 - (k - 50) * 0.02) if k >= 50 else 0.0, row=row)
    sent.sort(key=lambda p: p.at_s)
    play(bridge, [p for p in sent if p.at_s <= 2.8], 140)
    spliced = []
    for tick in range(140, 175):
        before = bridge.parties["cursor"].copy()
        play(bridge, [p for p in sent if tick - 1 < p.at_s * 50 <= tick], 1, first=tick)
        spliced.append(int(np.sum(bridge.parties["cursor"] - before >= 180)))
    assert max(spliced) == 256
    assert sum(spliced) > 3 * rows
    assert spliced[-1] == 0
