"""From datagrams to the bridge: who sent it, what is it, decode, place.

One kernel goes over the datagrams of a batch. What is rare is listed and looked at alone: reports, keys, and what
strangers send; of each only so many are taken per tick.
"""

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixer import playout, ring
from mixer.bridge import Bridge
from mixer.comfort import set_noise
from mixer.frame import SILENCE_DBOV, TICK_S
from mixer.kernel import Int, kernel, records
from mixer.party import Parties, Party, begin
from mixer.rate import Rate, Rates
from mixer.stream import may_change
from mixer.struct import struct
from softphone.codec import COMFORT_NOISE
from softphone.media.codecs.forms import DECODE, FORMS, LARGEST, LAW, QUEUED, Form, Forms, samples_of
from softphone.media.codecs.g711 import expand
from softphone.media.codecs.l16 import read as read_linear
from softphone.media.engine.legs import CODECS_IN, OVERHEAD, Columns, Legs
from softphone.media.engine.parcels import Parcels, Rings, Waiting, keep
from softphone.media.engine.sources import Sources
from softphone.media.net.directory import find
from softphone.media.net.slots import SLOT_SIZE, Slots
from softphone.media.rtp import rtp
from softphone.media.rtp.header import EVENT, EVENT_END
from softphone.media.rtp.keys import unpack_event

__all__ = ["Receiver", "first_of_each"]

# Nobody but a flooder sends more in 20 ms: keys, and different packets of them; a report and a goodbye.
KEYS_PER_TICK = 8
EVENT_PACKETS_PER_TICK = 64
# Of all rows together: 20 ms of a storm of keys must not take 20 ms. When there are more, each row has its share.
EVENT_PACKETS_IN_ALL = 1024
REPORTS_PER_TICK = 4
STRANGERS, REPORTS, EVENTS, INVALID, ASIDES = 0, 1, 2, 3, 4
"""Lists that `sort` makes."""
EVENT_SIZE = EVENT.itemsize


@struct
class Incoming:
    """What there is to sort datagrams with, and where they go.

    `data`, `length`, `keys` and `stamp` are of `Slots`; `legs` and `parties` of each row; `rates` and `rings` of each
    lane; `forms` and `tables` of `softphone.media.codecs.forms`: of each codec, and the samples of each code; `waiting`
    and `parcels` of `Parcels`; `pcm` is int16, room for the longest packet. Written: of each slot, `headers` (what
    `rtp.parse` says of it), `arrival_s` (when it came, seconds) and `rows` (-1 for a stranger's); `lists` and `found`,
    int64 of shape (5, slots) and (5,): the slots of each list, and how many there are.
    """

    data: NDArray[np.uint8]
    length: NDArray[np.uint32]
    keys: NDArray[np.uint64]
    stamp: NDArray[np.int64]
    legs: Columns
    parties: Parties
    rates: Rates
    rings: Rings
    forms: Forms
    tables: NDArray[np.int16]
    waiting: Waiting
    parcels: NDArray[np.uint8]
    pcm: NDArray[np.int16]
    headers: rtp.Parsed
    arrival_s: NDArray[np.float64]
    rows: NDArray[np.int64]
    lists: NDArray[np.int64]
    found: NDArray[np.int64]


