"""DTMF keys, made (ITU-T Q.23) and recognised (Q.24).

The detector follows ITU-T Q.24. It looks at all its rows at once: every frame of every row, with the frame before it,
is multiplied by one matrix whose columns are Hann-windowed Fourier kernels of the eight DTMF frequencies at five
instants 5 ms apart. The turn of phase between two instants tells the true frequency to about a hertz, and thereby
whether it is within tolerance. What part of the window's energy the two tones hold tells a key from a voice.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixer.tone import pcm, wave

__all__ = ["DTMF_HIGH_HZ", "DTMF_KEYS", "DTMF_LOW_HZ", "Detector", "dtmf"]

# ITU-T Q.23: a key is one frequency of the low group (its line on the keypad) and one of the high group (its column).
DTMF_LOW_HZ = (697.0, 770.0, 852.0, 941.0)
DTMF_HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
DTMF_KEYS = "123A456B789C*0#D"

# Rise and fall of a made key: short enough for a 40 ms key, long enough that neighbours in the band hear no click.
EDGE_S = 0.005


def dtmf(
    keys: str, rate_hz: int = 8000, *, level_dbov: float = -14.0, duration_s: float = 0.1, gap_s: float = 0.05
) -> NDArray[np.int16]:
    """Make DTMF keys with shaped edges.

    Parameters
    ----------
    keys
        Of ``0-9 * # A-D``.
    rate_hz
        Sample rate.
    level_dbov
        Level of each of the two tones.
    duration_s, gap_s
        Each key sounds for `duration_s` and is followed by `gap_s` of silence.

    Returns
    -------
    NDArray[np.int16]
        Shape (len(keys) * round((duration_s + gap_s) * rate_hz),), give or take rounding per key.

    Raises
    ------
    ValueError
        A key is none of the sixteen.
    """
    on, off = round(duration_s * rate_hz), round(gap_s * rate_hz)
    edge = min(round(EDGE_S * rate_hz), on // 2)
    shape = np.ones(on)
    shape[:edge] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / max(edge, 1))
    shape[on - edge :] = shape[:edge][::-1]
    instants = np.arange(on, dtype=np.float64)
    made = np.zeros((len(keys), on + off))
    for place, key in enumerate(keys):
        low, high = divmod(_key_index(key), 4)
        for frequency_hz in (DTMF_LOW_HZ[low], DTMF_HIGH_HZ[high]):
            made[place, :on] += shape * wave(frequency_hz, instants, rate_hz, level_dbov)
    return pcm(made.reshape(-1))


def _key_index(key: str) -> int:
    """Place of `key` on the keypad, line by line."""
    if len(key) != 1 or key not in DTMF_KEYS:
        raise ValueError(f"not a DTMF key: {key!r}")
    return DTMF_KEYS.index(key)


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
FLOOR_DBOV = -42.0
# Steps that must agree: a 20 ms window is pure for about 8 ms less than the key lasts, so a 40 ms key gives 6 of them
# and one of 23 ms (which Q.24 wants refused) at most 4.
PRESS_STEPS = 5
# Steps without the key after which it has been let go: 30 ms. One lost frame is no release, a 40 ms pause is one.
RELEASE_STEPS = 6


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
        self.rate_hz = rate_hz
        self.samples = rate_hz // 50
        self._hop = self.samples // STEPS
        self._nominal = np.array(DTMF_LOW_HZ + DTMF_HIGH_HZ, dtype=np.float32)
        self._kernels, self._weights = self._matrices()
        self.doubtful = np.zeros(capacity, dtype=np.bool_)
        self._last = np.zeros((capacity, self.samples), dtype=np.float32)
        self._down = np.full(capacity, -1, dtype=np.int8)
        self._candidate = np.full(capacity, -1, dtype=np.int8)
        self._run = np.zeros(capacity, dtype=np.int16)
        self._gap = np.zeros(capacity, dtype=np.int16)

    def _matrices(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Kernels [2 S, (STEPS + 1) * 8 * 2] (cosines, then sines) and energy windows [2 S, STEPS + 1]."""
        window = np.hanning(self.samples + 2)[1:-1]
        instants = np.arange(2 * self.samples)
        weights = np.zeros((2 * self.samples, STEPS + 1))
        for step in range(STEPS + 1):
            weights[step * self._hop : step * self._hop + self.samples, step] = window / window.sum()
        turn = 2.0 * np.pi / self.rate_hz * np.outer(instants, self._nominal.astype(np.float64))
        waves = np.stack([np.cos(turn), -np.sin(turn)])
        kernels = np.einsum("is,cif->icsf", weights, waves).reshape(2 * self.samples, -1)
        return kernels.astype(np.float32), weights.astype(np.float32)

    def reset(self, rows: ArrayLike) -> None:
        """Forget what `rows` (row numbers) heard: call it when a row gets a new party."""
        chosen = np.asarray(rows, dtype=np.intp)
        self._last[chosen] = 0.0
        self._down[chosen] = self._candidate[chosen] = -1
        self._run[chosen] = self._gap[chosen] = 0
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
        chosen = np.asarray(rows, dtype=np.intp)
        if not len(chosen):
            return []
        block = np.empty((len(chosen), 2 * self.samples), dtype=np.float32)
        block[:, : self.samples] = self._last[chosen]
        np.multiply(frames, np.float32(1.0 / 32768.0), out=block[:, self.samples :])
        self._last[chosen] = block[:, self.samples :]
        keys = self._recognise(block)
        doubtful = (keys >= 0).any(axis=1) | (self._down[chosen] >= 0)
        pressed: list[tuple[int, str]] = []
        for step in range(STEPS):
            fired = self._advance(chosen, keys[:, step])
            pressed += [(int(row), DTMF_KEYS[key]) for row, key in zip(chosen[fired], keys[fired, step], strict=True)]
        self.doubtful[chosen] = doubtful
        return pressed

    def _recognise(self, block: NDArray[np.float32]) -> NDArray[np.int8]:
        """Key numbers int8 [n, STEPS], -1 for none, of float32 [n, 2 S] in full scale 1.

        All kernels count from the block's first sample: a tone exactly on its kernel has one phase in all steps.
        """
        parts = (block @ self._kernels).reshape(len(block), 2, STEPS + 1, 8)
        spectrum = parts[:, 0] + 1j * parts[:, 1]
        energy = (block * block) @ self._weights
        turn = np.angle(spectrum[:, 1:] * np.conj(spectrum[:, :-1]))
        offset_hz = turn * np.float32(self.rate_hz / (2.0 * np.pi * self._hop))
        power = 2.0 * np.abs(spectrum[:, 1:]) ** 2 / self._droop(offset_hz)
        power = power.reshape(len(block), STEPS, 2, 4)
        best = power.argmax(axis=3)
        tones = np.take_along_axis(power, best[..., None], axis=3)[..., 0]
        off = np.abs(offset_hz / self._nominal).reshape(power.shape)
        near = (np.take_along_axis(off, best[..., None], axis=3)[..., 0] < TOLERANCE).all(axis=2)
        loud = tones.min(axis=2) > 10.0 ** (FLOOR_DBOV / 10.0)
        level = tones.max(axis=2) < TWIST * tones.min(axis=2)
        pure = tones.sum(axis=2) > PURITY * energy[:, 1:]
        return np.where(near & loud & level & pure, best[..., 0] * 4 + best[..., 1], -1).astype(np.int8)

    def _droop(self, offset_hz: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much of a tone's power the Hann window sees `offset_hz` beside its centre, never under 0.25."""
        bins = np.minimum(np.abs(offset_hz) * np.float32(self.samples / self.rate_hz), np.float32(0.9))
        seen = (np.sinc(bins) / (1.0 - bins * bins)) ** 2
        return np.maximum(seen, 0.25).astype(np.float32)

    def _advance(self, rows: NDArray[np.intp], key: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Count one step of each row; true where a press became certain (enough steps alike, and that key not down)."""
        same = (key == self._candidate[rows]) & (key >= 0)
        self._run[rows] = run = np.where(same, np.minimum(self._run[rows] + 1, PRESS_STEPS), key >= 0)
        self._candidate[rows] = key
        down = self._down[rows]
        gap = np.where(key == down, 0, np.minimum(self._gap[rows] + 1, RELEASE_STEPS))
        down = np.where(gap >= RELEASE_STEPS, -1, down)
        fired: NDArray[np.bool_] = (run >= PRESS_STEPS) & (key != down)
        self._down[rows] = np.where(fired, key, down)
        self._gap[rows] = np.where(fired, 0, gap)
        return fired
