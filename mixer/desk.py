"""The mixing desk: from what everybody says to what everybody hears.

Who talks hears a mix of their own, the room without them; so does who wants it louder or softer. All the others in a
room hear the same frame, made once. Deaf parties share one frame of silence. Who is whispered to hears that on top of
the room, or alone when deaf; those who hear the very same share one frame here, too.

A room is summed once in int32, exactly. What a talker hears is that sum minus the own voice, still exact. Only then is
it narrowed (`mixer.limit`).
"""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from mixer.limit import narrow
from mixer.party import Parties, Party, Room, Rooms
from mixer.ramp import is_scaled, rising, scale
from mixer.rate import Rate

Samples = NDArray[np.int16]
Wide = NDArray[np.int32]


@kernel
def sum_rooms(
    parties: Parties, end: int, rooms_end: int, rate: Rate, heard: Samples, leaving: Samples, sums: Wide
) -> None:
    """Sum what is said in every room, and what is still heard of who leaves it; exact for up to 65,536 talkers."""
    for room in range(rooms_end):
        clear(sums[room], rate)
    for row in range(end):
        p = parties[row]
        if _aloud(p):
            add(sums[p.room], rate, heard[row])
        if p.leaving >= 0:
            add(sums[p.leaving], rate, leaving[row])


@kernel
def clear(total: Wide, rate: Rate) -> None:
    """Begin a sum."""
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        total[j] = 0


@kernel
def add(total: Wide, rate: Rate, voice: Samples) -> None:
    """Add a voice to a sum."""
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        total[j] += voice[j]


@kernel
def subtract(part: Wide, rate: Rate, total: Wide) -> None:
    """Turn a part of a sum into all the rest of it."""
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        part[j] = total[j] - part[j]


@kernel
def serve(
    parties: Parties,
    end: int,
    rooms: Rooms,
    rooms_end: int,
    rate: Rate,
    heard: Samples,
    leaving: Samples,
    sums: Wide,
    wide: Wide,
    first: int,
    frames: Samples,
) -> int:
    """
    Make the private mixes and the rooms' frames, and tell each row its own.

    Parameters
    ----------
    parties, end, rooms, rooms_end, rate
        The rows and rooms, one past the last of each in use, and the rate.
    heard, leaving : ndarray of int16, shape (capacity, samples)
        What others hear of each row; and what is heard of it in the room that it leaves.
    sums : ndarray of int32, shape (rooms, samples)
        As `sum_rooms` makes them.
    wide : ndarray of int32
        A frame to work in.
    first : int
        How many frames are made already, for those who are whispered to; their rows have them.
    frames : ndarray of int16, shape (2 * capacity + 1, samples)
        Out: private mixes from `first` on, then the rooms', then one of silence.

    Returns
    -------
    int
        The index of the frame of room 0.
    """
    for row in range(end):
        p = parties[row]
        if p.frame < 0 and p.active and p.send and wants_own(p):
            compose(p, rate, sums, heard[row], leaving[row], wide)
            finish(p, rate, wide, frames[first])
            p.frame = first
            first += 1
    for room in range(rooms_end):
        rooms[room].limit = narrow(sums[room], rate, rooms[room].limit, frames[first + room])
    silence = first + rooms_end
    frames[silence, : rate.samples] = 0
    for row in range(end):
        if parties[row].frame < 0:
            _share(parties[row], rooms, first, silence)
        _note_heard(parties[row])
    return first


@kernel
def _note_heard(p: Party) -> None:
    """Note what a row has heard in this tick."""
    if p.active and p.send:
        p.ear = ear_of(p)
    elif p.ear >= 0:
        p.ear = -1
    p.gain_out_before = p.gain_out


@kernel
def ear_of(p: Party) -> int:
    """Give the room that a row hears, -1: none."""
    return -1 if p.deaf else p.room


@kernel
def wants_own(p: Party) -> bool:
    """Tell whether nobody else hears what a row is to hear."""
    ear = ear_of(p)
    if p.ear not in (ear, -2):
        return True
    return ear >= 0 and (is_scaled(p.gain_out_before, p.gain_out) or _aloud(p) or p.leaving == ear)


