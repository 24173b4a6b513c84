"""The legs of a plane as columns: what the tick needs of each row stands in arrays, the rest in a record."""

import secrets
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.kernel import records
from softphone.codec import codec
from softphone.errors import MediaError
from softphone.media.codecs.forms import NUMBERS
from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.net.portpool import PortPair
from softphone.media.net.slots import ADDRESS_SIZE, sockaddr
from softphone.media.rtp import vault
from softphone.media.rtp.keys import KeyReceiver, KeySender
from softphone.media.rtp.vault import Vault

__all__ = ["LEG", "Columns", "Leg", "Legs", "check"]

TICK_MS = round(1000 * TICK_S)
# Bytes of IPv4, UDP and RTP around each payload.
OVERHEAD = 40
# So many times the bytes that came go to an address that may be anybody's (as in RFC 9000 section 8.1).
FACTOR = 3
# Two seconds of sound: by then whoever listens where its peer says has sent its first packet.
EARLY_BYTES = 2 * 50 * (160 + OVERHEAD)
# Codecs that a peer may change between.
CODECS_IN = 4
# Bytes of a packet whose size is not known beforehand: for what may be sent to an address that may be anybody's.
USUAL_SIZE = 80
# Payload type of nothing: larger than any (they have 7 bits).
NO_TYPE = 255


@dataclass(slots=True)
class Leg:
    """What is needed of a leg now and then.

    Sound is sent to `remote` and reports to `remote_rtcp`, it comes from `source`; `named` is where the peer said that
    it is. They are the same unless the peer was found elsewhere. `lent`: what may be sent early to an address that was
    only named has been granted, once for all of them.
    """

    spec: LegSpec
    ports: PortPair
    keys_out: KeySender
    keys_in: KeyReceiver
    remote: MediaAddress | None = None
    remote_rtcp: MediaAddress | None = None
    source: MediaAddress | None = None
    named: MediaAddress | None = None
    lent: bool = False

    @property
    def reports_beside(self) -> bool:
        """Whether reports go to the host that sound goes to."""
        return self.remote is not None and self.remote_rtcp is not None and self.remote.host == self.remote_rtcp.host

    @property
    def worth(self) -> float:
        """What each byte is worth that comes from the peer: nothing if what is sent goes to another host."""
        if self.remote is None or self.source is None or self.remote.host != self.source.host:
            return 0
        return np.inf if self.spec.trust == "early" else FACTOR


LEG = np.dtype(
    [
        ("leg", np.int64),  # the leg's number; 0: no leg in this row
        ("sending", np.bool_),  # sound may go out each tick
        ("answered", np.bool_),  # what goes out is silence while there is nothing to be heard
        ("receiving", np.bool_),  # what comes is taken
        ("unheard", np.bool_),  # no media has come from where the peer says that it sends from
        ("reports_to", np.bool_),  # it is known where reports go
        ("marker", np.bool_),  # the next packet begins a talk spurt
        ("codec", np.uint8),  # of what goes out: its place in `softphone.codec.TABLE`
        ("heard", np.uint8),  # and of the last sound that came
        ("payload_type", np.uint8),  # of what goes out
        ("event_type", np.uint8),
        ("types_in", np.uint8, (CODECS_IN,)),  # of what comes in, the usual one first
        ("codecs_in", np.uint8, (CODECS_IN,)),
        ("event_types_in", np.uint8, (2,)),
        ("level_id", np.uint8),  # of the header extension that says how loud what comes is; 0: none (`audio_level`)
        ("address", np.uint8, (ADDRESS_SIZE,)),
        ("report_address", np.uint8, (ADDRESS_SIZE,)),
        ("port", np.int64),  # index of the port that sound goes from
        ("report_port", np.int64),  # and of that for reports
        ("ticks", np.uint32),  # of the codec's clock in a tick of the bridge
        ("packet", np.int64),  # bytes of a packet that goes out (frames, if those are of any size), 0 when it is a tick
        ("parts", np.int64),  # packets in a tick, each encoded by itself: two of 10 ms, of a codec of any size
        ("strung", np.int64),  # bytes, or frames, that were made and that wait to fill a packet
        ("stream", np.int64),  # which of the codec's streams it was last sent, -1: none (`streams`)
        ("place", np.int64),  # where that lies among those of this tick
        ("alone", np.bool_),  # it has a stream of its own, as its peer wants it
        ("waiting", np.int64),  # packets that wait to be decoded (`parcels`)
        ("decoded", np.int64),  # where the sound of the last one ended
        ("fresh", np.bool_),  # the decoder is to begin anew
        ("left_out", np.bool_),  # the last packet was not decoded, for nobody heard it
        ("seq", np.uint16),  # of the next frame that goes out
        ("timestamp", np.uint32),
        ("ssrc", np.uint32),
        ("packets_sent", np.int64),
        ("octets_sent", np.int64),
        ("due_s", np.float64),  # when the next report goes out; infinite: never
        ("heard_s", np.float64),  # when the peer last gave a sign of life: media, or a report of its own (RFC 3550 6)
        # Bytes that may be sent to where nobody has shown that he wants them (infinite: it is shown), what a tick of
        # sound takes of them, and what each byte that comes is worth (infinite where it shows that the peer is there).
        ("credit", np.float64),
        ("price", np.float64),
        ("worth", np.float64),
        ("timeout_s", np.float64),  # how long none may come; infinite: for ever
        ("missed_s", np.float64),  # the `heard_s` after which it was reported that none came
    ],
    align=True,
)
"""What a tick needs of a leg."""
Columns: TypeAlias = Any
"""Records of dtype `LEG`, as kernels see them."""


