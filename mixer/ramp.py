"""Gain changes along half a cosine of 10 ms, without an audible edge.

A step in a sound is a click. Who is muted, moves, begins to whisper or leaves is faded out of the room that heard him;
who is let in again is faded in; a listener who changes rooms goes from one mix to the other; volumes glide. A gate
opens within 5 ms, and closes within 100 ms, for then only noise is heard, whose end is the more noticed the faster it
comes.
"""

from math import cos, pi

import numpy as np
from numpy.typing import NDArray

from mixer.frame import SILENCE_DBOV
from mixer.kernel import kernel
from mixer.party import Party
from mixer.rate import CLOSING_TICKS, Rate

Samples = NDArray[np.int16]
Wide = NDArray[np.int32]


@kernel
def rising(rate: Rate, j: int) -> float:
    """Give the gain of sample `j` of a frame in which a sound comes up: 0 to 1."""
    if j >= rate.ramp:
        return 1.0
    return 0.5 - 0.5 * cos(pi * (j + 1) / (rate.ramp + 1))


@kernel
def is_scaled(before: float, now: float) -> bool:
    """Tell whether a gain changes a frame: it is not 1, or was not in the frame before; below 0: there was none."""
    return now != 1 or before >= 0 and before != 1


@kernel
def scale(rate: Rate, sound: Samples | Wide, before: float, now: float, wide: Wide) -> None:
    """Scale a frame by a gain that glides from what it was, below 0 if it was none, to what it is."""
    begin, target = np.float64(now if before < 0 else before), np.float64(now)
    for j in range(rate.samples):
        gain = begin + (target - begin) * rising(rate, j) if j < rate.ramp else target
        wide[j] = np.int32(np.rint(sound[j] * gain))


@kernel
def fade_out(rate: Rate, frame: Samples, gain: float, out: Samples) -> None:
    """Give what is heard of a frame that goes, from a gain on."""
    for j in range(rate.samples):
        out[j] = np.int16(np.rint(frame[j] * gain * (1.0 - rising(rate, j))))


@kernel
def fade_in(rate: Rate, frame: Samples) -> None:
    """Turn a frame into what is heard of it when it comes; with `fade_out` of it, it is whole."""
    for j in range(rate.ramp):
        frame[j] -= np.int16(np.rint(frame[j] * (1.0 - rising(rate, j))))


@kernel
def blank_out(p: Party, rate: Rate, frame: Samples) -> None:
    """Let what others hear of a row be silence, which it may be already."""
    if not p.silenced:
        frame[: rate.samples] = 0
    p.silenced = True


@kernel
def leave(p: Party, rate: Rate, frame: Samples, leaving: Samples) -> None:
    """Fade the voice of a row out of the room that hears it no more, and in where it is heard again.

    Parameters
    ----------
    p, rate
        The row, whose level and gate are those of this tick; and its rate.
    frame : ndarray of int16, shape (samples,)
        What it says; changed to what those hear who hear it from now on.
    leaving : ndarray of int16, shape (samples,)
        Out: what is heard of it in the room `p.leaving`, if that is one.
    """
    hidden = p.muted or not p.active
    room = p.room if p.voiced and not p.private else -1
    p.leaving = p.spoke_in if p.spoke_in != room else -1
    left = _go(p, rate, frame, leaving, hidden) if p.leaving >= 0 else 0
    if hidden:
        blank_out(p, rate, frame)
    else:
        _come(p, rate, frame, room)
    p.fading = CLOSING_TICKS if room >= 0 else left
    p.spoke_in = p.leaving if left > 0 else room
    p.hidden, p.sounded = hidden, p.level > SILENCE_DBOV


@kernel
def _go(p: Party, rate: Rate, frame: Samples, leaving: Samples, hidden: bool) -> int:
    """Fade out, slowly where a gate closes; gives the ticks until that is done."""
    if hidden or p.private or p.leaving != p.room:
        fade_out(rate, frame, p.fading / CLOSING_TICKS, leaving)
        return 0
    if p.level == SILENCE_DBOV:
        p.leaving = -1
        return 0
    for j in range(rate.samples):
        leaving[j] = np.int16(np.rint(frame[j] * ((p.fading - (j + 1) / rate.samples) / CLOSING_TICKS)))
    return max(p.fading - 1, 0)


@kernel
def _come(p: Party, rate: Rate, frame: Samples, room: int) -> None:
    """Fade in what was not heard just before: quickly where a gate opens, so that no beginning of a word is missed."""
    if p.hidden or p.leaving >= 0 and p.voiced:
        fade_in(rate, frame)
    elif room >= 0 and p.fading < CLOSING_TICKS and p.sounded:
        begin = p.fading / CLOSING_TICKS
        for j in range(rate.opening):
            frame[j] = np.int16(np.rint(frame[j] * (begin + (1.0 - begin) * (j + 1) / (rate.opening + 1))))
