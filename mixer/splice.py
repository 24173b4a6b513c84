"""Delay changes by whole pieces: drops or repeats a pause or pitch periods, so that the pitch stays.

In a pause any piece will do. Where somebody talks it is a period of the voice, or several (WSOLA, Verhelst and Roelands
1993): the two edges are alike, and the one goes over into the other. Sound without a period is left as it is.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import ABSENT
from mixer.kernel import kernel
from mixer.party import Party
from mixer.pitch import closest
from mixer.rate import Rate
from mixer.ring import place_of

Samples = NDArray[np.int16]

ALIKE = 0.8
"""How alike two edges must be in speech: less, and the seam is heard."""


@kernel
def splice(p: Party, rate: Rate, own: Samples, frame: Samples, excess: int) -> int:
    """
    Make a frame with a piece left out, or with one twice.

    Parameters
    ----------
    p, rate : records
        The row and its rate.
    own : ndarray of int16
        The row's ring.
    frame : ndarray of int16
        The frame as it would be played, whole; changed in place.
    excess : int
        By how many samples the wait should become shorter, or longer, below 0; `rate.shortest` or more. It becomes
        shorter by no more, but longer by a whole period of the voice.

    Returns
    -------
    int
        Samples played beyond the regular ones; 0: there is no place for a seam.
    """
    at, direction = rate.longest, 1 if excess > 0 else -1
    longest = rate.longest if excess < 0 and p.talking else min(abs(excess), rate.longest)
    sound = own[place_of(rate, p.cursor - at) :]
    if not is_whole(sound[at - longest if excess < 0 else at :], rate.samples + longest):
        return 0
    lag, alike = closest(rate, sound, at, rate.ramp, direction, rate.shortest, longest)
    if p.talking and alike < ALIKE:
        return 0
    lag = direction * (lag if p.talking else longest)
    for j in range(rate.samples):
        there = np.float32(sound[at + lag + j])
        level = min(np.float32(j + 1) / np.float32(rate.ramp + 1), np.float32(1))
        frame[j] = np.int16(np.rint(np.float32(frame[j]) + (there - np.float32(frame[j])) * level))
    return lag


@kernel
def is_whole(sound: Samples, length: int) -> bool:
    """Tell whether no sample is absent."""
    lowest = np.int16(0)
    for j in range(np.uint64(0), np.uint64(length)):
        lowest = min(lowest, sound[j])
    return lowest != ABSENT
