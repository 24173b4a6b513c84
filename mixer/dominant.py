"""Dominant speaker detection: one party per room.

`mixer.gate` says with every tick who leads: the loudest now. A cough leads, too, and so does a yes. The floor is
taken by who leads and talks without a break for a second; who has it keeps it, in silence as well, until another
takes it, or it is muted or goes.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.kernel import kernel
from mixer.party import NOBODY, Parties, Party, Rooms
from mixer.struct import struct

__all__ = ["Floor", "FloorFinder", "follow"]

TAKE_TICKS = round(1.0 / TICK_S)
"""A cough is over after 0.3 s, its gate is open for 0.4 s more."""


@struct
class Floor:
    """Rows and rooms, and of each room who has its floor, who may take it, and since when that one leads it, in ticks.

    `changed`: int64, shape (rooms, 2), written: who had the floor and who has it, of each room where that changes;
    `count`: int64, shape (1,), how many rooms were in use before.
    """

    parties: Parties
    rooms: Rooms
    holder: NDArray[np.int64]
    rival: NDArray[np.int64]
    ticks: NDArray[np.int64]
    changed: NDArray[np.int64]
    count: NDArray[np.int64]


class FloorFinder:
    """Follows who has the floor of each room.

    Parameters
    ----------
    parties, rooms
        Those of the bridge.

    Attributes
    ----------
    holder
        int64, shape (rooms,): the row that has the floor of each room, -1: nobody.
    arrays
        What its kernel needs.
    """

    def __init__(self, parties: Parties, rooms: Rooms) -> None:
        self.holder, self._changed = np.full(len(rooms), NOBODY, np.int64), np.zeros((len(rooms), 2), np.int64)
        self.arrays = Floor(
            parties=parties,
            rooms=rooms,
            holder=self.holder,
            rival=np.full(len(rooms), NOBODY, np.int64),
            ticks=np.zeros(len(rooms), np.int64),
            changed=self._changed,
            count=np.zeros(1, np.int64),
        )

    def changed(self, changes: int) -> NDArray[np.int64]:
        """Give what `follow` has changed in a tick.

        Parameters
        ----------
        changes
            What it gave.

        Returns
        -------
        ndarray of int64, shape (n, 2)
            Of each room where it changed who had the floor, and who has it; -1: nobody. Valid until the next tick.
        """
        return self._changed[:changes]


@kernel
def follow(floor: Floor, rooms_end: int) -> int:
    """Give the floor to who has led a room for long enough, after a tick.

    Parameters
    ----------
    floor
        Written: `changed` has who had the floor and who has it, of each room where that changes.
    rooms_end
        One past the last room in use.

    Returns
    -------
    int
        In how many rooms it has changed.
    """
    parties, rooms, holder, rival, ticks = floor.parties, floor.rooms, floor.holder, floor.rival, floor.ticks
    changed, end = floor.changed, max(rooms_end, floor.count[0])
    changes, floor.count[0] = 0, rooms_end
    for room in range(end):
        had = holder[room]
        if had >= 0 and not _may_hold(parties[had], room):
            holder[room] = NOBODY
        lead = rooms[room].dominant
        if lead < 0 or lead == holder[room] or not (parties[lead].talking and _may_hold(parties[lead], room)):
            lead = NOBODY
        ticks[room] = ticks[room] + 1 if lead == rival[room] else 1
        rival[room] = lead
        if lead >= 0 and ticks[room] >= TAKE_TICKS:
            holder[room], rival[room] = lead, NOBODY
        if holder[room] != had:
            changed[changes, 0], changed[changes, 1] = had, holder[room]
            changes += 1
    return changes


@kernel
def _may_hold(p: Party, room: int) -> bool:
    """Tell whether a row can have the floor of a room: it is there, and can be heard by it."""
    return bool(p.active and p.room == room and not (p.muted or p.private))
