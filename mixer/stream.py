"""Stream validation: which packets belong to the stream of a row; a state machine per row, in columns.

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

from mixer.arrival import MAX_DROPOUT, MAX_MISORDER, ahead_of
from mixer.kernel import Int, kernel
from mixer.party import EMPTY, NEW, NOBODY, SURE, Party
from mixer.rate import Rate

# Another source may follow when nothing of the one before was played for so many ticks: some 60 ms after its last
# packet.
QUIET_TICKS = 2
# Lost telephone events leave a gap of a few numbers in front of sound that goes on without one.
FEW = 16
STRAY, FOLLOWS, TAKES, BEGINS, CHANGED, PAUSED = 1, 2, 4, 8, 16, 32
"""
What becomes of a packet, any of:

* `STRAY`: it is not the row's: nothing but counters may move;
* `TAKES`: its number may lie anywhere: it begins a line;
* `BEGINS`: its timestamp begins a new time line;
* `CHANGED`: it is the first of another source;
* `PAUSED`: it is the next of its line by number, but not by time: nothing was lost, the sender was silent
  (RFC 3551 4.1).
"""


@kernel
def gap_of(p: Party, timestamp: Int) -> int:
    """Tell how many samples lie between what is due and the beginning of a packet; below 0: behind."""
    return (((timestamp - p.time + 0x80000000) & 0xFFFFFFFF) - 0x80000000) * p.up // p.down


@kernel
def judge(p: Party, rate: Rate, seq: Int, timestamp: Int, ssrc: Int, length: int, early: int) -> int:
    """
    Decide on a packet with sound, and move the line accordingly.

    Parameters
    ----------
    p, rate : records
        The row and its rate.
    seq, timestamp, ssrc : int
        The RTP header (RFC 3550 5.1).
    length : int
        Samples in the packet.
    early : int
        Samples between its arrival and the next tick.

    Returns
    -------
    int
        The verdict: `STRAY` and the others.
    """
    gap = gap_of(p, timestamp)
    if p.ssrc == ssrc and p.number == seq and gap == 0:
        _advance(p, seq, timestamp, length)
        return FOLLOWS
    same, ahead = p.ssrc == ssrc, ahead_of(seq, p.number)
    position = p.end + gap
    near = position - p.cursor + early <= rate.max_delay
    dry = p.idle > 0
    follows = same and p.phase > EMPTY and _fits(p, ahead, gap, length, near, dry)
    second = p.other_ssrc == ssrc and p.other_number == seq and p.other_time == timestamp
    late = follows and position + length <= p.played
    takes = second and late and dry if follows else p.phase == EMPTY or second and _free(p, same)
    if late or not (follows or takes):
        _keep_in_mind(p, seq, timestamp, ssrc, length)
    if not (follows or takes):
        return STRAY
    anew = p.resting and gap < 0 or dry and gap != ahead * length
    verdict = FOLLOWS * follows | TAKES * takes | CHANGED * (takes and not same)
    verdict |= BEGINS * (takes or ahead >= 0 and anew) | PAUSED * (follows and ahead == 0 and gap != 0)
    if takes or ahead >= 0:
        phase = NEW if takes and p.phase == EMPTY else SURE
        p.ssrc = ssrc
        _advance(p, seq, timestamp, length)
        p.phase = phase
    return verdict


@kernel
def may_change(p: Party, seq: Int, ssrc: Int) -> bool:
    """
    Tell whether a packet may bring a row to another codec, in which its timestamps say nothing of those before.

    One of the row's own source near the number that is due may at once; another only if it is the second in sequence,
    and of another source once the row has run dry for a while.
    """
    same = p.ssrc == ssrc
    if p.ssrc == NOBODY or same and (p.number == NOBODY or abs(ahead_of(seq, p.number)) < MAX_MISORDER):
        return True
    second = p.other_ssrc == ssrc and p.other_number == seq
    p.other_ssrc, p.other_number = ssrc, (seq + 1) & 0xFFFF
    return second and _free(p, same)


@kernel
def _free(p: Party, same: bool) -> bool:
    """Tell whether another line may be that of the row."""
    return same or p.phase < SURE or p.resting or p.idle >= QUIET_TICKS


@kernel
def _fits(p: Party, ahead: int, gap: int, length: int, near: bool, dry: bool) -> bool:
    """
    Tell whether number and timestamp of the row's own source go together without disturbing other packets.

    One ahead of others waits for them: were it to wait longer than anybody may, the cursor would move beyond those
    before it, which may be still to come. That is so however dry the row is.
    """
    if ahead >= MAX_DROPOUT or ahead <= -MAX_MISORDER:
        return False
    if gap == ahead * length and (near or ahead == 0):
        return True
    if ahead < 0:
        return False
    return gap == 0 and ahead <= FEW or gap >= 0 and near and dry or p.resting


@kernel
def _advance(p: Party, seq: Int, timestamp: Int, length: int) -> None:
    """Move the line of a row behind a packet of it."""
    p.number = (seq + 1) & 0xFFFF
    p.time = (timestamp + length * p.down // p.up) & 0xFFFFFFFF
    p.phase = SURE
    p.other_ssrc = NOBODY


@kernel
def _keep_in_mind(p: Party, seq: Int, timestamp: Int, ssrc: Int, length: int) -> None:
    """Note what would be due after a stray packet, should it begin a line."""
    p.other_ssrc = ssrc
    p.other_number = (seq + 1) & 0xFFFF
    p.other_time = (timestamp + length * p.down // p.up) & 0xFFFFFFFF


@kernel
def newest(p: Party, seq: Int, ssrc: Int) -> bool:
    """Tell whether a packet comes after all others of the row's source, or is the first of all."""
    return p.ssrc == NOBODY or p.ssrc == ssrc and 0 <= ahead_of(seq, p.number) < MAX_MISORDER


@kernel
def note(p: Party, seq: Int, ssrc: Int) -> int:
    """
    Take the number of a packet without sound; it moves the line only where it is due or the second in sequence.

    Returns
    -------
    int
        The verdict: `STRAY`, `FOLLOWS`, or `TAKES` where the number may lie anywhere.
    """
    first = p.ssrc == NOBODY
    if first:
        p.ssrc = ssrc
    if p.ssrc != ssrc:
        return STRAY
    ahead = ahead_of(seq, p.number)
    second = p.soundless == seq
    p.soundless = (seq + 1) & 0xFFFF
    far = abs(ahead) >= MAX_MISORDER
    if first or ahead == 0 or second and (ahead > 0 or ahead <= -MAX_MISORDER):
        p.number = (seq + 1) & 0xFFFF
    if first or second and far:
        return TAKES
    return STRAY if far else FOLLOWS
