"""How fast a row is played: the control that keeps waiting times short, whatever jitter and clocks do.

The *wait* of a packet is the time from its arrival to the playing of its first sample, in samples. Its *slack* is how
early it came before the tick that reads it: less than the wait when the packet begins in the middle of a frame. The
least slack of the last one to two seconds says how much later packets could have come without being missed. Below
`LOW_S` the row is played slower, above `HIGH_S` faster. A sender whose clock drifts moves the slack slowly and is
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
def step(p: Party, rate: Rate, spare: int, dialling: bool) -> int:
    """
    Decide the speed of a row for one tick.

    Parameters
    ----------
    p : record
        The row.
    rate : record
        Its rate.
    spare : int
        Samples that are gone when frames begin where packets do.
    dialling : bool
        Keys are listened for in its sound.

    Returns
    -------
    int
        Samples to play beyond the regular ones.
    """
    least = min(p.recent, p.older)
    if least > NOTHING // 2:
        return 0
    least -= spare + rate.samples - p.grain
    steps, high = 0, rate.high + (rate.samples // 2 if p.lossy_turns > LOSSY_TURNS else 0)
    if least > high:
        steps = -((high - least) // rate.faster) * rate.scale
    elif least < rate.low:
        steps = (least - rate.low) // rate.slower * rate.scale
    steps = min(max(steps, -rate.most), rate.most)
    if steps == 0:
        steps = min(spare, rate.scale)
    if dialling:
        steps = min(max(steps, -rate.most_dialling), rate.most_dialling)
    return steps


@kernel
def note_loss(p: Party) -> None:
    """Note that something is lost."""
    p.lossy_turns = min(p.lossy_turns + LOSS_TURNS, MOST_LOSSY_TURNS)


@kernel
def is_blind(p: Party, rate: Rate) -> bool:
    """Tell whether a row that loses packets has too little slack to see what comes after a gap that it has entered."""
    least = min(p.recent, p.older) - (rate.samples - p.grain)
    return bool(p.lossy_turns > LOSSY_TURNS and least < rate.samples)
