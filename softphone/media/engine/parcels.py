"""Packets that wait to be decoded: of codecs whose packets are decoded one after the other, as they were sent.

A packet gets its place in the playout of its row when it comes, and is decoded in the tick that plays it: by then those
before it have come, or are known to be lost, and the decoder is told what is missing.
"""

from math import log10
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer import playout
from mixer.bridge import Bridge
from mixer.floor import follow_floor
from mixer.gate import Gate
from mixer.glance import is_glanced_at, is_shut
from mixer.kernel import Int, kernel, records
from mixer.party import Parties, Party, Rooms
from mixer.ramp import fade_in
from mixer.rate import Rate, Rates
from mixer.struct import struct
from softphone.codec import TABLE
from softphone.media.codecs.coders import Decoder, decoder
from softphone.media.codecs.forms import FORMS, LARGEST, NUMBERS, QUEUED
from softphone.media.codecs.opus import LONGEST_S
from softphone.media.codecs.payloads import Payloads
from softphone.media.contract.leg import LegSpec
from softphone.media.engine.legs import Columns, Legs

__all__ = ["Parcels", "Waiting", "keep"]

SLOTS = 16
"""Packets that wait for each row: 160 ms of the shortest, and nobody waits longer than 100."""
SILENT = 127
"""The level of digital silence (RFC 6464 section 3), in -dBov."""
LEAST_GAIN = 0.001
"""So soft nobody is set, but to nothing."""
AT_ONCE = 64
"""Packets that are decoded in one call."""

PARCEL = np.dtype(
    [
        ("position", np.int64),  # where its sound is played
        ("samples", np.int64),
        ("size", np.int64),
        ("codec", np.int64),  # its place in the table
        ("level", np.int64),  # how loud it says it is, in -dBov; -1: it does not say
        ("waits", np.bool_),
    ],
    align=True,
)
Waiting: TypeAlias = Any
"""Records of dtype `PARCEL`, shape (capacity, SLOTS), or one of them, as kernels see them."""

JOB = np.dtype(
    [
        ("row", np.int64),
        ("slot", np.int64),
        ("codec", np.int64),
        ("missing", np.int64),  # samples before it
        ("returns", np.bool_),  # what was before it has not been decoded
    ],
    align=True,
)
"""A packet to be decoded."""
Jobs: TypeAlias = Any
"""Records of dtype `JOB`."""
Rings: TypeAlias = tuple[NDArray[np.int16], ...]
"""The rings of all lanes."""


@kernel
def keep(
    waiting: Waiting, at: NDArray[np.uint8], position: int, samples: int, codec: Int, data: NDArray[np.uint8],
    offset: Int, size: int,
) -> None:  # fmt: skip
    """Keep a packet in a slot: its record, its bytes."""
    waiting.position, waiting.samples, waiting.size, waiting.codec = position, samples, size, codec
    waiting.waits = True
    for j in range(np.uint64(0), np.uint64(size)):
        at[j] = data[np.uint64(offset) + j]


@struct
class Kept:
    """What waits, whose it is and where it is played.

    legs, parties, rates, rings, waiting
        Of each row, and of each lane.
    rooms, gates
        Of each room, and of each lane: who is heard there.
    silence
        int16, as long as a packet can be.
    jobs
        Records of dtype `JOB`, written.
    """

    legs: Columns
    parties: Parties
    rates: Rates
    rings: Rings
    rooms: Rooms
    gates: Gate
    waiting: Waiting
    silence: NDArray[np.int16]
    jobs: Jobs


@kernel
def due(rows: NDArray[np.int64], kept: Kept) -> int:
    """List the packets of some rows that are played in the coming tick, in the order of each; gives how many.

    Of a party that nobody hears, what is played in a glance is decoded (`mixer.glance`), and nothing of one that says
    that it is silent: else, silence is played.
    """
    legs, parties, rates, rings, waiting = kept.legs, kept.parties, kept.rates, kept.rings, kept.waiting
    silence, jobs = kept.silence, kept.jobs
    n = 0
    for row in rows:
        leg, p = legs[row], parties[row]
        if leg.waiting == 0:
            continue
        rate, shut = rates[p.lane], is_shut(p)
        slot = _next(waiting[row], p, rate)
        while slot >= 0:
            each = waiting[row, slot]
            each.waits = False
            leg.waiting -= 1
            hidden = shut and not is_glanced_at(rate, row, each.position, each.samples)
            if hidden or _rests(each.level, p, kept.gates[p.lane], kept.rooms):
                playout.put(p, rate, rings[p.lane][row], each.position, silence, min(each.samples, len(silence)))
                leg.fresh, leg.left_out = True, shut  # its decoder has missed something
                _note_noise(p, rate, each, hidden)
            elif each.position + each.samples > p.cursor - rate.reach:
                gap = each.position - leg.decoded
                jobs[n].row, jobs[n].slot, jobs[n].codec = row, slot, each.codec
                jobs[n].missing = gap if 0 < gap <= LONGEST_S * rate.hz else 0
                jobs[n].returns, leg.left_out = leg.left_out, False
                n += 1
            leg.decoded = each.position + each.samples
            slot = _next(waiting[row], p, rate)
    return n


@kernel
def _rests(level: int, p: Party, gate: Gate, rooms: Rooms) -> bool:
    """Tell whether a packet need not be decoded, by the level that it tells: as long as its row talks, it is.

    Silence never need be; what is softer than any talk, as loud as the row was set, need not in a room where only those
    are heard who talk. Of a muted row nothing else rests: few of its packets are looked at, and those tell its noise.
    """
    if level <= 0 or p.talking or p.inband_keys:
        return False
    large = p.room >= 0 and not p.private and not p.muted and rooms[p.room].speakers > gate.small
    return level >= SILENT or large and _at_gate(p, level) < gate.softest


