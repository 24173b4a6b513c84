"""Which packets belong to the stream that a row hears: one small state machine per row, held in columns.

A row hears one source (SSRC), and of that source one *line*: the number and the timestamp that are due next. A packet
follows the line when both fit together, so that no other packet is disturbed by it. Everything else is *stray*: it
touches a counter, and is kept in mind as the beginning of another line. Only the packet that is due next in that other
line (same source, next number, next timestamp: two in sequence, RFC 3550 A.1) makes it the line of the row.

======  ==================================  =======================================================================
phase   packet                              what becomes of it
======  ==================================  =======================================================================
EMPTY   any sound                           its source and line are those of the row: NEW
NEW     follows the line                    SURE
NEW     second of another line              that line is the row's: SURE
SURE    follows the line                    heard
SURE    second of another line, same SSRC   the source has jumped: that line is the row's
SURE    second of another line, other SSRC  taken once the row has run dry for a while, stray till then
SURE    second in sequence too late         the source has gone back, if the row is dry: that line is the row's
any     anything else                       stray
======  ==================================  =======================================================================

A line that is taken begins where the row is played, so that nobody waits for what a jump has left out; likewise one
that goes on with a gap in its time alone, in a row that is dry.

What is no sound (telephone events, unknown payload types, packets during hold) never begins a line that is heard.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixer.arrival import MAX_DROPOUT, MAX_MISORDER
from mixer.packets import Packets

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

EMPTY, NEW, SURE = 0, 1, 2
NOBODY = -1
"""The source of a row that has none; no SSRC, which has 32 bits and no sign."""
# Lost telephone events leave a gap of a few numbers in front of sound that goes on without one.
FEW = 16


class Situation(NamedTuple):
    """
    How several rows stand when a packet of each comes; bool, shape (n,) each.

    Attributes
    ----------
    near : ndarray of bool
        The packet would wait no longer than the longest delay.
    late : ndarray of bool
        Were it of the row's line, its time would have been played.
    dry : ndarray of bool
        The row had nothing left to play when it was last asked.
    resting : ndarray of bool
        The row has been dry for so long that its next packet sets the cursor anew.
    quiet : ndarray of bool
        The row's source has been dry for so long that another may take its place.
    """

    near: Flags
    late: Flags
    dry: Flags
    resting: Flags
    quiet: Flags


class PacketVerdict(NamedTuple):
    """
    What becomes of several packets, one per row; bool, shape (n,) each.

    Attributes
    ----------
    stray : ndarray of bool
        It is not the row's: nothing but counters may move.
    begins : ndarray of bool
        Its timestamp begins a new time line.
    restarts : ndarray of bool
        Its number may lie anywhere: it begins a line.
    changed : ndarray of bool
        It is the first of another source.
    paused : ndarray of bool
        It is the next of its line by number, but not by time: nothing was lost, the sender was silent (RFC 3551 4.1).
    """

    stray: Flags
    begins: Flags
    restarts: Flags
    changed: Flags
    paused: Flags


class Streams:
    """
    Source and line of each row.

    Parameters
    ----------
    capacity : int
        Number of rows.

    Attributes
    ----------
    ssrc : ndarray of int64, shape (capacity,)
        The source of each row, `NOBODY`: none yet.
    """

    def __init__(self, capacity: int) -> None:
        self.ssrc: Index = np.full(capacity, NOBODY, np.int64)
        self._phase = np.zeros(capacity, np.int8)
        self._number: Index = np.zeros(capacity, np.int64)
        self._time = np.zeros(capacity, np.uint32)
        self._other_ssrc: Index = np.full(capacity, NOBODY, np.int64)
        self._other_number: Index = np.zeros(capacity, np.int64)
        self._other_time = np.zeros(capacity, np.uint32)
        self._soundless: Index = np.full(capacity, NOBODY, np.int64)  # number after the last packet without sound

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it."""
        self.ssrc[row] = self._other_ssrc[row] = self._soundless[row] = NOBODY
        self._phase[row] = EMPTY

    def gaps(self, rows: Index, timestamp: NDArray[np.uint32]) -> Index:
        """Tell how many samples lie between what is due and the beginning of each packet; int64, below 0: behind."""
        return (timestamp - self._time[rows]).view(np.int32).astype(np.int64)

    def in_line(self, packets: Packets, gap: Index) -> Flags:
        """Tell which packets are the very ones that are due in their rows."""
        rows = packets.rows
        due: Flags = (self.ssrc[rows] == packets.ssrc) & (self._number[rows] == packets.seq) & (gap == 0)
        return due

    def advance(self, packets: Packets) -> None:
        """Move the lines of the rows behind these packets of theirs."""
        rows = packets.rows
        self._number[rows] = (packets.seq + 1) & 0xFFFF
        self._time[rows] = packets.timestamp + np.uint32(packets.pcm.shape[1])
        self._phase[rows] = SURE
        self._other_ssrc[rows] = NOBODY

    def judge(self, packets: Packets, gap: Index, situation: Situation) -> PacketVerdict:
        """
        Decide on packets with sound, of which some are not in line, and move the lines accordingly.

        Parameters
        ----------
        packets : Packets
            No row twice.
        gap : ndarray of int64, shape (n,)
            As `gaps` gives it.
        situation : Situation
            Of the rows.

        Returns
        -------
        Verdict
            Of each packet.
        """
        rows, phase = packets.rows, self._phase[packets.rows]
        same = self.ssrc[rows] == packets.ssrc
        ahead = _ahead(packets.seq, self._number[rows])
        length = packets.pcm.shape[1]
        follows = same & (phase > EMPTY) & self._follows(ahead, gap, length, situation)
        second = (
            (self._other_ssrc[rows] == packets.ssrc)
            & (self._other_number[rows] == packets.seq)
            & (self._other_time[rows] == packets.timestamp)
        )
        empty = phase == EMPTY
        late = follows & situation.late
        takes = ~follows & (empty | second & (same | (phase < SURE) | situation.quiet))
        takes |= late & second & situation.dry
        anew = situation.resting & (gap < 0) | situation.dry & (gap != ahead * length)
        begins = takes | follows & (ahead >= 0) & anew
        stray = ~(follows | takes)
        self._keep_in_mind(packets, np.flatnonzero(stray | late))
        self.ssrc[rows[takes]] = packets.ssrc[takes]
        self.advance(packets.pick(np.flatnonzero(takes | follows & (ahead >= 0))))
        self._phase[rows[takes & empty]] = NEW
        return PacketVerdict(stray, begins, takes, takes & ~same, follows & (ahead == 0) & (gap != 0))

    @staticmethod
    def _follows(ahead: Index, gap: Index, length: int, situation: Situation) -> Flags:
        """
        Tell which numbers and timestamps of the row's own source go together without disturbing others.

        One ahead of others waits for them: were it to wait longer than anybody may, the cursor would move beyond those
        before it, which may be still to come. That is so however dry the row is.
        """
        after = ahead >= 0
        follows = (gap == ahead * length) & (situation.near | (ahead == 0))
        follows |= after & (gap == 0) & (ahead <= FEW)
        follows |= after & (gap >= 0) & situation.near & situation.dry
        follows |= after & situation.resting
        usual: Flags = (ahead < MAX_DROPOUT) & (ahead > -MAX_MISORDER)
        usual &= follows
        return usual

    def _keep_in_mind(self, packets: Packets, which: Index) -> None:
        """Note what would be due after stray packets, should they begin a line."""
        rows = packets.rows[which]
        self._other_ssrc[rows] = packets.ssrc[which]
        self._other_number[rows] = (packets.seq[which] + 1) & 0xFFFF
        self._other_time[rows] = packets.timestamp[which] + np.uint32(packets.pcm.shape[1])

    def newest(self, packets: Packets) -> Flags:
        """Tell which packets come after all others of the row's source, or are the first of all."""
        rows = packets.rows
        ahead = _ahead(packets.seq, self._number[rows])
        newest: Flags = (self.ssrc[rows] == packets.ssrc) & (ahead >= 0) & (ahead < MAX_MISORDER)
        newest |= self.ssrc[rows] == NOBODY
        return newest

    def note(self, packets: Packets) -> tuple[Flags, Flags]:
        """
        Take the numbers of packets without sound; they move the line only where they are due or two in sequence.

        Returns
        -------
        known, restarts : ndarray of bool, shape (n,)
            The packet is one of the row's source; its number may lie anywhere.
        """
        rows = packets.rows
        first = self.ssrc[rows] == NOBODY
        self.ssrc[rows[first]] = packets.ssrc[first]
        same = self.ssrc[rows] == packets.ssrc
        ahead = _ahead(packets.seq, self._number[rows])
        second = same & (self._soundless[rows] == packets.seq)
        known = same & (first | second | (np.abs(ahead) < MAX_MISORDER))
        moves = same & (first | (ahead == 0) | second & ((ahead > 0) | (ahead <= -MAX_MISORDER)))
        self._number[rows[moves]] = (packets.seq[moves] + 1) & 0xFFFF
        self._soundless[rows[same]] = (packets.seq[same] + 1) & 0xFFFF
        return known, first | second & (np.abs(ahead) >= MAX_MISORDER)


def _ahead(seq: Index, due: Index) -> Index:
    """Tell how far numbers lie beyond those that are due, round the end of 16 bits: -32768..32767."""
    ahead: Index = ((seq - due + 0x8000) & 0xFFFF) - 0x8000
    return ahead
