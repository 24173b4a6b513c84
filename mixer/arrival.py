"""What the sequence numbers of arriving packets tell: loss, duplicates, jitter (RFC 3550 appendix A), for all rows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

# RFC 3550 A.1: a sequence number further ahead, or further behind, is neither loss nor reordering but a restart, once
# the next packet confirms it.
MAX_DROPOUT, MAX_MISORDER = 3000, 100
# One bit per sequence number: enough for a second of 20 ms packets. What is older is too late to be played anyway.
HISTORY = 64


class Reception(NamedTuple):
    """
    What a report says of several rows (RFC 3550 section 6.4.1), each an array of shape (n,).

    Attributes
    ----------
    received, expected : ndarray of int64
        Packets that came, duplicates included, and packets that were sent.
    highest : ndarray of int64
        The extended highest sequence number, without bound.
    jitter : ndarray of float64
        Interarrival jitter in samples.
    """

    received: Index
    expected: Index
    highest: Index
    jitter: NDArray[np.float64]

    def pick(self, which: Index) -> "Reception":
        """Give what it says of some of the rows."""
        return Reception(self.received[which], self.expected[which], self.highest[which], self.jitter[which])


class Arrivals:
    """
    Sequence state per row.

    Parameters
    ----------
    capacity : int
        Number of rows.
    rate_hz : int
        Clock of the timestamps.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._known: Flags = np.zeros(capacity, bool)
        self._ssrc = np.zeros(capacity, np.uint32)
        self._seen = np.zeros(capacity, np.uint64)
        self._restart = np.full(capacity, -1, np.int64)
        self._base = np.zeros(capacity, np.int64)
        self._expected_before = np.zeros(capacity, np.int64)
        self._last_s = np.zeros(capacity)
        self._last_timestamp = np.zeros(capacity, np.uint32)
        self.highest = np.zeros(capacity, np.int64)
        self.received = np.zeros(capacity, np.int64)
        self.duplicate = np.zeros(capacity, np.int64)
        self.jitter = np.zeros(capacity)

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it."""
        for array in (self._expected_before, self.highest, self.received, self.duplicate, self.jitter):
            array[row] = 0
        self._known[row] = False

    def reception(self, rows: Index) -> Reception:
        """Give what a report says of some rows."""
        return Reception(self.received[rows], self.expected(rows), self.highest[rows], self.jitter[rows])

    def expected(self, rows: Index) -> Index:
        """Tell how many packets were sent to rows, over all streams of each (RFC 3550 A.3)."""
        return self._expected_before[rows] + self._expected_now(rows)

    def accept(self, rows: Index, seq: Index, ssrc: NDArray[np.uint32]) -> tuple[Flags, Flags]:
        """
        Count one packet of each of several rows.

        Returns
        -------
        started, duplicate : ndarray of bool, shape (n,)
            The packet begins a new stream (first of all, or a new SSRC); the packet has come before.
        """
        self.received[rows] += 1
        known = self._known[rows] & (self._ssrc[rows] == ssrc)
        ahead = ((seq - self.highest[rows] + 0x8000) & 0xFFFF) - 0x8000
        if known.all() and (ahead == 1).all():
            self._follow(rows)
            return ~known, ~known
        wild = known & ((ahead >= MAX_DROPOUT) | (ahead <= -MAX_MISORDER))
        begins = ~known | wild & (seq == self._restart[rows])
        self._begin(rows[begins], seq[begins], ssrc[begins])
        self._restart[rows] = np.where(wild & ~begins, (seq + 1) & 0xFFFF, -1)
        usual = ~begins & ~wild
        duplicate = np.zeros(len(rows), bool)
        duplicate[usual] = self._advance(rows[usual], ahead[usual])
        self.duplicate[rows] += duplicate
        return ~known, duplicate

    def time(self, rows: Index, timestamp: NDArray[np.uint32], arrival_s: NDArray[np.float64], same: Flags) -> None:
        """Follow the interarrival jitter; `same`: the packet continues the stream of the one before it."""
        moved = (timestamp - self._last_timestamp[rows]).view(np.int32)
        wander = np.abs((arrival_s - self._last_s[rows]) * self._rate_hz - moved)
        self.jitter[rows] += np.where(same, (wander - self.jitter[rows]) / 16, 0.0)
        self._last_s[rows], self._last_timestamp[rows] = arrival_s, timestamp

    def _expected_now(self, rows: Index) -> Index:
        return np.where(self._known[rows], self.highest[rows] - self._base[rows] + 1, 0)

    def _begin(self, rows: Index, seq: Index, ssrc: NDArray[np.uint32]) -> None:
        if not len(rows):
            return
        self._expected_before[rows] += self._expected_now(rows)
        self._known[rows], self._ssrc[rows], self._seen[rows] = True, ssrc, 1
        self._base[rows] = self.highest[rows] = seq

    def _follow(self, rows: Index) -> None:
        """Each packet is the one after the highest: what `_advance` does for the usual batch, in a few steps."""
        self.highest[rows] += 1
        self._seen[rows] = self._seen[rows] << np.uint64(1) | np.uint64(1)
        self._restart[rows] = -1

    def _advance(self, rows: Index, ahead: Index) -> Flags:
        """Move the window of seen sequence numbers; tells which were in it."""
        seen, one = self._seen[rows], np.uint64(1)
        shift = np.clip(ahead, 0, HISTORY - 1).astype(np.uint64)
        moved = np.where(ahead < HISTORY, seen << shift, 0)
        bit = one << np.clip(-ahead, 0, HISTORY - 1).astype(np.uint64)
        again: Flags = (moved & bit != 0) & (ahead > -HISTORY)
        self._seen[rows] = np.where(ahead > -HISTORY, moved | bit, moved)
        number = self.highest[rows] + ahead
        self._base[rows] = np.minimum(self._base[rows], number)
        self.highest[rows] += np.maximum(ahead, 0)
        return again
