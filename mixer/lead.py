"""The dominant talker of each room."""

import numpy as np
from numpy.typing import NDArray

from mixer.gate import SILENCE_DBOV

Float = NDArray[np.float32]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

# Loudness that decides who leads: rises with a word, lasts over the pauses of a sentence (about half a second).
LEAD_RISE, LEAD_FALL = 0.3, 0.04
# Who leads goes on leading until somebody is this much louder: no flicker between two equal voices.
LEAD_MARGIN_DB = 3.0


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
