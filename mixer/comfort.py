"""Comfort noise (RFC 3389): what a row says while its sender suppresses silence, and how it gets there.

A sender that stops in a pause says so by one packet with the level of its background noise. The sound before it is led
out by its own last milliseconds, played backwards and fading, so that no edge is heard; under it noise of that level
fades in and stays until the sender goes on. Noise is no voice: who only makes noise never talks.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mixer.frame import ABSENT, samples_per_tick

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
Frames = NDArray[np.int16]
Float = NDArray[np.float32]

FADE_S = 0.010
# Long enough that nobody hears it repeat, and a step that lets each row begin elsewhere in it.
NOISE_S, ROW_STEP = 2.0, 977
LOUDEST_DBOV = -35.0
"""Above any room that a telephone is used in: who claims more would hurt the others."""


class ComfortNoise:
    """
    Level of the noise of each row.

    Parameters
    ----------
    capacity : int
        Number of rows.
    rate_hz : int
        Samples per second.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        self._samples = samples_per_tick(rate_hz)
        self._gain: Float = np.zeros(capacity, np.float32)
        count = round(NOISE_S * rate_hz)
        wave = np.random.default_rng(3389).standard_normal(count).astype(np.float32)
        wave /= np.sqrt(np.mean(wave**2))
        self._noise = sliding_window_view(np.concatenate((wave, wave[: self._samples])), self._samples)
        self._at = 0
        fade = round(FADE_S * rate_hz)
        self._fade: Float = np.maximum(1 - (np.arange(self._samples, dtype=np.float32) + 1) / np.float32(fade), 0)

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it."""
        self._gain[row] = 0

    def set(self, rows: Index, level_dbov: NDArray[np.floating]) -> None:
        """Say how loud the background of some rows is; -127 and below: it is silent."""
        level = np.minimum(level_dbov, LOUDEST_DBOV)
        self._gain[rows] = np.where(level > -127, 32768 * 10 ** (level / 20), 0)

    def fill(self, frames: Frames, pausing: Flags, leaving: Flags, newer: Frames) -> Index:
        """
        Replace `ABSENT` by noise in rows that pause.

        Parameters
        ----------
        frames : ndarray of int16, shape (rows, samples)
            The frames of the first rows; changed in place.
        pausing : ndarray of bool, shape (rows,)
            Rows with absent samples that are no loss.
        leaving : ndarray of bool, shape (rows,)
            Rows of these whose sound ends in or before this frame.
        newer : ndarray of int16, shape (rows, samples)
            What was played in the tick before.

        Returns
        -------
        ndarray of int64
            The rows that say nothing but noise.
        """
        self._at += self._samples
        rows = np.flatnonzero(pausing & ((self._gain[: len(frames)] > 0) | leaving))
        if not len(rows):
            return rows
        absent = frames[rows] == ABSENT
        made = self._noise[(self._at + rows * ROW_STEP) % len(self._noise)] * self._gain[rows, None]
        if len(ends := np.flatnonzero(leaving[rows])):
            made[ends] = self._lead_out(frames[rows[ends]], absent[ends], newer[rows[ends]], made[ends])
        frames[rows] = np.where(absent, np.rint(made).clip(-32767, 32767), frames[rows])
        noisy: Index = rows[absent.all(axis=1) & ~leaving[rows]]
        return noisy

    def _lead_out(self, true: Frames, absent: Flags, newer: Frames, noise: Float) -> Float:
        """Blend from the end of the sound, played backwards, into noise."""
        first = absent.argmax(axis=1)[:, None]
        since = np.maximum(np.arange(self._samples) - first, 0)
        history = np.concatenate((newer, true), axis=1)
        back = np.take_along_axis(history, np.maximum(self._samples + first - 1 - since, 0), axis=1)
        fade = self._fade[since]
        led: Float = back * fade + noise * (1 - fade)
        return led
