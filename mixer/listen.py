"""Second stage of a tick: mute, volume and key removal, level, gate and lead of each row."""

import numpy as np
from numpy.typing import NDArray

from mixer.agc import follow_voice, linear
from mixer.frame import SILENCE_DBOV
from mixer.gate import Gate, follow_muted, is_heard, level_dbov, update_gate, update_loudness
from mixer.glance import stands_for
from mixer.kernel import kernel
from mixer.limit import narrow
from mixer.party import Parties, Party, Rooms
from mixer.ramp import blank_out, is_scaled, leave, scale
from mixer.rate import Rate

Samples = NDArray[np.int16]
Flags = NDArray[np.bool_]


@kernel
def listen(
    parties: Parties,
    end: int,
    rooms: Rooms,
    rate: Rate,
    said: Samples,
    noisy: Flags,
    doubtful: Flags,
    gate: Gate,
    wide: NDArray[np.int32],
    heard: Samples,
    leaving: Samples,
    changed: NDArray[np.int64],
    changes: int,
) -> int:
    """
    Look at one frame of every row of a lane.

    Parameters
    ----------
    parties, end, rooms, rate
        The rows, one past the last in use, the rooms, and the rate of the lane.
    said : ndarray of int16, shape (capacity, samples)
        The frames as they came.
    noisy, doubtful : ndarray of bool, shape (capacity,)
        Rows that say nothing but comfort noise, and those in which a key may be dialled, if keys are listened for.
    gate : record
        Settings of the gates.
    wide : ndarray of int32
        A frame to work in.
    heard : ndarray of int16, shape (capacity, samples)
        Out: what others hear of each row.
    leaving : ndarray of int16, shape (capacity, samples)
        Out: what is heard of it in the room that it leaves, if it leaves one.
    changed, changes : ndarray of int64, shape (capacity,); int
        Out, after so many that are there: the rows whose gates opened, and, as -1 - row, those whose gates closed.

    Returns
    -------
    int
        How many are there now.
    """
    for row in range(end):
        p, frame = parties[row], heard[row]
        if p.lane != rate.lane:
            continue
        p.frame = -1
        _take(p, rate, said[row], doubtful[row] and p.inband_keys, wide, frame)
        p.level = np.float32(SILENCE_DBOV) if p.muted or not p.active else level_dbov(frame)
        if p.muted and p.active:
            _glance(p, rate, row, gate, said[row], noisy[row] or doubtful[row], rooms)
        else:
            p.in_vain = min(p.in_vain + 1, 0)
        change = update_gate(p, gate, noisy[row])
        follow_voice(p, rooms, p.talking and p.left == gate.hangover)
        if change != 0:
            changed[changes] = row if change > 0 else -1 - row
            changes += 1
        update_loudness(p)
        p.voiced = is_heard(p, gate, rooms)
        leave(p, rate, frame, leaving[row])
    return changes


@kernel
def _glance(p: Party, rate: Rate, row: int, gate: Gate, said: Samples, other: bool, rooms: Rooms) -> None:
    """Look at what a muted row says, if it is its turn; `other`: it is no voice."""
    ticks = stands_for(p, rate, row)
    if ticks > 0:
        follow_muted(p, gate, level_dbov(said), other, rooms, ticks)


@kernel
def _take(p: Party, rate: Rate, said: Samples, blank: bool, wide: NDArray[np.int32], frame: Samples) -> None:
    """Take a frame over, as loud as it was set, where somebody hears it or did so just now."""
    gain = p.gain_in * linear(p.auto_db)
    if p.spoke_in >= 0 or p.active and not p.muted:
        p.silenced = False
        _copy(p, rate, said, blank, frame)
        if is_scaled(p.gain_in_before, gain):
            scale(rate, frame, p.gain_in_before, gain, wide)
            p.limit_in = narrow(wide, rate, p.limit_in, frame)
    else:
        blank_out(p, rate, frame)
        p.blanked = p.blanked and p.active
    p.gain_in_before = gain


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
