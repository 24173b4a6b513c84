"""Keys that are pressed in the sound are for the bridge: the room and its recordings need not hear them."""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import samples_per_tick

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
Frames = NDArray[np.int16]

# Long enough to be no click; a key that has begun is heard for no longer.
RAMP_S = 0.0025


class Blanker:
    """
    Silences rows frame by frame, without steps.

    Parameters
    ----------
    capacity : int
        Number of rows.
    rate_hz : int
        Samples per second.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        ramp = round(RAMP_S * rate_hz)
        at = np.arange(samples_per_tick(rate_hz), dtype=np.float32)
        self._rising = np.minimum((at + 1) / np.float32(ramp + 1), 1)
        self._blank: Flags = np.zeros(capacity, bool)

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it."""
        self._blank[row] = False

    def fill(self, frames: Frames, rows: Index, blank: Flags) -> None:
        """
        Silence the frames of some rows, from now on or no more.

        Parameters
        ----------
        frames : ndarray of int16, shape (at least max(rows) + 1, samples)
            Changed in place.
        rows : ndarray of int64, shape (n,)
            Distinct rows.
        blank : ndarray of bool, shape (n,)
            Which of them say nothing.
        """
        before = self._blank[rows]
        if not (blank | before).any():
            return
        self._blank[rows] = blank
        frames[rows[blank & before]] = 0
        for which, ramp in ((blank & ~before, 1 - self._rising), (before & ~blank, self._rising)):
            edge = rows[which]
            frames[edge] = np.rint(frames[edge] * ramp)
