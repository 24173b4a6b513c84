"""A batch of packets as arrays, and how often each row occurs in one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Packets:
    """A batch of packets, one entry per packet; see `Bridge.receive`."""

    rows: Index
    seq: Index
    timestamp: NDArray[np.uint32]
    ssrc: NDArray[np.uint32]
    marker: Flags
    pcm: NDArray[np.int16]
    arrival_s: NDArray[np.float64]

    def pick(self, which: Index) -> "Packets":
        """Give some of the packets."""
        return Packets(
            self.rows[which],
            self.seq[which],
            self.timestamp[which],
            self.ssrc[which],
            self.marker[which],
            self.pcm[which],
            self.arrival_s[which],
        )


def turns(rows: Index) -> tuple[Index, Index | None]:
    """
    Count the packets of each row.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        The row of each packet.

    Returns
    -------
    order : ndarray of int64, shape (n,)
        The packets sorted by row, in each row as they came.
    turn : ndarray of int64, shape (n,), or None
        turn[i]: how many packets of its row stand before packet order[i]; None when no row has two.
    """
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.ones(len(rows), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    if first.all():
        return order, None
    begin = np.flatnonzero(first)
    return order, np.arange(len(rows)) - np.repeat(begin, np.diff(begin, append=len(rows)))
