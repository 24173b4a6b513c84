"""What the sequence numbers of arriving packets tell: loss, duplicates, jitter (RFC 3550 appendix A), for all rows.

Which packets are a row's is decided before (`mixer.stream`). Reports speak of one source (section 6.4.1), so what they
say is counted from its first packet on; what the sources before it sent is kept for the sums over a party's whole life.
"""

from dataclasses import dataclass
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
# A packet that came later or earlier than this says something of a clock that was set, not of the network.
LONGEST_WANDER_S = 1.0


class ReceptionReport(NamedTuple):
    """
    What a report says of several rows (RFC 3550 section 6.4.1), each an array of shape (n,).

    Attributes
    ----------
    ssrc : ndarray of int64
        The source it speaks of; -1: none has been heard.
    received, expected : ndarray of int64
        Packets of it that came, duplicates included, and packets that were sent.
    highest : ndarray of int64
        The extended highest sequence number, without bound.
    jitter : ndarray of float64
        Interarrival jitter in samples.
    """

    ssrc: Index
    received: Index
    expected: Index
    highest: Index
    jitter: NDArray[np.float64]

    def pick(self, which: Index) -> "ReceptionReport":
        """Give what it says of some of the rows."""
        return ReceptionReport(
            self.ssrc[which], self.received[which], self.expected[which], self.highest[which], self.jitter[which]
        )


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
        self._seen = np.zeros(capacity, np.uint64)
        # Nothing was expected where the base is one above the highest.
        self.highest, self._base = np.zeros(capacity, np.int64), np.ones(capacity, np.int64)
        self._expected_before = np.zeros(capacity, np.int64)  # of this source, before its numbers started anew
        self._last_s = np.zeros(capacity)
        self._last_timestamp = np.zeros(capacity, np.uint32)
        self.received = np.zeros(capacity, np.int64)
        self.duplicate = np.zeros(capacity, np.int64)
        self.jitter = np.zeros(capacity)
        self._others_received, self._others_expected = np.zeros(capacity, np.int64), np.zeros(capacity, np.int64)

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it."""
        self.change(np.array([row]))
        for array in (self.duplicate, self._others_received, self._others_expected):
            array[row] = 0

    def change(self, rows: Index) -> None:
        """Begin to count for another source."""
        self._others_received[rows] += self.received[rows]
        self._others_expected[rows] += self.expected(rows)
        self._expected_before[rows] = self.highest[rows] = self.received[rows] = 0
        self._base[rows], self._seen[rows], self.jitter[rows] = 1, 0, 0.0

    def expected(self, rows: Index) -> Index:
        """Tell how many packets the sources of rows have sent (RFC 3550 A.3)."""
        now: Index = self._expected_before[rows] + self.highest[rows] - self._base[rows] + 1
        return now

    def in_all(self, row: int) -> tuple[int, int]:
        """Tell how many packets of all sources a row has received, and how many were sent to it."""
        (expected,) = self.expected(np.array([row])).tolist()
        return int(self.received[row] + self._others_received[row]), expected + int(self._others_expected[row])

    def accept(self, rows: Index, seq: Index, restarts: Flags | None = None) -> Flags:
        """
        Count one packet of each of several rows.

        Parameters
        ----------
        rows, seq : ndarray of int64, shape (n,)
            The rows, none twice, and the sequence numbers.
        restarts : ndarray of bool, shape (n,), optional
            The number begins a line: it is no duplicate, however far back it lies.

        Returns
        -------
        ndarray of bool, shape (n,)
            The packet has come before.
        """
        self.received[rows] += 1
        ahead = ((seq - self.highest[rows] + 0x8000) & 0xFFFF) - 0x8000
        if restarts is None and (ahead == 1).all():
            self._follow(rows)
            return np.zeros(len(rows), bool)
        begins = (ahead >= MAX_DROPOUT) | (ahead <= -MAX_MISORDER) | (self._base[rows] > self.highest[rows])
        if restarts is not None:
            begins |= restarts & (ahead <= 0)
        self._begin(rows[begins], seq[begins])
        usual = ~begins
        duplicate = np.zeros(len(rows), bool)
        duplicate[usual] = self._advance(rows[usual], ahead[usual])
        self.duplicate[rows] += duplicate
        return duplicate

    def time(self, rows: Index, timestamp: NDArray[np.uint32], arrival_s: NDArray[np.float64], same: Flags) -> None:
        """Follow the interarrival jitter; `same`: the packet continues the time line of the one before it."""
        moved = (timestamp - self._last_timestamp[rows]).view(np.int32)
        wander = np.abs((arrival_s - self._last_s[rows]) * self._rate_hz - moved)
        wander = np.minimum(wander, LONGEST_WANDER_S * self._rate_hz)
        self.jitter[rows] += np.where(same, (wander - self.jitter[rows]) / 16, 0.0)
        self._last_s[rows], self._last_timestamp[rows] = arrival_s, timestamp

    def _begin(self, rows: Index, seq: Index) -> None:
        if not len(rows):
            return
        self._expected_before[rows] = self.expected(rows)
        self._base[rows] = self.highest[rows] = seq
        self._seen[rows] = 1

    def _follow(self, rows: Index) -> None:
        """Each packet is the one after the highest: what `_advance` does for the usual batch, in a few steps."""
        self.highest[rows] += 1
        self._seen[rows] = self._seen[rows] << np.uint64(1) | np.uint64(1)

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


@dataclass(frozen=True)
class PartyCounters:
    """
    What became of a party's packets since it was added.

    Attributes
    ----------
    received : int
        Packets of the party's stream that came, whatever became of them.
    late, duplicate, overrun : int
        Packets thrown away because their time had passed, because they had come before, or because they exceeded the
        delay bound (audio skipped to keep the bound counts as the packets it would fill).
    stray : int
        Packets that belonged to no stream that was heard: of another source, or with a number or timestamp that the
        next packet did not confirm. They are in no other counter.
    lost : int
        Packets that never came (RFC 3550 A.3): expected minus received, duplicates not counted.
    concealed : int
        Frames in which missing audio was made up.
    expected : int
        Packets the peer sent, from its sequence numbers (RFC 3550 A.3).
    extended_highest_sequence : int
        Highest sequence number with its wraps above bit 16 (RFC 3550 6.4.1).
    jitter_samples : float
        Interarrival jitter in timestamp units (RFC 3550 A.8).
    delay_s : float
        How long the last packet that could be played waits between its arrival and its playout.
    """

    received: int = 0
    late: int = 0
    lost: int = 0
    duplicate: int = 0
    overrun: int = 0
    stray: int = 0
    concealed: int = 0
    expected: int = 0
    extended_highest_sequence: int = 0
    jitter_samples: float = 0.0
    delay_s: float = 0.0
