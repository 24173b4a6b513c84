"""Resampling between lanes: the audio of a row for each lane in which it is heard.

A ratio of whole numbers and a windowed sinc whose weights are the same in every frame, cut off below the lower rate's
half: 70 dB down from there on, flat to 0.42 of the lower rate (3.4 kHz at 8 kHz). It costs `HALF_WIDTH` samples of the
lower rate of delay, 3.5 ms at 8 kHz. Only who is heard is carried, and only to where he is.
"""

from math import gcd

import numpy as np
from numpy.typing import NDArray

from mixer.desk import is_aloud, is_wanted
from mixer.frame import FULL_SCALE
from mixer.kernel import kernel
from mixer.lane import Lane
from mixer.party import Parties, Party, Rooms
from mixer.rate import Rate
from mixer.resample import weights

HALF_WIDTH = 28
"""Of the window, in samples of the lower rate: so many on either side of what is made."""
CUTOFF = 0.92
"""Of half the lower rate: the middle between what passes and what does not."""
KAISER_BETA = 7.2

Samples = NDArray[np.int16]
Float = NDArray[np.float32]


class Carrier:
    """
    Brings sound from one lane to another.

    Parameters
    ----------
    source, target : Lane
        From where to where.
    """

    def __init__(self, source: Lane, target: Lane) -> None:
        common = gcd(source.rate_hz, target.rate_hz)
        self.up, down = target.rate_hz // common, source.rate_hz // common
        self.source, self.target = source, target
        self.taps = carry_taps(self.up, down)
        self.tails = np.zeros((source.capacity, self.taps.shape[1]), np.int16)
        self.kept = np.zeros(source.capacity, np.int64)
        self._parts = np.zeros((down, (self.taps.shape[1] + source.samples) // down + 1), np.float32)
        self._total = np.zeros(target.samples // self.up, np.float32)

    def carry(self, parties: Parties, end: int, rooms: Rooms, tick: int) -> None:
        """Bring over what the rows of the source are heard to say in a tick, where somebody listens."""
        source, target = self.source, self.target
        sounds = source.heard, source.leaving, target.heard, target.leaving
        carry(
            parties, end, rooms, tick, source.rate, target.rate, self.taps, self.up, self.tails, self.kept, *sounds,
            self._parts, self._total,
        )  # fmt: skip


def carry_taps(up: int, down: int) -> Float:
    """
    Give the weights of a conversion.

    Parameters
    ----------
    up, down : int
        So many samples are made of so many; without common divisor, one of them 1.

    Returns
    -------
    ndarray of float32, shape (up, 2 * HALF_WIDTH * down)
        Of each phase.
    """
    half = HALF_WIDTH * down
    distance = np.arange(1 - half, half + 1) - np.arange(up)[:, None] / up
    return weights(distance, half, CUTOFF / down, KAISER_BETA)


@kernel
def carry(
    parties: Parties,
    end: int,
    rooms: Rooms,
    tick: int,
    rate: Rate,
    to: Rate,
    taps: Float,
    up: int,
    tails: Samples,
    kept: NDArray[np.int64],
    heard: Samples,
    leaving: Samples,
    heard_there: Samples,
    leaving_there: Samples,
    parts: Float,
    total: Float,
) -> None:
    """
    Convert the frames of a lane's rows.

    Parameters
    ----------
    parties, end, rooms, tick
        The rows, one past the last in use, the rooms, and how many ticks there have been.
    rate, to
        Of the lanes that they come from and go to.
    taps, up
        As `carry_taps` has them.
    tails : ndarray of int16, shape (capacity, taps)
        Of each row the end of the frame that was converted last.
    kept : ndarray of int64, shape (capacity,)
        The tick of that frame: only what it says just before is heard with the next.
    heard, leaving, heard_there, leaving_there : ndarray of int16, shape (capacity, samples)
        Of both lanes, as `mixer.lane` has them.
    parts, total : ndarray of float32
        To work in.
    """
    for row in range(end):
        p = parties[row]
        is_heard = _is_heard(p, rooms, to)
        if p.lane != rate.lane or not is_heard and p.leaving < 0:
            continue
        _forget(tails[row], kept[row] != tick - 1)
        if p.leaving >= 0:
            if is_wanted(rooms, p.leaving, to):
                convert(tails[row], leaving[row], taps, up, parts, total, leaving_there[row])
            if p.spoke_in == p.leaving:  # its gate closes, or opens again
                _keep(tails[row], leaving[row])
                kept[row] = tick
                continue
            tails[row, :] = 0
        if is_heard:
            convert(tails[row], heard[row], taps, up, parts, total, heard_there[row])
            _keep(tails[row], heard[row])
            kept[row] = tick


@kernel
def _is_heard(p: Party, rooms: Rooms, to: Rate) -> bool:
    """Tell whether somebody may hear a row in a lane: in its room, or whoever it whispers to."""
    return p.voiced and p.private or is_aloud(p) and is_wanted(rooms, p.room, to)


@kernel
def _forget(tail: Samples, over: bool) -> None:
    """Forget the end of a frame, if that was not the one before."""
    if over:
        tail[:] = 0


@kernel
def _keep(tail: Samples, frame: Samples) -> None:
    """Keep the end of a frame, which may be shorter than the tail."""
    more = len(tail) - len(frame)
    for j in range(more):
        tail[j] = tail[j + len(frame)]
    for j in range(max(more, 0), len(tail)):
        tail[j] = frame[len(frame) - len(tail) + j]


@kernel
def convert(tail: Samples, frame: Samples, taps: Float, up: int, parts: Float, total: Float, out: Samples) -> None:
    """
    Make a frame of another rate.

    Each weight is taken times all samples that it belongs to, which lie side by side: a loop that runs over many
    samples at once, whatever the ratio.

    Parameters
    ----------
    tail, frame : ndarray of int16
        The end of the frame before, as long as there are weights; and the frame.
    taps, up
        As `carry_taps` has them.
    parts : ndarray of float32, shape (down, n)
        To work in: every `down`-th sample, from each of the first on.
    total : ndarray of float32
        To work in: every `up`-th sample of what is made.
    out : ndarray of int16
        The frame, -32767..32767.
    """
    down = len(parts)
    for j in range(len(tail)):
        parts[j % down, j // down] = tail[j]
    for j in range(len(frame)):
        parts[(len(tail) + j) % down, (len(tail) + j) // down] = frame[j]
    for phase in range(up):
        _weigh(taps[phase], parts, total)
        for j in range(len(total)):
            made = min(max(np.rint(total[j]), np.float32(-FULL_SCALE)), np.float32(FULL_SCALE))
            out[j * up + phase] = np.int16(made)


@kernel
def _weigh(taps: Float, parts: Float, total: Float) -> None:
    """Make every `up`-th sample."""
    count = np.uint64(len(total))
    for j in range(np.uint64(0), count):
        total[j] = np.float32(0)
    for k in range(len(taps)):
        weight, part, first = taps[k], parts[(k + 1) % len(parts)], np.uint64((k + 1) // len(parts))
        for j in range(np.uint64(0), count):
            total[j] += weight * part[first + j]
