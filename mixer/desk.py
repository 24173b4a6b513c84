"""The mix: the sum of each room, minus each talker's own row, with volume and limiter.

Who talks hears a mix of their own, the room without them; so does who wants it louder or softer. All the others in a
room hear the same frame, made once. Deaf parties share one frame of silence. Who is whispered to hears that on top of
the room, or alone when deaf; those who hear the very same share one frame here, too.

A room is summed once in int32, exactly. What a talker hears is that sum minus the own voice, still exact. Only then is
it narrowed (`mixer.limit`). Where nothing sounds, a little noise may be put (`mixer.comfort`).
"""

import numpy as np
from numpy.typing import NDArray

from mixer.comfort import ROW_STEP, soften
from mixer.kernel import kernel
from mixer.limit import narrow
from mixer.party import Parties, Party, Rooms
from mixer.ramp import is_scaled, rising, scale
from mixer.rate import Rate

Samples = NDArray[np.int16]
Wide = NDArray[np.int32]

LISTENING = 8
"""Of the bits of `census`, those of lanes in which somebody hears begin here."""


@kernel
def census(parties: Parties, end: int, rooms: Rooms, rooms_end: int) -> int:
    """
    Find out at which rates each room is wanted, and which lanes have anything to do.

    Returns
    -------
    int
        A bit for each lane that somebody speaks in, and, from `LISTENING` on, for each that somebody or a recorder
        hears.
    """
    lanes = 0
    for room in range(rooms_end):
        rooms[room].wanted = rooms[room].taped
        lanes |= rooms[room].taped << LISTENING
    for row in range(end):
        p = parties[row]
        if p.active or p.spoke_in >= 0:
            lanes |= 1 << p.lane
        if p.active and not p.source:
            lanes |= 1 << p.ear_lane + LISTENING
            for room in (p.room, p.ear):  # it may have come from there
                if room >= 0:
                    rooms[room].wanted |= 1 << p.ear_lane
    return lanes


@kernel
def is_wanted(rooms: Rooms, room: int, rate: Rate) -> bool:
    """Tell whether a room is mixed at a rate."""
    return bool(rooms[room].wanted >> rate.lane & 1)


@kernel
def sum_rooms(
    parties: Parties, end: int, rooms: Rooms, rooms_end: int, rate: Rate, heard: Samples, leaving: Samples, sums: Wide
) -> None:
    """Sum what is said in every room that is wanted at a rate, and what is still heard of who leaves it.

    Exact for up to 65,536 talkers.
    """
    for room in range(rooms_end):
        if is_wanted(rooms, room, rate):
            clear(sums[room], rate)
    for row in range(end):
        p = parties[row]
        if is_aloud(p) and is_wanted(rooms, p.room, rate):
            add(sums[p.room], rate, heard[row])
        if p.leaving >= 0 and is_wanted(rooms, p.leaving, rate):
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
    limits: NDArray[np.float32],
    first: int,
    frames: Samples,
    hiss: Samples,
    at: int,
    softened: NDArray[np.bool_],
) -> int:
    """
    Make the private mixes and the rooms' frames of a lane, and tell each row that hears there its own.

    Parameters
    ----------
    parties, end, rooms, rooms_end, rate
        The rows and rooms, one past the last of each in use, and the rate.
    heard, leaving : ndarray of int16, shape (capacity, samples)
        What others hear of each row; and what is heard of it in the room that it leaves.
    sums : ndarray of int32, shape (rooms, samples)
        As `sum_rooms` makes them.
    wide : ndarray of int32, shape (2, samples)
        To work in.
    limits : ndarray of float32, shape (rooms,)
        Gains of the limiters of the rooms in this lane.
    first : int
        How many frames are made already, for those who are whispered to; their rows have them.
    frames : ndarray of int16, shape (2 * capacity + 1, samples)
        Out: private mixes from `first` on, then the rooms', then one of silence.
    hiss, at
        The noise that is put where nothing sounds, as of `comfort.soften`.
    softened : ndarray of bool, shape (rooms,)
        Out: nothing sounds in a room.

    Returns
    -------
    int
        The index of the frame of room 0.
    """
    for row in range(end):
        p = parties[row]
        if p.ear_lane == rate.lane and p.frame < 0 and wants_own(p):
            compose(p, rate, sums, heard[row], leaving[row], wide)
            finish(p, rate, wide[0], frames[first])
            soften(frames[first], rate, hiss, at + row * ROW_STEP)
            p.frame = first
            first += 1
    for room in range(rooms_end):
        if is_wanted(rooms, room, rate):
            limits[room] = narrow(sums[room], rate, limits[room], frames[first + room])
            softened[room] = soften(frames[first + room], rate, hiss, at + room * ROW_STEP)
    silence = first + rooms_end
    frames[silence, : rate.samples] = 0
    soften(frames[silence], rate, hiss, at)
    for row in range(end):
        if parties[row].ear_lane == rate.lane:
            _settle(parties[row], limits, first, silence)
    return first


