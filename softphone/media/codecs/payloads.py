"""Payloads of many packets, where they lie: nothing is copied to be decoded."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import kernel

__all__ = ["Payloads", "bounds"]


class Payloads(NamedTuple):
    """Where in memory some payloads lie.

    Attributes
    ----------
    data
        uint8, one dimension, contiguous: all bytes, e.g. of a batch of datagrams.
    offset, size
        int64, shape (n,): where in `data` each begins, and of how many bytes it is. What is said to lie outside of
        `data` is not read.
    """

    data: NDArray[np.uint8]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]


@kernel
def bounds(there: int, offset: int, size: int) -> tuple[int, int]:
    """Return offset and size of the part of a payload that lies within so many bytes that are there."""
    start = min(max(offset, 0), there)
    return start, min(max(size, 0), there - start)
