"""Noise floor of each party, by minimum statistics.

Speech has gaps between words, noise has none: the minimum of a smoothed level over some seconds is the level of the
noise, whoever talks over it. It is kept in two halves, so that each is found by one comparison per tick.
"""

import numpy as np

from mixer.kernel import kernel
from mixer.party import UNKNOWN_TICKS, Party

SMOOTH = np.float32(0.25)
"""Share of a frame in the smoothed level: 60 ms, short beside a gap between words."""
HALF_TICKS = UNKNOWN_TICKS // 2
"""The minimum is that of the last two to four seconds."""


@kernel
def follow_floor(p: Party, level: np.float32) -> None:
    """Take in the level of a frame that is not digital silence, dBov."""
    p.smooth += (level - p.smooth) * SMOOTH
    p.least = min(p.least, p.smooth)
    p.floor_ticks += 1
    if p.floor_ticks == HALF_TICKS:
        p.least_before, p.least, p.floor_ticks = p.least, p.smooth, 0


@kernel
def noise_floor(p: Party) -> np.float32:
    """Give the level of the noise of a party, dBov."""
    return np.float32(min(p.least, p.least_before))
