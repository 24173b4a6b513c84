"""Where sound is most like itself some milliseconds before or after: by a period of a voice, or several."""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from mixer.rate import Rate

Samples = NDArray[np.int16]


@kernel
def closest(
    rate: Rate, sound: Samples, at: int, count: int, direction: int, shortest: int, longest: int
) -> tuple[int, float]:
    """
    Find the lag by which a stretch of sound is most like another; coarsely first, at higher rates.

    Parameters
    ----------
    rate : record
        Its rate.
    sound : ndarray of int16
        The sound.
    at, count : int
        Where the stretch begins, and its samples.
    direction : int
        1: it is compared with what comes after; -1: with what was before.
    shortest, longest : int
        Lags, in samples; among equals the longest is found.

    Returns
    -------
    int, float
        The lag, and how alike the two are: 1: the same but for its level, 0: not at all.
    """
    lag, alike = _best(sound, at, count, direction, shortest, longest, rate.coarse)
    if rate.coarse > 1:
        near, far = max(lag - rate.coarse + 1, shortest), min(lag + rate.coarse - 1, longest)
        lag, alike = _best(sound, at, count, direction, near, far, 1)
    power = 1.0
    for i in range(count):
        power += np.float64(sound[at + i]) * np.float64(sound[at + i])
    return lag, alike / np.sqrt(power)


@kernel
def _best(
    sound: Samples, at: int, count: int, direction: int, shortest: int, longest: int, stride: int
) -> tuple[int, float]:
    """Find the best lag of each `stride`-th, and its likeness times the amplitude of the stretch."""
    best, lag = -np.inf, longest
    for each in range(longest, shortest - 1, -stride):
        score = _likeness(sound[at:], sound[at + direction * each :], count, stride)
        if score > best:
            best, lag = score, each
    return lag, best


@kernel
def _likeness(now: Samples, then: Samples, count: int, stride: int) -> float:
    """Compare two stretches, taking each `stride`-th sample."""
    score: Int = 0
    power: Int = 0
    for i in range(count // stride):
        mine, other = np.int64(now[i * stride]), np.int64(then[i * stride])
        score += mine * other
        power += other * other
    return score / np.sqrt(power + 1.0)
