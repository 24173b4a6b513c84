"""Playout ring: a ring buffer of samples per row.

A position counts samples since ever; its last bits are its place in the ring. Behind the ring lies a mirror of its
beginning, so that whatever is read lies in one piece.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import ABSENT
from mixer.kernel import Int, kernel
from mixer.rate import Rate

Samples = NDArray[np.int16]


@kernel
def place_of(rate: Rate, position: int) -> int:
    """Give the index in a row's ring of a position; the `reach` samples from there on are in one piece."""
    return position & (rate.ring - 1)


@kernel
def write(ring: Samples, rate: Rate, position: int, pcm: Samples, count: int) -> None:
    """Put the first `count` samples of `pcm` at `position`; as many as the ring holds at most."""
    at = np.uint64(position & (rate.ring - 1))
    head = np.uint64(min(count, rate.ring - position % rate.ring))
    for j in range(np.uint64(0), head):
        ring[at + j] = pcm[j]
    for j in range(head, np.uint64(count)):
        ring[j - head] = pcm[j]
    _mirror(ring, rate, at, count)


@kernel
def forget(ring: Samples, rate: Rate, position: int, count: int) -> None:
    """Mark `count` samples from `position` on as absent; as many as the ring holds at most."""
    at = np.uint64(position & (rate.ring - 1))
    head = np.uint64(min(count, rate.ring - position % rate.ring))
    for j in range(at, at + head):
        ring[j] = ABSENT
    for j in range(np.uint64(0), np.uint64(count) - head):
        ring[j] = ABSENT
    _mirror(ring, rate, at, count)


@kernel
def clear(ring: Samples, rate: Rate) -> None:
    """Mark everything as absent."""
    for j in range(np.uint64(0), np.uint64(rate.ring + rate.reach)):
        ring[j] = ABSENT


@kernel
def _mirror(ring: Samples, rate: Rate, at: Int, count: int) -> None:
    """Repeat behind the ring what of `count` samples from index `at` on is new at its beginning."""
    size, reach, end = np.uint64(rate.ring), np.uint64(rate.reach), at + np.uint64(count)
    for j in range(at, min(end, reach)):
        ring[size + j] = ring[j]
    for j in range(size, min(end, size + reach)):
        ring[j] = ring[j - size]
