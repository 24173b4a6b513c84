"""Rows and rooms of a bridge: which row is in which room, with its gains. Changes apply from the next tick on.

Rows and rooms are handed out lowest number first, so the rows in use stay a short prefix of every array and the tick
works on slices instead of gathered copies.
"""

import heapq
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mixer.errors import BridgeFull, GainError, NoSuchRoom, UnknownRow
from mixer.party import Parties, Rooms
from mixer.whisper import Whispers

Flags = NDArray[np.bool_]

# 24 dB: the sum of 4,096 parties at full scale, scaled by this, is the largest that fits 32 bits.
GAIN_MAX = 16.0


class Roster:
    """
    Flags and gains per row as arrays; rows and rooms as numbers.

    Parameters
    ----------
    parties : record array
        The rows (`mixer.party`); what of them is written here is written nowhere else.
    rooms : record array
        The rooms.

    Attributes
    ----------
    rows_end, rooms_end : int
        One past the highest row in use, or removed since the last tick; one past the highest room.
    dialling : set of int
        Rows in whose sound keys are looked for.
    taping : bool
        Whether rooms are made for a recorder.
    """

    def __init__(self, parties: Parties, rooms: Rooms) -> None:
        capacity = len(parties)
        self.capacity, self.room_limit = capacity, len(rooms)
        self.active: Flags = parties["active"]
        self.local: Flags = parties["local"]
        self._inband_keys: Flags = parties["inband_keys"]
        self.muted: Flags = parties["muted"]
        self.deaf: Flags = parties["deaf"]
        self.send: Flags = parties["send"]
        self.receive: Flags = parties["receive"]
        self.gain_in = parties["gain_in"]
        self.gain_out = parties["gain_out"]
        self.room = parties["room"]
        self.room_exists: Flags = rooms["exists"]
        self._taped: NDArray[np.int64] = rooms["taped"]
        self.levelled: NDArray[np.bool_] = rooms["levelled"]
        self.whispers = Whispers(parties)
        self._spoke_in, self._ear, self._ear_lane = parties["spoke_in"], parties["ear"], parties["ear_lane"]
        self._source: Flags = parties["source"]
        self._unrecorded: Flags = parties["unrecorded"]
        self._voice_levelled: Flags = parties["levelled"]
        self._free_rows, self._free_rooms = list(range(capacity)), list(range(len(rooms)))
        self._leaving: list[int] = []
        self.dialling, self.taping = set[int](), False
        self.rows_end = self.rooms_end = 0

    def add_room(self) -> int:
        """Open a room and give its number, which may be that of a removed one; `BridgeFull` when there is none."""
        if not self._free_rooms:
            raise BridgeFull(f"all {self.room_limit} rooms are taken")
        room = heapq.heappop(self._free_rooms)
        self.room_exists[room], self.levelled[room] = True, False
        self.rooms_end = max(self.rooms_end, room + 1)
        return room

    def level_voices(self, room: int, on: bool) -> None:
        """Bring all who speak in a room to one level, slowly (`mixer.agc`), or leave them; raises `NoSuchRoom`."""
        self.check_room(room)
        self.levelled[room] = on

    def remove_room(self, room: int) -> None:
        """Close a room; parties still in it are in no room from now on. Raises `NoSuchRoom`."""
        self.check_room(room)
        for row in np.flatnonzero((self.room == room) & self.whispers.private):
            self.whispers.set(int(row), None)
        self.room[self.room == room] = -1
        # Its number may be that of another room before the next tick, which hears nothing of it.
        for kept in (self._spoke_in, self._ear):
            kept[kept == room] = -1
        self.room_exists[room], self._taped[room] = False, 0
        self.rooms_end = _end(self.room_exists, self.rooms_end)
        heapq.heappush(self._free_rooms, room)

    def best_lane(self, rows: Sequence[int]) -> int:
        """Give the number of the highest lane that some rows hear; 0 if there are none."""
        lanes: NDArray[np.int64] = self._ear_lane[list(rows)]
        return int(lanes.max(initial=0))

    def seated(self, room: int) -> list[int]:
        """Give the rows in a room that are no sources."""
        found: list[int] = np.flatnonzero(self.active & (self.room == room) & ~self._source).tolist()
        return found

    def add(self, room: int, *, local: bool, inband_keys: bool) -> int:
        """Take a row; `BridgeFull` when there is none."""
        if room != -1:
            self.check_room(room)
        if not self._free_rows:
            raise BridgeFull(f"all {self.capacity} rows are taken")
        row = heapq.heappop(self._free_rows)
        self.rows_end = max(self.rows_end, row + 1)
        self.active[row] = self.send[row] = self.receive[row] = True
        self.muted[row] = self.deaf[row] = self._unrecorded[row] = self._voice_levelled[row] = False
        self.local[row], self._inband_keys[row] = local, inband_keys
        if inband_keys:
            self.dialling.add(row)
        self.gain_in[row] = self.gain_out[row] = 1.0
        self.room[row] = room
        return row

    def add_source(self, room: int) -> int:
        """Take a row for what is played; it is fed by `push`, hears nothing and has no voice gate."""
        row = self.add(room, local=True, inband_keys=False)
        self.send[row] = False
        self._source[row] = True
        return row

    def tape(self, lanes: Mapping[int, int]) -> None:
        """Make the frames of some rooms for a recorder, whoever listens there: a bit per lane; none of all others."""
        self._taped[:] = 0
        for room, bits in lanes.items():
            self._taped[room] = bits
        self.taping = bool(lanes)

    def set_recorded(self, row: int, on: bool) -> None:
        """Keep a row in `Tick.recorded_frame`, or leave it out (it is heard all the same); raises `UnknownRow`."""
        self.check(row)
        self._unrecorded[row] = not on

    def remove(self, row: int) -> None:
        """Take a party out; if it talked, the next tick tells that it stopped. Raises `UnknownRow`.

        Nobody else gets its row before `recycle`, so that events of one tick never mean two parties.
        """
        self.check(row)
        self.active[row] = self.send[row] = self.receive[row] = False
        self.room[row] = -1
        self._source[row] = False
        self.dialling.discard(row)
        self.whispers.forget(row)
        self._leaving.append(row)

    def recycle(self) -> None:
        """Free the rows removed since the last call."""
        if self._leaving:
            for row in self._leaving:
                heapq.heappush(self._free_rows, row)
            self._leaving.clear()
            self.rows_end = _end(self.active, self.rows_end)

    def move(self, row: int, room: int) -> None:
        """Seat a party in another room, -1: in none, without a gap in what it sends.

        Who comes into a room speaks to it, whispering is over. Raises `UnknownRow`, `NoSuchRoom`.
        """
        self.check(row)
        if room != -1:
            self.check_room(room)
        if room != self.room[row] and self.whispers.private[row]:
            self.whispers.set(row, None)
        self.room[row] = room

    def set_muted(self, row: int, on: bool) -> None:
        """Let nobody hear this party; raises `UnknownRow`."""
        self.check(row)
        self.muted[row] = on

    def set_levelled(self, row: int, on: bool) -> None:
        """Bring the voice of this party to one level, slowly, whatever its room does; raises `UnknownRow`."""
        self.check(row)
        self._voice_levelled[row] = on

    def set_deaf(self, row: int, on: bool) -> None:
        """Let this party hear silence; raises `UnknownRow`."""
        self.check(row)
        self.deaf[row] = on

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
            Who hears it, perhaps nobody, or the row itself: an echo; None: the room again.

        Raises
        ------
        UnknownRow
            One of the rows is empty; nothing was changed.
        """
        for each in (row, *(listeners or ())):
            self.check(each)
        self.whispers.set(row, listeners)

    def set_gain_in(self, row: int, linear: float) -> None:
        """Scale what this party says (1: as it came, 16 at most); raises `UnknownRow`, `GainError`."""
        self.check(row)
        self.gain_in[row] = checked_gain(linear)

    def set_gain_out(self, row: int, linear: float) -> None:
        """Scale what this party hears (1: as mixed, 16 at most); raises `UnknownRow`, `GainError`."""
        self.check(row)
        self.gain_out[row] = checked_gain(linear)

    def set_send(self, row: int, on: bool) -> None:
        """Make frames for this party, or none (it is on hold); raises `UnknownRow`."""
        self.check(row)
        self.send[row] = on

    def set_receive(self, row: int, on: bool) -> None:
        """Play packets of this party, or only count them (it is on hold); raises `UnknownRow`."""
        self.check(row)
        self.receive[row] = on

    def check(self, row: int) -> None:
        """Raise `UnknownRow` unless the row holds a party."""
        if not (0 <= row < self.capacity and self.active[row]):
            raise UnknownRow(f"no party in row {row}")

    def check_room(self, room: int) -> None:
        """Raise `NoSuchRoom` unless the room exists."""
        if not (0 <= room < self.room_limit and self.room_exists[room]):
            raise NoSuchRoom(f"no room {room}")


def checked_gain(linear: float) -> float:
    """Give a gain back if it is one; raises `GainError`."""
    if not 0 <= linear <= GAIN_MAX:  # not a number is neither
        raise GainError(f"a gain is 0 to {GAIN_MAX:g}, not {linear}")
    return linear


def _end(used: Flags, end: int) -> int:
    """One past the last true entry, which is none at or above `end`."""
    while end and not used[end - 1]:
        end -= 1
    return end
