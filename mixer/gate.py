"""Level of each party (RFC 6464, 6465), voice gate, and the leading talker of a room.

A party talks that is louder than the noise on its line. In a large room only those are heard who talk, for noises add
up; in a small one everybody is, so that nothing of a soft voice is cut.
"""

from dataclasses import dataclass
from math import log10
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.floor import follow_floor, noise_floor
from mixer.frame import SILENCE_DBOV, TICK_S
from mixer.kernel import Int, kernel, records
from mixer.party import Parties, Party, Room, Rooms

# Loudness that decides who leads: rises with a word, lasts over the pauses of a sentence (about half a second).
LEAD_RISE, LEAD_FALL = np.float32(0.3), np.float32(0.04)
# Who leads goes on leading until somebody is this much louder: no flicker between two equal voices.
LEAD_MARGIN_DB = np.float32(3)
# Of who is muted: a loud frame counts two, any other takes one off, so that a sentence of two seconds comes to this and
# a cough, a door or a dog do not.
IN_VAIN_TICKS = round(1.6 / TICK_S)


@dataclass(frozen=True)
class GateSettings:
    """
    When a party counts as talking, and where only those are heard who do.

    Attributes
    ----------
    above_noise_db : float
        A frame that is louder by this than the noise of its line opens the gate at once.
    softest_dbov, loudest_dbov : float
        The least and the most of that threshold: what is softer is no talk on the best line; what is louder always is,
        be it ever so steady, as music and tones are.
    hangover_s : float
        How long the gate stays open after the last loud frame: pauses between words and soft word ends belong to
        the talk.
    small_room : int
        Up to so many parties that may speak, a room hears all of them, talking or not.
    """

    above_noise_db: float = 9.0
    softest_dbov: float = -60.0
    loudest_dbov: float = -36.0
    hangover_s: float = 0.4
    small_room: int = 6


GATE = np.dtype(
    [
        ("above", np.float32),
        ("softest", np.float32),
        ("loudest", np.float32),
        ("hangover", np.int64),  # ticks
        ("small", np.int64),
        ("noise_talks", np.bool_),
    ],
    align=True,
)
Gate: TypeAlias = Any
"""A record of dtype `GATE`, as kernels see it."""


def gate_record(settings: GateSettings | None) -> Gate:
    """Give the settings as kernels read them; None: whatever is not digital silence talks, comfort noise too."""
    kept = settings or GateSettings(0.0, SILENCE_DBOV, SILENCE_DBOV, 0.0)
    gates = records(1, GATE)
    gate = gates[0]
    gate["above"], gate["softest"], gate["loudest"] = kept.above_noise_db, kept.softest_dbov, kept.loudest_dbov
    gate["hangover"], gate["small"] = round(kept.hangover_s / TICK_S), kept.small_room
    gate["noise_talks"] = settings is None
    return gate


@kernel
def level_dbov(frame: NDArray[np.int16]) -> np.float32:
    """Measure 10 log10(mean(x^2) / 32768^2), a full-scale square wave being 0 dBov: `SILENCE_DBOV`..0 (RFC 6465)."""
    power: Int = 0
    for j in range(np.uint64(0), np.uint64(len(frame))):
        power += np.int64(frame[j]) * np.int64(frame[j])
    if power == 0:
        return np.float32(SILENCE_DBOV)
    return np.float32(max(10 * log10(power / (len(frame) * 32768.0**2)), SILENCE_DBOV))


@kernel
def update_gate(p: Party, gate: Gate, noisy: bool) -> int:
    """
    Open or close the gate of a row by its level, before automatic gain; rows that cannot talk at all close at once.

    Parameters
    ----------
    p, gate : records
        The row, and the settings.
    noisy : bool
        The row says nothing but comfort noise.

    Returns
    -------
    int
        1: it opened, -1: it closed, 0: neither.
    """
    p.left -= 1
    if p.level > SILENCE_DBOV and (gate.noise_talks or not noisy):
        threshold, level = min(max(noise_floor(p) + gate.above, gate.softest), gate.loudest), p.level - p.auto_db
        if level > threshold:
            p.left = gate.hangover
        follow_floor(p, level)
    allowed = p.active and not p.muted and not p.source and (p.room >= 0 or p.private)
    talking, before = allowed and p.left >= 0, p.talking
    if not talking:
        p.left = -1
    p.talking = talking
    return int(talking) - int(before)


@kernel
def follow_muted(p: Party, gate: Gate, level: np.float32, noisy: bool, rooms: Rooms, ticks: int) -> None:
    """Count how long a row talks whose microphone is off, in vain.

    The noise of its line is followed as ever. What it says while somebody talks in its room may be the echo of that,
    and does not count; nor does anything of who could not hear an answer. The frame stands for so many `ticks`.
    """
    if level <= SILENCE_DBOV or noisy:
        loud = False
    else:
        loud = level > min(max(noise_floor(p) + gate.above, gate.softest), gate.loudest)
        for _ in range(ticks):
            follow_floor(p, level)
    if p.in_vain < 0:
        p.in_vain = min(p.in_vain + ticks * int(level > SILENCE_DBOV), 0)
    elif loud and p.room >= 0 and not p.deaf and rooms[p.room].winner < 0:
        p.in_vain = min(p.in_vain + 2 * ticks, 2 * IN_VAIN_TICKS)
    else:
        p.in_vain = max(p.in_vain - ticks, 0)


@kernel
def is_heard(p: Party, gate: Gate, rooms: Rooms) -> bool:
    """Tell whether others hear a row: who whispers, plays or sits in a small room is as long as it is not silent."""
    if p.talking or p.room < 0 and not p.private:
        return bool(p.talking)
    alone = p.source or p.private or rooms[p.room].speakers <= gate.small
    return bool(alone and p.active and not p.muted and p.level > SILENCE_DBOV)


@kernel
def update_loudness(p: Party) -> None:
    """Follow how loud a row talks to its room."""
    now = p.level if p.talking and not p.private else np.float32(SILENCE_DBOV)
    change = now - p.loudness
    p.loudness += change * (LEAD_RISE if change > 0 else LEAD_FALL)


@kernel
def find_leaders(parties: Parties, end: int, rooms: Rooms, rooms_end: int) -> None:
    """Let the loudest talker of each room lead it, unless the leader merely pauses and was louder still.

    On the way those are counted who may speak.
    """
    for room in range(rooms_end):
        r = rooms[room]
        r.winner, r.best, r.speakers = -1, np.float32(-np.inf), 0
        if r.dominant >= 0 and parties[r.dominant].room != room:
            r.dominant = -1
    for row in range(end):
        p = parties[row]
        if p.room >= 0 and not (p.private or p.muted or p.source):
            _attend(p, row, rooms[p.room])
    for room in range(rooms_end):
        r = rooms[room]
        if r.winner >= 0 and (r.dominant < 0 or parties[r.winner].loudness >= _bar(parties[r.dominant])):
            r.dominant = r.winner


@kernel
def _attend(p: Party, row: int, r: Room) -> None:
    """Count a row that may speak in a room, and let it compete for the lead if it does."""
    r.speakers += 1
    if p.talking:
        score = _bar(p) if r.dominant == row else p.loudness
        if score >= r.best:
            r.best, r.winner = score, row


@kernel
def _bar(p: Party) -> np.float32:
    """Tell how loud somebody must be to take the lead from a row."""
    return np.float32(p.loudness + LEAD_MARGIN_DB)
