"""From the bridge to datagrams: each frame is encoded once per codec, and all who hear it point at the same bytes."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.kernel import records
from mixer.lane import Lane
from mixer.tick import Tick
from softphone.codec import TABLE
from softphone.media.codecs.forms import ENCODE, FORMS, NUMBERS, QUEUED
from softphone.media.contract.leg import LegSpec
from softphone.media.engine.bundle import ROOM
from softphone.media.engine.legs import Legs
from softphone.media.engine.opus_streams import OpusStreams
from softphone.media.engine.outgoing import STRING_TICKS, Outgoing, finish, make, make_and_post
from softphone.media.engine.plan import PLAN, Plan, pass_time
from softphone.media.engine.secrecy import Envelopes
from softphone.media.engine.streams import Streams
from softphone.media.net.batch import OpenPorts
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer
from softphone.media.rtp.header import HEADER
from softphone.media.rtp.keys import EventPacket

__all__ = ["Sender"]

# Packets of a tick that a leg is sent at most: those of 10 ms.
MOST = 2
# Codecs whose listeners are not all sent the same, by their encoding.
TUNED = {"OPUS": OpusStreams}
T = TypeVar("T", bound=np.generic)


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
        self._coded = np.zeros((len(FORMS), count), np.int64)
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
            silence=tuple(lane.silence_at for lane in self._lanes),
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
        if self._ports.batches and not len(self._legs.vault):
            self._post(tick)
        else:
            self._send(self.make(tick))
        self._legs.frame_s += TICK_S

    def _post(self, tick: Tick) -> None:
        """Make the datagrams of a tick and send them, in one where all can be sent at once and none is to be sealed."""
        to = self._ports.fds, self._outbox.header_at
        count, at, sent = make_and_post(*self._begin(tick), self._strings_at, self._outgoing, *to)
        if at < count:
            sent += self._ports.send(self._outbox, self._port_of[:count], self._patience, self._between, at)
        self.unsent += count - sent

    def make(self, tick: Tick) -> int:
        """Encode the frames of a tick, and make the datagrams that take them; gives how many."""
        return make(*self._begin(tick), self._strings_at, self._outgoing)

    def _begin(self, tick: Tick) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Encode what is no work of `make`; gives the rows to send to, the frame of each, the number of the tick."""
        order = self.order
        self._ticks += 1
        for codec, streams in self._streams.items():
            streams.encode(order, tick.frame_of_row, self._lanes[FORMS[codec].lane])
        return order, tick.frame_of_row, self._ticks

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
