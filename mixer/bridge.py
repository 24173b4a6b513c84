"""The bridge: ties rows, rooms and one tick.

All parties of one rate are rows of the same arrays. Packets go in as arrays of any number of packets, each 20 ms one
call of `Bridge.tick` takes a frame from every row, mixes every room and says which row is sent which frame.
Pure: no socket, no clock, no thread. All changes (join, mute, move) take effect with the next tick.
"""

import numpy as np
from numpy.typing import NDArray

from mixer import desk, hear, listen, playout, ring, whisper
from mixer.arrival import PartyCounters, ReceptionReport, counters, reception
from mixer.comfort import white_noise
from mixer.dtmf import Detector
from mixer.errors import FrameError, QueueFull, UnknownRow
from mixer.frame import TICK_S, as_samples
from mixer.gate import SILENCE_DBOV, GateSettings
from mixer.party import reset, room_table, table
from mixer.playout import IDLE_TICKS
from mixer.rate import rate_record
from mixer.resample import stretch_taps
from mixer.roster import Roster
from mixer.tick import Tick

DEFAULT_GATE = GateSettings()
PAST = 3  # frames kept per row: the one being made and the two before it, for concealment


class Bridge:
    """
    All parties of one rate as rows: packets in, one tick, frames out.

    Parameters
    ----------
    capacity : int
        Number of rows, i.e. the most parties at a time. As many rooms can exist.
    rate_hz : int
        One of `mixer.frame.RATES_HZ`.
    gate : GateSettings or None
        When a party counts as a talker. None: whenever it is not digital silence.
    max_delay_s : float
        The longest a party's audio may wait in its playout ring.

    Attributes
    ----------
    roster : Roster
        Rooms, and how each row is heard and hears.
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
    ) -> None:
        self.capacity, self.rate_hz = capacity, rate_hz
        self.rate = rate = rate_record(rate_hz, max_delay_s)
        self.samples = samples = int(rate.samples)
        self.parties, self.rooms = table(capacity), room_table(capacity)
        self.roster = Roster(self.parties, self.rooms, samples)
        self.level_dbov: NDArray[np.float32] = self.parties["level"]
        self.talking: NDArray[np.bool_] = self.parties["talking"]
        self.rings = np.zeros((capacity, rate.ring + rate.reach), np.int16)
        self._taps, self._noise = stretch_taps(samples, int(rate.most)), white_noise(rate_hz)
        self._periods = np.zeros((capacity, rate.longest + samples + rate.loop), np.float32)
        self._past = np.zeros((PAST, capacity, samples), np.int16)
        self._history, self._wide = np.zeros(2 * samples, np.int16), np.zeros(samples, np.int32)
        self._sums = np.zeros((capacity, samples), np.int32)
        self._left_out = np.zeros((capacity, samples), np.int32)
        self._recorded, self._leaving = np.zeros((2, capacity, samples), np.int16)
        self._frames = np.zeros((2 * capacity + 1, samples), np.int16)
        self._noisy, self._doubtful = np.zeros(capacity, bool), np.zeros(capacity, bool)
        self._changed = np.zeros(capacity, np.int64)
        self._key = np.zeros(2 * capacity, np.int64)
        self._keys = Detector(capacity, rate_hz)
        self._gate, self._hangover = gate, round(gate.hangover_s / TICK_S) if gate else 0
        self._ticks, self._next_s = 0, -np.inf
        self._tick = Tick(
            frames=self._frames[:1],
            frame_of_row=self.parties["frame"],
            heard=np.zeros((capacity, samples), np.int16),
            dominant=self.rooms["dominant"],
            private=self.parties["private"],
        )

    def add_party(self, room: int = -1, *, local: bool = False, inband_keys: bool = False) -> int:
        """
        Give a party a row.

        Parameters
        ----------
        room : int
            Where it sits; -1: in no room, it hears and says nothing.
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
        """
        return self._clean(self.roster.add(room, local=local, inband_keys=inband_keys))

    def add_source(self, room: int = -1) -> int:
        """
        Give a row to what is played: fed by `push`, it hears nothing, has no gate, never counts as talking.

        Parameters
        ----------
        room : int
            Where it is heard; -1: nowhere, until it whispers.

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
        """
        return self._clean(self.roster.add_source(room))

    def _clean(self, row: int) -> int:
        """Forget whoever was in a row before."""
        reset(self.parties[row], self.rate.ring)
        ring.clear(self.rings[row], self.rate)
        self._keys.reset(np.array([row]))
        self._past[:, row] = 0
        return row

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
        Take a batch of packets, in the order they came, all of one length.

        Parameters
        ----------
        rows : ndarray of integers, shape (n,)
            The party of each packet; a row may occur several times. Packets of empty rows are ignored.
        seq, timestamp, ssrc : ndarray of uint16, uint32, uint32, shape (n,)
            The RTP header (RFC 3550 5.1); timestamps in samples.
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
        hear.take(self.parties, self.rate, self.rings, rows, seq, timestamp, ssrc, pcm, arrival_s, self.due(now_s))

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
        self._check_local(row)
        if pcm.ndim != 1:
            raise FrameError(f"pushed audio has one dimension, not {pcm.ndim}")
        if self.queued(row) + len(pcm) > self.rate.ring // 2:
            raise QueueFull(f"{self.queued(row) + len(pcm)} samples exceed the queue of {self.rate.ring // 2}")
        playout.push(self.parties[row], self.rate, self.rings[row], as_samples(pcm))
        return self.queued(row)

    def flush(self, row: int) -> int:
        """Drop what a local party has yet to say; gives the samples dropped, raises `UnknownRow`."""
        self._check_local(row)
        return int(playout.flush(self.parties[row], self.rate, self.rings[row]))

    def queued(self, row: int) -> int:
        """Tell how many pushed samples a local party has yet to say; raises `UnknownRow`."""
        self._check_local(row)
        return max(0, int(self.parties[row].end - self.parties[row].cursor))

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
        parties, rooms, rate, tick = self.parties, self.rooms, self.rate, self._tick
        end, rooms_end = self.roster.rows_end, self.roster.rooms_end
        self._hear(end)
        threshold = SILENCE_DBOV if self._gate is None else self._gate.threshold_dbov
        said, noisy, doubtful = self._past[self._ticks % PAST], self._noisy, self._doubtful
        gate = threshold, self._hangover, self._gate is not None
        out = tick.heard, self._leaving, self._changed
        changes = listen.listen(parties, end, rooms, rooms_end, rate, said, noisy, doubtful, *gate, self._wide, *out)
        changed = self._changed[:changes]
        tick.talking_started, tick.talking_stopped = changed[changed >= 0], -1 - changed[changed < 0]
        self._mix(end, rooms_end)
        self._next_s = now_s + TICK_S
        self.roster.recycle()
        return tick

    def _hear(self, end: int) -> None:
        """Make the frames of this tick, and find keys in them."""
        dialling = self.roster.inband_keys
        self._ticks += 1
        parties, rate, rings, taps, noise = self.parties, self.rate, self.rings, self._taps, self._noise
        periods, history, past, ticks = self._periods, self._history, self._past, self._ticks
        hear.hear(parties, rate, rings, taps, noise, periods, history, past, ticks, end, self._noisy)
        self._tick.keys = []
        if dialling[:end].any():
            rows = np.flatnonzero(dialling[:end])
            self._tick.keys = self._keys.feed(rows, self._past[self._ticks % PAST][rows])
            self._doubtful[rows] = self._keys.doubtful[rows]

    def _mix(self, end: int, rooms_end: int) -> None:
        """Mix this tick: whispers, private mixes, rooms, what is recorded."""
        parties, rooms, rate, tick, sums = self.parties, self.rooms, self.rate, self._tick, self._sums
        first, heard, whispers = 0, tick.heard, self.roster.whispers
        wide, frames = self._wide, self._frames
        desk.sum_rooms(parties, end, rooms_end, rate, heard, self._leaving, sums)
        desk.record(parties, end, rooms, rooms_end, rate, heard, self._leaving, sums, self._left_out, self._recorded)
        if whispers:
            pairs = whispers.whisperer, whispers.circle, whispers.listeners, whispers.circle_of
            work = whispers.sums, whispers.lively, self._key, wide
            first = whisper.whisper(parties, rate, heard, self._leaving, sums, *pairs, *work, frames)
        first = desk.serve(parties, end, rooms, rooms_end, rate, heard, self._leaving, sums, wide, first, frames)
        tick.first_room, tick.frames = first, self._frames[: first + rooms_end + 1]
        tick.recorded = {int(room): self._recorded[room] for room in np.flatnonzero(rooms["recorded"][:rooms_end])}

    def _check_local(self, row: int) -> None:
        self.roster.check(row)
        if not self.roster.local[row]:
            raise UnknownRow(f"the party in row {row} is not local")

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
        return counters(self.parties[row], self.rate)

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
