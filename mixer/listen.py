"""What of every party's sound goes into the mix: mute, volume and keys taken out, level, gate and lead."""

import numpy as np
from numpy.typing import NDArray

from mixer.gate import SILENCE_DBOV, find_leaders, level_dbov, update_gate, update_loudness
from mixer.kernel import kernel
from mixer.limit import narrow
from mixer.party import Parties, Party, Rooms
from mixer.rate import Rate

Samples = NDArray[np.int16]
Flags = NDArray[np.bool_]


@kernel
def listen(
    parties: Parties,
    end: int,
    rooms: Rooms,
    rooms_end: int,
    rate: Rate,
    said: Samples,
    noisy: Flags,
    doubtful: Flags,
    threshold: float,
    hangover: int,
    gated: bool,
    wide: NDArray[np.int32],
    heard: Samples,
    changed: NDArray[np.int64],
) -> int:
    """
    Look at one frame of every row.

    Parameters
    ----------
    parties, end, rooms, rooms_end, rate
        The rows and rooms, one past the last of each in use, and the rate.
    said : ndarray of int16, shape (capacity, samples)
        The frames as they came.
    noisy, doubtful : ndarray of bool, shape (capacity,)
        Rows that say nothing but comfort noise, and those in which a key may be dialled.
    threshold, hangover, gated
        Of the gates: dBov, ticks, and whether there are any; without one, noise is heard like everything else.
    wide : ndarray of int32
        A frame to work in.
    heard : ndarray of int16, shape (capacity, samples)
        Out: what others hear of each row.
    changed : ndarray of int64, shape (capacity,)
        Out: the rows whose gates opened, and, as -1 - row, those whose gates closed.

    Returns
    -------
    int
        How many changed.
    """
    changes = 0
    for row in range(end):
        p, frame = parties[row], heard[row]
        p.frame = -1
        if p.active and not p.muted:
            _copy(p, rate, said[row], doubtful[row], frame)
            if p.gain_in != 1:
                _amplify(p, rate, frame, wide)
            p.level = level_dbov(frame)
            if noisy[row] and gated:
                p.level = np.float32(SILENCE_DBOV)
        else:
            for j in range(np.uint64(0), np.uint64(rate.samples)):
                frame[j] = 0
            p.level, p.blanked = np.float32(SILENCE_DBOV), p.blanked and p.active
        change = update_gate(p, threshold, hangover)
        if change != 0:
            changed[changes] = row if change > 0 else -1 - row
            changes += 1
        update_loudness(p)
        loud = p.level > SILENCE_DBOV
        p.voiced = loud and p.active and (p.room >= 0 or p.private) if p.source else p.talking
    find_leaders(parties, end, rooms, rooms_end)
    return changes


@kernel
def _copy(p: Party, rate: Rate, said: Samples, blank: bool, frame: Samples) -> None:
    """Take a frame over, silent where a key is dialled in it, without a step at either edge."""
    if not (blank or p.blanked):
        for j in range(np.uint64(0), np.uint64(rate.samples)):
            frame[j] = said[j]
        return
    for j in range(rate.samples):
        rising = min(np.float32(j + 1) / np.float32(rate.blank + 1), np.float32(1))
        level = np.float32(0)
        if blank != p.blanked:
            level = np.float32(1) - rising if blank else rising
        frame[j] = np.int16(np.rint(np.float32(said[j]) * level))
    p.blanked = blank


@kernel
def _amplify(p: Party, rate: Rate, frame: Samples, wide: NDArray[np.int32]) -> None:
    """Scale what a row says as it was set, and limit it."""
    for j in range(rate.samples):
        wide[j] = np.int32(np.rint(np.float32(frame[j]) * p.gain_in))
    p.limit_in = narrow(wide, rate, p.limit_in, frame)