@kernel
def sort(
    which: NDArray[np.int64], places: NDArray[np.uint64], row_at: NDArray[np.int64], look_ns: int, clock_s: float,
    now_s: float, next_s: float, into: Incoming,
) -> int:  # fmt: skip
    """Sort datagrams: sound to the rings of their rows, the rest to lists; gives how many are in those.

    Parameters
    ----------
    which
        int64, shape (n,), the datagrams in the order they came.
    places, row_at
        The directory of senders (`softphone.media.net.directory`).
    look_ns, clock_s
        When it was looked what has come, by the clock of `stamp` and by that of the bridge.
    now_s, next_s
        When the tick is due in which they are looked at, and when the next one is.
    into
        What they are sorted with, and where they go.
    """
    data, keys, stamp, lists, found = into.data, into.keys, into.stamp, into.lists, into.found
    headers, arrival_s, rows = into.headers, into.arrival_s, into.rows
    legs, parties, rates, rings = into.legs, into.parties, into.rates, into.rings
    forms, tables = into.forms, into.tables
    waiting, parcels, pcm = into.waiting, into.parcels, into.pcm
    found[:] = 0
    rtp.parse(data, into.length, which, headers)
    # What is younger is worth it: to half of the longest delay a row is brought when too much waits in it.
    earliest = now_s + TICK_S - rates[0].max_delay / (2 * rates[0].hz)
    for i in which:
        h, arrival_s[i] = headers[i], clock_s - _age_s(look_ns - stamp[i])
        row = find(places, row_at, keys[i]) if h.kind == rtp.MEDIA else np.int64(-1)
        rows[i], other = row, _other(h, row, legs)
        if other >= 0:
            _list(lists, found, other, i)
            continue
        leg, p = legs[row], parties[row]
        codec = _codec_of(leg, h) if leg.receiving else -1
        _note_heard(leg, h, now_s)
        if arrival_s[i] < earliest:  # a stall has held it up: it is not worth a look
            playout.outdate(p)
        elif codec >= 0 and h.length > 0:
            if codec != leg.heard:
                _change(p, leg, h, codec, rates, rings, row, forms)
            rate, own = rates[p.lane], rings[p.lane][row]
            kept = waiting[row], parcels[row]
            _sound(p, rate, own, leg, h, codec, forms[codec], tables, *kept, data[i], pcm, arrival_s[i], next_s)
        else:
            _soundless(p, leg, h, codec, data[i])
        if codec < 0 and _is_event(leg, h):  # pressed during a stall, it is a key
            _list(lists, found, EVENTS, i)
    return found.sum()


@kernel
def _age_s(age_ns: int) -> float:
    """Give seconds, -1 to 1: the system's clock may be set, and then no datagram is as old as that says."""
    return min(max(1e-9 * age_ns, -1.0), 1.0)


@kernel
def _other(h: rtp.Parsed, row: Int, legs: Columns) -> int:
    """Give the list of a datagram that is no media of a leg; -1 for one that is."""
    if h.kind != rtp.MEDIA:
        return REPORTS if h.kind == rtp.REPORT else ASIDES if h.kind == rtp.ASIDE else INVALID
    if row < 0:
        return STRANGERS
    # Our own source from a peer is what we sent it (RFC 3550 section 8.2): nobody's voice.
    return INVALID if h.ssrc == legs[row].ssrc else -1


@kernel
def _note_heard(leg: Columns, h: rtp.Parsed, now_s: float) -> None:
    """Note that a leg is there, and what that is worth."""
    leg.heard_s, leg.unheard = now_s, False
    leg.credit += leg.worth * (h.length + OVERHEAD)


@kernel
def _list(lists: NDArray[np.int64], found: NDArray[np.int64], which: int, slot: int) -> None:
    """Append a slot to a list."""
    lists[which, found[which]] = slot
    found[which] += 1


@kernel
def _codec_of(leg: Columns, h: rtp.Parsed) -> int:
    """Give the codec of the leg that a packet has the payload type of; -1: none."""
    for place in range(CODECS_IN):
        if h.payload_type == leg.types_in[place]:
            return int(leg.codecs_in[place])
    return -1


@kernel
def _is_event(leg: Columns, h: rtp.Parsed) -> bool:
    """Tell whether a packet that is no sound is a telephone event."""
    event = h.payload_type == leg.event_types_in[0] or h.payload_type == leg.event_types_in[1]
    return leg.receiving and event and h.length >= EVENT_SIZE


@kernel
def _soundless(p: Party, leg: Columns, h: rtp.Parsed, codec: int, datagram: NDArray[np.uint8]) -> None:
    """Take what is no sound of the leg: comfort noise, or a number that is counted."""
    if not leg.receiving or codec >= 0 or h.payload_type != COMFORT_NOISE:
        playout.count(p, h.seq, h.ssrc)
    elif playout.hush(p, h.seq, h.ssrc):  # the level in -dBov (RFC 3389 section 3.1)
        set_noise(p, -float(datagram[h.offset] & 0x7F) if h.length > 0 else SILENCE_DBOV)


