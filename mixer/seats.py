"""What can be said to the bridge of rooms and of the rows that sit in them; the next tick acts on it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixer.errors import GainError
from mixer.roster import Roster

# 24 dB: the sum of 4,096 parties at full scale, scaled by this, is the largest that fits 32 bits.
GAIN_MAX = 16.0


class Seats:
    """
    Rooms, and how each row speaks and hears.

    Parameters
    ----------
    capacity : int
        Number of rows, and of rooms.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._roster = Roster(capacity, capacity)

    @property
    def room_of_row(self) -> NDArray[np.int32]:
        """Where each row sits, -1: in no room; int32, shape (capacity,), to be looked at only."""
        return self._roster.room

    def add_room(self) -> int:
        """
        Open a room.

        Returns
        -------
        int
            Its number; numbers of removed rooms are given again.

        Raises
        ------
        BridgeFull
            As many rooms as rows exist already.
        """
        return self._roster.add_room()

    def remove_room(self, room: int) -> None:
        """
        Close a room; parties still in it are in no room afterwards.

        Parameters
        ----------
        room : int
            A room.

        Raises
        ------
        NoSuchRoom
            There is no such room.
        """
        self._roster.remove_room(room)

    def remove_party(self, row: int) -> None:
        """
        Take a party out. If it was talking, the next tick reports that it stopped.

        Parameters
        ----------
        row : int
            Its row.

        Raises
        ------
        NoSuchParty
            The row is empty.
        """
        self._roster.remove(row)

    def move(self, row: int, room: int) -> None:
        """
        Seat a party in another room, without a gap in what it sends.

        Parameters
        ----------
        row : int
            Its row.
        room : int
            The room; -1: none.

        Raises
        ------
        NoSuchParty
            The row is empty.
        NoSuchRoom
            There is no such room.
        """
        self._roster.move(row, room)

    def set_muted(self, row: int, on: bool) -> None:
        """Let nobody hear this party; raises `NoSuchParty`."""
        self._roster.check(row)
        self._roster.muted[row] = on

    def set_deaf(self, row: int, on: bool) -> None:
        """Let this party hear silence; raises `NoSuchParty`."""
        self._roster.check(row)
        self._roster.deaf[row] = on

    def set_whisper(self, row: int, listeners: Sequence[int] | None) -> None:
        """
        Let a row be heard by certain listeners only, instead of by its room.

        A listener may be in any room, in none, or deaf; it hears the whisper besides what it hears anyway. It ends
        when the whispering row changes rooms; a listener that leaves the bridge is whispered to no more.

        Parameters
        ----------
        row : int
            Who whispers.
        listeners : sequence of int or None
            Who hears it, perhaps nobody; None: the room again.

        Raises
        ------
        NoSuchParty
            One of the rows is empty; nothing was changed.
        """
        for each in (row, *(listeners or ())):
            self._roster.check(each)
        self._roster.whispers.set(row, listeners)

    def set_recorded(self, row: int, on: bool) -> None:
        """Keep this row in `Tick.recorded_frame`, or leave it out (it is heard all the same); raises `NoSuchParty`."""
        self._roster.set_recorded(row, on)

    def set_gain_in(self, row: int, linear: float) -> None:
        """Scale what this party says (1: as it came, 16 at most); raises `NoSuchParty`, `GainError`."""
        self._roster.check(row)
        self._roster.gain_in[row] = checked_gain(linear)

    def set_gain_out(self, row: int, linear: float) -> None:
        """Scale what this party hears (1: as mixed, 16 at most); raises `NoSuchParty`, `GainError`."""
        self._roster.check(row)
        self._roster.gain_out[row] = checked_gain(linear)

    def set_send(self, row: int, on: bool) -> None:
        """Make frames for this party, or none (it is on hold); raises `NoSuchParty`."""
        self._roster.check(row)
        self._roster.send[row] = on

    def set_receive(self, row: int, on: bool) -> None:
        """Play packets of this party, or only count them (it is on hold); raises `NoSuchParty`."""
        self._roster.check(row)
        self._roster.receive[row] = on


def checked_gain(linear: float) -> float:
    """Give a gain back if it is one; raises `GainError`."""
    if not 0 <= linear <= GAIN_MAX:  # not a number is neither
        raise GainError(f"a gain is 0 to {GAIN_MAX:g}, not {linear}")
    return linear
