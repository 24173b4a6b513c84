"""From the bridge to datagrams: each frame is encoded once per codec, and all who hear it point at the same bytes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.kernel import Int, kernel, records
from mixer.tick import Tick
from softphone.codec import CODECS
from softphone.media.codecs.g711 import LAWS, compress_one
from softphone.media.engine.legs import Columns, Legs
from softphone.media.net.batch import OpenPorts
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer
from softphone.media.rtp.header import HEADER
from softphone.media.rtp.keys import EventPacket

__all__ = ["Sender"]

ENCODE = np.stack([LAWS[name].encoding for name in CODECS])
# What a leg's packets are put together from, where they are not a tick long: every packet length fits in it wholly.
STRING_TICKS = 6
# Packets of a tick that a leg is sent at most: those of 10 ms.
MOST = 2
PLAN = np.dtype(
    [("row", np.int64), ("payload", np.int64), ("length", np.int64), ("timestamp", np.int64), ("marker", np.bool_)],
    align=True,
)
"""A datagram to be sent: its leg, where its payload lies in memory and how many bytes it has, its time and marker."""
Plan: TypeAlias = Any
"""Records of dtype `PLAN`, or one of them, as kernels see them."""


@kernel
def make(
    order: NDArray[np.int64],
    legs: Columns,
    frame_of_row: NDArray[np.int64],
    frames: NDArray[np.int16],
    tables: NDArray[np.uint8],
    payloads: NDArray[np.uint8],
    payloads_at: int,
    coded: NDArray[np.bool_],
    strings: NDArray[np.uint8],
    strings_at: int,
    plan: Plan,
) -> int:
    """Make the payloads of a tick: encode what is heard, once per codec; silence for who is answered and hears nothing.

    Parameters
    ----------
    order
        int64, the rows with a leg, sorted by the port that they send from.
    legs, frame_of_row, frames
        Of each row; its frame, -1: it hears nothing; int16, shape (frames, samples), the last is silence.
    tables
        uint8, shape (codecs, 65536): the code of each sample.
    payloads, payloads_at, coded
        uint8, shape (codecs * frames, samples) or more, written, and its address; bool, to work in.
    strings, strings_at
        uint8, shape (capacity, STRING_TICKS * samples): what waits to fill a packet, and its address.
    plan
        Records of dtype `PLAN`, written.

    Returns
    -------
    int
        How many datagrams are to be sent.
    """
    n, count, samples = 0, len(frames), frames.shape[1]
    for i in range(len(tables) * count):
        coded[i] = False
    for row in order:
        leg, frame = legs[row], frame_of_row[row]
        sent = leg.sending and (frame >= 0 or leg.answered) and leg.credit >= leg.price
        if leg.strung > 0 and not sent:
            n += _rest(leg, row, strings_at + row * strings.shape[1], plan[n])
        leg.marker |= leg.sending != sent  # who hears nothing now begins a talk spurt later (RFC 3551 section 4.1)
        if not sent:
            continue
        leg.credit -= leg.price
        at = np.int64(leg.codec) * count + (frame if frame >= 0 else count - 1)
        if not coded[at]:
            coded[at] = True
            compress_one(tables[leg.codec], frames[at % count], samples, payloads[at])
        if leg.packet == 0:
            _plan(leg, plan[n], row, payloads_at + at * samples, samples, np.int64(leg.timestamp))
            n += 1
            continue
        n += _string(leg, row, payloads[at], strings[row], strings_at + row * strings.shape[1], plan[n:])
    return n


@kernel
def _string(
    leg: Columns, row: int, payload: NDArray[np.uint8], string: NDArray[np.uint8], string_at: int, plan: Plan
) -> int:
    """Put a tick into what waits to fill a packet, and plan those that are full; gives how many."""
    samples, first = len(payload), leg.strung // leg.packet
    for j in range(np.uint64(0), np.uint64(samples)):
        string[np.uint64(leg.strung) + j] = payload[j]
    end = leg.strung + samples
    for k in range(first, end // leg.packet):
        start = k * leg.packet
        _plan(leg, plan[k - first], row, string_at + start, leg.packet, np.int64(leg.timestamp) + start - leg.strung)
    packets = end // leg.packet - first
    leg.strung = end % len(string)
    return packets


@kernel
def finish(rows: NDArray[np.int64], legs: Columns, strings: NDArray[np.uint8], strings_at: int, plan: Plan) -> int:
    """Plan what there is of the packets of some legs, as short as they are; gives how many datagrams that is."""
    n = 0
    for row in rows:
        n += _rest(legs[row], row, strings_at + row * strings.shape[1], plan[n])
    return n


@kernel
def _rest(leg: Columns, row: int, string_at: int, plan: Plan) -> int:
    left = leg.strung % leg.packet if leg.packet > 0 else 0
    if left > 0:
        _plan(leg, plan, row, string_at + leg.strung - left, left, np.int64(leg.timestamp) - left)
    leg.strung = 0
    return int(left > 0)


@kernel
def _plan(leg: Columns, plan: Plan, row: int, base: int, length: int, timestamp: Int) -> None:
    plan.row, plan.payload, plan.length, plan.timestamp = row, base, length, timestamp & 0xFFFFFFFF
    plan.marker, leg.marker = leg.marker, False


@kernel
def address(
    plan: Plan,
    count: int,
    legs: Columns,
    headers: NDArray[np.uint8],
    addresses: NDArray[np.uint8],
    base: NDArray[np.uint64],
    length: NDArray[np.uint64],
    ports: NDArray[np.int64],
) -> None:
    """Write RTP headers (RFC 3550 5.1), addresses and pointers of planned datagrams, and count them.

    Parameters
    ----------
    plan, count, legs
        What is sent, and of whom.
    headers, addresses, base, length
        Of `SendBuffer`, written.
    ports
        int64, written: the port that each leaves from.
    """
    for i in range(count):
        each, header, to = plan[i], headers[i], addresses[i]
        leg = legs[each.row]
        header[1] = leg.payload_type | np.uint8(each.marker) << np.uint8(7)
        header[2], header[3] = leg.seq >> 8, leg.seq & 0xFF
        for j in range(4):
            header[4 + j] = each.timestamp >> 8 * (3 - j) & 0xFF
            header[8 + j] = np.int64(leg.ssrc) >> 8 * (3 - j) & 0xFF
        for j in range(16):
            to[j] = leg.address[j]
        base[i], length[i], ports[i] = each.payload, each.length, leg.port
        leg.seq = (np.int64(leg.seq) + 1) & 0xFFFF
        leg.packets_sent += 1
        leg.octets_sent += each.length


class Sender:
    """Sends each tick's frames, and keys.

    Parameters
    ----------
    legs
        Whom to send to.
    samples
        Samples (and for G.711 bytes) per tick.
    ports
        The open ports.
    between
        Called between chunks of datagrams.
    """

    def __init__(self, legs: Legs, samples: int, ports: OpenPorts, between: Callable[[], None]) -> None:
        self._legs, self._samples, self._ports, self._between = legs, samples, ports, between
        self._outbox = SendBuffer(MOST * legs.capacity)
        self._plan: Plan = records(MOST * legs.capacity, PLAN)
        self._port_of = np.zeros(MOST * legs.capacity, np.int64)
        # Memory that no leg needs is never touched.
        self._strings = np.zeros((legs.capacity, STRING_TICKS * samples), np.uint8)
        self._payloads = np.zeros((0, samples), np.uint8)
        self._coded = np.zeros(0, np.bool_)
        self._order, self._ordered = np.zeros(0, np.int64), -1
        self._patience = Patience()
        self.unsent = 0

    def audio(self, tick: Tick) -> None:
        """Encode and send the frames of a tick."""
        self._patience.renew()
        self._send(self.plan(tick))

    def plan(self, tick: Tick) -> int:
        """Encode the frames of a tick, and plan the datagrams that take them; gives how many."""
        frames = tick.lanes[0].frames
        if len(self._payloads) < len(CODECS) * len(frames):
            self._payloads = np.zeros((2 * len(CODECS) * len(frames), self._samples), np.uint8)
            self._coded = np.zeros(len(self._payloads), np.bool_)
        if self._ordered != self._legs.version:
            rows = np.flatnonzero(self._legs.leg)
            self._order, self._ordered = rows[np.argsort(self._legs.port[rows], kind="stable")], self._legs.version
        return make(
            self._order,
            self._legs.table,
            tick.frame_of_row,
            frames,
            ENCODE,
            self._payloads,
            self._payloads.ctypes.data,
            self._coded,
            self._strings,
            self._strings.ctypes.data,
            self._plan,
        )

    def finish(self, rows: NDArray[np.int64]) -> None:
        """Send what there is of the packets of some legs, which are sent no more of this sound."""
        self._send(self.plan_rest(rows))

    def plan_rest(self, rows: NDArray[np.int64]) -> int:
        """Plan what there is of the packets of some legs; gives how many datagrams."""
        rows = rows[np.argsort(self._legs.port[rows], kind="stable")]
        return finish(rows, self._legs.table, self._strings, self._strings.ctypes.data, self._plan)

    def write(self, count: int) -> None:
        """Write the headers of as many planned datagrams, and where they go."""
        out = self._outbox
        address(self._plan, count, self._legs.table, out.headers, out.address, out.base, out.length, self._port_of)

    def _send(self, count: int) -> None:
        """Send what is planned, which is sorted by port."""
        if not count:
            return
        self.write(count)
        self.unsent += count - self._ports.send(self._outbox, self._port_of[:count], self._patience, self._between)

    def letters(self, letters: Letters, ports: NDArray[np.int64]) -> None:
        """Send the first letters; `ports` has the index of each one's port, ascending."""
        self.unsent += len(ports) - self._ports.send(letters, ports, self._patience, self._between)

    def advance(self, ticks: int = 1) -> None:
        """Let the time of all legs go on, sent or not: timestamps count the clock, not the packets."""
        self._legs.timestamp += np.uint32(ticks * self._samples & 0xFFFFFFFF)
        self._legs.frame_s += ticks * TICK_S

    def skip(self, ticks: int) -> None:
        """Leave out ticks: a talk spurt begins after the pause (RFC 3551 section 4.1)."""
        self.finish(np.flatnonzero(self._legs.strung))
        self.advance(ticks)
        self._legs.marker |= self._legs.sending

    def event(self, row: int, packet: EventPacket) -> None:
        """Send one packet of a telephone event, unless the peer is not known or takes none (any more)."""
        legs, record = self._legs, self._legs.records[row]
        if record.remote is None or not record.spec.sends or record.spec.event_payload_type is None:
            return
        if packet.marker:
            self.finish(np.array([row]))
        if not legs.affords(np.array([row]), len(packet.payload)):
            return
        header = np.zeros(1, HEADER)
        header["first"], header["second"] = 0x80, int(legs.event_type[row]) | (packet.marker << 7)
        header["seq"], header["timestamp"], header["ssrc"] = legs.seq[row], packet.timestamp, legs.ssrc[row]
        payload = packet.payload
        record.ports.rtp.send_to(header.tobytes() + payload, record.remote.host, record.remote.port)
        legs.seq[row] = int(legs.seq[row]) + 1 & 0xFFFF  # one number alone would warn when it wraps
        legs.packets_sent[row] += 1
        legs.octets_sent[row] += len(payload)
