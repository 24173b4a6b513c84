"""Pitch search: the lag at which a signal is most similar to itself."""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import kernel
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
        The lag, and how alike the two are, by how they move: 1: the same but for its level, 0: not at all, or still.
    """
    lag, alike = _best(sound, at, count, direction, shortest, longest, rate.coarse)
    if rate.coarse > 1:
        near, far = max(lag - rate.coarse + 1, shortest), min(lag + rate.coarse - 1, longest)
        lag, alike = _best(sound, at, count, direction, near, far, 1)
    level = power = np.int64(0)
    for i in range(np.uint64(at), np.uint64(at + count)):
        level += np.int64(sound[i])
        power += np.int64(sound[i]) * np.int64(sound[i])
    return lag, alike / np.sqrt(count * power - level * level + 1.0)


@kernel
def _best(
    sound: Samples, at: int, count: int, direction: int, shortest: int, longest: int, stride: int
) -> tuple[int, float]:
    """Find the best lag of each `stride`-th, and its likeness times the amplitude of the stretch."""
    best, lag = -np.inf, longest
    for each in range(longest, shortest - 1, -stride):
        score = _likeness(sound[at:], sound[at + direction * each :], count // stride, stride)
        if score > best:
            best, lag = score, each
    return lag, best


@kernel
def _likeness(now: Samples, then: Samples, count: int, stride: int) -> float:
    """Compare `count` samples of two stretches, each `stride`-th one, by how they move: a line may have an offset."""
    score = power = np.int64(0)
    here = there = np.int32(0)
    for i in range(np.uint64(0), np.uint64(count)):  # products of 32 bits, so that many are made at once
        mine, other = np.int32(now[i * np.uint64(stride)]), np.int32(then[i * np.uint64(stride)])
        score += np.int32(mine * other)
        power += np.int32(other * other)
        here += mine
        there += other
    return (count * score - np.int64(here) * there) / np.sqrt(count * power - np.int64(there) * there + 1.0)
