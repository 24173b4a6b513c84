"""The bridge: rows, rooms and the tick in one object.

All parties are rows of the same arrays; their sound lies in lanes, one for each sampling rate (`mixer.lane`). Packets
go in as arrays of any number of packets, each 20 ms one call of `Bridge.tick` takes a frame from every row, mixes every
room at each rate that somebody hears it at, and says which row is sent which frame.
Pure: no socket, no clock, no thread. All changes (join, mute, move) take effect with the next tick.
"""

from math import gcd

import numpy as np
from numpy.typing import NDArray

from mixer import hear, playout, ring
from mixer.arrival import PartyCounters, ReceptionReport, counters, reception
from mixer.errors import FrameError, QueueFull, UnknownRow
from mixer.frame import RATES_HZ, SILENCE_DBOV, TICK_S, as_samples
from mixer.gate import GateSettings
from mixer.lane import Lane
from mixer.party import begin, reset, room_table, table
from mixer.playout import IDLE_TICKS
from mixer.rate import rates_of
from mixer.roster import Roster
from mixer.stages import Stages
from mixer.tick import Tick

DEFAULT_GATE = GateSettings()


class Bridge:
    """
    All parties as rows: packets in, one tick, frames out.

    Parameters
    ----------
    capacity : int
        Number of rows, i.e. the most parties at a time. As many rooms can exist.
    rate_hz : int
        One of `mixer.frame.RATES_HZ`: that of parties of which nothing else is said.
    gate : GateSettings or None
        When a party counts as a talker, and in which rooms only talkers are heard. None: whenever it is not digital
        silence.
    max_delay_s : float
        The longest a party's audio may wait in its playout ring.
    noise_dbov : float
        How loud the noise is that is heard where nothing sounds (-127: none). It is in no recording.

    Attributes
    ----------
    roster : Roster
        Rooms, and how each row is heard and hears.
    stages : Stages
        What a tick does, one after the other.
    outcome : Tick
        Of the last tick.
    lanes : tuple of Lane
        One for each of `RATES_HZ`, in that order.
    rates : records of dtype `mixer.rate.RATE`, shape (lanes,)
        That of each lane.
    rings : tuple of ndarray of int16
        Those of each lane.
    usual : Lane
        That of `rate_hz`.
    level_dbov, talking : ndarray of float32 and bool, shape (capacity,)
        How loud each row is and who is talking; changed by each tick.

    Raises
    ------
    FrameError
        The rate is not supported.
    """

    def __init__(
        self,
        capacity: int,
        rate_hz: int = 8000,
        *,
        gate: GateSettings | None = DEFAULT_GATE,
        max_delay_s: float = 0.1,
        noise_dbov: float = SILENCE_DBOV,
    ) -> None:
        self.capacity, self.rate_hz = capacity, rate_hz
        self.lanes = tuple(Lane(number, hz, capacity, max_delay_s, noise_dbov) for number, hz in enumerate(RATES_HZ))
        self.rates = rates_of([lane.rate for lane in self.lanes])
        self.rings = tuple(lane.rings for lane in self.lanes)
        self.usual = self.lane(rate_hz)
        self.parties, self.rooms = table(capacity), room_table(capacity)
        self.roster = Roster(self.parties, self.rooms)
        self.level_dbov: NDArray[np.float32] = self.parties["level"]
        self.talking: NDArray[np.bool_] = self.parties["talking"]
        # Asked for with each frame of an application: of a record of the table it takes a hundred times as long.
        self._lane_of, self._cursor, self._end = (self.parties[name] for name in ("lane", "cursor", "end"))
        self.stages = Stages(self.lanes, self.parties, self.rooms, self.roster, gate)
        self.outcome, self._next_s = Tick(self.lanes, self.parties), -np.inf

    def lane(self, rate_hz: int) -> Lane:
        """Give the lane of a rate; raises `FrameError` if there is none."""
        for lane in self.lanes:
            if lane.rate_hz == rate_hz:
                return lane
        raise FrameError(f"rate {rate_hz} Hz is not one of {RATES_HZ}")

    def add_party(
        self, room: int = -1, *, rate_hz: int | None = None, local: bool = False, inband_keys: bool = False
    ) -> int:
        """
        Give a party a row.

        Parameters
        ----------
        room : int
            Where it sits; -1: in no room, it hears and says nothing.
        rate_hz : int or None
            Of what it says and hears; None: the usual one.
        local : bool
            Fed by `push` (an application, a player) instead of `receive`.
        inband_keys : bool
            Listen for DTMF tones in its audio.

        Returns
        -------
        int
            The row. A removed party's row is given again only after the next tick.

        Raises
        ------
        BridgeFull
            Every row is taken.
        NoSuchRoom
            There is no such room.
        FrameError
            There is no such rate.
        """
        lane = self.usual if rate_hz is None else self.lane(rate_hz)
        return self._clean(self.roster.add(room, local=local, inband_keys=inband_keys), lane)

    def add_source(self, room: int = -1, rate_hz: int | None = None) -> int:
        """
        Give a row to what is played: fed by `push`, it hears nothing, has no gate, never counts as talking.

        Parameters
        ----------
        room : int
            Where it is heard; -1: nowhere, until it whispers.
        rate_hz : int or None
            Of what it says; None: the usual one.

        Returns
        -------
        int
            The row, to be removed as a party.

        Raises
        ------
        BridgeFull
            Every row is taken.
        NoSuchRoom
            There is no such room.
        FrameError
            There is no such rate.
        """
        lane = self.usual if rate_hz is None else self.lane(rate_hz)
        return self._clean(self.roster.add_source(room), lane)

    def _clean(self, row: int, lane: Lane) -> int:
        """Forget whoever was in a row before."""
        p = self.parties[row]
        reset(p, lane.rate.ring)
        p.lane = p.ear_lane = lane.number
        self._clear(row, lane)
        return row

    def _clear(self, row: int, lane: Lane) -> None:
        """Forget what was said in a row, at any rate: a codec may bring it to another lane."""
        ring.clear(lane.rings[row], lane.rate)
        for each in self.lanes:
            each.forget(row)

    def set_rate(self, row: int, rate_hz: int, clock_hz: int | None = None) -> None:
        """
        Let a party speak and hear at another rate from now on; what waits of it is dropped if the rate is new.

        Parameters
        ----------
        row : int
            Its row.
        rate_hz : int
            One of `mixer.frame.RATES_HZ`.
        clock_hz : int or None
            Of its RTP timestamps, a multiple or a whole part of the rate; None: as the rate.

        Raises
        ------
        UnknownRow
            The row is empty.
        FrameError
            There is no such rate.
        """
        self.roster.check(row)
        p, lane, steps = self.parties[row], self.lane(rate_hz), ratio(rate_hz, clock_hz or rate_hz)
        if (p.lane, p.up, p.down) != (lane.number, *steps):
            begin(p, lane.rate.ring)
            self._clear(row, lane)
        p.lane = p.ear_lane = lane.number
        p.up, p.down = steps

    def receive(
        self,
        rows: NDArray[np.intp],
        seq: NDArray[np.uint16],
        timestamp: NDArray[np.uint32],
        ssrc: NDArray[np.uint32],
        marker: NDArray[np.bool_],
        pcm: NDArray[np.int16],
        arrival_s: NDArray[np.float64],
        now_s: float,
    ) -> None:
        """
        Take a batch of packets, in the order they came, all of one length and of rows that speak at one rate.

        Parameters
        ----------
        rows : ndarray of integers, shape (n,)
            The party of each packet; a row may occur several times. Packets of empty rows are ignored.
        seq, timestamp, ssrc : ndarray of uint16, uint32, uint32, shape (n,)
            The RTP header (RFC 3550 5.1).
        marker : ndarray of bool, shape (n,)
            First packet of a talk spurt.
        pcm : ndarray of int16, shape (n, L)
            Decoded audio, -32767..32767 (see `mixer.frame.as_samples`). L = 0: the packets carried something else
            (telephone events) and only their sequence numbers count, as those of parties on hold.
        arrival_s : ndarray of float64, shape (n,)
            When each packet came, seconds of the clock of `now_s`.
        now_s : float
            When the next tick is due (what it will be given as `now_s`), seconds.

        Raises
        ------
        FrameError
            `pcm` is not int16 of shape (n, L).
        """
        if pcm.dtype != np.int16 or pcm.ndim != 2 or pcm.shape[0] != len(rows):
            raise FrameError(f"packets must be int16 of shape ({len(rows)}, L), not {pcm.dtype} {pcm.shape}")
        lane = self.lanes[self.parties[rows[0]].lane] if len(rows) else self.usual
        packets = rows, seq, timestamp, ssrc, pcm, arrival_s
        hear.take(self.parties, lane.rate, lane.rings, *packets, self.due(now_s))

    def due(self, now_s: float) -> float:
        """Give when the next tick is due, seconds, being told that it is (or was) due at `now_s`; never goes back."""
        self._next_s = max(self._next_s, now_s)
        return self._next_s

    def comfort(
        self,
        rows: NDArray[np.intp],
        seq: NDArray[np.uint16],
        timestamp: NDArray[np.uint32],
        ssrc: NDArray[np.uint32],
        level_dbov: NDArray[np.floating],
        arrival_s: NDArray[np.float64],
        now_s: float,
    ) -> None:
        """
        Take packets of comfort noise (RFC 3389): their senders are silent until they send sound again.

        Parameters
        ----------
        rows, seq, timestamp, ssrc, arrival_s, now_s
            As in `receive`.
        level_dbov : ndarray of floats, shape (n,)
            How loud the noise is that they hear meanwhile; -127: none.
        """
        self.due(now_s)
        hear.hush(self.parties, rows, seq, ssrc, level_dbov)

    def skip(self) -> None:
        """Leave out ticks after a stall: what parties say next is heard without waiting for what was missed."""
        self.parties["idle"], self.parties["resting"] = IDLE_TICKS, True

    def push(self, row: int, pcm: NDArray[np.int16]) -> int:
        """
        Append audio to a local party's queue; it is played as it is, silence when the queue runs dry.

        Parameters
        ----------
        row : int
            A row added with `local=True`.
        pcm : ndarray of int16, shape (samples,)
            Any number of samples.

        Returns
        -------
        int
            Samples now queued.

        Raises
        ------
        UnknownRow
            The row holds no local party.
        FrameError
            The array is not int16 of one dimension.
        QueueFull
            The queue cannot hold them; nothing was taken.
        """
        lane = self._lane_of_local(row)
        if pcm.ndim != 1:
            raise FrameError(f"pushed audio has one dimension, not {pcm.ndim}")
        if self.queued(row) + len(pcm) > lane.rate.ring // 2:
            raise QueueFull(f"{self.queued(row) + len(pcm)} samples exceed the queue of {lane.rate.ring // 2}")
        playout.push(self.parties[row], lane.rate, lane.rings[row], as_samples(pcm))
        return self.queued(row)

    def flush(self, row: int) -> int:
        """Drop what a local party has yet to say; gives the samples dropped, raises `UnknownRow`."""
        lane = self._lane_of_local(row)
        return int(playout.flush(self.parties[row], lane.rate, lane.rings[row]))

    def queued(self, row: int) -> int:
        """Tell how many pushed samples a local party has yet to say; raises `UnknownRow`."""
        self._lane_of_local(row)
        return max(0, int(self._end[row] - self._cursor[row]))

    def tick(self, now_s: float) -> Tick:
        """
        Take one frame from every party and mix every room.

        Parameters
        ----------
        now_s : float
            When this tick was due (its deadline rather than the moment it really runs), seconds; the clock of
            `receive`.

        Returns
        -------
        Tick
            Reused: valid until the next call.
        """
        roster, tick = self.roster, self.outcome
        tick.keys, changed = self.stages.run(roster.rows_end, roster.rooms_end)
        tick.tell(changed)
        self._next_s = now_s + TICK_S
        roster.recycle()
        return tick

    def _lane_of_local(self, row: int) -> Lane:
        self.roster.check(row)
        if not self.roster.local[row]:
            raise UnknownRow(f"the party in row {row} is not local")
        return self.lanes[self._lane_of[row]]

    def counters(self, row: int) -> PartyCounters:
        """
        Tell what became of a party's packets.

        Parameters
        ----------
        row : int
            Its row.

        Returns
        -------
        PartyCounters
            Since the party was added.

        Raises
        ------
        UnknownRow
            The row is empty.
        """
        self.roster.check(row)
        return counters(self.parties[row], self.lanes[self.parties[row].lane].rate)

    def reception(self, rows: NDArray[np.intp]) -> ReceptionReport:
        """
        Tell what RTCP reports say of what came from some parties.

        Parameters
        ----------
        rows : ndarray of integers, shape (n,)
            Their rows; what it says of an empty one means nothing.

        Returns
        -------
        ReceptionReport
            Since each party was added.
        """
        return reception(self.parties, rows)


def ratio(samples: int, ticks: int) -> tuple[int, int]:
    """Give the smallest numbers of samples and of ticks of a clock that take the same time."""
    common = gcd(samples, ticks)
    return samples // common, ticks // common
