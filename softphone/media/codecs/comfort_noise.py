"""Comfort noise (RFC 3389): background noise as a level, and the shape of its spectrum by reflection coefficients.

A payload is a byte with the level below overload in dB, and a byte for each coefficient; none: white noise. Noise of
that shape is white noise through a lattice filter of the same coefficients, whose gain is taken off the level before.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.comfort import ROW_STEP, amplitude, white_noise
from mixer.frame import FULL_SCALE, SCALE, SILENCE_DBOV
from mixer.kernel import kernel
from softphone.media.codecs.payloads import Payloads, bounds

__all__ = ["ComfortNoise", "describe"]

Float = NDArray[np.float32]

ORDER = 10
"""Coefficients that are used of a payload, and written to one: what ffmpeg and browsers send (RFC 3389 section 3.2)."""
STEP = np.float32(258 / 32768)
"""How coefficients are quantised (RFC 3389 section 3.2)."""
MIDDLE = 127
# On a flat spectrum the recursion would divide by nothing.
FLOOR = 1e-9


class ComfortNoise:
    """The background of each leg, as its sender describes it.

    Parameters
    ----------
    capacity
        How many rows there are.
    rate_hz
        Of the noise. A description is of the rate of the codec that it goes with.

    Attributes
    ----------
    level
        float32, shape (capacity,): effective value of the noise of each row, as a sample; 0: there is none.
    reflections
        float32, shape (capacity, ORDER): coefficients, between -1 and 1.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        self.level = np.zeros(capacity, np.float32)
        self.reflections = np.zeros((capacity, ORDER), np.float32)
        self._past = np.zeros((capacity, ORDER), np.float32)
        self._noise = white_noise(rate_hz)
        self._at = np.arange(capacity, dtype=np.int64) * ROW_STEP % len(self._noise)

    def take(self, rows: NDArray[np.int64], payloads: Payloads) -> None:
        """Take descriptions, whatever bytes they hold: of several of a row the last counts, an empty one is silence.

        No noise is louder than `mixer.comfort.LOUDEST_DBOV`.
        """
        take(rows, *payloads, self.level, self.reflections)

    def make(self, rows: NDArray[np.int64], pcm: NDArray[np.int16]) -> None:
        """Fill rows of `pcm`, int16 of shape (n, samples), with the noise of some legs, which goes on where it was."""
        make(rows, self.level, self.reflections, self._past, self._noise, self._at, pcm)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Let some rows be silent."""
        self.level[rows], self.reflections[rows], self._past[rows] = 0, 0, 0


def describe(frames: NDArray[np.int16], out: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Describe background noise.

    Parameters
    ----------
    frames
        int16, shape (n, samples).
    out
        uint8, shape (n, bytes), with room for at least the level; a coefficient for each further byte, up to `ORDER`.

    Returns
    -------
    NDArray
        int64, shape (n,): how many bytes each payload has.
    """
    order = min(ORDER, out.shape[1] - 1)
    window = np.hanning(frames.shape[1] + 2)[1:-1].astype(np.float32)
    write(frames, window, np.zeros((3, order + 1)), out)
    return np.full(len(frames), order + 1, np.int64)


@kernel
def take(
    rows: NDArray[np.int64],
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    size: NDArray[np.int64],
    level: Float,
    reflections: Float,
) -> None:
    """Read payloads into the rows of `level` and `reflections`."""
    for i in range(len(rows)):
        row = rows[i]
        start, length = bounds(len(data), offset[i], size[i])
        level[row] = amplitude(-float(data[start] & np.uint8(0x7F)) if length > 0 else SILENCE_DBOV)
        for k in range(ORDER):
            step = min(int(data[start + 1 + k]) - MIDDLE, MIDDLE) if k + 1 < length else 0
            reflections[row, k] = np.float32(step) * STEP


@kernel
def make(
    rows: NDArray[np.int64],
    level: Float,
    reflections: Float,
    past: Float,
    noise: Float,
    at: NDArray[np.int64],
    pcm: NDArray[np.int16],
) -> None:
    """Fill rows of `pcm` by lattice filters: `past` has what each remembers, `at` its place in the white noise."""
    for i in range(len(rows)):
        row = rows[i]
        kept = np.float32(1)
        for k in range(ORDER):
            kept *= np.float32(1) - reflections[row, k] * reflections[row, k]
        gain = level[row] * np.sqrt(kept)
        for j in range(pcm.shape[1]):
            forward = noise[(at[row] + j) % len(noise)] * gain
            for k in range(ORDER - 1, -1, -1):
                forward -= reflections[row, k] * past[row, k]
                if k + 1 < ORDER:
                    past[row, k + 1] = past[row, k] + reflections[row, k] * forward
            past[row, 0] = forward
            pcm[i, j] = np.int16(min(max(np.rint(forward), np.float32(-FULL_SCALE)), np.float32(FULL_SCALE)))
        at[row] = (at[row] + pcm.shape[1]) % len(noise)


@kernel
def write(frames: NDArray[np.int16], window: Float, work: NDArray[np.float64], out: NDArray[np.uint8]) -> None:
    """Write levels, and coefficients by the recursion of Schur; `work` has three rows of one more than they are."""
    order = work.shape[1] - 1
    for i in range(len(frames)):
        power = 0.0
        for j in range(frames.shape[1]):
            power += float(frames[i, j]) * float(frames[i, j])
        power /= max(frames.shape[1], 1) * float(SCALE) * float(SCALE)
        out[i, 0] = min(max(int(np.rint(-10 * np.log10(max(power, 1e-13)))), 0), 127)
        _correlate(frames, i, window, work[0])
        for k in range(order + 1):
            work[1, k] = work[2, k] = work[0, k]
        for k in range(order):
            reflection = -work[1, k + 1] / max(work[2, k], FLOOR) if work[0, 0] > FLOOR else 0.0
            reflection = min(max(reflection, -1.0), 1.0)
            for m in range(order, k, -1):
                upper, lower = work[1, m], work[2, m - 1]
                work[1, m], work[2, m] = upper + reflection * lower, lower + reflection * upper
            out[i, k + 1] = MIDDLE + min(max(int(np.rint(reflection / STEP)), -MIDDLE), MIDDLE)


@kernel
def _correlate(frames: NDArray[np.int16], i: int, window: Float, out: NDArray[np.float64]) -> None:
    """Give the correlation of a frame under a window with itself, at each lag from none on."""
    for lag in range(len(out)):
        out[lag] = 0.0
        for j in range(lag, frames.shape[1]):
            out[lag] += float(frames[i, j]) * window[j] * float(frames[i, j - lag]) * window[j - lag]
    out[0] *= 1 + 1e-6  # rounding must not make a filter that rings
