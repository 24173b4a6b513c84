"""The stages of a tick over the rows of a lane: hear, listen, mix.

What is said in one lane and heard in another is carried over between the last two (`mixer.carry`). Lanes that nobody
speaks in, or nobody listens in, are left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixer import desk, whisper
from mixer.carry import Carrier
from mixer.desk import LISTENING
from mixer.gate import GATE, Gate, GateSettings, find_leaders, gate_record
from mixer.hear import hear
from mixer.kernel import kernel, records
from mixer.lane import PAST, Lane, LaneArrays
from mixer.listen import listen
from mixer.party import Parties, Rooms
from mixer.roster import Roster
from mixer.struct import struct

Rows = NDArray[np.int64]
NO_ROWS: Rows = np.zeros(0, np.int64)


@struct
class StageArrays:
    """Whom the stages are about.

    `noisy`: the rows that say nothing but comfort noise; `certain`: those in which a key may be dialled, when keys are
    listened for in none; `changed`: the rows whose gates opened, and, as -1 - row, those whose gates closed.
    """

    parties: Parties
    rooms: Rooms
    gates: Gate  # records, of each lane
    noisy: NDArray[np.bool_]
    certain: NDArray[np.bool_]
    changed: NDArray[np.int64]


@kernel
def census(hall: StageArrays, end: int, rooms_end: int) -> int:
    """Find out which lanes have anything to do, as of `mixer.desk.census`."""
    return desk.census(hall.parties, end, hall.rooms, rooms_end)


@kernel
def say(hall: StageArrays, lane: LaneArrays, tick: int, end: int) -> None:
    """Make the frames of a lane's rows, up to `end`."""
    parties, rate, noisy = hall.parties, lane.rates[lane.number], hall.noisy
    hear(
        parties, rate, lane.rings, lane.taps, lane.noise, lane.kept, lane.ahead, lane.made, lane.past, tick, end, noisy
    )


@kernel
def judge(
    hall: StageArrays, lane: LaneArrays, doubtful: NDArray[np.bool_], tick: int, end: int, rooms_end: int, changes: int
) -> int:
    """Find out who is heard of a lane, and, if it is the last, who leads each of `rooms_end` rooms; -1: it is not.

    The others, and what it gives, are as of `mixer.listen.listen`.
    """
    parties, rooms, said = hall.parties, hall.rooms, lane.past[tick % PAST]
    changes = listen(
        parties, end, rooms, lane.rates[lane.number], said, hall.noisy, doubtful, hall.gates[lane.number], lane.wide[0],
        lane.heard, lane.leaving, hall.changed, changes,
    )  # fmt: skip
    if rooms_end >= 0:
        find_leaders(parties, end, rooms, rooms_end)
    return changes


@kernel
def say_and_judge(hall: StageArrays, lane: LaneArrays, tick: int, end: int, rooms_end: int, changes: int) -> int:
    """Do both, where keys are listened for in no row."""
    say(hall, lane, tick, end)
    return judge(hall, lane, hall.certain, tick, end, rooms_end, changes)


@kernel
def lead(hall: StageArrays, end: int, rooms_end: int) -> None:
    """Find out who leads each room, where nobody says anything at any rate."""
    find_leaders(hall.parties, end, hall.rooms, rooms_end)


@kernel
def add_up(hall: StageArrays, lane: LaneArrays, end: int, rooms_end: int) -> None:
    """Sum what is said in each room of a lane."""
    desk.sum_rooms(
        hall.parties, end, hall.rooms, rooms_end, lane.rates[lane.number], lane.heard, lane.leaving, lane.sums
    )


@kernel
def serve(hall: StageArrays, lane: LaneArrays, end: int, rooms_end: int, at: int, first: int) -> int:
    """Make the frames of a lane; `at`, `first` and what it gives are as of `mixer.desk.serve`."""
    parties, rooms, rate = hall.parties, hall.rooms, lane.rates[lane.number]
    first = desk.serve(
        parties, end, rooms, rooms_end, rate, lane.heard, lane.leaving, lane.sums, lane.wide, lane.limits, first,
        lane.frames, lane.hiss, at, lane.softened,
    )  # fmt: skip
    lane.silence_at[0] = first + rooms_end
    return first


@kernel
def record(hall: StageArrays, lane: LaneArrays, end: int, rooms_end: int) -> None:
    """Make the frames of a lane that are recorded, where they are not those that are heard."""
    desk.record(
        hall.parties, end, hall.rooms, rooms_end, lane.rates[lane.number], lane.heard, lane.leaving, lane.sums,
        lane.without, lane.limits, lane.recorded_limits, lane.left_out, lane.recorded,
    )  # fmt: skip


@kernel
def add_up_and_serve(hall: StageArrays, lane: LaneArrays, tick: int, end: int, rooms_end: int, taping: bool) -> int:
    """Do all that, where nobody whispers; `taping`: whether anything is recorded."""
    add_up(hall, lane, end, rooms_end)
    if taping:
        record(hall, lane, end, rooms_end)
    return serve(hall, lane, end, rooms_end, tick * lane.rates[lane.number].samples, 0)


@kernel
def alone(
    hall: StageArrays, lane: LaneArrays, tick: int, end: int, rooms_end: int, taping: bool
) -> tuple[int, int, int]:
    """Do all of a tick in one lane, where nobody whispers or dials, if all speak and hear there.

    Returns
    -------
    lanes, changes, first
        What `census` gives, `judge` and `serve`; `first` is -1 where other lanes have something to do: then nothing
        was done but the census.
    """
    lanes, number = desk.census(hall.parties, end, hall.rooms, rooms_end), lane.number
    if lanes != (1 | 1 << LISTENING) << number:
        return lanes, 0, -1
    changes = say_and_judge(hall, lane, tick, end, rooms_end, 0)
    return lanes, changes, add_up_and_serve(hall, lane, tick, end, rooms_end, taping)


