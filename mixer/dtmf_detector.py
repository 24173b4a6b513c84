"""Detection of in-band DTMF keys (ITU-T Q.24).

Every 5 ms the detector looks at the last 20 ms of a row, through a Hann window, at the eight DTMF frequencies. The turn
of phase between two such looks tells the true frequency to about a hertz, and thereby whether it is within tolerance.
What part of the window's energy the two tones hold tells a key from a voice. Rows that are too soft for a key are not
looked at.
"""

from math import atan2, pi, sin
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixer.dtmf import DTMF_HIGH_HZ, DTMF_KEYS, DTMF_LOW_HZ
from mixer.kernel import Int, kernel, records

__all__ = ["Detector"]

# Instants at which the detector looks, per 20 ms frame: every 5 ms, so that a frequency up to 100 Hz off is told apart
# from its alias (the phase turns by less than half a circle).
STEPS = 4
# Q.24: 1.5 % off must be taken, 3.5 % off must not.
TOLERANCE = 0.025
# Two tones that hold less of the window's energy than this are not a key: 15 dB of noise leave 0.97, and 0.88 is 9 dB.
PURITY = 0.88
# Q.24 asks for 4 dB one way and 8 dB the other; phones and their codecs do worse, so 9 dB both ways.
TWIST = 10.0**0.9
# A tone below this is crosstalk, not a key: -42 dBov is -36 dBm0 per tone.
FLOOR = 10.0 ** (-42.0 / 10.0)
# Steps that must agree: a 20 ms window is pure for about 8 ms less than the key lasts, so a 40 ms key gives 6 of them
# and one of 23 ms (which Q.24 wants refused) at most 4.
PRESS_STEPS = 5
# Steps without the key after which it has been let go: 30 ms. One lost frame is no release, a 40 ms pause is one.
RELEASE_STEPS = 6
TONES = 8
SEEN_LEAST = 0.25
"""Of a tone's power, what the window is taken to see of it at least."""

LINE = np.dtype(
    [
        ("down", np.int8),  # the key that is down, -1: none
        ("candidate", np.int8),  # what the last step found
        ("run", np.int16),  # steps that agree
        ("gap", np.int16),  # steps without the key that is down
        ("looked", np.bool_),  # the last frame was looked at, and `spectra` says what its end is like
        ("power", np.int64),  # sum of the squares of its samples
    ],
    align=True,
)
Line: TypeAlias = Any
"""Records of dtype `LINE`, or one of them, as kernels see them."""
Float: TypeAlias = NDArray[np.float32]


