"""From the bridge to datagrams: each frame is encoded once per codec, and all who hear it point at the same bytes."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.kernel import kernel, records
from mixer.lane import Lane
from mixer.struct import struct
from mixer.tick import Tick
from softphone.codec import TABLE
from softphone.media.codecs.forms import ENCODE, FORMS, LAW, NUMBERS, QUEUED, Form, Forms, ticks_of
from softphone.media.codecs.g711 import compress
from softphone.media.codecs.l16 import write as write_linear
from softphone.media.codecs.opus import DTX_SIZE
from softphone.media.contract.leg import LegSpec
from softphone.media.engine.bundle import PACKED, ROOM, add, fits, pack
from softphone.media.engine.legs import Columns, Legs
from softphone.media.engine.opus_streams import OpusStreams
from softphone.media.engine.plan import PLAN, Plan, address, enter, pass_time
from softphone.media.engine.secrecy import Envelopes
from softphone.media.engine.streams import Streams, is_sent
from softphone.media.net.batch import OpenPorts
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer
from softphone.media.rtp.header import HEADER
from softphone.media.rtp.keys import EventPacket

__all__ = ["Sender"]

# What a leg's packets are put together from, where they are not a tick long: every packet length fits in it wholly.
STRING_TICKS = 6
# Packets of a tick that a leg is sent at most: those of 10 ms.
MOST = 2
# Codecs whose listeners are not all sent the same, by their encoding.
TUNED = {"OPUS": OpusStreams}
T = TypeVar("T", bound=np.generic)
Frames: TypeAlias = tuple[NDArray[np.int16], ...]
"""The frames of each lane."""
Payloads: TypeAlias = tuple[NDArray[np.uint8], ...]
"""The payloads in each codec."""


@struct
class Outgoing:
    """What datagrams are made with, and what they become.

    legs, forms, tables
        Of each row; of each codec; `softphone.media.codecs.forms.ENCODE`.
    frames, silence
        Of each lane: int16, shape (frames, samples); int64, shape (lanes,): the frame that is silence.
    payloads, payloads_at, sizes
        Of each codec: uint8, shape (payloads, bytes), a payload for each frame, or, where encoders have made them
        before (`streams`), for each stream; its address; int64, shape (payloads,), the bytes of each.
    coded
        int64, shape (codecs, frames): the tick in which each was last encoded.
    strings
        uint8, shape (capacity, bytes): what waits to fill a packet.
    plan
        Records of dtype `PLAN`, written.
    headers, addresses, base, length, ports
        As of `plan.address`.
    """

    legs: Columns
    forms: Forms
    tables: NDArray[np.uint8]
    frames: Frames
    silence: NDArray[np.int64]
    payloads: Payloads
    payloads_at: NDArray[np.int64]
    sizes: tuple[NDArray[np.int64], ...]
    coded: NDArray[np.int64]
    strings: NDArray[np.uint8]
    plan: Plan
    headers: NDArray[np.uint8]
    addresses: NDArray[np.uint8]
    base: NDArray[np.uint64]
    length: NDArray[np.uint64]
    ports: NDArray[np.int64]


@kernel
def make(
    order: NDArray[np.int64], frame_of_row: NDArray[np.int64], tick: int, strings_at: int, out: Outgoing
) -> int:  # fmt: skip
    """Make the datagrams of a tick: what is heard, encoded once per codec, or silence for who is answered.

    Parameters
    ----------
    order
        int64, the rows with a leg, sorted by the port that they send from.
    frame_of_row
        The frame of each row in its lane, -1: it hears nothing.
    tick
        This one, as of `coded`.
    strings_at
        Where `strings` lie in memory.
    out
        What they are made with, and what they become.

    Returns
    -------
    int
        How many datagrams are to be sent.
    """
    legs, forms, tables, frames, silence = out.legs, out.forms, out.tables, out.frames, out.silence
    payloads, payloads_at, sizes, coded = out.payloads, out.payloads_at, out.sizes, out.coded
    strings, plan = out.strings, out.plan
    n = 0
    for row in order:
        leg, form, frame = legs[row], forms[legs[row].codec], frame_of_row[row]
        sent = is_sent(leg, frame)
        if leg.strung > 0 and not sent:
            n += _rest(leg, form, row, strings[row], strings_at + row * strings.shape[1], plan[n])
        leg.marker |= leg.sending != sent  # who hears nothing now begins a talk spurt later (RFC 3551 section 4.1)
        if not sent:
            continue
        leg.credit -= leg.price
        codec, size = leg.codec, form.bytes if form.form != QUEUED else sizes[leg.codec][leg.place]
        if form.form != QUEUED:
            leg.place = frame if frame >= 0 else silence[form.lane]
            _encode(leg, form, frames[form.lane][leg.place], tables, payloads[codec], coded[codec], tick)
        string_at = strings_at + row * strings.shape[1]
        if leg.packet == 0:
            at = payloads_at[codec] + leg.place * payloads[codec].shape[1]
            n += _whole(leg, plan[n], row, at, size)
        elif form.bytes == 0:
            n += _bundle(leg, form, row, payloads[codec][leg.place], size, strings[row], string_at, plan[n:])
        else:
            n += _string(leg, form, row, payloads[codec][leg.place], strings[row], string_at, plan[n:])
    pass_time(order, legs, 1)
    address(plan, n, legs, out.headers, out.addresses, out.base, out.length, out.ports)
    return n


@kernel
def _encode(
    leg: Columns, form: Form, frame: NDArray[np.int16], tables: NDArray[np.uint8], payloads: NDArray[np.uint8],
    coded: NDArray[np.int64], tick: int,
) -> None:  # fmt: skip
    """Encode a frame in a codec without memory, unless it is done."""
    if coded[leg.place] == tick:
        return
    coded[leg.place] = tick
    if form.form == LAW:
        compress(tables[form.law], frame, form.samples, payloads[leg.place])
    else:
        write_linear(frame, form.samples, payloads[leg.place])


@kernel
def _whole(leg: Columns, plan: Plan, row: int, at: int, length: int) -> int:
    """Plan a payload as it is; so short a one says that nobody speaks, and is left out (RFC 7587 section 3.1.3)."""
    if length <= DTX_SIZE:
        leg.marker = True
        return 0
    enter(leg, plan, row, at, length, np.int64(leg.timestamp))
    return 1


@kernel
def _string(
    leg: Columns, form: Form, row: int, payload: NDArray[np.uint8], string: NDArray[np.uint8], at: int, plan: Plan
) -> int:
    """Put a tick into what waits to fill a packet, and plan those that are full; gives how many."""
    first = leg.strung // leg.packet
    for j in range(np.uint64(0), np.uint64(form.bytes)):
        string[np.uint64(leg.strung) + j] = payload[j]
    end = leg.strung + form.bytes
    for k in range(first, end // leg.packet):
        start = k * leg.packet
        begun = np.int64(leg.timestamp) + ticks_of(form, start - leg.strung)
        enter(leg, plan[k - first], row, at + start, leg.packet, begun)
    packets = end // leg.packet - first
    leg.strung = end if end < STRING_TICKS * form.bytes else 0
    return packets


@kernel
def _bundle(
    leg: Columns, form: Form, row: int, payload: NDArray[np.uint8], size: int, string: NDArray[np.uint8], at: int,
    plan: Plan,
) -> int:  # fmt: skip
    """Put a frame of any size into what waits to fill a packet, and plan what is full; gives how many packets."""
    n = 0
    if size > 0 and not fits(string, leg.strung, payload):
        n += _rest(leg, form, row, string, at, plan[0])
    if size > 0:
        add(string, leg.strung, payload, size)
        leg.strung += 1
    if leg.strung == leg.packet:
        _plan_bundle(leg, row, string, at, plan[n], np.int64(leg.timestamp) - (leg.strung - 1) * form.ticks)
        n += 1
    return n


@kernel
def _plan_bundle(leg: Columns, row: int, string: NDArray[np.uint8], at: int, plan: Plan, timestamp: int) -> None:
    """Plan the packet of the frames that wait."""
    enter(leg, plan, row, at + PACKED, pack(string, leg.strung), timestamp)
    leg.strung = 0


@kernel
def finish(rows: NDArray[np.int64], strings_at: int, out: Outgoing) -> int:
    """Make datagrams of what there is of the packets of some legs, as short as they are; gives how many that is."""
    legs, forms, strings, plan = out.legs, out.forms, out.strings, out.plan
    n = 0
    for row in rows:
        n += _rest(legs[row], forms[legs[row].codec], row, strings[row], strings_at + row * strings.shape[1], plan[n])
    address(plan, n, legs, out.headers, out.addresses, out.base, out.length, out.ports)
    return n


@kernel
def _rest(leg: Columns, form: Form, row: int, string: NDArray[np.uint8], string_at: int, plan: Plan) -> int:
    """Plan what waits, as short as it is, before the frame that is due."""
    if form.bytes == 0 and leg.strung > 0:
        _plan_bundle(leg, row, string, string_at, plan, np.int64(leg.timestamp) - leg.strung * form.ticks)
        return 1
    left = leg.strung % leg.packet if leg.packet > 0 else 0
    if left > 0:
        enter(leg, plan, row, string_at + leg.strung - left, left, np.int64(leg.timestamp) - ticks_of(form, left))
    leg.strung = 0
    return int(left > 0)


class Sender:
    """Sends each tick's frames, and keys.

    Parameters
    ----------
    legs
        Whom to send to.
    lanes
        Where the frames are.
    ports
        The open ports.
    between
        Called between chunks of datagrams.
    """

    def __init__(self, legs: Legs, lanes: tuple[Lane, ...], ports: OpenPorts, between: Callable[[], None]) -> None:
        self._legs, self._lanes, self._ports, self._between = legs, lanes, ports, between
        self._outbox = SendBuffer(MOST * legs.capacity)
        self._plan: Plan = records(MOST * legs.capacity, PLAN)
        self._port_of = np.zeros(MOST * legs.capacity, np.int64)
        # Memory that no leg needs is never touched.
        count, longest = 2 * legs.capacity + 1, int(FORMS["bytes"].max())
        self._strings = np.zeros((legs.capacity, max(STRING_TICKS * longest, ROOM)), np.uint8)
        self._payloads = tuple(np.zeros((count if form.form != QUEUED else 0, form.bytes), np.uint8) for form in FORMS)
        self._payloads_at = np.array([each.ctypes.data for each in self._payloads])
        self._sizes = tuple(np.zeros(0, np.int64) for _ in FORMS)
        self._strings_at, self._ticks = self._strings.ctypes.data, 0
        self._coded, self._silence = np.zeros((len(FORMS), count), np.int64), np.zeros(len(lanes), np.int64)
        self._outgoing = self._laid_out()
        self._streams: dict[int, Streams] = {}
        self._order, self._ordered = np.zeros(0, np.int64), -1
        self._envelopes = Envelopes(MOST * legs.capacity, self._strings.shape[1], legs.vault)
        self._patience = Patience()
        self.unsent = 0

    def _laid_out(self) -> Outgoing:
        """Give what kernels make datagrams with."""
        out = self._outbox
        return Outgoing(
            legs=self._legs.table,
            forms=FORMS,
            tables=ENCODE,
            frames=tuple(lane.room_for_frames for lane in self._lanes),
            silence=self._silence,
            payloads=self._payloads,
            payloads_at=self._payloads_at,
            sizes=self._sizes,
            coded=self._coded,
            strings=self._strings,
            plan=self._plan,
            headers=out.headers,
            addresses=out.address,
            base=out.base,
            length=out.length,
            ports=self._port_of,
        )

    @property
    def order(self) -> NDArray[np.int64]:
        """The rows with a leg, sorted by the port that they send from."""
        if self._ordered != self._legs.version:
            rows = np.flatnonzero(self._legs.leg)
            self._order, self._ordered = rows[np.argsort(self._legs.port[rows], kind="stable")], self._legs.version
        return self._order

    def prepare(self, spec: LegSpec) -> None:
        """Have the encoder that a leg needs, before a tick does; raises MediaError where its library is not there."""
        codec = NUMBERS[spec.codec]
        if FORMS[codec].form == QUEUED and codec not in self._streams:
            made = TUNED.get(TABLE[codec].encoding.upper(), Streams)
            streams = self._streams[codec] = made(codec, self._legs)
            self._payloads = replaced(self._payloads, codec, streams.payloads)
            self._sizes = replaced(self._sizes, codec, streams.sizes)
            self._payloads_at[codec] = streams.payloads.ctypes.data
            self._outgoing = self._laid_out()

    def tune(self, row: int) -> None:
        """Let what a leg is sent be as its peer wants it, of what there is to choose in its codec."""
        if streams := self._streams.get(int(self._legs.codec[row])):
            streams.tune(row, self._legs.records[row].spec.parameters)

    def audio(self, tick: Tick) -> None:
        """Encode and send the frames of a tick, which is over for all legs then."""
        self._patience.renew()
        self._send(self.make(tick))
        self._legs.frame_s += TICK_S

    def make(self, tick: Tick) -> int:
        """Encode the frames of a tick, and make the datagrams that take them; gives how many."""
        order = self.order
        self._ticks += 1
        for codec, streams in self._streams.items():
            streams.encode(order, tick.frame_of_row, self._lanes[FORMS[codec].lane])
        for lane in self._lanes:
            self._silence[lane.number] = len(lane.frames) - 1
        return make(order, tick.frame_of_row, self._ticks, self._strings_at, self._outgoing)

    def finish(self, rows: NDArray[np.int64]) -> None:
        """Send what there is of the packets of some legs, which are sent no more of this sound."""
        if rows.size:
            self._send(self.make_rest(rows))

    def make_rest(self, rows: NDArray[np.int64]) -> int:
        """Make datagrams of what there is of the packets of some legs; gives how many."""
        rows = rows[np.argsort(self._legs.port[rows], kind="stable")]
        return finish(rows, self._strings_at, self._outgoing)

    def seal(self, count: int) -> NDArray[np.int64]:
        """Seal the datagrams that were made where a leg is encrypted; gives the port that each leaves from."""
        ports = self._port_of[:count]
        kept = self._envelopes.seal(self._plan["row"][:count], self._outbox, ports)
        if len(kept) < count:  # what is left out was counted when it was addressed
            left = self._plan[:count][~self._envelopes.sealed[:count]]
            np.subtract.at(self._legs.packets_sent, left["row"], 1)
            np.subtract.at(self._legs.octets_sent, left["row"], left["length"])
        return kept

    def _send(self, count: int) -> None:
        """Send what was made, which is sorted by port."""
        if not count:
            return
        ports = self.seal(count)
        self.unsent += count - self._ports.send(self._outbox, ports, self._patience, self._between)

    def letters(self, letters: Letters, rows: NDArray[np.intp]) -> None:
        """Send the first letters, the reports of some rows, which are sorted by the port that they report from."""
        ports = self._envelopes.seal_reports(rows, letters, self._legs.report_port[rows])
        self.unsent += len(rows) - self._ports.send(letters, ports, self._patience, self._between)

    def skip(self, ticks: int) -> None:
        """Leave out ticks: a talk spurt begins after the pause (RFC 3551 section 4.1)."""
        self.finish(np.flatnonzero(self._legs.strung))
        pass_time(self.order, self._legs.table, ticks)
        self._legs.frame_s += ticks * TICK_S
        self._legs.marker |= self._legs.sending

    def event(self, row: int, packet: EventPacket) -> None:
        """Send one packet of a telephone event, unless the peer is not known or takes none (any more)."""
        legs, record = self._legs, self._legs.records[row]
        spec = record.spec
        if record.remote is None or not spec.sends or spec.keyless or spec.event_payload_type is None:
            return
        if packet.marker:
            self.finish(np.array([row]))
        if not legs.affords(np.array([row]), len(packet.payload)):
            return
        header = np.zeros(1, HEADER)
        header["first"], header["second"] = 0x80, int(legs.event_type[row]) | (packet.marker << 7)
        header["seq"], header["timestamp"], header["ssrc"] = legs.seq[row], packet.timestamp, legs.ssrc[row]
        payload = packet.payload
        sealed = legs.vault.seal(row, header.tobytes() + payload)
        legs.seq[row] = int(legs.seq[row]) + 1 & 0xFFFF  # one number alone would warn when it wraps
        if sealed is None:
            return
        record.ports.rtp.send_to(sealed, record.remote.host, record.remote.port)
        legs.packets_sent[row] += 1
        legs.octets_sent[row] += len(payload)


def replaced(arrays: tuple[NDArray[T], ...], place: int, array: NDArray[T]) -> tuple[NDArray[T], ...]:
    """Give some arrays with another in one place."""
    return (*arrays[:place], array, *arrays[place + 1 :])
