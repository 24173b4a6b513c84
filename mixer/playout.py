"""The playout of all parties: packets in at any time and in any order, one frame per row and tick out.

A row's audio lies in its ring at the position its RTP timestamp says; a cursor per row tells what is played next. So
any packet length, reordering and duplicates are one indexed write, and what never came is simply absent.

The rules, in the order they are tried:

* a packet that does not belong to the row's stream (`mixer.stream`) is dropped and counted as stray;
* a packet seen before is dropped and counted as duplicate;
* the first packet of a stream, or the first after 100 ms of nothing, sets the cursor so that packets of its kind could
  come 10 ms later and be in time;
* a packet whose time has been played is dropped and counted as late; one that comes more than `max_delay_s` too late
  slows nobody down, for no delay that is permitted would have saved it;
* a packet whose time has passed in silence (nothing was played instead but concealment) moves the cursor back to it:
  nothing is lost and the delay grows by just that. What a jump of the sender has left out has no such time: it is late;
* a packet that would wait longer than `max_delay_s` moves the cursor forward until it waits half of that. What is
  skipped is the oldest audio; it counts as overrun;
* between these, `mixer.pace` plays a little faster or slower.
"""

import math

import numpy as np
from numpy.typing import NDArray

from mixer.arrival import Arrivals, PartyCounters, ReceptionReport
from mixer.errors import QueueFull
from mixer.frame import ABSENT, TICK_S, samples_per_tick
from mixer.pace import LOW_S, Pace
from mixer.packets import Packets, turns
from mixer.played import Played
from mixer.ring import Ring
from mixer.stream import Situation, Streams
from mixer.stretch import HALF_TAPS, stretch

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

RING_S = 0.512
"""A power of two of samples at 8 kHz, several times the longest delay."""
REACH_TICKS = 4
"""The longest packet written at once, 80 ms; longer ones are written in pieces. Played audio is kept as long."""
IDLE_TICKS = 5
"""After 100 ms of nothing a row is idle, and its next packet starts anew. More than `REACH_TICKS`: all is cleared."""
QUIET_TICKS = 2
"""Another source may follow when nothing of the one before was played for so long: some 60 ms after its last packet."""
ROUNDS = 16
"""Packets per row and call that are looked at; what exceeds 160 ms of the shortest packets is a flood."""


