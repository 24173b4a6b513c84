"""From datagrams to the bridge: who sent it, what is it, decode, hand over.

Whole batches; no packet is looked at alone but keys and reports, which are rare and of which only so many are taken
per tick.
"""

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixer import g711
from mixer.bridge import Bridge
from mixer.gate import SILENCE_DBOV
from mixer.packets import turns
from softphone.media.engine.legs import Legs
from softphone.media.engine.sources import Sources
from softphone.media.net.slots import SLOT_SIZE, Slots
from softphone.media.rtp import rtp
from softphone.media.rtp.keys import unpack_event

__all__ = ["Receiver", "first_of_each"]

DECODE = (g711.DECODE_ULAW, g711.DECODE_ALAW)
# Nobody but a flooder sends more in 20 ms: keys, and different packets of them; a report and a goodbye.
KEYS_PER_TICK = 8
EVENT_PACKETS_PER_TICK = 64
# Of all rows together: 20 ms of a storm of keys must not take 20 ms. When there are more, each row has its share.
EVENT_PACKETS_IN_ALL = 1024
REPORTS_PER_TICK = 4
# As many as the playout looks at: 160 ms in the shortest packets, more than a stall leaves to be made up for.
PACKETS_PER_TICK = 16
# Peers keep to one packet size each; together they use a handful. Each size costs a pass.
SIZES_PER_TICK = 16
# RFC 3551 section 6: static, so peers send it whether or not it was agreed on.
COMFORT_NOISE = 13


