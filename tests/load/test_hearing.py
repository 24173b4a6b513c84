"""Tones that are told apart after all that a telephone call does to them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import g711
from mixer.tone import sine
from softphone.load.hearing import (
    FLOOR_DBOV,
    MOST,
    Hearing,
    Pair,
    differences,
    expectation,
    matrix,
    measure,
    tone_level_dbov,
    tones,
)
from tests.support.signals import Pcm, at_sender_clock, noise, to_pcm


def over_the_wire(pcm: Pcm) -> Pcm:
    """Through mu-law and back."""
    return g711.decode(g711.encode(pcm, g711.ENCODE_ULAW), g711.DECODE_ULAW)


def conference(
    count: int, heard: NDArray[np.bool_], *, seconds: float = 0.5, drift_ppm: int = 0, gain: float = 1.0
) -> list[Pcm]:
    """What each of `count` listeners receives: both legs in mu-law, every other clock slow instead of fast."""
    level = tone_level_dbov(count)
    samples = round(seconds * 8000)
    sent = [
        at_sender_clock(over_the_wire(sine(hz, samples + samples // 10, level_dbov=level)), drift_ppm * (-1) ** k)[
            :samples
        ]
        for k, hz in enumerate(tones(count))
    ]
    mixes = heard.astype(float) @ np.stack(sent).astype(float) * gain / 32768
    return [over_the_wire(limited(mix)) for mix in mixes]


def limited(mix: NDArray[np.float64]) -> Pcm:
    """A limiter that breathes: the gain of each 2.5 ms is what its peak needs, linear between."""
    peaks = np.abs(mix).reshape(-1, 20).max(axis=1)
    gains = np.minimum(1.0, 0.99 / np.maximum(peaks, 1e-9))
    return to_pcm(mix * np.interp(np.arange(len(mix)), np.arange(len(gains)) * 20 + 10, gains))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 20, 30, MOST])
def test_tones_stay_apart_and_in_the_band(count: int) -> None:
    chosen = np.array(tones(count))
    assert len(chosen) == count
    assert chosen[0] >= 400
    assert chosen[-1] <= 3000
    assert (np.diff(np.log(chosen)) >= np.log(1.035) - 0.002).all()
    assert (chosen == np.rint(chosen)).all()


@pytest.mark.parametrize("count", [2, 3, 5, 8, 10, 20])
def test_overtones_fall_between_the_tones(count: int) -> None:
    chosen = np.array(tones(count))
    for factor in (2.0, 3.0):
        assert np.abs(np.log(factor * chosen[:, None] / chosen)).min() > 0.024


@pytest.mark.parametrize("count", [0, -1, MOST + 1])
def test_no_such_number_of_tones(count: int) -> None:
    with pytest.raises(ValueError, match="tones"):
        tones(count)


@pytest.mark.parametrize("count", [2, 5, 12, 30])
@pytest.mark.parametrize("drift_ppm", [0, 10_000, -10_000])
@pytest.mark.parametrize("gain", [1.0, 4.0])
def test_everybody_hears_everybody_else(count: int, drift_ppm: int, gain: float) -> None:
    expected = expectation(count)
    heard = measure(conference(count, expected, drift_ppm=drift_ppm, gain=gain), tones(count))
    assert differences(heard, expected) == []


@pytest.mark.parametrize("count", [2, 5])
def test_two_buffers_may_catch_up_one_behind_the_other(count: int) -> None:
    expected = expectation(count)
    heard = measure(conference(count, expected, drift_ppm=51_000), tones(count))
    assert differences(heard, expected) == []


def test_as_many_as_there_are_tones() -> None:
    expected = expectation(MOST, muted=range(0, MOST, 3))
    heard = measure(conference(MOST, expected, seconds=1.0, drift_ppm=10_000), tones(MOST))
    assert differences(heard, expected) == []


@pytest.mark.parametrize("seed", range(10))
def test_any_matrix_is_found(seed: int) -> None:
    expected = np.random.default_rng(seed).random((8, 8)) < 0.4
    received = conference(8, expected, drift_ppm=10_000, gain=2.0)
    noisy = [np.clip(pcm.astype(int) + noise(len(pcm), dbov=-48, seed=seed), -32767, 32767) for pcm in received]
    heard = measure([pcm.astype(np.int16) for pcm in noisy], tones(8))
    assert differences(heard, expected) == []


def test_levels_are_as_sent() -> None:
    heard = measure(conference(5, expectation(5)), tones(5))
    assert heard.levels_dbov[expectation(5)] == pytest.approx(tone_level_dbov(5), abs=0.3)
    assert np.diag(heard.levels_dbov).max() < -55


@pytest.mark.parametrize("count", [1, 5, 20, 50])
def test_all_tones_together_fit_into_full_scale(count: int) -> None:
    peak = count * np.sqrt(2) * 10 ** (tone_level_dbov(count) / 20)
    assert 0.2 < peak < 1.0


def test_silence_and_nothing_are_not_heard() -> None:
    silence = [np.zeros(4000, np.int16), noise(4000, dbov=FLOOR_DBOV), np.zeros(0, np.int16)]
    assert matrix(silence, tones(3)) == [[False] * 3] * 3


def test_parties_may_have_listened_for_different_times() -> None:
    received = conference(4, expectation(4))
    uneven = [pcm[: 4000 - 321 * k] for k, pcm in enumerate(received)]
    assert matrix(uneven, tones(4)) == expectation(4).tolist()


def test_expectation() -> None:
    assert expectation(3).tolist() == [[False, True, True], [True, False, True], [True, True, False]]
    assert expectation(3, muted=[0], deaf=[1]).tolist() == [[False, True, True], [False] * 3, [False, True, False]]
    assert expectation(4, rooms=[[0, 2], [3]]).tolist() == [
        [False, False, True, False],
        [False] * 4,
        [True, False, False, False],
        [False] * 4,
    ]


def test_differences_name_the_pair() -> None:
    levels = np.array([[-127, -20], [-127, -127]], dtype=np.float32)
    wrong = differences(Hearing(levels, levels > -50), np.array([[False, False], [True, False]]))
    assert wrong == [Pair(0, 1, True, -20.0), Pair(1, 0, False, -127.0)]
    assert [str(pair) for pair in wrong] == ["0 hears 1 (-20 dBov)", "1 does not hear 0 (-127 dBov)"]
    with pytest.raises(ValueError, match="expected"):
        differences(Hearing(levels, levels > -50), expectation(3))