@kernel
def compose(p: Party, rate: Rate, sums: Wide, voice: Samples, leaving: Samples, wide: Wide) -> None:
    """Make the sum that a row hears, without its own voice; who comes from another room goes from that sum to this."""
    ear = ear_of(p)
    before = p.ear if p.ear >= -1 else ear
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        wide[j] = _others(p, sums, ear, voice, leaving, j)
    if before != ear:
        for j in range(rate.ramp):
            there = _others(p, sums, before, voice, leaving, j)
            wide[j] = np.int32(np.rint(there + (wide[j] - there) * rising(rate, j)))


@kernel
def _others(p: Party, sums: Wide, room: int, voice: Samples, leaving: Samples, j: int) -> Int:
    """Give one sample of what the others say in a room."""
    if room < 0:
        return 0
    total = np.int64(sums[room, j])
    if p.room == room and _aloud(p):
        total -= voice[j]
    if p.leaving == room:
        total -= leaving[j]
    return total


@kernel
def _share(p: Party, rooms: Rooms, first: int, silence: int) -> None:
    """Give a row a frame that others hear too; the limiters of listeners follow that of their room."""
    p.limit_out = rooms[p.room].limit if p.room >= 0 else np.float32(1)
    if _hears(p):
        p.frame = first + p.room
    elif p.active and p.send and (p.room >= 0 or p.listener):
        # Between two whispers they hear silence, in no room too, so that their stream does not stop and go.
        p.frame = silence


@kernel
def _hears(p: Party) -> bool:
    """Tell whether a row hears its room."""
    return p.active and p.send and ear_of(p) >= 0


@kernel
def _aloud(p: Party) -> bool:
    """Tell whether its room hears a row."""
    return p.voiced and not p.private


@kernel
def finish(p: Party, rate: Rate, wide: Wide, out: Samples) -> None:
    """Make a sum as loud as a row wants it, and narrow it."""
    if is_scaled(p.gain_out_before, p.gain_out):
        scale(rate, wide, p.gain_out_before, p.gain_out, wide)
    p.limit_out = narrow(wide, rate, p.limit_out, out)


@kernel
def record(
    parties: Parties,
    end: int,
    rooms: Rooms,
    rooms_end: int,
    rate: Rate,
    heard: Samples,
    leaving: Samples,
    sums: Wide,
    left_out: Wide,
    out: Samples,
) -> None:
    """
    Mix for the recorder the rooms in which somebody is heard who is not to be recorded.

    Parameters
    ----------
    left_out : ndarray of int32, shape (rooms, samples)
        To work in.
    out : ndarray of int16, shape (rooms, samples)
        Out: the frame of each room that has `recorded` set now.
    """
    for room in range(rooms_end):
        r = rooms[room]
        if not r.recorded:
            r.limit_recorded = r.limit
        r.recorded = False
    for row in range(end):
        if parties[row].unrecorded:
            _leave_out(parties[row], rooms, rate, heard[row], leaving[row], left_out)
    for room in range(rooms_end):
        r = rooms[room]
        if r.recorded:
            subtract(left_out[room], rate, sums[room])
            r.limit_recorded = narrow(left_out[room], rate, r.limit_recorded, out[room])


@kernel
def _leave_out(p: Party, rooms: Rooms, rate: Rate, voice: Samples, leaving: Samples, left_out: Wide) -> None:
    """Note that rooms are recorded without a voice."""
    if _aloud(p):
        _note_left_out(rooms[p.room], rate, voice, left_out[p.room])
    if p.leaving >= 0:
        _note_left_out(rooms[p.leaving], rate, leaving, left_out[p.leaving])


@kernel
def _note_left_out(r: Room, rate: Rate, voice: Samples, left_out: Wide) -> None:
    if not r.recorded:
        clear(left_out, rate)
    r.recorded = True
    add(left_out, rate, voice)