@kernel
def _settle(p: Party, limits: NDArray[np.float32], first: int, silence: int) -> None:
    """Give a row that has no frame of its own another's, and note what it has heard in this tick."""
    if p.frame < 0:
        _share(p, limits, first, silence)
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
    """Tell whether a row hears something, and nobody else the same."""
    ear = ear_of(p)
    if not (p.active and p.send):
        return False
    if p.ear not in (ear, -2):
        return True
    return ear >= 0 and (is_scaled(p.gain_out_before, p.gain_out) or is_aloud(p) or p.leaving == ear)


@kernel
def compose(p: Party, rate: Rate, sums: Wide, voice: Samples, leaving: Samples, wide: Wide) -> None:
    """Make the sum that a row hears, without its own voice; who comes from another room goes from that sum to this.

    It is made in the first of the two frames of `wide`.
    """
    total, there = wide[0], wide[1]
    ear = ear_of(p)
    before = p.ear if p.ear >= -1 else ear
    _others(p, rate, sums, ear, voice, leaving, total)
    if before != ear:
        _others(p, rate, sums, before, voice, leaving, there)
        for j in range(rate.ramp):
            total[j] = np.int32(np.rint(there[j] + (total[j] - there[j]) * rising(rate, j)))


@kernel
def _others(p: Party, rate: Rate, sums: Wide, room: int, voice: Samples, leaving: Samples, out: Wide) -> None:
    """Give what the others say in a room."""
    if room < 0:
        clear(out, rate)
        return
    total = sums[room]
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        out[j] = total[j]
    if p.room == room and is_aloud(p):
        _take_away(out, rate, voice)
    if p.leaving == room:
        _take_away(out, rate, leaving)


@kernel
def _take_away(total: Wide, rate: Rate, voice: Samples) -> None:
    """Take a voice out of a sum."""
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        total[j] -= voice[j]


@kernel
def _share(p: Party, limits: NDArray[np.float32], first: int, silence: int) -> None:
    """Give a row a frame that others hear too; the limiters of listeners follow that of their room."""
    p.limit_out = limits[p.room] if p.room >= 0 else np.float32(1)
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
def is_aloud(p: Party) -> bool:
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
    without: Wide,
    limits: NDArray[np.float32],
    recorded_limits: NDArray[np.float32],
    left_out: NDArray[np.bool_],
    out: Samples,
) -> None:
    """
    Mix for the recorder the rooms in which somebody is heard who is not to be recorded.

    Parameters
    ----------
    without : ndarray of int32, shape (rooms, samples)
        To work in.
    limits, recorded_limits : ndarray of float32, shape (rooms,)
        Gains of the rooms' limiters, for those who listen and for the recorder.
    left_out : ndarray of bool, shape (rooms,)
        Out: the rooms that are recorded without somebody.
    out : ndarray of int16, shape (rooms, samples)
        Out: the frames of these.
    """
    for room in range(rooms_end):
        recorded_limits[room] = recorded_limits[room] if left_out[room] else limits[room]
        left_out[room] = False
    for row in range(end):
        p = parties[row]
        if p.unrecorded and is_aloud(p):
            _leave_out(p.room, rooms, rate, heard[row], without, left_out)
        if p.unrecorded and p.leaving >= 0:
            _leave_out(p.leaving, rooms, rate, leaving[row], without, left_out)
    for room in range(rooms_end):
        if left_out[room]:
            subtract(without[room], rate, sums[room])
            recorded_limits[room] = narrow(without[room], rate, recorded_limits[room], out[room])


@kernel
def _leave_out(room: int, rooms: Rooms, rate: Rate, voice: Samples, without: Wide, left_out: NDArray[np.bool_]) -> None:
    """Note that a room, if it is recorded, is so without a voice."""
    if not rooms[room].taped >> rate.lane & 1:
        return
    if not left_out[room]:
        clear(without[room], rate)
    left_out[room] = True
    add(without[room], rate, voice)
