"""How loud each party is, who is talking, and who leads the conversation in each room."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

SILENCE_DBOV = -127.0
"""The level of digital silence, as in RFC 6464."""

# Loudness that decides who leads: rises with a word, lasts over the pauses of a sentence (about half a second).
LEAD_RISE, LEAD_FALL = 0.3, 0.04
# Who leads goes on leading until somebody is this much louder: no flicker between two equal voices.
LEAD_MARGIN_DB = 3.0


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


def level_dbov(frames: NDArray[np.int16]) -> Float:
    """
    Measure the level of each frame: 10 log10(mean(x^2) / 32768^2), a full-scale square wave being 0 dBov (RFC 6465).

    Parameters
    ----------
    frames : ndarray of int16, shape (rows, samples)
        Audio.

    Returns
    -------
    ndarray of float32, shape (rows,)
        `SILENCE_DBOV`..0.
    """
    wave = frames.astype(np.float32)
    power = np.einsum("ij,ij->i", wave, wave) / np.float32(frames.shape[1] * 32768.0**2)
    level: Float = 10 * np.log10(np.maximum(power, np.float32(10 ** (SILENCE_DBOV / 10))))
    return level


class Gate:
    """
    Talking or not, per row, with start and stop in pairs.

    Parameters
    ----------
    capacity : int
        Number of rows.
    settings : GateSettings or None
        None: talking is whatever is not digital silence, without hangover.
    tick_s : float
        Seconds between two updates.
    """

    def __init__(self, capacity: int, settings: GateSettings | None, tick_s: float) -> None:
        self._threshold = settings.threshold_dbov if settings else SILENCE_DBOV
        self._hangover = round(settings.hangover_s / tick_s) if settings else 0
        self._left = np.zeros(capacity, np.int64)
        self.talking: Flags = np.zeros(capacity, bool)

    def update(self, level: Float, allowed: Flags) -> tuple[Rows, Rows]:
        """
        Look at one frame of every row.

        Parameters
        ----------
        level : ndarray of float32, shape (capacity,)
            dBov.
        allowed : ndarray of bool, shape (capacity,)
            Rows that can talk at all (present, in a room, not muted); the gates of the others close at once.

        Returns
        -------
        started, stopped : ndarray of intp
            The rows that began or ceased to talk.
        """
        loud = level > self._threshold
        self._left -= 1
        self._left[loud] = self._hangover
        talking = allowed & (self._left >= 0)
        self._left[~talking] = -1
        changed = np.flatnonzero(talking != self.talking)
        self.talking[:] = talking
        now = talking[changed]
        return changed[now], changed[~now]


class Lead:
    """
    The dominant speaker of each room.

    Parameters
    ----------
    capacity, rooms : int
        Number of rows and rooms.
    """

    def __init__(self, capacity: int, rooms: int) -> None:
        self._loudness = np.full(capacity, SILENCE_DBOV, np.float32)
        self.dominant = np.full(rooms, -1, np.int32)

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it, as loud as nobody yet."""
        self._loudness[row] = SILENCE_DBOV

    def update(self, level: Float, talking: Flags, room: NDArray[np.int32]) -> None:
        """
        Look at one frame of every row; the result is in `dominant`.

        Parameters
        ----------
        level : ndarray of float32, shape (capacity,)
            dBov.
        talking : ndarray of bool, shape (capacity,)
            Who is heard.
        room : ndarray of int32, shape (capacity,)
            Where each row sits, -1: nowhere.
        """
        change = np.where(talking, level, np.float32(SILENCE_DBOV)) - self._loudness
        self._loudness += change * np.where(change > 0, np.float32(LEAD_RISE), np.float32(LEAD_FALL))
        self._leave(room)
        rows = np.flatnonzero(talking)
        if not len(rows):
            return
        place = room[rows]
        score = self._loudness[rows] + np.float32(LEAD_MARGIN_DB) * (self.dominant[place] == rows)
        best = np.full(len(self.dominant), -np.inf, np.float32)
        np.maximum.at(best, place, score)
        leads = np.flatnonzero(score == best[place])
        winner = np.full(len(self.dominant), -1, np.intp)
        winner[place[leads]] = rows[leads]
        rooms = np.flatnonzero(winner >= 0)
        self._take(rooms, winner[rooms])

    def _leave(self, room: NDArray[np.int32]) -> None:
        """Who is no longer in the room does not lead it."""
        rooms = np.flatnonzero(self.dominant >= 0)
        gone = rooms[room[self.dominant[rooms]] != rooms]
        self.dominant[gone] = -1

    def _take(self, rooms: Rows, rows: Rows) -> None:
        """Let the loudest talker lead, unless the leader merely pauses and was louder still."""
        leader = self.dominant[rooms]
        bar = np.where(leader >= 0, self._loudness[leader] + LEAD_MARGIN_DB, -np.inf)
        wins = (leader == rows) | (self._loudness[rows] >= bar)
        self.dominant[rooms[wins]] = rows[wins]
