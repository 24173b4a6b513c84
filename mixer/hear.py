"""What every party says in a tick: packets taken as they come, a frame read of each row, and made up where it lacks."""

import numpy as np
from numpy.typing import NDArray

from mixer import playout
from mixer.comfort import ROW_STEP, comfort, set_noise
from mixer.conceal import SEARCHED, conceal, silence
from mixer.kernel import kernel
from mixer.pace import MEMORY_TICKS, is_blind, turn
from mixer.party import Parties, Party
from mixer.playout import LACKING, LEAVING, QUIET, SEAM
from mixer.rate import Rate
from mixer.ring import place_of

Samples = NDArray[np.int16]
Flags = NDArray[np.bool_]

SEAMS = 256
"""When more rows than this look for a seam in the same tick, this machine or the network has stopped; the others look
in the next ticks, for a late tick would harm everybody."""


@kernel
def take(
    parties: Parties,
    rate: Rate,
    rings: Samples,
    rows: NDArray[np.int64],
    seq: NDArray[np.uint16],
    timestamp: NDArray[np.uint32],
    ssrc: NDArray[np.uint32],
    pcm: Samples,
    arrival_s: NDArray[np.float64],
    next_s: float,
) -> None:
    """
    Take packets in the order they came.

    Parameters
    ----------
    parties, rate, rings
        The rows, their rate and their rings.
    rows, seq, timestamp, ssrc, arrival_s : ndarrays of shape (n,)
        As `Bridge.receive` has them.
    pcm : ndarray of int16, shape (n, L)
        Their sound.
    next_s : float
        When the next tick is due.
    """
    length = pcm.shape[1]
    for i in range(len(rows)):
        row = rows[i]
        p, own = parties[row], rings[row]
        if not p.active:
            continue
        if length == 0 or not p.receive:
            playout.count(p, np.int64(seq[i]), np.int64(ssrc[i]))
        else:
            position = playout.place(
                p,
                rate,
                own,
                np.int64(seq[i]),
                np.int64(timestamp[i]),
                np.int64(ssrc[i]),
                length,
                arrival_s[i],
                next_s,
            )
            if position >= 0:
                playout.put(p, rate, own, position, pcm[i], length)


@kernel
def hush(
    parties: Parties,
    rows: NDArray[np.int64],
    seq: NDArray[np.uint16],
    ssrc: NDArray[np.uint32],
    level_dbov: NDArray[np.float32],
) -> None:
    """Take packets of comfort noise in the order they came; see `Bridge.comfort`."""
    for i in range(len(rows)):
        p = parties[rows[i]]
        if p.active and playout.hush(p, np.int64(seq[i]), np.int64(ssrc[i])):
            set_noise(p, level_dbov[i])


@kernel
def hear(
    parties: Parties,
    rate: Rate,
    rings: Samples,
    taps: NDArray[np.float32],
    noise: NDArray[np.float32],
    kept: Samples,
    ahead: Samples,
    made: NDArray[np.float32],
    past: Samples,
    tick: int,
    end: int,
    noisy: Flags,
) -> None:
    """
    Make a frame of every row of a lane.

    Parameters
    ----------
    parties, rate, rings
        The rows, their rate and their rings.
    taps, noise : ndarray of float32
        `stretch_taps` and `white_noise` of the rate.
    kept, ahead, made : ndarray of int16, shape (capacity, 2 * samples); of int16; of float32
        Of each row, what `conceal` keeps; and what it works in.
    past : ndarray of int16, shape (3, capacity, samples)
        The frames of this tick, past[tick % 3], and of the two before.
    tick : int
        How many there have been.
    end : int
        One past the last row in use.
    noisy : ndarray of bool, shape (capacity,)
        Out: the row says nothing but comfort noise.
    """
    searches = seams = 0
    for row in range(end):
        p, frame = parties[row], past[tick % 3, row]
        if not _speaks(p, rate):
            continue
        noisy[row] = False
        older, newer = past[(tick + 1) % 3, row], past[(tick + 2) % 3, row]
        if tick % MEMORY_TICKS == 0:
            turn(p)
        found = playout.read(p, rate, rings[row], taps, made[0], frame, p.inband_keys, seams < SEAMS)
        seams += found & SEAM != 0
        if found & LACKING and found & QUIET:
            if not p.local:
                begin = (tick * rate.samples + row * ROW_STEP) % len(noise)
                noisy[row] = comfort(p, rate, frame, newer, noise, begin, found & LEAVING != 0)
            silence(p, rate, frame)
        elif found & LACKING or p.age > 0:
            searches += p.age == 0
            conceal(
                p, rate, frame, older, newer, _next_of(p, rate, rings[row]), kept[row], ahead, made,
                searches <= SEARCHED,
            )  # fmt: skip
            _look_further(p, rate)


@kernel
def _speaks(p: Party, rate: Rate) -> bool:
    """Tell whether a row says something at a rate, or did so just now."""
    return p.lane == rate.lane and (p.active or p.spoke_in >= 0)


@kernel
def _next_of(p: Party, rate: Rate, own: Samples) -> Samples:
    """Give what a row is to say in the next tick, as far as it has come."""
    return own[place_of(rate, p.cursor) :]


@kernel
def _look_further(p: Party, rate: Rate) -> None:
    """Give a row a tick more where what comes after a gap was not there in time; once, for then it is."""
    if p.age == rate.samples and p.played <= p.cursor - rate.samples and is_blind(p, rate):
        playout.stay(p, rate)
