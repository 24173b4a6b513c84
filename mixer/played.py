"""What one tick takes out of the playout: a frame of each row, and what is lacking in it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


class Played(NamedTuple):
    """
    The next frames of the first rows.

    Attributes
    ----------
    frames : ndarray of int16, shape (rows, samples)
        `ABSENT` where nothing came.
    lacking : ndarray of bool, shape (rows,)
        Rows with any absent sample.
    quiet : ndarray of bool, shape (rows,)
        Rows in which that is no loss: idle, not yet begun, silent by their own word, or fed by `push`.
    leaving : ndarray of bool, shape (rows,)
        Rows of these whose sound ends by the word of their sender.
    """

    frames: NDArray[np.int16]
    lacking: Flags
    quiet: Flags
    leaving: Flags