class Playout:
    """
    Rings and cursors of all rows.

    Parameters
    ----------
    capacity : int
        Number of rows.
    rate_hz : int
        One of `mixer.frame.RATES_HZ`.
    max_delay_s : float
        The longest a packet may wait.
    """

    def __init__(self, capacity: int, rate_hz: int, max_delay_s: float = 0.1) -> None:
        self.samples, self._rate_hz = samples_per_tick(rate_hz), rate_hz
        self._kept = REACH_TICKS * self.samples
        size = 1 << (round(RING_S * rate_hz) - 1).bit_length()
        self._half = size // 2
        self._max_delay, self._start = round(max_delay_s * rate_hz), round(LOW_S * rate_hz)
        self._ring = Ring(capacity, size, self._kept)
        self._arrivals, self._pace = Arrivals(capacity, rate_hz), Pace(capacity, rate_hz)
        self._streams, self._stray = Streams(capacity), np.zeros(capacity, np.int64)
        self._cursor: Index = np.full(capacity, size, np.int64)
        self._end: Index = np.full(capacity, size, np.int64)  # one past the newest sample
        self._played: Index = np.full(capacity, size, np.int64)  # one past the last sample played, not concealed
        self._resting: Flags = np.ones(capacity, bool)
        self._begun: Flags = np.zeros(capacity, bool)  # something was played since the stream began
        self._hushed: Flags = np.zeros(capacity, bool)  # the sender said that it is silent from here on
        self._idle = np.zeros(capacity, np.int64)
        # Packets begin at multiples of this within a frame, from the first on: what length and frame have in common.
        self._grain: Index = np.full(capacity, self.samples, np.int64)
        self._wait: Index = np.zeros(capacity, np.int64)
        self._late, self._overrun = np.zeros(capacity, np.int64), np.zeros(capacity, np.int64)
        self._next_s = -np.inf
        self._hushing = False  # some row may be hushed
        self.paused: list[Index] = []

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it."""
        self._ring.clear(np.array([row]))
        self._arrivals.reset(row)
        self._streams.reset(row)
        self._cursor[row] = self._end[row] = self._played[row] = 2 * self._half
        self._resting[row], self._begun[row], self._hushed[row] = True, False, False
        for array in (self._late, self._overrun, self._stray, self._wait, self._idle):
            array[row] = 0

    def counters(self, row: int, concealed: int) -> PartyCounters:
        """Give the counters of a row; `concealed` is counted elsewhere."""
        received, expected = self._arrivals.in_all(row)
        duplicate = int(self._arrivals.duplicate[row])
        return PartyCounters(
            received=received,
            late=int(self._late[row]),
            lost=max(0, expected - received + duplicate),
            duplicate=duplicate,
            overrun=int(self._overrun[row]),
            stray=int(self._stray[row]),
            concealed=concealed,
            expected=expected,
            extended_highest_sequence=int(self._arrivals.highest[row]),
            jitter_samples=float(self._arrivals.jitter[row]),
            delay_s=float(self._wait[row]) / self._rate_hz,
        )

    def reception(self, rows: Index) -> ReceptionReport:
        """Give what a report says of some rows."""
        a = self._arrivals
        return ReceptionReport(
            self._streams.ssrc[rows], a.received[rows], a.expected(rows), a.highest[rows], a.jitter[rows]
        )

    def receive(self, packets: Packets, now_s: float) -> None:
        """Take packets; those of one row in the order they came."""
        self._next_s = max(self._next_s, now_s)
        if not len(packets.rows):
            return
        order, turn = turns(packets.rows)
        if turn is None:
            self._take(packets)
            return
        for k in range(min(int(turn.max()) + 1, ROUNDS)):
            self._take(packets.pick(order[turn == k]))
        self.drop(packets.rows[order[turn >= ROUNDS]])

    def drop(self, rows: Index) -> None:
        """Count packets that are not looked at, one per entry of `rows`."""
        if len(rows):
            np.add.at(self._arrivals.received, rows, 1)
            np.add.at(self._overrun, rows, 1)

    def outdated(self, rows: Index, arrival_s: NDArray[np.float64], now_s: float) -> Flags:
        """Tell which packets have lain for too long to be played, and count them as late; see `Bridge.outdated`."""
        old: Flags = arrival_s < now_s + TICK_S - self._max_delay / (2 * self._rate_hz)
        if old.any():
            np.add.at(self._arrivals.received, rows[old], 1)
            np.add.at(self._late, rows[old], 1)
        return old

    def skip(self) -> None:
        """Note that ticks were left out: every row has been silent meanwhile, and its next packet sets the cursor."""
        self._idle[:], self._resting[:] = IDLE_TICKS, True

    def _take(self, packets: Packets) -> None:
        """One packet of each of several rows."""
        if not packets.pcm.shape[1]:
            self._note(packets)
            return
        gap = self._streams.gaps(packets.rows, packets.timestamp)
        if self._streams.in_line(packets, gap).all():
            self._streams.advance(packets)
            duplicate = self._arrivals.accept(packets.rows, packets.seq)
            self._place(packets, gap, ~duplicate, np.zeros(len(gap), bool))
        else:
            self._sort_out(packets, gap)

    def hush(self, packets: Packets, now_s: float) -> Flags:
        """
        Let rows rest that say they are silent from now on, once all before is played; `packets` hold no sound.

        Gives which packets were believed: the last of their stream, or any in a row that has run dry.
        """
        self._next_s = max(self._next_s, now_s)
        order, turn = turns(packets.rows)
        believed = np.zeros(len(order), bool)
        for k in range(1 if turn is None else min(int(turn.max()) + 1, ROUNDS)):
            which = order if turn is None else order[turn == k]
            each = packets.pick(which)
            believed[which] = self._streams.newest(each) | (self._idle[each.rows] > 0)
            self._note(each)
        self._hushed[packets.rows[believed]] = self._hushing = True
        return believed

    def _note(self, packets: Packets) -> None:
        """Count packets that hold no sound."""
        known, restarts = self._streams.note(packets)
        self._arrivals.accept(packets.rows[known], packets.seq[known], restarts[known])
        self._stray[packets.rows] += ~known

    def _sort_out(self, packets: Packets, gap: Index) -> None:
        """Take packets of which some are not those that are due."""
        rows, verdict = packets.rows, self._streams.judge(packets, gap, self._situation(packets, gap))
        self._stray[rows] += verdict.stray
        if verdict.paused.any():
            self.paused.append(rows[verdict.paused])
        self._arrivals.change(rows[verdict.changed])
        taken = np.flatnonzero(~verdict.stray)
        if len(taken):
            duplicate = self._arrivals.accept(rows[taken], packets.seq[taken], verdict.restarts[taken])
            self._place(packets.pick(taken), gap[taken], ~duplicate, verdict.begins[taken])

    def _situation(self, packets: Packets, gap: Index) -> Situation:
        rows = packets.rows
        position = self._end[rows] + gap
        return Situation(
            near=position - self._cursor[rows] + self._ahead(packets) <= self._max_delay,
            late=position + packets.pcm.shape[1] <= self._played[rows],
            dry=self._idle[rows] > 0,
            resting=self._resting[rows],
            quiet=self._resting[rows] | (self._idle[rows] >= QUIET_TICKS),
        )

    def _ahead(self, packets: Packets) -> Index:
        """Tell how many samples lie between arrival and next tick: what packets wait at the least."""
        ahead: Index = ((self._next_s - packets.arrival_s) * self._rate_hz).astype(np.int64)
        return ahead

    def _place(self, packets: Packets, gap: Index, fresh: Flags, begins: Flags) -> None:
        """Put packets of the rows' streams where their timestamps say; `fresh`: the packet has not come before."""
        resting = self._resting[packets.rows]
        self._arrivals.time(packets.rows, packets.timestamp, packets.arrival_s, fresh & ~begins & ~resting)
        if not fresh.all():
            which = np.flatnonzero(fresh)
            packets, gap, begins, resting = packets.pick(which), gap[which], begins[which], resting[which]
        if not len(packets.rows):
            return
        rows, length, ahead = packets.rows, packets.pcm.shape[1], self._ahead(packets)
        position = self._end[rows] + gap
        self._grain[rows] = math.gcd(length, self.samples)
        anew = begins | resting & (position + length > self._played[rows])
        position = self._begin(rows, position, ahead, begins, anew)
        usable = self._seat(rows, position, ahead, length, anew)
        self._late[rows] += ~usable
        if not usable.all():
            which = np.flatnonzero(usable)
            rows, position, packets = rows[which], position[which], packets.pick(which)
        if self._hushing:
            self._hushed[rows[position >= self._end[rows]]] = False
        self._write(rows, position, packets.pcm)

    def _begin(self, rows: Index, position: Index, ahead: Index, begins: Flags, anew: Flags) -> Index:
        """Set the cursor of streams that begin, or go on after a rest; gives positions, new ones where they begin."""
        if not anew.any():
            return position
        which, new = np.flatnonzero(anew), np.flatnonzero(begins)
        self._ring.clear(rows[which])
        position[new] = self._cursor[rows[new]] + 2 * self._half
        self._end[rows[new]] = position[new]
        self._played[rows[new]] = position[new] - 2 * self.samples
        left_out = new[~self._resting[rows[new]]]
        grain = self._grain[rows[which]]
        frames = -(-(self._start + self.samples - grain - ahead[which]) // grain)
        begin = position[which] - np.clip(frames, 0, 2 * self.samples // grain) * grain
        self._cursor[rows[which]] = np.maximum(begin, self._played[rows[which]])
        self._played[rows[left_out]] = position[left_out]  # for what the line before left out nobody waits
        for array in (self._resting, self._begun, self._hushed, self._idle):
            array[rows[which]] = 0
        return position

    def _seat(self, rows: Index, position: Index, ahead: Index, length: int, anew: Flags) -> Flags:
        """Move cursors back to packets that can still be played, and forward where the wait is too long."""
        cursor, played = self._cursor[rows], self._played[rows]
        usable: Flags = position + length > played
        behind = cursor - np.maximum(position, played)
        move = np.where(usable & (behind > 0) & ~anew, -behind, 0)
        wait = position - cursor + ahead
        if (over := usable & (wait > self._max_delay) & ~anew).any():
            move = np.where(over, wait - self._max_delay // 2, move)
            self._skip(rows[over], move[over], length)
        if move.any():
            self._cursor[rows] += move
            self._pace.moved(rows, move)
            wait -= move
        saved = wait >= -self._max_delay  # by some delay that is permitted; the others say nothing of how long to wait
        which = slice(None) if saved.all() else np.flatnonzero(saved)
        self._pace.observe(rows[which], wait[which], anew[which], usable[which])
        self._wait[rows] = np.where(usable, np.maximum(wait, 0), self._wait[rows])
        return usable

    def _skip(self, rows: Index, samples: Index, length: int) -> None:
        """Forget audio that will never be played, and count it."""
        self._overrun[rows] += -(-np.minimum(samples, np.maximum(self._end[rows] - self._cursor[rows], 0)) // length)
        start, samples = self._cursor[rows] - self._kept, np.minimum(samples, 2 * self._half)
        for piece in range(0, int(samples.max()) + self._kept, self._kept):
            self._ring.forget(rows, start + np.minimum(piece, samples), self._kept)

    def _write(self, rows: Index, position: Index, pcm: NDArray[np.int16]) -> None:
        for piece in range(0, pcm.shape[1], self._kept):
            self._ring.write(rows, position + piece, pcm[:, piece : piece + self._kept])
        self._end[rows] = np.maximum(self._end[rows], position + pcm.shape[1])

    def push(self, row: int, pcm: NDArray[np.int16]) -> int:
        """Append to a row that is played as it is; gives the samples queued, raises `QueueFull`."""
        queued = self.queued(row) + len(pcm)
        if queued > self._half:
            raise QueueFull(f"{queued} samples exceed the queue of {self._half}")
        rows, self._end[row] = np.array([row]), max(self._end[row], self._cursor[row])
        for piece in range(0, len(pcm), self._kept):
            part = pcm[None, piece : piece + self._kept]
            self._ring.write(rows, self._end[rows], part)
            self._end[row] += part.shape[1]
        return queued

    def flush(self, row: int) -> None:
        """Drop what waits in a row that is fed by `push`."""
        self._ring.clear(np.array([row]))
        self._end[row] = self._cursor[row]

    def queued(self, row: int) -> int:
        """Tell how many samples wait in a row."""
        return max(0, int(self._end[row] - self._cursor[row]))

    def tick(self, local: Flags, dialling: Index, now_s: float) -> Played:
        """
        Take the next frame of the first rows.

        Parameters
        ----------
        local : ndarray of bool, shape (rows,)
            Rows fed by `push`.
        dialling : ndarray of int64, shape (n,)
            Rows of these in whose sound keys are listened for.
        now_s : float
            When the tick was due.
        """
        count = len(local)
        head, cursor = slice(0, count), self._cursor[:count]
        frames = self._ring.read(head, cursor, self.samples)
        lacking: Flags = frames.min(axis=1) == ABSENT
        grain = self._grain[head]
        spare = (self._end[head] - cursor) % grain
        step = self._pace.steps(spare + self.samples - grain, spare, dialling)
        step[lacking | local | self._resting[head]] = 0
        quiet = local | self._resting[head] | ~self._begun[head] | self._hushed[head]
        leaving = self._hushed[head] & ~self._resting[head] & lacking
        self._stretch(frames, step)
        self._note_played(frames, lacking, step)
        self._pace.moved(head, step)
        cursor += step + self.samples
        cursor[local] = np.minimum(cursor, np.maximum(self._end[head], cursor - self.samples))[local]
        span = self.samples + max(self._pace.most, HALF_TAPS)
        self._ring.forget(head, cursor - self._kept - span, span)
        self._next_s = now_s + TICK_S
        return Played(frames, lacking, quiet, leaving)

    def _stretch(self, frames: NDArray[np.int16], step: Index) -> None:
        """Replace the frames of rows played faster or slower; `step` becomes what was possible."""
        for k in np.unique(step[step != 0]):
            rows = np.flatnonzero(step == k)
            step[rows] = 0
            rest = self._stretch_by(int(k), self._pass_silence(int(k), rows, frames, step), frames, step)
            if k < 0 and len(rest):
                # Nothing behind the frame has come yet: leave its last samples to serve the interpolation.
                self._stretch_by(-HALF_TAPS, rest, frames, step)

    def _pass_silence(self, k: int, rows: Index, frames: NDArray[np.int16], step: Index) -> Index:
        """Skip or repeat samples of rows in which nothing moves, where that cannot be heard; gives the other rows."""
        heard = frames[rows]
        still = (heard == heard[:, :1]).all(axis=1)
        if k > 0:
            still &= (self._ring.read(rows, self._cursor[rows] + self.samples, k) == heard[:, :1]).all(axis=1)
        step[rows[still]] = k
        rest: Index = rows[~still]
        return rest

    def _stretch_by(self, k: int, rows: Index, frames: NDArray[np.int16], step: Index) -> Index:
        """Stretch the rows that have all it takes; gives the others."""
        wide = self._ring.read(rows, self._cursor[rows] - HALF_TAPS, self.samples + k + 2 * HALF_TAPS)
        whole = wide.min(axis=1) != ABSENT
        step[rows[whole]] = k
        frames[rows[whole]] = stretch(wide[whole], self.samples)
        rest: Index = rows[~whole]
        return rest

    def _note_played(self, frames: NDArray[np.int16], lacking: Flags, step: Index) -> None:
        count = len(lacking)
        cursor, played, idle = self._cursor[:count], self._played[:count], self._idle[:count]
        full = ~lacking
        played[full] = (cursor + step + self.samples)[full]
        idle += 1
        idle[full] = 0
        self._begun[:count] |= full
        rows = np.flatnonzero(lacking & ~self._resting[:count])
        if not len(rows):
            return
        present = frames[rows] != ABSENT
        some = present.any(axis=1)
        last = self.samples - present[:, ::-1].argmax(axis=1)
        played[rows[some]] = (cursor[rows] + last)[some]
        idle[rows[some]] = 0
        self._begun[rows[some]] = True
        silent = (idle[rows] >= IDLE_TICKS) | self._hushed[rows]
        self._resting[rows] = silent & (self._end[rows] <= cursor[rows])
