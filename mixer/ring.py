"""Where audio waits: a ring of samples per row, all rows in one flat array.

A strided view makes every sample the start of a window, so whole unaligned packets of many rows are copied by one
indexed assignment. Each row has a pad before and behind its ring; what is written near an end is written to the pad
as well, so that a read never has to be put together from two pieces.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from mixer.frame import ABSENT

Index = NDArray[np.int64]


class Ring:
    """
    Samples of all rows, addressed by position (samples since ever, int64, not negative).

    Parameters
    ----------
    capacity : int
        Number of rows.
    size : int
        Samples per row, a power of two.
    reach : int
        The most samples of one read or write.
    """

    def __init__(self, capacity: int, size: int, reach: int) -> None:
        self.size, self.reach = size, reach
        # Before the ring: one write that wraps. Behind it: one read past the end, where a mirrored write may overhang.
        width = size + 3 * reach
        self._flat = np.full(capacity * width, ABSENT, np.int16)
        self._rows = self._flat.reshape(capacity, width)
        self._base: Index = np.arange(capacity, dtype=np.int64) * width + reach
        self._windows: dict[int, NDArray[np.int16]] = {}

    def read(self, rows: Index | slice, position: Index, length: int) -> NDArray[np.int16]:
        """Copy `length` samples of each row from `position` on; int16, shape (rows, length)."""
        window: NDArray[np.int16] = self._window(length)[self._base[rows] + (position & (self.size - 1))]
        return window

    def write(self, rows: Index, position: Index, block: NDArray[np.int16]) -> None:
        """Put block[i] (int16, shape (rows, length)) at position[i] of rows[i]."""
        slot, window = position & (self.size - 1), self._window(block.shape[1])
        start = self._base[rows] + slot
        window[start] = block
        if len(wraps := np.flatnonzero(slot + block.shape[1] > self.size)):
            window[start[wraps] - self.size] = block[wraps]
        if len(mirrored := np.flatnonzero(slot < self.reach)):
            window[start[mirrored] + self.size] = block[mirrored]

    def forget(self, rows: Index | slice, position: Index, length: int) -> None:
        """Mark `length` samples of each row from `position` on as absent."""
        slot, window = position & (self.size - 1), self._window(length)
        start = self._base[rows] + slot
        window[start] = ABSENT
        if len(wraps := np.flatnonzero(slot > self.size - length)):
            window[start[wraps] - self.size] = ABSENT
        if len(mirrored := np.flatnonzero(slot < self.reach)):
            window[start[mirrored] + self.size] = ABSENT

    def clear(self, rows: Index) -> None:
        """Mark everything in the rows as absent."""
        self._rows[rows] = ABSENT

    def _window(self, length: int) -> NDArray[np.int16]:
        """View the array as all its stretches of `length` samples; window[i] == flat[i : i + length]."""
        if length not in self._windows:
            count = len(self._flat) - length + 1
            self._windows[length] = as_strided(self._flat, (count, length), (2, 2))
        return self._windows[length]
