"""Echo detection: parties that return what they are sent, such as a phone whose loudspeaker reaches its microphone.

The levels of what a party says are compared with those of what it was sent, up to 0.6 s before. Speech rises and falls
20 dB several times a second, and no two talkers alike: levels that follow those of the others for seconds, always with
the same delay, are an echo. Nothing is compared sample by sample, so codecs, loss and the room between do not matter.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.kernel import Int, kernel
from mixer.struct import struct

__all__ = ["EchoArrays", "EchoFinder", "write_down"]


FIRST, LAST = round(0.05 / TICK_S), round(0.60 / TICK_S)
"""Ticks from what is sent to its echo: less is no way to a telephone and back, more is beyond any playout buffer."""

WINDOW = round(4.0 / TICK_S)
"""Ticks that are compared at once."""

REACH = WINDOW + LAST
LOOK_TICKS = 25
"""Half a second from look to look, at least."""

AT_ONCE = 6
"""Talkers of one room that are looked at in a tick."""

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

Levels = NDArray[np.float64]


@struct
class EchoArrays:
    """What is known of each row, and room to work in.

    `power`: float32, shape (REACH, capacity), of what was heard of each in each tick, full scale 1; `spoke`: the tick
    in which it was last heard; `room`: where it sits; `since`: since when; `echoing`, `delay`, `found`, `missed`: what
    was made of it. `changed`: int64, written: rows. `total`, `mine`, `others`: float64, shape (REACH,). `count`: int64,
    the number of the last tick, and how many rows were in use then.
    """

    power: NDArray[np.float32]
    spoke: NDArray[np.int64]
    room: NDArray[np.int64]
    since: NDArray[np.int64]
    echoing: NDArray[np.bool_]
    delay: NDArray[np.int64]
    found: NDArray[np.int64]
    missed: NDArray[np.int64]
    changed: NDArray[np.int64]
    total: Levels
    mine: Levels
    others: Levels
    count: NDArray[np.int64]


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
    arrays
        What its kernels need.
    """

    def __init__(self, capacity: int) -> None:
        self.echoing = np.zeros(capacity, np.bool_)
        self._spoke, self._room = np.full(capacity, -REACH, np.int64), np.full(capacity, -1, np.int64)
        self._changed, self._count = np.zeros(capacity, np.int64), np.zeros(2, np.int64)
        since, delay, found, missed = np.zeros((4, capacity), np.int64)
        total, mine, others = np.zeros((3, REACH))
        self.arrays = EchoArrays(
            power=np.zeros((REACH, capacity), np.float32), spoke=self._spoke, room=self._room, since=since,
            echoing=self.echoing, delay=delay, found=found, missed=missed, changed=self._changed, total=total,
            mine=mine, others=others, count=self._count,
        )  # fmt: skip
        self._looked = 0
        self._waiting: deque[tuple[NDArray[np.int64], int]] = deque()

    @property
    def due(self) -> bool:
        """Whether there is something to `look` at though nobody has moved: talkers that wait, or all rooms again."""
        return bool(self._waiting) or self._count.item(0) - self._looked >= LOOK_TICKS

    def look(self, moved: int) -> NDArray[np.int64]:
        """Look at some talkers of one room, or for rooms with talkers, after a tick in which some moved or it is `due`.

        Parameters
        ----------
        moved
            What `write_down` gave.

        Returns
        -------
        ndarray of int64
            Rows of which `echoing` has changed.
        """
        tick, end = self._count.tolist()
        if moved:
            return self._settle(self._changed[:moved].copy(), tick)
        if not self._waiting:
            self._look_around(tick, end)
            return NO_ROWS
        rows, begin = self._waiting.popleft()
        changes = judge(self.arrays, rows, begin, min(begin + AT_ONCE, len(rows)), tick)
        return self._changed[:changes].copy() if changes else NO_ROWS

    def rehearse(self) -> None:
        """Have what is not done in each tick done once, over nobody, so that it is compiled."""
        forget(self.arrays, NO_ROWS, 0)
        judge(self.arrays, np.zeros(1, np.int64), 0, 1, 0)

    def _settle(self, rows: NDArray[np.int64], tick: int) -> NDArray[np.int64]:
        """Begin anew with rows that have come, gone, or sit elsewhere."""
        over = rows[self.echoing[rows]]
        forget(self.arrays, rows, tick)
        return over

    def _look_around(self, tick: int, end: int) -> None:
        """Find the rooms in which more than one spoke lately; some talkers of one are looked at in each tick."""
        self._looked = tick
        lately = np.flatnonzero((tick - self._spoke[:end] < REACH) & (self._room[:end] >= 0))
        lately = lately[np.argsort(self._room[lately], kind="stable")]
        edges = np.flatnonzero(np.diff(self._room[lately])) + 1
        rooms = [rows for rows in np.split(lately, edges) if 2 <= rows.size <= TALKERS_MOST]
        self._waiting.extend((rows, begin) for rows in rooms for begin in range(0, len(rows), AT_ONCE))


