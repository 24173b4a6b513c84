"""The level of each party (RFC 6464, 6465), the voice gate (who is talking), and who leads a room."""

from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from mixer.party import Parties, Party, Room, Rooms

SILENCE_DBOV = -127.0
"""The level of digital silence, as in RFC 6464."""
# Loudness that decides who leads: rises with a word, lasts over the pauses of a sentence (about half a second).
LEAD_RISE, LEAD_FALL = np.float32(0.3), np.float32(0.04)
# Who leads goes on leading until somebody is this much louder: no flicker between two equal voices.
LEAD_MARGIN_DB = np.float32(3)


@dataclass(frozen=True)
class GateSettings:
    """
    When a party counts as talking.

    Attributes
    ----------
    threshold_dbov : float
        A frame louder than this opens the gate at once. -50 dBov lies above the idle noise of telephones and well
        below soft speech.
    hangover_s : float
        How long the gate stays open after the last loud frame: pauses between words and soft word ends belong to
        the talk.
    """

    threshold_dbov: float = -50.0
    hangover_s: float = 0.4


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
def update_gate(p: Party, threshold: float, hangover: int) -> int:
    """
    Open or close the gate of a row by its level; rows that cannot talk at all close at once.

    Returns
    -------
    int
        1: it opened, -1: it closed, 0: neither.
    """
    p.left -= 1
    if p.level > threshold:
        p.left = hangover
    allowed = p.active and not p.muted and not p.source and (p.room >= 0 or p.private)
    talking, before = allowed and p.left >= 0, p.talking
    if not talking:
        p.left = -1
    p.talking = talking
    return int(talking) - int(before)


@kernel
def update_loudness(p: Party) -> None:
    """Follow how loud a row talks to its room."""
    now = p.level if p.talking and not p.private else np.float32(SILENCE_DBOV)
    change = now - p.loudness
    p.loudness += change * (LEAD_RISE if change > 0 else LEAD_FALL)


@kernel
def find_leaders(parties: Parties, end: int, rooms: Rooms, rooms_end: int) -> None:
    """Let the loudest talker of each room lead it, unless the leader merely pauses and was louder still."""
    for room in range(rooms_end):
        r = rooms[room]
        r.winner, r.best = -1, np.float32(-np.inf)
        if r.dominant >= 0 and parties[r.dominant].room != room:
            r.dominant = -1
    for row in range(end):
        p = parties[row]
        if p.talking and not p.private:
            _compete(p, row, rooms[p.room])
    for room in range(rooms_end):
        r = rooms[room]
        if r.winner >= 0 and (r.dominant < 0 or parties[r.winner].loudness >= _bar(parties[r.dominant])):
            r.dominant = r.winner


@kernel
def _compete(p: Party, row: int, r: Room) -> None:
    score = _bar(p) if r.dominant == row else p.loudness
    if score >= r.best:
        r.best, r.winner = score, row


@kernel
def _bar(p: Party) -> np.float32:
    """Tell how loud somebody must be to take the lead from a row."""
    return np.float32(p.loudness + LEAD_MARGIN_DB)
