"""The bridge: ties rows, rooms and one tick.

All parties of one rate are rows of the same arrays. Packets go in as arrays of any number of packets, each 20 ms one
call of `Bridge.tick` takes a frame from every row, mixes every room and says which row is sent which frame.
Pure: no socket, no clock, no thread. All changes (join, mute, move) take effect with the next tick.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mixer.arrival import PartyCounters, ReceptionReport
from mixer.blank import Blanker
from mixer.comfort import ComfortNoise
from mixer.conceal import Concealer
from mixer.desk import Desk
from mixer.dtmf import Detector
from mixer.errors import FrameError, UnknownRow
from mixer.frame import TICK_S, as_samples, samples_per_tick
from mixer.gate import SILENCE_DBOV, Gate, GateSettings, level_dbov
from mixer.lead import Lead
from mixer.limit import Limiter
from mixer.packets import Packets
from mixer.playout import Playout
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
        self.roster = Roster(capacity, capacity)
        self.samples = samples_per_tick(rate_hz)
        self.level_dbov = np.full(capacity, -127.0, np.float32)
        self._playout = Playout(capacity, rate_hz, max_delay_s)
        self._concealer, self._comfort = Concealer(capacity, rate_hz), ComfortNoise(capacity, rate_hz)
        self._keys, self._blanker = Detector(capacity, rate_hz), Blanker(capacity, rate_hz)
        self._past = np.zeros((PAST, capacity, self.samples), np.int16)
        self._now = 0
        self._gated = gate is not None
        self._gate, self._lead = Gate(capacity, gate, TICK_S), Lead(capacity, capacity)
        self._gain_in = Limiter(capacity, rate_hz, self.samples)
        self._desk = Desk(capacity, rate_hz, self.samples)
        self._tick = Tick(
            frames=self._desk.frames,
            frame_of_row=self._desk.frame_of_row,
            heard=np.zeros((capacity, self.samples), np.int16),
            dominant=self._lead.dominant,
            private=self.roster.whispers.private,
        )

    @property
    def talking(self) -> NDArray[np.bool_]:
        """Who is talking; bool, shape (capacity,), changed by each tick."""
        return self._gate.talking

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
        self._playout.reset(row)
        self._concealer.reset(row)
        self._comfort.reset(row)
        self._lead.reset(row)
        self._keys.reset(np.array([row]))
        self._blanker.reset(row)
        self._past[:, row] = 0
        self._gain_in.gain[row] = 1
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
        packets = Packets(rows, seq.astype(np.int64), timestamp, ssrc, marker, pcm, arrival_s)
        wanted = self.roster.receive[rows]
        if not wanted.all():
            held = packets.pick(np.flatnonzero(~wanted & self.roster.active[rows]))
            self._playout.receive(dataclasses.replace(held, pcm=held.pcm[:, :0]), now_s)
            packets = packets.pick(np.flatnonzero(wanted))
        self._playout.receive(packets, now_s)
        while self._playout.paused:
            self._concealer.forgive(self._playout.paused.pop())

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
        nothing = np.zeros((len(rows), 0), np.int16)
        packets = Packets(rows, seq.astype(np.int64), timestamp, ssrc, np.zeros(len(rows), bool), nothing, arrival_s)
        here = np.flatnonzero(self.roster.active[rows])
        believed = here[self._playout.hush(packets.pick(here), now_s)]
        self._comfort.set(rows[believed], level_dbov[believed])

    def drop(self, rows: NDArray[np.intp]) -> None:
        """Count a packet of each of `rows` as received and as overrun: it is more than a party can use."""
        self._playout.drop(rows)

    def outdated(self, rows: NDArray[np.intp], arrival_s: NDArray[np.float64], now_s: float) -> NDArray[np.bool_]:
        """
        Tell which packets (as of `receive`) came so long ago that a stall must have held them up.

        They are not worth a look, and count as received and as late. What is younger than half of the longest delay is:
        to that a row is brought when too much waits in it.
        """
        return self._playout.outdated(rows, arrival_s, now_s)

    def skip(self) -> None:
        """Leave out ticks after a stall: what parties say next is heard without waiting for what was missed."""
        self._playout.skip()

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
        return self._playout.push(row, as_samples(pcm))

    def flush(self, row: int) -> int:
        """Drop what a local party has yet to say; gives the samples dropped, raises `UnknownRow`."""
        self._check_local(row)
        dropped = self._playout.queued(row)
        self._playout.flush(row)
        return dropped

    def queued(self, row: int) -> int:
        """Tell how many pushed samples a local party has yet to say; raises `UnknownRow`."""
        self._check_local(row)
        return self._playout.queued(row)

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
        roster, tick = self.roster, self._tick
        end = roster.rows_end
        noisy = self._hear(end, now_s)
        self.level_dbov[:end] = level_dbov(tick.heard[:end])
        if self._gated:  # noise keeps no gate open, however loud; without a gate it is heard like everything else
            self.level_dbov[noisy] = SILENCE_DBOV
        self.level_dbov[end:] = SILENCE_DBOV
        tick.talking_started, tick.talking_stopped = self._gate.update(self.level_dbov, roster.audible)
        leading = self.talking & ~roster.whispers.private if roster.whispers else self.talking
        self._lead.update(self.level_dbov, leading, roster.room)
        self._desk.mix(tick.heard, self._voiced(), roster)
        tick.frames, tick.first_room, tick.recorded = self._desk.frames, self._desk.first_room, self._desk.recorded
        roster.recycle()
        return tick

    def _voiced(self) -> NDArray[np.bool_]:
        """Tell whose voice counts: who talks, and every source that is not silent."""
        roster, sources = self.roster, self.roster.sources
        if not len(sources):
            return self.talking
        voiced = self.talking.copy()
        placed = (roster.room[sources] >= 0) | roster.whispers.private[sources]
        voiced[sources] = placed & (self.level_dbov[sources] > SILENCE_DBOV)
        return voiced

    def _hear(self, end: int, now_s: float) -> NDArray[np.int64]:
        """Put into `heard` what the rows before `end` say in this tick; gives those that say only comfort noise."""
        roster, tick = self.roster, self._tick
        dialling = np.flatnonzero(roster.inband_keys[:end])
        frames, lacking, quiet, leaving = self._playout.tick(roster.local[:end], dialling, now_s)
        older, newer = (self._now + 1) % PAST, (self._now + 2) % PAST
        pausing = lacking & quiet & ~roster.local[:end]
        noisy = self._comfort.fill(frames, pausing, leaving, self._past[newer, :end])
        self._concealer.fill(frames, lacking, quiet, self._past[older, :end], self._past[newer, :end])
        self._past[self._now, :end] = frames
        self._now = older
        tick.keys = self._keys.feed(dialling, frames[dialling]) if len(dialling) else []
        tick.heard[:end] = frames
        if len(dialling):
            self._blanker.fill(tick.heard, dialling, self._keys.doubtful[dialling])
        tick.heard[end:] = 0
        tick.heard[:end][roster.muted[:end] | ~roster.active[:end]] = 0
        if len(scaled := np.flatnonzero(roster.gain_in[:end] != 1)):
            wide = np.rint(tick.heard[scaled] * roster.gain_in[scaled, None]).astype(np.int32)
            self._gain_in.narrow(wide, scaled, out := np.empty(wide.shape, np.int16))
            tick.heard[scaled] = out
        return noisy

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
        return self._playout.counters(row, int(self._concealer.frames[row]))

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
        return self._playout.reception(rows)
