"""G.722 (ITU-T) at 64 kbit/s: sound at 16 kHz in two bands, a byte for each two samples.

The lower band has six bits of each byte, the upper band two. Each is coded as the difference from what an adaptive
predictor expects (two poles, six zeros), on a scale that follows the differences (ADPCM). The recursion goes from
sample to sample, so rows are worked on one after the other, by machine code.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE
from mixer.kernel import kernel, records
from softphone.media.codecs.payloads import Payloads, bounds

__all__ = ["G722"]

Ints = NDArray[np.int32]

TAPS = 24
HISTORY = TAPS - 2
"""Samples of the past that the filter between bands and sound needs."""

BAND = np.dtype(
    [
        ("log", np.int32),  # logarithm of the scale
        ("scale", np.int32),
        ("signal", np.int32),  # what the predictor expects next
        ("by_zeros", np.int32),  # the part of it that the zeros give
        ("rebuilt", np.int32),  # the last sample
        ("partial", np.int32, (2,)),  # the last ones without what the poles gave, the newest first
        ("poles", np.int32, (2,)),  # coefficients
        ("zeros", np.int32, (6,)),
        ("differences", np.int32, (6,)),  # the newest first
    ]
)
STATE = np.dtype([("low", BAND), ("high", BAND), ("past", np.int32, (HISTORY,))])
"""What a coder knows of one leg or stream."""
Band: TypeAlias = Any
"""A record of dtype `BAND`, as kernels see it."""
State: TypeAlias = Any
"""Records of dtype `STATE`, or one of them."""

# On the scale of the recommendation: `FINE` has the differences that six bits mean, `COARSE` those of the upper four of
# them, which the predictor goes by.
FINE = np.array(
    [
        -136,
        -136,
        -136,
        -136,
        -24808,
        -21904,
        -19008,
        -16704,
        -14984,
        -13512,
        -12280,
        -11192,
        -10232,
        -9360,
        -8576,
        -7856,
    ]
    + [-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728]
    + [24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456]
    + [4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136],
    np.int32,
)
COARSE = np.array(
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0], np.int32
)
HIGH = np.array([-7408, -1616, 7408, 1616], np.int32)
# Decision levels of the lower band; what is above the n-th has the n-th code of its sign.
LEVELS = np.array(
    [0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339]
    + [1458, 1612, 1765, 1980, 2195, 2557, 2919],
    np.int32,
)
NEGATIVE = np.array([0, 63, 62, *range(31, 3, -1)], np.int32)
POSITIVE = np.array([0, *range(61, 31, -1)], np.int32)
HIGH_LEVEL = 564
# How much the logarithm of the scale grows with each code, and the scale by the fraction of the logarithm.
LOW_GROWTH = np.array([-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60], np.int32)
HIGH_GROWTH = np.array([798, -214, 798, -214], np.int32)
LOW_TOP, HIGH_TOP, LOW_SHIFT, HIGH_SHIFT = 18432, 22528, 8, 10
POWERS = np.array(
    [2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025]
    + [3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008],
    np.int32,
)
FILTER = np.array([3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11], np.int32)


class G722:
    """Decodes, or encodes, G.722.

    Parameters
    ----------
    capacity
        How many rows there are.

    Attributes
    ----------
    states
        Record array of dtype `STATE`, shape (capacity,).
    """

    def __init__(self, capacity: int) -> None:
        self.states: State = records(capacity, STATE)
        self._line = np.zeros(HISTORY, np.int32)
        self.reset(np.arange(capacity))

    def decode(
        self,
        rows: NDArray[np.int64],
        payloads: Payloads,
        pcm: NDArray[np.int16],
        missing: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """As `softphone.media.codecs.coders.Decoder.decode`."""
        made = np.zeros(len(rows), np.int64)
        self._stretch(pcm.shape[1])
        decode(self.states, rows, payloads.data, payloads.offset, payloads.size, self._line, pcm, made)
        return made

    def encode(self, rows: NDArray[np.int64], frames: NDArray[np.int16], out: NDArray[np.uint8]) -> NDArray[np.int64]:
        """As `softphone.media.codecs.coders.Encoder.encode`."""
        size = min(frames.shape[1] // 2, out.shape[1])
        self._stretch(2 * size)
        encode(self.states, rows, frames, self._line, out, size)
        return np.full(len(frames), size, np.int64)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Let some rows begin anew."""
        self.states[rows] = np.zeros((), STATE)
        self.states["low"]["scale"][rows], self.states["high"]["scale"][rows] = 32, 8

    def copy(self, source: int, target: int) -> None:
        """Let a row go on as another one would."""
        self.states[target] = self.states[source]

    def _stretch(self, samples: int) -> None:
        if len(self._line) < HISTORY + samples:
            self._line = np.zeros(HISTORY + samples, np.int32)