class Legs:
    """The records of all rows: what a tick needs in a table, a column per attribute, the rest beside it.

    Attributes
    ----------
    table
        Record array of dtype `LEG`, shape (capacity,). Each of its fields is an attribute too, a view of that column.
    frame_s
        When the frame that goes out with `timestamp` is due, one time for all.
    version
        Grows when a leg comes, goes or changes.
    records
        What is needed now and then, by row.
    asides
        The rows whose peers send STUN or DTLS beside media.
    vault
        The keys of those that are encrypted.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.table: Columns = records(capacity, LEG)
        self.leg = self.table["leg"]
        self.codec, self.payload_type = self.table["codec"], self.table["payload_type"]
        self.types_in, self.codecs_in = self.table["types_in"], self.table["codecs_in"]
        self.heard, self.ticks = self.table["heard"], self.table["ticks"]
        self.stream, self.alone = self.table["stream"], self.table["alone"]
        self.waiting, self.fresh = self.table["waiting"], self.table["fresh"]
        self.left_out = self.table["left_out"]
        self.event_type, self.event_types_in = self.table["event_type"], self.table["event_types_in"]
        self.sending, self.answered = self.table["sending"], self.table["answered"]
        self.receiving, self.unheard = self.table["receiving"], self.table["unheard"]
        self.address, self.port = self.table["address"], self.table["port"]
        self.report_address, self.report_port = self.table["report_address"], self.table["report_port"]
        self.reports_to, self.due_s = self.table["reports_to"], self.table["due_s"]
        self.packet, self.strung = self.table["packet"], self.table["strung"]
        self.parts = self.table["parts"]
        self.seq, self.timestamp = self.table["seq"], self.table["timestamp"]
        self.ssrc, self.marker = self.table["ssrc"], self.table["marker"]
        self.packets_sent, self.octets_sent = self.table["packets_sent"], self.table["octets_sent"]
        self.heard_s, self.timeout_s = self.table["heard_s"], self.table["timeout_s"]
        self.missed_s = self.table["missed_s"]
        self.credit, self.price, self.worth = self.table["credit"], self.table["price"], self.table["worth"]
        for types in (self.payload_type, self.types_in, self.event_type, self.event_types_in):
            types[:] = NO_TYPE
        self.due_s[:] = self.timeout_s[:] = self.credit[:] = np.inf
        self.missed_s[:] = -np.inf
        self.frame_s = 0.0
        self.version = 0
        self.records: dict[int, Leg] = {}
        self.asides: set[int] = set()
        self.vault = Vault(capacity)

    def add(self, row: int, number: int, record: Leg, now: float) -> None:
        """Take a leg into `row`; `apply` does the rest."""
        self.version += 1
        self.records[row] = record
        self.leg[row] = number
        self.answered[row] = False
        self._begin(row)
        self.packets_sent[row] = self.octets_sent[row] = 0
        self.stream[row], self.waiting[row], self.fresh[row], self.alone[row] = -1, 0, True, False
        self.heard_s[row], self.missed_s[row] = now, -np.inf

    def _begin(self, row: int) -> None:
        """Begin a source: random SSRC, number and timestamp (RFC 3550 section 5.1).

        The number is small, so that it begins again with 0 long after the peer has heard the first one: it counts that
        (RFC 3711 section 3.3.1).
        """
        self.seq[row], self.timestamp[row] = secrets.randbits(15), secrets.randbits(32)
        self.ssrc[row], self.marker[row] = secrets.randbits(32), True

    def apply(self, row: int, now: float) -> None:
        """Write the columns that follow from the record's spec and remote address."""
        self.version += 1
        record = self.records[row]
        spec = record.spec
        if self.vault.put(row, spec.srtp):
            self._begin(row)
        (self.asides.discard if spec.ice is None and spec.dtls is None else self.asides.add)(row)
        self._apply_codec(row, spec)
        self.worth[row] = record.worth
        self.event_type[row] = NO_TYPE if spec.event_payload_type is None else spec.event_payload_type
        ours = self.event_type[row] if spec.event_payload_type_in is None else spec.event_payload_type_in
        self.event_types_in[row] = ours, self.event_type[row]
        self.port[row] = record.ports.rtp.index
        if np.isinf(self.timeout_s[row]):  # nobody listened for silence till now, so it begins now
            self.heard_s[row] = now
        self.receiving[row], self.table["level_id"][row] = spec.receives, spec.level_id
        self.timeout_s[row] = spec.timeout_s if spec.receives and spec.timeout_s > 0 else np.inf
        if record.remote is not None:
            self.address[row] = sockaddr(record.remote.host, record.remote.port)
        self.report_port[row] = (record.ports.rtp if spec.rtcp_mux else record.ports.rtcp).index
        self.reports_to[row] = record.remote_rtcp is not None and not spec.keyless
        if record.remote_rtcp is not None:
            self.report_address[row] = sockaddr(record.remote_rtcp.host, record.remote_rtcp.port)
        self.set_sending(row)

    def _apply_codec(self, row: int, spec: LegSpec) -> None:
        spoken = codec(spec.codec)
        if self.codec[row] != NUMBERS[spec.codec]:
            self.stream[row] = -1
        self.codec[row], self.payload_type[row] = NUMBERS[spec.codec], spec.payload_type
        self.ticks[row] = spoken.ticks(TICK_MS)
        self.packet[row] = 0 if spec.ptime_ms == TICK_MS else spoken.size(spec.ptime_ms) or spec.ptime_ms // TICK_MS
        self.parts[row] = 1 if spoken.bytes_per_ms else max(1, TICK_MS // spec.ptime_ms)
        self.price[row] = (spoken.size(TICK_MS) or USUAL_SIZE) + OVERHEAD * max(1, TICK_MS // spec.ptime_ms)
        usual = spec.payload_type if spec.payload_type_in is None else spec.payload_type_in
        self.types_in[row] = NO_TYPE
        for place, (kind, name) in enumerate(((usual, spec.codec), *spec.others)[:CODECS_IN]):
            self.types_in[row, place], self.codecs_in[row, place] = kind, NUMBERS[name]

    def set_sending(self, row: int) -> None:
        """Decide whether audio goes out: the peer is known, the direction allows it, no key is sounding."""
        record = self.records[row]
        on = record.remote is not None and record.spec.sends and not record.spec.keyless
        on = on and not record.keys_out.sounding
        self.marker[row] |= on and not self.sending[row]
        self.sending[row] = on

    def limit(self, row: int) -> None:
        """Let what may be sent follow from the record's trust in an address that is new, or newly trusted."""
        record = self.records[row]
        self.credit[row] = np.inf if record.spec.trust == "free" else 0
        if record.spec.trust == "early" and not record.lent:
            self.credit[row], record.lent = EARLY_BYTES, True

    def affords(self, rows: NDArray[np.intp], size: int) -> NDArray[np.bool_]:
        """Say which of some rows may be sent a datagram with so many bytes after the headers; it counts as sent."""
        sent: NDArray[np.bool_] = self.credit[rows] >= size + OVERHEAD
        self.credit[rows[sent]] -= size + OVERHEAD
        return sent

    def remove(self, row: int) -> Leg:
        """Empty a row; give its record."""
        self.version += 1
        self.vault.free(row)
        self.leg[row] = 0
        self.sending[row] = self.receiving[row] = self.reports_to[row] = False
        self.packet[row] = self.strung[row] = 0
        self.due_s[row] = self.timeout_s[row] = self.credit[row] = np.inf
        self.payload_type[row] = self.event_type[row] = self.types_in[row] = self.event_types_in[row] = NO_TYPE
        self.asides.discard(row)
        return self.records.pop(row)


# Telephone events may come at the clock of any codec (RFC 4733 section 2.1).
EVENT_CLOCK_MIN_HZ, EVENT_CLOCK_MAX_HZ = 8000, 96_000


def check(spec: LegSpec) -> None:
    """Refuse a spec that cannot be served.

    Raises
    ------
    MediaError
        When the codec, the direction, a payload type, a clock, a packet length, an address or a key is not to be used.
    """
    for name in (spec.codec, *(name for _, name in spec.others)):
        if name not in NUMBERS:
            raise MediaError(f"codec must be one of {', '.join(NUMBERS)}, not {name!r}")
    if spec.direction not in ("sendrecv", "sendonly", "recvonly", "inactive"):
        raise MediaError(f"no such direction: {spec.direction!r}")
    events = (spec.event_payload_type, spec.event_payload_type_in)
    kinds = (spec.payload_type, spec.payload_type_in, *(kind for kind, _ in spec.others), *events)
    if not all(kind is None or 0 <= kind <= 127 for kind in kinds):
        raise MediaError("a payload type is 0 to 127")
    if not 0 <= spec.level_id < 15:
        raise MediaError("a header extension of one byte is 1 to 14")
    _check_times(spec)
    _check_addresses(spec)
    vault.check(spec.srtp)


def _check_times(spec: LegSpec) -> None:
    if spec.ptime_ms not in codec(spec.codec).ptimes_ms:
        raise MediaError(f"a packet of {spec.codec} does not hold {spec.ptime_ms} ms")
    if not EVENT_CLOCK_MIN_HZ <= spec.event_clock_hz <= EVENT_CLOCK_MAX_HZ:
        raise MediaError(f"telephone events have no clock of {spec.event_clock_hz} Hz")


def _check_addresses(spec: LegSpec) -> None:
    for address in (spec.remote, spec.rtcp, spec.latch_host and MediaAddress(spec.latch_host, 0)):
        try:
            _ = address and sockaddr(address.host, address.port)
        except ValueError as error:
            raise MediaError(str(error)) from error