class Detector:
    """Recognises DTMF keys in many rows at once (ITU-T Q.24); one event per press, however long.

    A key is reported in the frame in which it has sounded for 40 ms or so. Each row remembers its last frame and the
    key that is down.

    Parameters
    ----------
    capacity
        Number of rows.
    rate_hz
        Sample rate of all rows, a multiple of 400.

    Attributes
    ----------
    doubtful : NDArray[np.bool_]
        Shape (capacity,): rows whose last frame may hold a key, or a part of one.

    Raises
    ------
    ValueError
        The rate has no whole number of samples in 5 ms, or is under 4,000 Hz.
    """

    def __init__(self, capacity: int, rate_hz: int = 8000) -> None:
        if rate_hz % 200 or rate_hz < 4000:
            raise ValueError(f"no detector for {rate_hz} Hz")
        self.rate_hz, self.samples = rate_hz, rate_hz // 50
        nominal_hz = np.array(DTMF_LOW_HZ + DTMF_HIGH_HZ)
        window = np.hanning(self.samples + 2)[1:-1]
        self._window = (window / window.sum()).astype(np.float32)
        turn = 2.0 * np.pi / rate_hz * np.outer(np.arange(self.samples), nominal_hz)
        waves = np.hstack([np.cos(turn), -np.sin(turn)]) * self._window[:, None]
        self._waves, self._nominal_hz = waves.astype(np.float32), nominal_hz
        self.doubtful = np.zeros(capacity, dtype=np.bool_)
        self._last = np.zeros((capacity, self.samples), np.int16)
        self._spectra = np.zeros((capacity, 2 * TONES), np.float32)
        self._lines: Line = records(capacity, LINE)
        self._block, self._before = np.zeros(2 * self.samples, np.float32), np.zeros(2 * TONES, np.float32)
        self._pressed = np.zeros((capacity, 3), np.int64)
        self.reset(np.arange(capacity))

    def reset(self, rows: ArrayLike) -> None:
        """Forget what `rows` (row numbers) heard: call it when a row gets a new party."""
        chosen = np.asarray(rows, dtype=np.intp)
        self._last[chosen], self._lines[chosen] = 0, np.zeros((), LINE)
        self._lines["down"][chosen] = self._lines["candidate"][chosen] = -1
        self.doubtful[chosen] = False

    def feed(self, rows: ArrayLike, frames: NDArray[np.int16]) -> list[tuple[int, str]]:
        """Hear one frame of some rows.

        Parameters
        ----------
        rows
            Distinct row numbers, shape (n,).
        frames
            int16, shape (n, samples): 20 ms of each, in the order of `rows`.

        Returns
        -------
        list[tuple[int, str]]
            (row, key) of each press that became certain, in the order of time.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        how = self._waves, self._window, self._nominal_hz, self.rate_hz
        kept = self._last, self._spectra, self._lines, self.doubtful
        found = recognise(chosen, frames, *how, *kept, self._block, self._before, self._pressed)
        return [(row, DTMF_KEYS[key]) for _, row, key in sorted(self._pressed[:found].tolist())] if found else []


@kernel
def recognise(
    rows: NDArray[np.int64], frames: NDArray[np.int16], waves: Float, window: Float, nominal_hz: NDArray[np.float64],
    rate_hz: int, last: NDArray[np.int16], spectra: Float, lines: Line, doubtful: NDArray[np.bool_], block: Float,
    before: Float, pressed: NDArray[np.int64],
) -> int:  # fmt: skip
    """Look for keys in one frame of some rows.

    Parameters
    ----------
    rows, frames, rate_hz
        As `Detector` has them.
    waves, window, nominal_hz
        float32, shape (samples, 16): the window times the eight tones, cosines and then sines; the window, of sum 1;
        the tones.
    last, spectra, lines, doubtful
        Of each row, kept: its last frame; what `_look` made of that; the rest; whether it may hold a key.
    block, before
        float32, two frames and as long as a spectrum: to work in.
    pressed
        Out: step, row and key of each press that became certain.

    Returns
    -------
    int
        How many there are.
    """
    found, hop = 0, len(window) // STEPS
    least = FLOOR * SEEN_LEAST / 2 / window.max() * 32768.0**2
    for i in range(len(rows)):
        row, key = rows[i], -1
        line, power, may = lines[row], _power(frames[i]), lines[row].down >= 0
        loud = power + line.power > least
        if loud:
            _join(last[row], frames[i], block)
            if not line.looked:
                _look(block, 0, waves, spectra[row])
        for step in range(1, STEPS + 1):
            if loud:
                before[:] = spectra[row]
                _look(block, step * hop, waves, spectra[row])
                key = _key(before, spectra[row], _energy(block, step * hop, window), nominal_hz, rate_hz, hop)
            may |= key >= 0
            if _press(line, key):
                pressed[found, 0], pressed[found, 1], pressed[found, 2] = step, row, key
                found += 1
        line.looked, line.power, doubtful[row] = loud, power, may
        last[row] = frames[i]
    return found


@kernel
def _power(frame: NDArray[np.int16]) -> Int:
    """Sum the squares of samples."""
    power: Int = 0
    for j in range(np.uint64(0), np.uint64(len(frame))):
        power += np.int64(frame[j]) * np.int64(frame[j])
    return power


@kernel
def _join(last: NDArray[np.int16], frame: NDArray[np.int16], block: Float) -> None:
    """Write two frames one after the other, full scale 1."""
    count = np.uint64(len(frame))
    for j in range(np.uint64(0), count):
        block[j] = np.float32(last[j]) * np.float32(1 / 32768)
        block[count + j] = np.float32(frame[j]) * np.float32(1 / 32768)


@kernel
def _look(block: Float, start: int, waves: Float, spectrum: Float) -> None:
    """Multiply a frame that begins at `start` with all tones, four samples at a time, all tones side by side."""
    width = np.uint64(2 * TONES)
    for k in range(np.uint64(0), width):
        spectrum[k] = np.float32(0)
    for j in range(0, len(waves), 4):
        a, b, c, d = block[start + j], block[start + j + 1], block[start + j + 2], block[start + j + 3]
        for k in range(np.uint64(0), width):
            spectrum[k] += a * waves[j, k] + b * waves[j + 1, k] + c * waves[j + 2, k] + d * waves[j + 3, k]


@kernel
def _energy(block: Float, start: int, window: Float) -> float:
    """Measure what the window sees of a frame, full scale 1."""
    energy = 0.0
    for j in range(len(window)):
        energy += window[j] * block[start + j] * block[start + j]
    return energy


@kernel
def _key(
    before: Float, now: Float, energy: float, nominal_hz: NDArray[np.float64], rate_hz: int, hop: int
) -> int:  # fmt: skip
    """Give the key that is heard in a window, -1: none; `before`: what was seen 5 ms earlier."""
    if _most(now, 0) + _most(now, TONES // 2) <= PURITY * energy * SEEN_LEAST / 2:
        return -1
    low, low_power, low_near = _tone(before, now, 0, nominal_hz, rate_hz, hop)
    high, high_power, high_near = _tone(before, now, TONES // 2, nominal_hz, rate_hz, hop)
    soft, strong = min(low_power, high_power), max(low_power, high_power)
    alike = soft > FLOOR and strong < TWIST * soft and soft + strong > PURITY * energy
    return low * 4 + high - TONES // 2 if low_near and high_near and alike else -1


@kernel
def _most(now: Float, first: int) -> float:
    """Give the largest of four squared magnitudes."""
    most = 0.0
    for tone in range(first, first + TONES // 2):
        most = max(most, np.float64(now[tone] * now[tone] + now[TONES + tone] * now[TONES + tone]))
    return most


@kernel
def _tone(
    before: Float, now: Float, first: int, nominal_hz: NDArray[np.float64], rate_hz: int, hop: int
) -> tuple[int, float, bool]:
    """Find the strongest of four tones: which, its power, and whether it is as near to its frequency as a key's."""
    best, best_power, near = first, -1.0, False
    for tone in range(first, first + TONES // 2):
        x, y = np.float64(now[tone]), np.float64(now[TONES + tone])
        u, v = np.float64(before[tone]), np.float64(before[TONES + tone])
        turn = atan2(y * u - x * v, x * u + y * v) - 2 * pi * nominal_hz[tone] * hop / rate_hz
        offset_hz = (turn - 2 * pi * np.rint(turn / (2 * pi))) * rate_hz / (2 * pi * hop)
        power = 2 * (x * x + y * y) / _seen(abs(offset_hz) * hop * STEPS / rate_hz)
        if power > best_power:
            best, best_power, near = tone, power, abs(offset_hz) < TOLERANCE * nominal_hz[tone]
    return best, best_power, near


@kernel
def _seen(bins: float) -> float:
    """Give how much of a tone's power the window sees that is so many lines of its spectrum beside the centre."""
    bins = min(bins, 0.9)
    sinc = sin(pi * bins) / (pi * bins) if bins > 0 else 1.0
    return max((sinc / (1 - bins * bins)) ** 2, SEEN_LEAST)


@kernel
def _press(line: Line, key: int) -> bool:
    """Count one step of a row; true where a press became certain (enough steps alike, and that key not down)."""
    if key < 0:
        line.run = 0
    else:
        line.run = min(line.run + 1, PRESS_STEPS) if key == line.candidate else 1
    line.candidate = key
    line.gap = 0 if key == line.down else min(line.gap + 1, RELEASE_STEPS)
    if line.gap >= RELEASE_STEPS:
        line.down = -1
    if line.run < PRESS_STEPS or key == line.down:
        return False
    line.down, line.gap = key, 0
    return True