@kernel
def _change(
    p: Party, leg: Columns, h: rtp.Parsed, codec: int, rates: Rates, rings: Rings, row: Int, forms: Forms
) -> None:
    """Let a row go on in another codec of the leg, if its own source says so: at another rate it begins anew."""
    if not may_change(p, h.seq, h.ssrc):
        return
    form = forms[codec]
    if (form.lane, form.up, form.down) != (p.lane, p.up, p.down):
        begin(p, rates[form.lane].ring)
        ring.clear(rings[form.lane][row], rates[form.lane])
        p.lane, p.up, p.down = form.lane, form.up, form.down
    leg.heard, leg.fresh = codec, True


@kernel
def _sound(
    p: Party, rate: Rate, own: NDArray[np.int16], leg: Columns, h: rtp.Parsed, codec: int, form: Form,
    tables: NDArray[np.int16], waiting: Waiting, parcels: NDArray[np.uint8], datagram: NDArray[np.uint8],
    pcm: NDArray[np.int16], arrival_s: float, next_s: float,
) -> None:  # fmt: skip
    """Give a packet its place: decoded there if it stands by itself, else kept until it is played."""
    samples = samples_of(form, datagram, h.offset, h.length)
    if codec != leg.heard or samples == 0 or form.form == QUEUED and h.length > LARGEST:
        playout.count(p, h.seq, h.ssrc)
        return
    position = playout.place(p, rate, own, h.seq, h.timestamp, h.ssrc, samples, arrival_s, next_s)
    if position < 0:
        return
    if form.form == QUEUED:
        slot = h.seq % len(waiting)
        leg.waiting += not waiting[slot].waits
        keep(waiting[slot], parcels[slot], position, samples, codec, datagram, h.offset, h.length)
        playout.promise(p, position, samples)
        return
    if form.form == LAW:
        expand(tables[form.law], datagram, h.offset, samples, pcm)
    else:
        read_linear(datagram, h.offset, samples, pcm)
    playout.put(p, rate, own, position, pcm, samples)


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
    order = np.argsort(rows, kind="stable")
    begin = np.flatnonzero(np.diff(rows[order], prepend=-1))
    turn = np.arange(len(rows)) - np.repeat(begin, np.diff(begin, append=len(rows)))
    return np.sort(order[turn < most])


