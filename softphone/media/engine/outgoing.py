"""Kernels that make datagrams of what is heard: each frame is encoded once per codec, packets are as long as wanted."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import kernel
from mixer.struct import struct
from softphone.media.codecs.forms import LAW, QUEUED, Form, Forms, ticks_of
from softphone.media.codecs.g711 import compress
from softphone.media.codecs.l16 import write as write_linear
from softphone.media.codecs.opus import DTX_SIZE
from softphone.media.engine.bundle import PACKED, add, fits, pack
from softphone.media.engine.legs import Columns
from softphone.media.engine.plan import Plan, address, enter, pass_time
from softphone.media.engine.streams import is_sent
from softphone.media.net.batch import CHUNK, post

__all__ = ["STRING_TICKS", "Outgoing", "finish", "make", "make_and_post"]

# What a leg's packets are put together from, where they are not a tick long: every packet length fits in it wholly.
STRING_TICKS = 6
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
        Of each lane: int16, shape (frames, samples); int64, shape (1,): the frame that is silence.
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
    silence: tuple[NDArray[np.int64], ...]
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
            leg.place = frame if frame >= 0 else silence[form.lane][0]
            _encode(leg, form, frames[form.lane][leg.place], tables, payloads[codec], coded[codec], tick)
        string_at = strings_at + row * strings.shape[1]
        if leg.packet == 0:
            at = payloads_at[codec] + leg.place * payloads[codec].shape[1]
            n += _whole(leg, plan[n], row, at, size, 0)
            n += _further(leg, form, plan[n:], row, at, payloads[codec].shape[1], sizes[codec])
        elif form.bytes == 0:
            n += _bundle(leg, form, row, payloads[codec][leg.place], size, strings[row], string_at, plan[n:])
        else:
            n += _string(leg, form, row, payloads[codec][leg.place], strings[row], string_at, plan[n:])
    pass_time(order, legs, 1)
    address(plan, n, legs, out.headers, out.addresses, out.base, out.length, out.ports)
    return n


@kernel
def make_and_post(
    order: NDArray[np.int64], frame_of_row: NDArray[np.int64], tick: int, strings_at: int, out: Outgoing,
    fds: NDArray[np.int64], header_at: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Make the datagrams of a tick, and send the first `CHUNK` of them as they are.

    Parameters
    ----------
    order, frame_of_row, tick, strings_at, out
        As for `make`.
    fds, header_at
        As for `post`.

    Returns
    -------
    count, at, sent
        How many there are; the first that has not been tried, and how many went out.
    """
    count = make(order, frame_of_row, tick, strings_at, out)
    at, sent = post(fds, out.ports, header_at, 0, min(count, CHUNK), True)
    return count, at, sent


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
def _whole(leg: Columns, plan: Plan, row: int, at: int, length: int, after: int) -> int:
    """Plan a payload as it is, so many ticks of its clock `after` the leg's time.

    So short a one says that nobody speaks, and is left out (RFC 7587 section 3.1.3).
    """
    if length <= DTX_SIZE:
        leg.marker = True
        return 0
    enter(leg, plan, row, at, length, np.int64(leg.timestamp) + after)
    return 1


@kernel
def _further(
    leg: Columns, form: Form, plan: Plan, row: int, at: int, room: int, sizes: NDArray[np.int64]
) -> int:  # fmt: skip
    """Plan the other parts of a tick that is sent in several, that lie behind the first at `at`, `room` bytes apart."""
    n = 0
    for part in range(1, leg.parts):
        n += _whole(leg, plan[n], row, at + part * room, sizes[leg.place + part], part * form.ticks // leg.parts)
    return n


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