@kernel
def write_down(
    echo: EchoArrays,
    level_dbov: NDArray[np.float32],
    heard: NDArray[np.bool_],
    room: NDArray[np.int64],
    count: int,
) -> int:
    """Write down what was heard of each row in one tick, when it was last heard, and where it sits.

    Parameters
    ----------
    echo
        Written: `changed` has the rows that have come, gone, or sit elsewhere than before.
    level_dbov, heard, room
        Of each row: what it said; whether others hear it; where it sits, -1: nowhere.
    count
        How many rows are in use, from the first.

    Returns
    -------
    int
        How many have moved.
    """
    tick, before = echo.count[0] + 1, echo.count[1]  # rows above `count` were given up
    power, spoke, rooms, moved = echo.power[(tick - 1) % REACH], echo.spoke, echo.room, echo.changed
    changes, echo.count[0], echo.count[1] = 0, tick, count
    for row in range(max(count, before)):
        power[row] = np.float32(0)
        if row < count and heard[row]:
            power[row], spoke[row] = np.float32(10.0 ** (level_dbov[row] / 10)), tick
        now = room[row] if row < count else -1
        if rooms[row] != now:
            rooms[row], moved[changes] = now, row
            changes += 1
    return changes


@kernel
def forget(echo: EchoArrays, rows: NDArray[np.int64], tick: int) -> None:
    """Begin anew with some rows."""
    for row in rows:
        echo.since[row], echo.spoke[row], echo.echoing[row] = tick, -REACH, False
        echo.found[row] = echo.missed[row] = 0
        for k in range(REACH):
            echo.power[k, row] = np.float32(0)


@kernel
def judge(echo: EchoArrays, rows: NDArray[np.int64], begin: int, end: int, tick: int) -> int:
    """Look at some talkers of one room, after a tick.

    Parameters
    ----------
    echo
        Written: `changed` has the rows of which `echoing` changes.
    rows, begin, end
        The talkers of the room, and which of them are looked at; some may have gone since.
    tick
        Its number.

    Returns
    -------
    int
        How many have changed.
    """
    power, room, changes = echo.power, echo.room[rows[begin]], 0
    _add_up(echo, rows, room, tick)
    for row in rows[begin:end]:
        if room < 0 or echo.room[row] != room:
            continue
        for k in range(REACH):
            own = np.float64(power[(tick + k) % REACH, row])
            echo.mine[k], echo.others[k] = own, echo.total[k] - own
        alike, delay, enough = likeness(echo.mine, echo.others)
        if _note(echo, row, alike, delay, enough and tick - echo.since[row] >= REACH):
            echo.changed[changes] = row
            changes += 1
    return changes


@kernel
def _add_up(echo: EchoArrays, rows: NDArray[np.int64], room: Int, tick: int) -> None:
    """Sum what was heard of those of some rows that sit in a room."""
    power, total = echo.power, echo.total
    for k in range(REACH):
        total[k] = 0.0
        for row in rows:
            if echo.room[row] == room:
                total[k] += power[(tick + k) % REACH, row]


