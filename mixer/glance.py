"""Glances at who is muted: nobody hears it, so what it says is decoded and measured now and then only.

Whether it talks in vain is told by that (`mixer.gate.follow_muted`). Its place in the stream goes on as ever, so that
it is heard again in the tick in which it is let in, or, where its decoder has to begin anew, in the next.
"""

from mixer.kernel import Int, kernel
from mixer.party import Party
from mixer.rate import Rate

GLANCE_TICKS = 12
"""One frame of so many is looked at, of each row another one: four a second."""


@kernel
def is_shut(p: Party) -> bool:
    """Tell whether nobody hears what a row says: it is muted, has been faded out, and keys are not looked for."""
    return bool(p.muted and p.spoke_in < 0 and not p.inband_keys)


@kernel
def is_glanced_at(rate: Rate, row: Int, position: int, samples: int) -> bool:
    """Tell whether some samples of a row are played in a glance, or in the frame before: decoders need that."""
    phase = (position + row * rate.samples) % (GLANCE_TICKS * rate.samples)
    return bool(phase < 2 * rate.samples or phase + samples > (GLANCE_TICKS + 1) * rate.samples)


@kernel
def stands_for(p: Party, rate: Rate, row: Int) -> int:
    """Give for how many frames of a muted row that stands which was just read; 0: it is not looked at."""
    if not is_shut(p) or p.idle > 0:
        return 1
    return GLANCE_TICKS if (p.cursor // rate.samples + row) % GLANCE_TICKS == 2 else 0