@kernel
def hush(
    hall: StageArrays, lane: LaneArrays, whisperer: Rows, circle: Rows, listeners: Rows, circle_of: Rows,
    whispered: NDArray[np.int32], lively: NDArray[np.bool_], key: Rows,
) -> int:  # fmt: skip
    """Make the frames of those who are whispered to; parameters and what it gives are as of `mixer.whisper.whisper`."""
    return whisper.whisper(
        hall.parties, lane.rates[lane.number], lane.heard, lane.leaving, lane.sums, whisperer, circle, listeners,
        circle_of, whispered, lively, key, lane.wide, lane.frames,
    )  # fmt: skip


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

    Attributes
    ----------
    gates
        Records of dtype `GATE`, of each lane.
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
        self._speaking, self._listening, self._alone = list(lanes), list(lanes), lanes[0]
        self._carriers: dict[tuple[int, int], Carrier] = {}
        self._changed, self._key = np.zeros(capacity, np.int64), np.zeros(2 * capacity, np.int64)
        self.gates, noisy, certain = (
            records(len(lanes), GATE),
            np.zeros(capacity, np.bool_),
            np.zeros(capacity, np.bool_),
        )
        self.gates[:] = gate_record(gate)
        self._hall = StageArrays(
            parties=parties, rooms=rooms, gates=self.gates, noisy=noisy, certain=certain, changed=self._changed
        )
        self._ticks = self._end = self._rooms_end = 0
        self._used = -1

    def run(self, end: int, rooms_end: int) -> tuple[list[tuple[int, str]], NDArray[np.int64]]:
        """Do a tick; parameters are as of `begin`, what it gives is as of `listen`."""
        self.begin(end, rooms_end)
        lane, roster = self._alone, self._roster
        if roster.dialling or roster.whispers.to:
            self._use(census(self._hall, end, rooms_end))
        else:
            used, changes, first = alone(self._hall, lane.arrays, self._ticks, end, rooms_end, roster.taping)
            if first >= 0:
                lane.serve(first, rooms_end)
                return [], self._changed[:changes] if changes else NO_ROWS
            self._use(used)
        found = self.listen()
        self.mix()
        return found

    def begin(self, end: int, rooms_end: int) -> None:
        """Begin a tick; `end` and `rooms_end`: one past the last row and room in use."""
        self._ticks, self._end, self._rooms_end = self._ticks + 1, end, rooms_end

    def _use(self, used: int) -> None:
        """Take note of which lanes have anything to do, as `census` gives it."""
        if used != self._used:
            self._used = used
            self._speaking = [lane for lane in self._lanes if used >> lane.number & 1]
            self._listening = [lane for lane in self._lanes if used >> lane.number + LISTENING & 1]
            self._alone = (self._listening or self._lanes)[0]

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
            rooms_end = self._rooms_end if lane is self._speaking[-1] else -1
            if self._roster.dialling:
                keys += self._hear_keys(lane)
                now = self._ticks, self._end, rooms_end
                changes = judge(self._hall, lane.arrays, lane.keys.doubtful, *now, changes)
            else:
                changes = say_and_judge(self._hall, lane.arrays, self._ticks, self._end, rooms_end, changes)
        if not self._speaking:
            lead(self._hall, self._end, self._rooms_end)
        return keys, self._changed[:changes]

    def mix(self) -> None:
        """Make the frame that each row hears, at the rate that it hears."""
        for lane in self._listening:
            for source in self._speaking:
                if source is not lane:
                    self._carrier(source, lane).carry(self._parties, self._end, self._rooms, self._ticks)
            self._serve(lane)

    def _hear_keys(self, lane: Lane) -> list[tuple[int, str]]:
        """Make the frames of a lane's rows; gives the keys in them."""
        parties, end = self._parties, self._end
        say(self._hall, lane.arrays, self._ticks, end)
        rows = np.flatnonzero(parties["inband_keys"][:end] & (parties["lane"][:end] == lane.number))
        return lane.keys.feed(rows, lane.said(self._ticks)[rows])

    def _carrier(self, source: Lane, target: Lane) -> Carrier:
        """Give what brings sound from one lane to another."""
        way = source.number, target.number
        if way not in self._carriers:
            self._carriers[way] = Carrier(source, target)
        return self._carriers[way]

    def _serve(self, lane: Lane) -> None:
        """Mix a lane: whispers, private mixes, rooms, what is recorded."""
        hall, end, rooms_end, taping = self._hall, self._end, self._rooms_end, self._roster.taping
        if not self._roster.whispers:
            lane.serve(add_up_and_serve(hall, lane.arrays, self._ticks, end, rooms_end, taping), rooms_end)
            return
        where = hall, lane.arrays, end, rooms_end
        add_up(*where)
        if taping:
            record(*where)
        lane.serve(serve(*where, self._ticks * lane.samples, self._whisper(lane)), rooms_end)

    def _whisper(self, lane: Lane) -> int:
        """Make the frames of those who are whispered to; gives how many."""
        w = self._roster.whispers
        room = lane.ears(len(w.lively))
        return hush(self._hall, lane.arrays, w.whisperer, w.circle, w.listeners, w.circle_of, room, w.lively, self._key)
