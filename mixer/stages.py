"""The stages of a tick, each over all rows of a lane: hear what everybody says, find out who talks, mix what all hear.

What is said in one lane and heard in another is carried over between the last two (`mixer.carry`). Lanes that nobody
speaks in, or nobody listens in, are left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixer import desk, hear, listen, whisper
from mixer.carry import Carrier
from mixer.gate import GateSettings, find_leaders, gate_record
from mixer.lane import Lane
from mixer.party import Parties, Rooms
from mixer.roster import Roster


class Stages:
    """
    What a bridge does in each tick.

    Parameters
    ----------
    lanes : sequence of Lane
        By number.
    parties, rooms, roster
        Those of the bridge.
    gate
        As of the bridge.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        parties: Parties,
        rooms: Rooms,
        roster: Roster,
        gate: GateSettings | None,
    ) -> None:
        capacity = len(parties)
        self._lanes, self._parties, self._rooms, self._roster = lanes, parties, rooms, roster
        self._gate = gate_record(gate)
        self._speaking, self._listening = list(lanes), list(lanes)
        self._carriers: dict[tuple[int, int], Carrier] = {}
        self._noisy, self._certain = np.zeros(capacity, bool), np.zeros(capacity, bool)
        self._changed, self._key = np.zeros(capacity, np.int64), np.zeros(2 * capacity, np.int64)
        self._ticks = self._end = self._rooms_end = 0
        self._used = -1

    def begin(self, end: int, rooms_end: int) -> None:
        """Find out which lanes have anything to do; `end` and `rooms_end`: one past the last row and room in use."""
        self._ticks, self._end, self._rooms_end = self._ticks + 1, end, rooms_end
        used = desk.census(self._parties, end, self._rooms, rooms_end)
        if used != self._used:
            self._used = used
            self._speaking = [lane for lane in self._lanes if used >> lane.number & 1]
            self._listening = [lane for lane in self._lanes if used >> lane.number + 8 & 1]

    def listen(self) -> tuple[list[tuple[int, str]], NDArray[np.int64]]:
        """
        Make the frame that each row says, and find out who talks.

        Returns
        -------
        list of (int, str)
            Rows and the keys that are dialled in their sound, in order.
        ndarray of int64
            The rows whose gates opened, and, as -1 - row, those whose gates closed.
        """
        keys: list[tuple[int, str]] = []
        changes = 0
        for lane in self._speaking:
            keys += self._hear(lane)
            changes = self._judge(lane, changes)
        find_leaders(self._parties, self._end, self._rooms, self._rooms_end)
        return keys, self._changed[:changes]

    def mix(self) -> None:
        """Make the frame that each row hears, at the rate that it hears."""
        for lane in self._listening:
            for source in self._speaking:
                if source is not lane:
                    self._carrier(source, lane).carry(self._parties, self._end, self._rooms, self._ticks)
            self._serve(lane)

    def _hear(self, lane: Lane) -> list[tuple[int, str]]:
        """Make the frames of a lane's rows; gives the keys in them."""
        parties, end, ticks = self._parties, self._end, self._ticks
        kept = lane.kept, lane.ahead, lane.made, lane.past
        hear.hear(parties, lane.rate, lane.rings, lane.taps, lane.noise, *kept, ticks, end, self._noisy)
        if not self._roster.dialling:
            return []
        rows = np.flatnonzero(parties["inband_keys"][:end] & (parties["lane"][:end] == lane.number))
        return lane.keys.feed(rows, lane.said(ticks)[rows])

    def _judge(self, lane: Lane, changes: int) -> int:
        """Find out who is heard of a lane; gives how many gates have changed so far."""
        return listen.listen(
            self._parties,
            self._end,
            self._rooms,
            lane.rate,
            lane.said(self._ticks),
            self._noisy,
            lane.keys.doubtful if self._roster.dialling else self._certain,
            self._gate,
            lane.wide,
            lane.heard,
            lane.leaving,
            self._changed,
            changes,
        )

    def _carrier(self, source: Lane, target: Lane) -> Carrier:
        """Give what brings sound from one lane to another."""
        way = source.number, target.number
        if way not in self._carriers:
            self._carriers[way] = Carrier(source, target)
        return self._carriers[way]

    def _serve(self, lane: Lane) -> None:
        """Mix a lane: whispers, private mixes, rooms, what is recorded."""
        end, rooms_end = self._end, self._rooms_end
        parties, rooms, rate, wide, frames = self._parties, self._rooms, lane.rate, lane.wide, lane.room_for_frames
        sound, limits, whispers = (lane.heard, lane.leaving, lane.sums), lane.limits, self._roster.whispers
        desk.sum_rooms(parties, end, rooms, rooms_end, rate, *sound)
        if self._roster.taping:
            own = lane.recorded_limits, lane.left_out
            desk.record(parties, end, rooms, rooms_end, rate, *sound, lane.without, limits, *own, lane.recorded)
        first = 0
        if whispers:
            pairs = whispers.whisperer, whispers.circle, whispers.listeners, whispers.circle_of
            whispered, lively = lane.ears(len(whispers.lively)), whispers.lively
            first = whisper.whisper(parties, rate, *sound, *pairs, whispered, lively, self._key, wide, frames)
        hiss, at, softened = lane.hiss, self._ticks * lane.samples, lane.softened
        first_room = desk.serve(
            parties, end, rooms, rooms_end, rate, *sound, wide, limits, first, frames, hiss, at, softened
        )
        lane.serve(first_room, rooms_end)
