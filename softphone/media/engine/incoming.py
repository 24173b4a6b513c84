"""Kernels that take datagrams to the bridge: one goes over those of a batch, and lists what is no sound of a leg."""

import numpy as np
from numpy.typing import NDArray

from mixer import playout, ring
from mixer.comfort import colour, set_noise
from mixer.frame import SILENCE_DBOV, TICK_S
from mixer.kernel import Int, kernel
from mixer.party import Parties, Party, begin
from mixer.rate import Rate, Rates
from mixer.stream import may_change
from mixer.struct import struct
from softphone.codec import COMFORT_NOISE
from softphone.media.codecs.forms import LARGEST, LAW, QUEUED, Form, Forms, samples_of
from softphone.media.codecs.g711 import expand
from softphone.media.codecs.l16 import read as read_linear
from softphone.media.engine.legs import CODECS_IN, OVERHEAD, Columns
from softphone.media.engine.parcels import Rings, Waiting, keep
from softphone.media.net.arriving import Arriving
from softphone.media.net.batch import Polled, gather
from softphone.media.net.directory import find
from softphone.media.rtp import rtp
from softphone.media.rtp.header import EVENT

__all__ = ["ASIDES", "EVENTS", "INVALID", "REPORTS", "STRANGERS", "Incoming", "sort", "take_in"]

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
    int64 of shape (5, slots) and (5,): the slots of each list, and how many there are. `arriving` and `secret`: what
    `gather` receives with.
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
    arriving: Arriving
    secret: NDArray[np.uint64]


@kernel
def take_in(
    polled: Polled, stop: int, polled_at: int, used: int, header_at: int, places: NDArray[np.uint64],
    row_at: NDArray[np.int64], look_ns: int, clock_s: float, now_s: float, next_s: float, each: NDArray[np.int64],
    into: Incoming,
) -> tuple[int, int, int]:  # fmt: skip
    """Take what the first ports hold, and sort it, unless the slots are full before.

    Parameters
    ----------
    polled, stop, polled_at, used, header_at
        As for `gather`.
    places, row_at, look_ns, clock_s, now_s, next_s, into
        As for `sort`.
    each
        int64, the numbers of all slots.

    Returns
    -------
    stopped, used, listed
        As `gather` gives them, and what `sort` gives; nothing was sorted if `stopped` is not `stop`.
    """
    stopped, used = gather(polled, 0, stop, polled_at, used, look_ns, header_at, into.arriving, into.secret)
    if stopped < stop:
        return stopped, used, 0
    return stopped, used, sort(each[:used], places, row_at, look_ns, clock_s, now_s, next_s, into)


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
        colour(p, datagram, h.offset + 1, h.length - 1)


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
        waiting[slot].level = rtp.audio_level(datagram, h.offset, leg.level_id)
        playout.promise(p, position, samples)
        return
    if form.form == LAW:
        expand(tables[form.law], datagram, h.offset, samples, pcm)
    else:
        read_linear(datagram, h.offset, samples, pcm)
    playout.put(p, rate, own, position, pcm, samples)
