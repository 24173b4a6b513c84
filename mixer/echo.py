"""Who returns what it is sent: a telephone whose loudspeaker is heard by its microphone.

The levels of what a party says are compared with those of what it was sent, up to 0.6 s before. Speech rises and falls
20 dB several times a second, and no two talkers alike: levels that follow those of the others for seconds, always with
the same delay, are an echo. Nothing is compared sample by sample, so codecs, loss and the room between do not matter.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from mixer.frame import SILENCE_DBOV, TICK_S
from mixer.kernel import kernel

__all__ = ["EchoFinder"]


FIRST, LAST = round(0.05 / TICK_S), round(0.60 / TICK_S)
DELAYS = range(FIRST, LAST + 1)
"""Ticks from what is sent to its echo: less is no way to a telephone and back, more is beyond any playout buffer."""

WINDOW = round(4.0 / TICK_S)
"""Ticks that are compared at once."""

REACH = WINDOW + LAST
LOOK_TICKS = 25
"""Half a second from look to look, at least: one room is looked at in every other tick."""

RANGE_DB = 30.0
"""Of either side: what is further below its loudest is a pause."""

ALIKE = 0.85
"""Correlation of levels in dB that is an echo."""

SURE = 4
"""Looks in a row that must find the same delay, give or take a tick."""

OVER = 16
"""Looks without it, while there was something to return, after which it is over."""

SPREAD_DB = 3.0
"""Deviation of what is sent, below which it has no shape to be known by: a tone, or music on hold."""

SAID_LEAST, SENT_LEAST = 0.15, 0.15
"""Of the window: so much must be said and sent, or there is nothing to compare."""

TALKERS_MOST = 24
"""Rooms in which more than these spoke within the window are not looked at: nothing in them stands out."""

NO_ROWS = np.zeros(0, np.int64)


class EchoFinder:
    """Finds the parties that return what they are sent.

    Parameters
    ----------
    capacity
        Rows.

    Attributes
    ----------
    echoing
        bool, shape (capacity,): the rows found.
    """

    def __init__(self, capacity: int) -> None:
        self.echoing = np.zeros(capacity, np.bool_)
        self._levels = np.full((REACH, capacity), SILENCE_DBOV, np.float32)
        self._spoke = np.full(capacity, -REACH, np.int64)
        self._room = np.full(capacity, -1, np.int64)
        self._since = np.zeros(capacity, np.int64)
        self._delay = np.zeros(capacity, np.int64)
        self._found = np.zeros(capacity, np.int64)
        self._missed = np.zeros(capacity, np.int64)
        self._ticks = self._looked = self._end = 0
        self._waiting: deque[NDArray[np.int64]] = deque()
        self._moved = np.zeros(capacity, np.int64)

    def note(
        self, level_dbov: NDArray[np.float32], heard: NDArray[np.bool_], room: NDArray[np.int64], count: int
    ) -> NDArray[np.int64]:
        """Take the levels of one tick, and look at one room.

        Parameters
        ----------
        level_dbov, heard, room
            Of each row: what it said; whether others hear it; where it sits, -1: nowhere.
        count
            How many rows are in use, from the first.

        Returns
        -------
        ndarray of int64
            Rows of which `echoing` has changed.
        """
        line = self._ticks % REACH
        self._ticks += 1
        known = self._levels, self._spoke, self._room, self._moved
        moved = write_down(level_dbov, heard, room, count, self._end, line, self._ticks, *known)
        self._end = count
        if moved:
            return self._settle(self._moved[:moved].copy())
        if not self._waiting and self._ticks - self._looked >= LOOK_TICKS:
            self._look_around()
        return self._judge(self._waiting.popleft()) if self._waiting and self._ticks % 2 else NO_ROWS

    def _settle(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Begin anew with rows that have come, gone, or sit elsewhere."""
        over = rows[self.echoing[rows]]
        self._since[rows] = self._ticks
        self._levels[:, rows], self._spoke[rows] = SILENCE_DBOV, -REACH
        self._found[rows] = self._missed[rows] = 0
        self.echoing[rows] = False
        return over

    def _look_around(self) -> None:
        """Find the rooms in which more than one spoke lately; one of them is looked at in each tick."""
        self._looked, end = self._ticks, self._end
        lately = np.flatnonzero((self._ticks - self._spoke[:end] < REACH) & (self._room[:end] >= 0))
        lately = lately[np.argsort(self._room[lately], kind="stable")]
        edges = np.flatnonzero(np.diff(self._room[lately])) + 1
        self._waiting.extend(rows for rows in np.split(lately, edges) if 2 <= rows.size <= TALKERS_MOST)

    def _judge(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Look at the talkers of one room; gives the rows of which `echoing` changes."""
        rows = rows[self._room[rows] == self._room[rows[0]]]  # some may have gone since
        order = np.arange(self._ticks, self._ticks + REACH) % REACH
        power = 10.0 ** (self._levels[np.ix_(order, rows)].T / 10)
        sent = power.sum(axis=0) - power
        alike, delay, enough = likeness(power, sent)
        enough &= self._ticks - self._since[rows] >= REACH
        same = np.abs(delay - self._delay[rows]) <= 1
        hit = enough & (alike >= ALIKE)
        self._found[rows] = np.where(hit, np.where(same, self._found[rows] + 1, 1), 0)
        self._missed[rows] = np.where(hit, 0, self._missed[rows] + enough)
        self._delay[rows] = np.where(hit, delay, self._delay[rows])
        before = self.echoing[rows]
        now = (before & (self._missed[rows] < OVER)) | (self._found[rows] >= SURE)
        self.echoing[rows] = now
        return rows[now != before]


@kernel
def write_down(
    level_dbov: NDArray[np.float32],
    heard: NDArray[np.bool_],
    room: NDArray[np.int64],
    count: int,
    before: int,
    line: int,
    tick: int,
    levels: NDArray[np.float32],
    spoke: NDArray[np.int64],
    rooms: NDArray[np.int64],
    moved: NDArray[np.int64],
) -> int:
    """Write down the levels of one tick, when each row was last heard, and where it sits.

    Parameters
    ----------
    level_dbov, heard, room, count
        As `EchoFinder.note` has them.
    before
        How many rows were in use in the tick before; those above `count` were given up.
    line, tick
        Which row of `levels` is this tick's, and its number.
    levels, spoke, rooms
        Written: shape (REACH, capacity), (capacity,) and (capacity,).
    moved
        Written: the rows that have come, gone, or sit elsewhere than before.

    Returns
    -------
    int
        How many have moved.
    """
    changes = 0
    for row in range(max(count, before)):
        on = row < count and heard[row]
        levels[line, row] = level_dbov[row] if on else np.float32(SILENCE_DBOV)
        if on:
            spoke[row] = tick
        now = room[row] if row < count else -1
        if rooms[row] != now:
            rooms[row], moved[changes] = now, row
            changes += 1
    return changes


def likeness(
    said: NDArray[np.float64], sent: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Compare powers of what was said in the last `WINDOW` ticks with what was sent before, at all `DELAYS`.

    Parameters
    ----------
    said, sent
        Shape (n, REACH), full scale 1, oldest first.

    Returns
    -------
    alike, delay, enough
        Of each row the best correlation of levels, its delay in ticks, and whether there was enough to compare.
    """
    # In one piece, whatever the number of rows: the loop is compiled for one type and layout of arrays.
    levels = _levels(said)[:, REACH - WINDOW :], _levels(sent)
    mine, others = (np.ascontiguousarray(each, np.float64) for each in levels)
    alike = np.zeros((len(mine), len(DELAYS)))
    spread = np.zeros(len(mine))
    correlate(mine, others, alike, spread)
    best = alike.argmax(axis=1)
    much = ((mine > 0).mean(axis=1) >= SAID_LEAST) & ((others > 0).mean(axis=1) >= SENT_LEAST)
    return alike[np.arange(len(mine)), best], best + DELAYS.start, much & (spread > SPREAD_DB)


@kernel
def correlate(
    mine: NDArray[np.float64], others: NDArray[np.float64], alike: NDArray[np.float64], spread: NDArray[np.float64]
) -> None:
    """Correlate rows with earlier stretches of others.

    Parameters
    ----------
    mine, others
        Shape (n, WINDOW) and (n, REACH): they end at the same time.
    alike, spread
        Written: of each row and delay the correlation; of each row the widest deviation of what is compared with.
    """
    for row in range(len(mine)):
        mean, power = 0.0, 0.0
        for k in range(WINDOW):
            mean += mine[row, k] / WINDOW
            power += mine[row, k] * mine[row, k] / WINDOW
        deviation, spread[row] = np.sqrt(max(power - mean * mean, 0.0)), 0.0
        for d in range(FIRST, LAST + 1):
            total, square, both = 0.0, 0.0, 0.0
            for k in range(WINDOW):
                level = others[row, LAST - d + k]
                total += level
                square += level * level
                both += level * mine[row, k]
            total, square, both = total / WINDOW, square / WINDOW, both / WINDOW
            width = np.sqrt(max(square - total * total, 0.0))
            spread[row] = max(spread[row], width)
            alike[row, d - FIRST] = (both - total * mean) / max(width * deviation, 1e-6)


def _levels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give levels over 60 ms in dB above `RANGE_DB` below the loudest, 0 where there is less; rows."""
    smooth = power.copy()
    smooth[:, 1:-1] = (power[:, :-2] + power[:, 1:-1] + power[:, 2:]) / 3
    level: NDArray[np.float64] = 10 * np.log10(np.maximum(smooth, 1e-12))
    floor = np.maximum(level.max(axis=1, keepdims=True) - RANGE_DB, -70.0)
    return np.maximum(level - floor, 0.0)