@kernel
def decode(
    states: State,
    rows: NDArray[np.int64],
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    size: NDArray[np.int64],
    line: Ints,
    pcm: NDArray[np.int16],
    made: NDArray[np.int64],
) -> None:
    """Decode payloads into rows of `pcm`; `made` has how many samples of each. `line`: room for them and `HISTORY`."""
    for i in range(len(made)):
        state = states[rows[i]]
        start, length = bounds(len(data), offset[i], size[i])
        length = min(length, pcm.shape[1] // 2)
        for k in range(HISTORY):
            line[k] = state.past[k]
        for t in range(length):
            _join(state.low, state.high, int(data[start + t]), line, HISTORY + 2 * t)
            odd, even = _filtered(line, 2 * t)
            pcm[i, 2 * t] = max(min(even >> 11, FULL_SCALE), -FULL_SCALE)
            pcm[i, 2 * t + 1] = max(min(odd >> 11, FULL_SCALE), -FULL_SCALE)
        for k in range(HISTORY):
            state.past[k] = line[2 * length + k]
        made[i] = 2 * length


@kernel
def encode(
    states: State, rows: NDArray[np.int64], frames: NDArray[np.int16], line: Ints, out: NDArray[np.uint8], size: int
) -> None:
    """Encode the first samples of each frame, two for each of `size` bytes; `line` as for `decode`."""
    for i in range(len(frames)):
        state = states[rows[i]]
        for k in range(HISTORY):
            line[k] = state.past[k]
        for k in range(2 * size):
            line[HISTORY + k] = frames[i, k]
        for t in range(size):
            odd, even = _filtered(line, 2 * t)
            low = _low_code((even + odd >> 14) - state.low.signal, state.low.scale)
            high = _high_code((even - odd >> 14) - state.high.signal, state.high.scale)
            _follow(state.low, state.high, low, high)
            out[i, t] = high << 6 | low
        for k in range(HISTORY):
            state.past[k] = line[2 * size + k]


@kernel
def _filtered(line: Ints, at: int) -> tuple[int, int]:
    """Give the sums of the filter over the samples in the first, third... place of a window and over the others."""
    odd = even = 0
    for k in range(np.uint64(0), np.uint64(TAPS // 2)):
        odd += line[np.uint64(at) + np.uint64(2) * k] * FILTER[k]
        even += line[np.uint64(at + 1) + np.uint64(2) * k] * FILTER[np.uint64(TAPS // 2 - 1) - k]
    return odd, even


@kernel
def _join(low: Band, high: Band, code: int, line: Ints, at: int) -> None:
    """Write what a code says in both bands as two values of `line`, from which the filter makes samples."""
    lower = low.signal + (low.scale * FINE[code & 63] >> 15)
    upper = high.signal + (high.scale * HIGH[code >> 6] >> 15)
    lower, upper = max(min(lower, 16383), -16384), max(min(upper, 16383), -16384)
    line[at], line[at + 1] = lower + upper, lower - upper
    _follow(low, high, code & 63, code >> 6)


@kernel
def _low_code(difference: int, scale: int) -> int:
    """Give the six bits of a difference in the lower band: the last level that it reaches."""
    difference = _limited(difference)
    size = difference if difference >= 0 else ~difference
    below, above = 1, len(LEVELS)
    while below < above:
        n = (below + above) // 2
        if size >= LEVELS[n] * scale >> 12:
            below = n + 1
        else:
            above = n
    return int(POSITIVE[below] if difference >= 0 else NEGATIVE[below])


@kernel
def _high_code(difference: int, scale: int) -> int:
    """Give the two bits of a difference in the upper band."""
    difference = _limited(difference)
    size = difference if difference >= 0 else ~difference
    small = 1 if size < HIGH_LEVEL * scale >> 12 else 0
    return (2 if difference >= 0 else 0) + small


@kernel
def _follow(low: Band, high: Band, low_code: int, high_code: int) -> None:
    """Let the predictors and scales of both bands follow a code, as the other side's do."""
    coarse = low_code >> 2
    difference = low.scale * COARSE[coarse] >> 15
    _grow(low, LOW_GROWTH[coarse], LOW_TOP, LOW_SHIFT)
    _adapt(low, difference)
    difference = high.scale * HIGH[high_code] >> 15
    _grow(high, HIGH_GROWTH[high_code], HIGH_TOP, HIGH_SHIFT)
    _adapt(high, difference)


@kernel
def _grow(band: Band, growth: int, top: int, shift: int) -> None:
    """Let the scale of a band grow or shrink."""
    band.log = max(min((band.log * 127 >> 7) + growth, top), 0)
    shift -= band.log >> 11
    power = POWERS[band.log >> 6 & 31]
    band.scale = (power << -shift if shift < 0 else power >> shift) << 2


@kernel
def _adapt(band: Band, difference: int) -> None:
    """Take a difference into the predictor of a band, and predict the next sample."""
    before, rebuilt = band.rebuilt, _limited(band.signal + difference)
    first, second = _poles(band, _limited(band.by_zeros + difference))
    zeros = _zeros(band, difference)
    poles = (first * _limited(2 * rebuilt) >> 15) + (second * _limited(2 * before) >> 15)
    band.rebuilt, band.by_zeros, band.signal = rebuilt, zeros, _limited(_limited(poles) + zeros)


@kernel
def _poles(band: Band, partial: int) -> tuple[int, int]:
    """Adapt the coefficients of the two poles by the signs of the last three partial samples; give them."""
    alike = partial >> 15 == band.partial[0] >> 15
    steady = partial >> 15 == band.partial[1] >> 15
    first, second = band.poles[0], band.poles[1]
    lean = _limited(first << 2)
    lean = min(-lean if alike else lean, FULL_SCALE)
    second = (128 if steady else -128) + (lean >> 7) + (second * 32512 >> 15)
    second = max(min(second, 12288), -12288)
    first = _limited((192 if alike else -192) + (first * 32640 >> 15))
    first = max(min(first, 15360 - second), second - 15360)
    band.poles[0], band.poles[1] = first, second
    band.partial[0], band.partial[1] = partial, band.partial[0]
    return first, second


@kernel
def _zeros(band: Band, difference: int) -> int:
    """Adapt the coefficients of the six zeros by the signs of the differences; give their part of the prediction."""
    step, sign, total, newer = 0 if difference == 0 else 128, difference >> 15, 0, difference
    for k in range(np.uint64(0), np.uint64(6)):
        older = band.differences[k]
        zero = _limited((band.zeros[k] * 32640 >> 15) + (step if older >> 15 == sign else -step))
        band.zeros[k], band.differences[k] = zero, newer
        total += zero * _limited(2 * newer) >> 15
        newer = older
    return _limited(total)


@kernel
def _limited(value: int) -> int:
    return max(min(value, 32767), -32768)
