"""Time stretching of a short piece of audio: S + k samples become S, continuous at both edges.

Each output sample is a windowed-sinc interpolation over `2 * HALF_TAPS` samples. Output j lies at input
j * (S + k) / S, so the frame after it begins exactly where this one ends, whatever k is.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel

Samples = NDArray[np.int16]
Float = NDArray[np.float32]

HALF_TAPS = 8
"""Samples needed before and behind the stretch: 1 ms at 8 kHz buys interpolation errors below -60 dB at 3 kHz."""
_KAISER_BETA = 6.0  # side lobes near -60 dB: below the noise of G.711


@lru_cache(maxsize=8)
def stretch_taps(samples: int, most: int) -> NDArray[np.float32]:
    """
    Give the weights of all stretches of one rate.

    Parameters
    ----------
    samples : int
        S, length of the output.
    most : int
        The most samples that are taken more (or fewer) than S.

    Returns
    -------
    ndarray of float32, shape (2 * most + 2, 2 * HALF_TAPS, S)
        Of k = -most..most, last of k = -HALF_TAPS.
    """
    steps = [*range(-most, most + 1), -HALF_TAPS]
    return np.stack([_taps(samples, step) for step in steps])


def _taps(samples: int, step: int) -> NDArray[np.float32]:
    at = np.arange(samples) * (samples + step) / samples
    distance = np.floor(at)[:, None] + np.arange(1 - HALF_TAPS, HALF_TAPS + 1) - at[:, None]
    return np.ascontiguousarray(weights(distance, HALF_TAPS, 1.0, _KAISER_BETA).T)


def weights(distance: NDArray[np.float64], half: int, cutoff: float, beta: float) -> NDArray[np.float32]:
    """
    Weigh samples by their distance from what is interpolated: a sinc in a Kaiser window.

    Parameters
    ----------
    distance : ndarray of float64, shape (n, taps)
        In samples.
    half : int
        Where the window ends.
    cutoff : float
        Of half the sampling rate: what lies above does not pass.
    beta : float
        Of the window: the higher, the lower what gets through above, and the wider the way there.

    Returns
    -------
    ndarray of float32, shape (n, taps)
        The sum of each row is 1.
    """
    inside = np.clip(1 - (distance / half) ** 2, 0, None)
    weight = np.sinc(cutoff * distance) * np.i0(beta * np.sqrt(inside)) * (np.abs(distance) < half)
    return np.asarray(weight / weight.sum(axis=1)[:, None], np.float32)


@kernel
def stretch(wide: Samples, taps: Float, samples: int, step: int, total: Float, out: Samples) -> None:
    """
    Make S samples of S + k.

    Between two places where a sample is left out, or taken once more, each weight is taken times samples that lie side
    by side: a loop that runs over many of them at once.

    Parameters
    ----------
    wide : ndarray of int16
        The stretch with `HALF_TAPS` samples before and behind it.
    taps : ndarray of float32, shape (2 * HALF_TAPS, S)
        Of k, as `stretch_taps` gives them.
    samples, step : int
        S and k.
    total : ndarray of float32, at least S long
        To work in.
    out : ndarray of int16
        S samples, -32767..32767.
    """
    for j in range(np.uint64(0), np.uint64(samples)):
        total[j] = np.float32(0)
    begin = 0
    while begin < samples:
        end, shift = _even_until(begin, samples, step), np.uint64(begin * step // samples + 1 + begin)
        _weigh(wide, taps, np.uint64(begin), np.uint64(end), shift, total)
        begin = end
    for j in range(np.uint64(0), np.uint64(samples)):
        out[j] = np.int16(min(max(np.rint(total[j]), np.float32(-32767)), np.float32(32767)))


@kernel
def _even_until(begin: int, samples: int, step: int) -> int:
    """Give one past the last sample up to which as much is left out as at `begin`."""
    shift = begin * step // samples
    if step > 0:
        return min(-(-(shift + 1) * samples // step), samples)
    return min(shift * samples // step + 1, samples) if step < 0 else samples


@kernel
def _weigh(wide: Samples, taps: Float, begin: Int, end: Int, first: Int, total: Float) -> None:
    """Add up the samples from `begin` to `end`, of which the first is made of those from `first` on."""
    for i in range(np.uint64(0), np.uint64(2 * HALF_TAPS)):
        weight, at = taps[i], first + i
        for j in range(np.uint64(0), end - begin):
            total[begin + j] += weight[begin + j] * np.float32(wide[at + j])