def first_of_each(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Give the positions of the first `most` entries of each row, in their order.

    Parameters
    ----------
    rows
        int64, shape (n,).
    most
        How many of the same value are let through.

    Returns
    -------
    NDArray
        int64, positions in `rows`, ascending.
    """
    order, turn = turns(rows)
    return np.sort(order if turn is None else order[turn < most])


class Receiver:
    """Takes what has come in `slots` to the bridge.

    Parameters
    ----------
    slots, legs, bridge
        What it works between.
    on_key
        Called with row and key.
    on_report
        Called with row, datagram and its arrival in seconds.
    """

    def __init__(
        self,
        slots: Slots,
        legs: Legs,
        bridge: Bridge,
        on_key: Callable[[int, str], None],
        on_report: Callable[[int, bytes, float], None],
    ) -> None:
        self._slots, self._legs, self._bridge = slots, legs, bridge
        self._on_key, self._on_report = on_key, on_report
        self.sources = Sources(slots, legs, bridge)
        self.strangers = 0
        self.invalid = 0
        self._clock_s, self._unix_ns = 0.0, time.time_ns()

    def read_clock(self, clock: float) -> None:
        """Note that it is `clock` (seconds) now: the kernel stamps datagrams with the system's time."""
        self._clock_s, self._unix_ns = clock, time.time_ns()

    def process(self, now: float) -> None:
        """Look at all datagrams in the slots and empty them; whatever they hold, nothing raises.

        Parameters
        ----------
        now
            When the next tick of the bridge is or was due, in seconds. Datagrams may have come after that.
        """
        if not self._slots.used:
            return
        self._slots.settle()
        n = self._slots.used
        data, length = self._slots.data[:n], self._slots.length[:n]
        keys, arrival = self._slots.keys(), self._clock_s - self._slots.ages_s(self._unix_ns)
        reports = rtp.is_rtcp(data)
        headers = rtp.parse(data, length)
        media = headers.valid & ~reports
        rows = self.sources.of_media(keys, media, headers, now)
        known = media & (rows >= 0)
        # Our own source from a peer is what we sent it (RFC 3550 section 8.2): a loop, and nobody's voice.
        loops = known & (headers.ssrc == self._legs.ssrc[rows])
        self._count(media & ~loops, reports, rows)
        self._media(known & ~loops, rows, headers, arrival, now)
        if reports.any():
            self._reports(np.flatnonzero(reports), keys, arrival)
        self._slots.clear()

    def _count(self, media: NDArray[np.bool_], reports: NDArray[np.bool_], rows: NDArray[np.int64]) -> None:
        """Keep the books of what is dropped."""
        self.invalid += int(np.count_nonzero(~(media | reports)))
        self.strangers += int(np.count_nonzero(media & (rows < 0)))

    def _media(
        self,
        known: NDArray[np.bool_],
        rows: NDArray[np.int64],
        headers: rtp.Headers,
        arrival: NDArray[np.float64],
        now: float,
    ) -> None:
        """Hand audio to the bridge and events to the key receivers; of all else only the sequence numbers count."""
        legs, kind = self._legs, headers.payload_type
        taken = known & legs.receiving[rows]  # a row of -1 reads some other row's, and is not known anyway
        spoken = (kind == legs.type_in[rows]) | (kind == legs.other_type[rows])
        at = np.flatnonzero(known)
        legs.heard_s[rows[at]], legs.unheard[rows[at]] = now, False
        if legs.limited:
            legs.earn(rows[at], headers.size[at])
        fresh = known.copy()
        fresh[at] = ~self._bridge.outdated(rows[at], arrival[at], now)
        audio = fresh & taken & spoken & (headers.size > 0)
        if audio.any():
            self._audio(np.flatnonzero(audio), rows, headers, arrival, now)
        noise = fresh & taken & ~spoken & (kind == COMFORT_NOISE)
        if noise.any():
            self._noise(np.flatnonzero(noise), rows, headers, arrival, now)
        if len(others := np.flatnonzero(fresh & ~audio & ~noise)):
            nothing = np.zeros((len(others), 0), np.int16)
            self._hand_over(others, rows[others], headers, nothing, arrival, now)
        # A key that was pressed during a stall is a key.
        if len(others := np.flatnonzero(taken & ~spoken & (headers.size >= rtp.EVENT.itemsize))):
            events = others[(legs.event_types_in[rows[others]] == kind[others, None]).any(axis=1)]
            if len(events):
                self._events(events, rows, headers, arrival)

    def _audio(
        self,
        at: NDArray[np.int64],
        rows: NDArray[np.int64],
        headers: rtp.Headers,
        arrival: NDArray[np.float64],
        now: float,
    ) -> None:
        """Decode and hand over, one pass per shape of packet."""
        at = self._capped(at, rows)
        shape = headers.offset[at] << 16 | headers.size[at]
        left = np.ones(len(at), np.bool_)
        for value in _commonest(shape, rows[at]):
            which = shape == value
            same, offset, size = at[which], value >> 16, value & 0xFFFF
            codes = self._slots.data[same, offset : offset + size]
            pcm = self._decode(codes, rows[same], headers.payload_type[same])
            self._hand_over(same, rows[same], headers, pcm, arrival, now)
            left &= ~which
        self._bridge.drop(rows[at[left]])

    def _noise(
        self,
        at: NDArray[np.int64],
        rows: NDArray[np.int64],
        headers: rtp.Headers,
        arrival: NDArray[np.float64],
        now: float,
    ) -> None:
        """Hand over comfort noise; its first byte is the level in -dBov (RFC 3389 section 3.1)."""
        kept = at[first_of_each(rows[at], PACKETS_PER_TICK)]
        first = self._slots.data[kept, np.minimum(headers.offset[kept], SLOT_SIZE - 1)]
        level = -(first & 0x7F).astype(np.float32)
        level[headers.size[kept] == 0] = SILENCE_DBOV
        self._bridge.comfort(
            rows[kept], headers.seq[kept], headers.timestamp[kept], headers.ssrc[kept], level, arrival[kept], now
        )

    def _capped(self, at: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Leave out what a row sends beyond anything that could be played, before it costs others their turn."""
        if np.bincount(rows[at]).max() <= PACKETS_PER_TICK:
            return at
        kept = first_of_each(rows[at], PACKETS_PER_TICK)
        self._bridge.drop(np.delete(rows[at], kept))
        return at[kept]

    def _hand_over(
        self,
        at: NDArray[np.int64],
        rows: NDArray[np.int64],
        headers: rtp.Headers,
        pcm: NDArray[np.int16],
        arrival: NDArray[np.float64],
        now: float,
    ) -> None:
        """Give packets of one size to the bridge."""
        self._bridge.receive(
            rows, headers.seq[at], headers.timestamp[at], headers.ssrc[at], headers.marker[at], pcm, arrival[at], now
        )

    def _decode(self, codes: NDArray[np.uint8], rows: NDArray[np.int64], kind: NDArray[np.uint8]) -> NDArray[np.int16]:
        """Decode packets by the codec of their rows, or the other one where the payload type says so."""
        codec = self._legs.codec[rows] ^ (kind == self._legs.other_type[rows])
        first = int(codec[0])
        pcm: NDArray[np.int16] = g711.decode(codes, DECODE[first])
        others = np.flatnonzero(codec != first)
        if others.size:
            pcm[others] = g711.decode(codes[others], DECODE[1 - first])
        return pcm

    def _events(
        self, at: NDArray[np.int64], rows: NDArray[np.int64], headers: rtp.Headers, arrival: NDArray[np.float64]
    ) -> None:
        """Find keys; of packets in a row that say the same but for a longer duration, the last is enough."""
        at = at[np.argsort(rows[at], kind="stable")]
        field = headers.offset[at, None] + np.arange(rtp.EVENT.itemsize)
        said = self._slots.data[at[:, None], field].view(rtp.EVENT)[:, 0]
        line = rows[at] << 32 | headers.timestamp[at].astype(np.int64)
        kind = said["event"].astype(np.int64) << 16 | (said["flags"] & rtp.EVENT_END).astype(np.int64) << 8
        kind |= headers.marker[at]
        length = said["duration"].astype(np.int64)
        last = np.ones(len(at), np.bool_)
        last[:-1] = (line[1:] != line[:-1]) | (kind[1:] != kind[:-1]) | (length[1:] < length[:-1])
        at = at[last]
        found: Counter[int] = Counter()
        share = max(1, EVENT_PACKETS_IN_ALL // len(np.unique(rows[at])))
        for i in np.sort(at[first_of_each(rows[at], min(EVENT_PACKETS_PER_TICK, share))]):
            row, key = int(rows[i]), self._key(i, int(rows[i]), headers, float(arrival[i]))
            if key and found[row] < KEYS_PER_TICK:
                found[row] += 1
                self._on_key(row, key)

    def _key(self, i: np.int64, row: int, headers: rtp.Headers, arrival_s: float) -> str | None:
        """Give the key that begins with an event packet."""
        offset = int(headers.offset[i])
        payload = self._slots.data[i, offset : offset + rtp.EVENT.itemsize].tobytes()
        packet = unpack_event(payload, int(headers.timestamp[i]), bool(headers.marker[i]))
        if packet is None:
            return None
        return self._legs.records[row].keys_in.receive(packet, int(headers.seq[i]), int(headers.ssrc[i]), arrival_s)

    def _reports(self, at: NDArray[np.int64], keys: NDArray[np.uint64], arrival: NDArray[np.float64]) -> None:
        """Hand over the reports of peers that we know."""
        rows = self.sources.of_reports(keys[at], self._slots.data[at, 4:8].view(">u4").ravel())
        self.strangers += int(np.count_nonzero(rows < 0))
        at, rows = at[rows >= 0], rows[rows >= 0]
        for i in first_of_each(rows, REPORTS_PER_TICK):
            slot = at[i]
            datagram = self._slots.data[slot, : self._slots.length[slot]].tobytes()
            self._on_report(int(rows[i]), datagram, float(arrival[slot]))


def _commonest(shapes: NDArray[np.int32], rows: NDArray[np.int64]) -> list[int]:
    """Give the distinct shapes, no more than a tick can serve: those first with which the most rows begin.

    Each row has one vote, however much it sends in however many shapes: nobody can crowd out the others.
    """
    if shapes.min() == shapes.max():
        return [int(shapes[0])]
    distinct, number = np.unique(shapes, return_inverse=True)
    votes = np.bincount(number[first_of_each(rows, 1)], minlength=len(distinct))
    return [int(value) for value in distinct[np.argsort(-votes, kind="stable")][:SIZES_PER_TICK]]