@kernel
def _note(echo: EchoArrays, row: Int, alike: float, delay: int, enough: bool) -> bool:
    """Take in what one look at a row has found; true where that changes what it is."""
    if enough and alike >= ALIKE:
        echo.found[row] = echo.found[row] + 1 if abs(delay - echo.delay[row]) <= 1 else 1
        echo.missed[row], echo.delay[row] = 0, delay
    else:
        echo.found[row] = 0
        echo.missed[row] += int(enough)
    before = echo.echoing[row]
    now = (before and echo.missed[row] < OVER) or echo.found[row] >= SURE
    echo.echoing[row] = now
    return bool(now != before)


@kernel
def likeness(said: Levels, sent: Levels) -> tuple[float, int, bool]:
    """Compare powers of what was said in the last `WINDOW` ticks with what was sent before, at all delays.

    Parameters
    ----------
    said, sent
        Shape (REACH,), full scale 1, oldest first; levels are written in their place.

    Returns
    -------
    alike, delay, enough
        The best correlation of levels, its delay in ticks, and whether there was enough to compare.
    """
    _to_levels(said)
    _to_levels(sent)
    mine = said[REACH - WINDOW :]
    much = _share_of(mine) >= SAID_LEAST and _share_of(sent) >= SENT_LEAST
    alike, delay, spread = correlate(mine, sent)
    return alike, delay, much and spread > SPREAD_DB


@kernel
def correlate(mine: Levels, others: Levels) -> tuple[float, int, float]:
    """Correlate a row with earlier stretches of another.

    Parameters
    ----------
    mine, others
        Shape (WINDOW,) and (REACH,): they end at the same time.

    Returns
    -------
    alike, delay, spread
        The best correlation and its delay in ticks; the widest deviation of what is compared with.
    """
    mean, power, total, square = 0.0, 0.0, 0.0, 0.0
    for k in range(WINDOW):
        mean += mine[k] / WINDOW
        power += mine[k] * mine[k] / WINDOW
        total += others[k]
        square += others[k] * others[k]
    deviation, spread, alike, delay = np.sqrt(max(power - mean * mean, 0.0)), 0.0, -np.inf, FIRST
    for first in range(LAST - FIRST + 1):  # the longest delay first; the sums go on from one stretch to the next
        width = np.sqrt(max(square / WINDOW - (total / WINDOW) ** 2, 0.0))
        both = _product(mine, others[first:]) / WINDOW
        found = (both - total / WINDOW * mean) / max(width * deviation, 1e-6)
        if found >= alike:
            alike, delay = found, LAST - first
        spread = max(spread, width)
        gone, come = others[first], others[min(first + WINDOW, REACH - 1)]
        total += come - gone
        square += come * come - gone * gone
    return alike, delay, spread


@kernel
def _product(mine: Levels, others: Levels) -> float:
    """Sum the products of a window, four sums side by side."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for k in range(0, WINDOW, 4):
        a += mine[k] * others[k]
        b += mine[k + 1] * others[k + 1]
        c += mine[k + 2] * others[k + 2]
        d += mine[k + 3] * others[k + 3]
    return a + b + c + d


@kernel
def _share_of(levels: Levels) -> float:
    """Give the share of ticks in which there was something."""
    count = 0
    for level in levels:
        count += level > 0
    return count / len(levels)


@kernel
def _to_levels(power: Levels) -> None:
    """Turn powers into levels over 60 ms in dB above `RANGE_DB` below the loudest, 0 where there is less."""
    before, most = power[0], 0.0
    for k in range(1, REACH - 1):
        now = power[k]
        power[k] = (before + now + power[k + 1]) / 3
        before = now
    for k in range(REACH):
        power[k] = 10 * np.log10(max(power[k], 1e-12))
        most = max(most, power[k]) if k > 0 else power[k]
    floor = max(most - RANGE_DB, -70.0)
    for k in range(REACH):
        power[k] = max(power[k] - floor, 0.0)