class Receiver:
    """Takes what has come in `slots` to the bridge.

    Parameters
    ----------
    slots, legs, bridge, parcels
        What it works between.
    on_key
        Called with row and key.
    on_report
        Called with row, datagram and its arrival in seconds.
    on_aside
        Called with the slots of STUN and DTLS, and the keys of their senders.
    """

    def __init__(
        self,
        slots: Slots,
        legs: Legs,
        bridge: Bridge,
        parcels: Parcels,
        on_key: Callable[[int, str], None],
        on_report: Callable[[int, bytes, float], None],
        on_aside: Callable[[NDArray[np.int64], NDArray[np.uint64]], None],
    ) -> None:
        self._slots, self._legs, self._bridge, self._parcels = slots, legs, bridge, parcels
        self._on_key, self._on_report, self._on_aside = on_key, on_report, on_aside
        self.sources = Sources(slots, legs, bridge)
        self.strangers = 0
        self.invalid = 0
        self._clock_s = 0.0
        self._headers: rtp.Parsed = records(slots.count, rtp.PARSED)
        self._each, self._arrival_s = np.arange(slots.count), np.zeros(slots.count)
        self._rows, self._lists = np.full(slots.count, -1, np.int64), np.zeros((5, slots.count), np.int64)
        self._counts = np.zeros(5, np.int64)
        self._incoming = Incoming(
            data=slots.data, length=slots.length, keys=slots.key, stamp=slots.stamp, legs=legs.table,
            parties=bridge.parties, rates=bridge.rates, rings=bridge.rings, forms=FORMS, tables=DECODE,
            waiting=parcels.waiting, parcels=parcels.data, pcm=np.zeros(SLOT_SIZE, np.int16), headers=self._headers,
            arrival_s=self._arrival_s, rows=self._rows, lists=self._lists, found=self._counts,
        )  # fmt: skip

    def read_clock(self, clock: float) -> None:
        """Note that it is `clock` (seconds) now: the kernel stamps datagrams with the system's time."""
        self._clock_s, self._slots.look_ns = clock, time.time_ns()

    def process(self, now: float) -> None:
        """Look at all datagrams in the slots and empty them; whatever they hold, nothing raises.

        Parameters
        ----------
        now
            When the next tick of the bridge is or was due, in seconds. Datagrams may have come after that.
        """
        slots, n = self._slots, self._slots.used
        if not n:
            return
        if self._sort(self._each[:n], now):
            self._look(slots.keys(), now)
        self.sources.opener.clear()
        slots.clear()

    def _look(self, keys: NDArray[np.uint64], now: float) -> None:
        """Look at what is no sound of a leg."""
        events, reports = [self._found(EVENTS)], self._found(REPORTS)
        if self._counts[INVALID]:
            self.invalid += len(at := self._found(INVALID))
            self.sources.greeted(at, keys)
        if self._counts[ASIDES]:
            self._on_aside(at := self._found(ASIDES), keys[at])
        strange = self._found(STRANGERS)
        if strange.size and self.sources.let_in(strange, keys, self._headers, now):
            self._sort(strange, now)
            events.append(self._found(EVENTS))
            strange = self._found(STRANGERS)
        self.strangers += len(strange)
        if any(each.size for each in events):
            self._events(np.concatenate(events), self._rows, self._headers, self._arrival_s)
        if reports.size:
            self._reports(reports, keys, self._arrival_s)

    def _sort(self, which: NDArray[np.int64], now: float) -> int:
        """Open what is encrypted of some datagrams, and take them to their rows, and to the lists."""
        bridge, directory, slots = self._bridge, self.sources.directory, self._slots
        self.sources.opener.open(which, directory)
        times = slots.look_ns, self._clock_s, now, bridge.due(now)
        return sort(which, directory.keys, directory.rows, *times, self._incoming)

    def _found(self, which: int) -> NDArray[np.int64]:
        """Give a list, for good."""
        return self._lists[which, : self._counts[which]].copy()

    def _events(
        self, at: NDArray[np.int64], rows: NDArray[np.int64], headers: rtp.Parsed, arrival: NDArray[np.float64]
    ) -> None:
        """Find keys; of packets in a row that say the same but for a longer duration, the last is enough."""
        at = at[np.argsort(rows[at], kind="stable")]
        field = headers["offset"][at, None] + np.arange(EVENT.itemsize)
        said = self._slots.data[at[:, None], field].view(EVENT)[:, 0]
        line = rows[at] << 32 | headers["timestamp"][at].astype(np.int64)
        kind = said["event"].astype(np.int64) << 16 | (said["flags"] & EVENT_END).astype(np.int64) << 8
        kind |= headers["marker"][at]
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

    def _key(self, i: np.int64, row: int, headers: rtp.Parsed, arrival_s: float) -> str | None:
        """Give the key that begins with an event packet."""
        offset = int(headers["offset"][i])
        payload = self._slots.data[i, offset : offset + EVENT.itemsize].tobytes()
        packet = unpack_event(payload, int(headers["timestamp"][i]), bool(headers["marker"][i]))
        if packet is None:
            return None
        return self._legs.records[row].keys_in.receive(
            packet, int(headers["seq"][i]), int(headers["ssrc"][i]), arrival_s
        )

    def _reports(self, at: NDArray[np.int64], keys: NDArray[np.uint64], arrival: NDArray[np.float64]) -> None:
        """Hand over the reports of peers that we know."""
        rows = self.sources.of_reports(at, keys[at], self._slots.data[at, 4:8].view(">u4").ravel())
        self.strangers += int(np.count_nonzero(rows < 0))
        at, rows = at[rows >= 0], rows[rows >= 0]
        for i in first_of_each(rows, REPORTS_PER_TICK):
            row, slot = int(rows[i]), int(at[i])
            if (said := self.sources.opener.report(row, slot)) is not None:
                self.sources.reported(keys[slot : slot + 1])
                self._on_report(row, said, float(arrival[slot]))
