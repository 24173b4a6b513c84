"""Reception statistics from sequence numbers: loss, duplicates, jitter (RFC 3550 appendix A).

Which packets are a row's is decided before (`mixer.stream`). Reports speak of one source (section 6.4.1), so what they
say is counted from its first packet on; what the sources before it sent is kept for the sums over a party's whole life.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from mixer.party import Parties, Party
from mixer.rate import Rate

Index = NDArray[np.int64]

# RFC 3550 A.1: a sequence number further ahead, or further behind, is neither loss nor reordering but a restart, once
# the next packet confirms it.
MAX_DROPOUT, MAX_MISORDER = 3000, 100
# One bit per sequence number: enough for a second of 20 ms packets. What is older is too late to be played anyway.
HISTORY = 64
# A packet that came later or earlier than this says something of a clock that was set, not of the network.
LONGEST_WANDER_S = 1.0


@kernel
def ahead_of(seq: Int, due: int) -> int:
    """Tell how far a number lies beyond the one that is due, round the end of 16 bits: -32768..32767."""
    return ((seq - due + 0x8000) & 0xFFFF) - 0x8000


def _expected(p: Any) -> Any:
    """Tell how many packets the source of a row has sent, or those of many rows have (RFC 3550 A.3)."""
    return p["expected_before"] + p["highest"] - p["lowest"] + 1


expected = kernel(_expected)


@kernel
def change_source(p: Party) -> None:
    """Begin to count for another source."""
    p.others_received += p.received
    p.others_expected += expected(p)
    p.expected_before = p.highest = p.received = 0
    p.lowest, p.seen, p.jitter = 1, 0, 0.0


@kernel
def accept(p: Party, seq: Int, restarts: bool) -> bool:
    """
    Count a packet.

    Parameters
    ----------
    p : record
        The row.
    seq : int
        The sequence number.
    restarts : bool
        The number begins a line: it is no duplicate, however far back it lies.

    Returns
    -------
    bool
        The packet has not come before.
    """
    p.received += 1
    ahead = ahead_of(seq, p.highest)
    if ahead >= MAX_DROPOUT or ahead <= -MAX_MISORDER or p.lowest > p.highest or (restarts and ahead <= 0):
        p.expected_before = expected(p)
        p.lowest = p.highest = seq
        p.seen = np.uint64(1)
        return True
    one = np.uint64(1)
    if ahead > 0:
        p.seen = (p.seen << np.uint64(ahead) if ahead < HISTORY else np.uint64(0)) | one
        p.highest += ahead
        return True
    p.lowest = min(p.lowest, p.highest + ahead)
    if ahead <= -HISTORY:
        return True
    bit = one << np.uint64(-ahead)
    if p.seen & bit != np.uint64(0):
        p.duplicate += 1
        return False
    p.seen |= bit
    return True


@kernel
def follow_jitter(p: Party, rate: Rate, timestamp: Int, arrival_s: float, same: bool) -> None:
    """Follow the interarrival jitter (RFC 3550 A.8); `same`: the packet continues the time line of the one before."""
    if same:
        between = (((timestamp - p.last_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000) * p.up / p.down
        wander = min(abs((arrival_s - p.last_s) * rate.hz - between), LONGEST_WANDER_S * rate.hz)
        p.jitter += (wander - p.jitter) / 16
    p.last_s, p.last_timestamp = arrival_s, timestamp


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
        Interarrival jitter in timestamp units.
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
    jitter_s : float
        Interarrival jitter, seconds (RFC 3550 A.8).
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
    jitter_s: float = 0.0
    delay_s: float = 0.0


def counters(p: Party, rate: Rate) -> PartyCounters:
    """Give the counters of a row."""
    expecting = int(_expected(p) + p.others_expected)
    received = int(p.received + p.others_received)
    return PartyCounters(
        received=received,
        late=int(p.late),
        lost=max(0, expecting - received + int(p.duplicate)),
        duplicate=int(p.duplicate),
        overrun=int(p.overrun),
        stray=int(p.stray),
        concealed=int(p.concealed),
        expected=expecting,
        extended_highest_sequence=int(p.highest),
        jitter_s=float(p.jitter) / float(rate.hz),
        delay_s=float(p.wait) / float(rate.hz),
    )


def reception(parties: Parties, rows: Index) -> ReceptionReport:
    """Give what a report says of some rows."""
    p = parties[rows]
    return ReceptionReport(p["ssrc"], p["received"], _expected(p), p["highest"], p["jitter"] * p["down"] / p["up"])
