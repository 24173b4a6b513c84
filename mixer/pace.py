"""Playout speed control of each row: keeps the delay short under jitter and clock drift.

The *wait* of a packet is the time from its arrival to the playing of its first sample, in samples. Its *slack* is how
early it came before the tick that reads it: less than the wait when the packet begins in the middle of a frame. The
least slack of the last one to two seconds says how much later packets could have come without being missed. Below
`LOW_S` the row is to wait for longer, above `HIGH_S` for less: by a piece that is played twice or left out
(`mixer.splice`), or by playing it slower or faster. A sender whose clock drifts moves the slack slowly and is
thereby followed; a network that jitters lowers the least slack and thereby gets a longer wait. In between, a row whose
frames begin in the middle of packets is brought to their edge: it waits that much less and has the same slack. There it
is played untouched.

In a row that loses packets again and again, the one after a lost one should be there in time (`mixer.conceal`), which
takes a slack of a whole tick. Where it is less, a gap is played twice, once: so the row has a tick more, and may have
for a while.
"""

from mixer.kernel import kernel
from mixer.party import NOTHING, Party
from mixer.rate import Rate

MEMORY_TICKS = 50
"""The least slack is kept for this long at least and twice as long at most: a jitter spike per second is remembered."""

LOSS_TURNS, LOSSY_TURNS, MOST_LOSSY_TURNS = 10, 20, 40
"""A loss is remembered for as many turns of the memory, of a second each; more than two at a time are no accident."""


@kernel
def observe(p: Party, wait: int, anew: bool, usable: bool) -> None:
    """
    Take in the wait of a packet.

    Parameters
    ----------
    p : record
        The row.
    wait : int
        Samples.
    anew : bool
        Forget what was before, late packets too.
    usable : bool
        The packet can be played. Of those that cannot, the first in a while says nothing: it may be one packet that
        lost its way, for which nobody should wait.
    """
    if not usable:
        if p.late_turns == 0:
            wait = NOTHING
        p.late_turns = 2
    if anew:
        p.recent, p.older, p.late_turns = wait, NOTHING, 0
    else:
        p.recent = min(p.recent, wait)


@kernel
def moved(p: Party, samples: int) -> None:
    """Follow the cursor: every wait shrinks by what it went beyond its regular steps."""
    p.recent -= samples
    p.older -= samples


@kernel
def turn(p: Party) -> None:
    """Forget what was seen longer ago than the memory lasts; called every `MEMORY_TICKS`."""
    p.older, p.recent = p.recent, NOTHING
    p.late_turns = max(p.late_turns - 1, 0)
    p.lossy_turns = max(p.lossy_turns - 1, 0)


@kernel
def excess(p: Party, rate: Rate) -> int:
    """
    Tell by how much a row waits for longer than it has to, or, below 0, for less.

    Parameters
    ----------
    p, rate : records
        The row and its rate.

    Returns
    -------
    int
        Samples; 0: it waits for as long as it should, and its frames begin where packets do.
    """
    least = min(p.recent, p.older)
    if least > NOTHING // 2:
        return 0
    spare = (p.end - p.cursor) % p.grain
    least -= spare + rate.samples - p.grain
    if least < rate.low:
        return -min(rate.low - least, max(rate.max_delay - rate.samples - p.wait, 0))  # more would be skipped
    high = rate.high + (rate.samples // 2 if p.lossy_turns > LOSSY_TURNS else 0)
    return spare + max(least - high, 0)


@kernel
def step(rate: Rate, excess: int, dialling: bool) -> int:
    """
    Decide the speed of a row for one tick.

    Parameters
    ----------
    rate : record
        Its rate.
    excess : int
        What `excess` says of it.
    dialling : bool
        Keys are listened for in its sound.

    Returns
    -------
    int
        Samples to play beyond the regular ones.
    """
    if excess > 0:
        steps = min(max(excess // rate.faster, 1) * rate.scale, excess)
    else:
        steps = excess // rate.slower * rate.scale
    most = rate.most_dialling if dialling else rate.most
    return min(max(steps, -most), most)


@kernel
def note_loss(p: Party) -> None:
    """Note that something is lost."""
    p.lossy_turns = min(p.lossy_turns + LOSS_TURNS, MOST_LOSSY_TURNS)


@kernel
def is_blind(p: Party, rate: Rate) -> bool:
    """Tell whether a row that loses packets has too little slack to see what comes after a gap that it has entered."""
    least = min(p.recent, p.older) - (rate.samples - p.grain)
    return bool(p.lossy_turns > LOSSY_TURNS and least < rate.samples)