@kernel
def _at_gate(p: Party, level: int) -> float:
    """Give the level that a packet tells as the gate sees it, dBov: with the volume of its row."""
    return 20 * log10(max(p.gain_in, LEAST_GAIN)) - level


@kernel
def _note_noise(p: Party, rate: Rate, parcel: Waiting, hidden: bool) -> None:
    """Take the level that a packet tells which is not decoded for the noise of its row (`mixer.floor`), as if it were.

    Digital silence is none; a `hidden` packet is of a muted row, and that is known by glances.
    """
    if hidden or not 0 <= parcel.level < SILENT:
        return
    for _ in range(max(parcel.samples // rate.samples, 1)):
        follow_floor(p, np.float32(_at_gate(p, parcel.level)))


@kernel
def _next(waiting: Waiting, p: Party, rate: Rate) -> int:
    """Give the slot of the packet of a row that is decoded next; -1: none is due."""
    found = -1
    edge = playout.reach_of(p, rate)
    for slot in range(SLOTS):
        if waiting[slot].waits and waiting[slot].position < edge:
            edge, found = waiting[slot].position, slot
    return found


@kernel
def play(which: NDArray[np.int64], kept: Kept, pcm: NDArray[np.int16], made: NDArray[np.int64]) -> None:
    """Write what was decoded to the rings.

    Parameters
    ----------
    which, kept
        Which of the jobs were decoded, and what they are about.
    pcm, made
        int16, shape (n, samples): their sound, with what was missing before; int64, shape (n,): how many samples.
    """
    jobs, parties, rates, rings, waiting = kept.jobs, kept.parties, kept.rates, kept.rings, kept.waiting
    for i in range(len(which)):
        job = jobs[which[i]]
        p, each = parties[job.row], waiting[job.row, job.slot]
        start = each.position - max(made[i] - each.samples, 0)
        if job.returns and made[i] >= rates[p.lane].ramp:
            fade_in(rates[p.lane], pcm[i])
        playout.put(p, rates[p.lane], rings[p.lane][job.row], start, pcm[i], made[i])


class Parcels:
    """
    The packets that wait, and the decoders.

    Parameters
    ----------
    legs
        Whose they are.
    bridge
        Where they are played.

    Attributes
    ----------
    waiting, data
        Records of dtype `PARCEL` and uint8 of shape (capacity, SLOTS, LARGEST), as `keep` writes them.
    decoders
        By the place of their codec in the table: those that somebody has needed.
    """

    def __init__(self, legs: Legs, bridge: Bridge) -> None:
        capacity = legs.capacity
        self._legs = legs
        self.waiting: Waiting = records(capacity * SLOTS, PARCEL).reshape(capacity, SLOTS)
        self.data = np.zeros((capacity, SLOTS, LARGEST), np.uint8)
        self._jobs: Jobs = records(capacity * SLOTS, JOB)
        longest = round(LONGEST_S * max(lane.rate_hz for lane in bridge.lanes))
        self._pcm = np.zeros((AT_ONCE, 2 * longest), np.int16)
        self._kept = Kept(
            legs=legs.table,
            parties=bridge.parties,
            rates=bridge.rates,
            rings=bridge.rings,
            rooms=bridge.rooms,
            gates=bridge.stages.gates,
            waiting=self.waiting,
            silence=np.zeros(longest, np.int16),
            jobs=self._jobs,
        )
        self.decoders: dict[int, Decoder] = {}

    def prepare(self, spec: LegSpec) -> None:
        """Have the decoders that a leg needs, before a tick does; raises MediaError where a library is not there."""
        for name in (spec.codec, *(name for _, name in spec.others)):
            codec = NUMBERS[name]
            if FORMS[codec].form == QUEUED and codec not in self.decoders:
                self.decoders[codec] = decoder(TABLE[codec], self._legs.capacity, TABLE[codec].rate_hz)

    def forget(self, row: int) -> None:
        """Drop what waits in a row: another leg, or another codec, is there."""
        self.waiting["waits"][row] = False
        self._legs.waiting[row], self._legs.fresh[row], self._legs.heard[row] = 0, True, self._legs.codec[row]
        self._legs.left_out[row] = False

    def decode(self, rows: NDArray[np.int64]) -> None:
        """Decode what is played in the coming tick; `rows`: int64, those with a leg."""
        count = due(rows, self._kept)
        if not count:
            return
        codecs = self._jobs["codec"][:count]
        for codec in np.unique(codecs).tolist():
            which = np.flatnonzero(codecs == codec)
            for at in range(0, len(which), AT_ONCE):
                self._decode(codec, which[at : at + AT_ONCE])

    def _decode(self, codec: int, which: NDArray[np.int64]) -> None:
        """Decode some packets of one codec."""
        jobs, spoken = self._jobs[which], self.decoders[codec]
        rows, slots = jobs["row"].copy(), jobs["slot"].copy()
        if (fresh := self._legs.fresh[rows]).any():
            spoken.reset(np.unique(rows[fresh]))
            self._legs.fresh[rows] = False
        places = rows * SLOTS + slots
        payloads = Payloads(self.data.reshape(-1), places * LARGEST, self.waiting["size"][rows, slots])
        made = spoken.decode(rows, payloads, self._pcm, np.ascontiguousarray(jobs["missing"]))
        play(which, self._kept, self._pcm, made)
