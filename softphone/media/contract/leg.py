"""Legs, shared by both sides of the worker's socket: their settings, statistics and events.

These are the messages of the media channel, as frozen msgspec structs; a tag tells them apart on the wire.
"""

from typing import Literal

from msgspec import Struct

from softphone.media.contract.security import DtlsPeer, Ice, Srtp
from softphone.media.contract.streams import AudioStreamEnded, AudioStreamStarted

__all__ = [
    "Datagram",
    "MediaAddress",
    "Event",
    "KeyPressed",
    "LegInfo",
    "LegSpec",
    "LegStats",
    "PlaybackEnded",
    "RecordingEnded",
    "RecordingInfo",
    "RtpTimeout",
    "SrtpRefused",
    "LegDominant",
    "LegEchoing",
    "LegInVain",
    "LegTalking",
    "LegVoice",
    "Unclaimed",
    "WorkerLost",
    "WorkerMetrics",
]


class MediaAddress(Struct, frozen=True):
    """An IP address, IPv6 without brackets, and a UDP port."""

    host: str
    port: int


class LegSpec(Struct, frozen=True, kw_only=True):
    """How a leg talks RTP with its peer, as negotiated (RFC 3264).

    Attributes
    ----------
    codec
        Its name in `softphone.codec.TABLE`: what is sent, and what comes unless the peer changes to one of `others`.
    parameters
        What the peer's ``a=fmtp`` says of how it likes to be sent the codec.
    payload_type, event_payload_type
        0 to 127, as the peer numbers them: what is sent (RFC 3264 section 6.1). None: the peer takes no telephone
        events (RFC 4733).
    payload_type_in, event_payload_type_in
        As we number them: what is received. None: the same. Events are taken by either number, unless it is that of
        sound: some answer with a number of their own and send by ours, some the other way round.
    others
        Further codecs which the peer may change to at any time (RFC 3264 section 7): payload types, as we number them,
        and names.
    event_clock_hz
        Of the timestamps of telephone events, which begin at a timestamp of the codec and last by their own clock.
    ptime_ms
        Of sound in each packet that is sent: 10, 20, 30, 40 or 60. What comes may be of any length.
    remote
        Where the peer receives RTP; None: not known yet.
    family
        Of the address that it is told, 4 or 6, while `remote` is not known; 0: the usual one. Afterwards it is that of
        `remote`.
    remote_rtcp
        Where it receives RTCP; None: `remote`'s port when `rtcp_mux` (RFC 5761), else the one above.
    direction
        Ours: "sendrecv", "sendonly", "recvonly" or "inactive" (RFC 8866 section 6.7).
    latch_host
        The host that one other source than `remote` may come from, whatever its port; None: no other source. See
        `softphone.calls.nat`.
    timeout_s
        Without media and reports for so long, RtpTimeout is reported; 0: never.
    key_prelude
        Begin each key that is sent with a packet of no duration, by which alone some telephones tell one.
    inband_keys
        Listen for keys in the sound, for a peer without telephone events.
    trust
        How sure it is that the peer wants what is sent to `remote`. "free": it does. "early": a peer that is elsewhere
        has named it, so little is sent until something comes from there. "earned": nobody has shown anything, so three
        times the bytes that come from there are sent. See `softphone.calls.nat`.
    ice, dtls
        How the peer shows where it is; or who it is, where DTLS makes keys without. With `ice` it is on the shared
        port whether `remote` is known or not, which a check has shown, and that wins over an address only named.
    level_id
        Header extension, 1 to 14, in which what comes says how loud it is (RFC 6464, RFC 8285 section 4.2); 0: none.
    srtp
        How RTP and RTCP are encrypted; None: they are not. Other keys than before hold at once, and what is sent by a
        new one begins a new source. The same again change nothing: packets are numbered on, and none is heard twice.
    """

    codec: str = "PCMU"
    parameters: str = ""
    payload_type: int = 0
    event_payload_type: int | None = 101
    payload_type_in: int | None = None
    event_payload_type_in: int | None = None
    others: tuple[tuple[int, str], ...] = ()
    event_clock_hz: int = 8000
    ptime_ms: int = 20
    remote: MediaAddress | None = None
    family: int = 0
    remote_rtcp: MediaAddress | None = None
    rtcp_mux: bool = False
    direction: str = "sendrecv"
    latch_host: str | None = None
    timeout_s: float = 30.0
    inband_keys: bool = False
    key_prelude: bool = False
    trust: Literal["free", "early", "earned"] = "free"
    ice: Ice | None = None
    dtls: DtlsPeer | None = None
    srtp: Srtp | None = None
    level_id: int = 0

    @property
    def keyless(self) -> bool:
        """Whether it is to be encrypted, and cannot be yet."""
        return self.srtp is not None and not self.srtp.keyed

    @property
    def behind_nat(self) -> bool:
        """Whether media will come from another host than the peer says."""
        return self.remote is not None and self.latch_host not in (None, self.remote.host)

    @property
    def receives(self) -> bool:
        """Whether we take media from the peer."""
        return self.direction in ("sendrecv", "recvonly")

    @property
    def sends(self) -> bool:
        """Whether we send media to the peer."""
        return self.direction in ("sendrecv", "sendonly")

    @property
    def rtcp(self) -> MediaAddress | None:
        """Where reports go."""
        if self.remote is None or self.remote_rtcp is not None:
            return self.remote_rtcp
        return self.remote if self.rtcp_mux else MediaAddress(self.remote.host, min(self.remote.port + 1, 0xFFFF))


class LegInfo(Struct, frozen=True, tag=True):
    """Where the peer of a leg sends to: the address for our session description.

    Attributes
    ----------
    others
        Addresses of other families at which the same ports are open.
    """

    leg: int
    host: str
    port: int
    rtcp_port: int
    others: tuple[str, ...] = ()


class LegStats(Struct, frozen=True, tag=True, kw_only=True):
    """What a leg has seen (RFC 3550 section 6.4).

    Attributes
    ----------
    packets_received, packets_sent, octets_sent
        RTP packets and payload bytes.
    lost, late, duplicate, overrun, stray
        Packets that never came, came after their time, came twice, came too far ahead, belonged to no stream that was
        heard (another source, or a number or timestamp that no other packet confirmed; not in `packets_received`).
    refused
        RTP and RTCP packets of an encrypted leg that were not encrypted with its key, or came again (RFC 3711 section
        3.3); in none of the others.
    concealed
        20 ms frames that were made up for lost ones.
    jitter_ms
        Interarrival jitter (RFC 3550 section 6.4.1).
    rtt_ms
        Round-trip time by RTCP; None: the peer has not reported on us yet.
    loss_percent
        Share of the peer's packets that were lost.
    remote_loss_percent
        Share of our packets that the peer lost, by its last report; None: not reported.
    delay_ms
        What the playout buffer adds now.
    """

    packets_received: int = 0
    packets_sent: int = 0
    octets_sent: int = 0
    lost: int = 0
    late: int = 0
    duplicate: int = 0
    overrun: int = 0
    stray: int = 0
    refused: int = 0
    concealed: int = 0
    jitter_ms: float = 0.0
    rtt_ms: float | None = None
    loss_percent: float = 0.0
    remote_loss_percent: float | None = None
    delay_ms: float = 0.0


class RecordingInfo(Struct, frozen=True, tag=True):
    """A finished recording; see `RecordingEnded`."""

    path: str
    seconds: float
    tracks: list[str] = []
    reason: str = "stopped"
    dropped_s: float = 0.0


class WorkerMetrics(Struct, frozen=True, tag=True, kw_only=True):
    """How one worker is doing.

    Attributes
    ----------
    lateness_ms
        Upper bounds of the buckets of the lateness histogram; one more bucket is above them.
    lateness_counts, lateness_sum_ms
        Ticks per bucket (not cumulative), and the sum of all.
    late_ticks, skipped_ticks
        Ticks that began more than 20 ms late; ticks left out after a stall.
    tick_p50_ms, tick_p99_ms, tick_max_ms
        How long the recent ticks took (the last few thousand).
    cpu_s, memory_bytes
        Of the process.
    strangers, invalid, unsent
        Datagrams from unknown senders, that were no RTP or RTCP for us, that the system did not take.
    unclaimed
        Datagrams that could have been of several legs, so that they were of none; see `softphone.calls.nat`.
    unrecorded_s
        Sound that the disk was too slow for, of all recordings together.
    """

    pid: int
    legs: int = 0
    rooms: int = 0
    ticks: int = 0
    late_ticks: int = 0
    skipped_ticks: int = 0
    lateness_ms: list[float] = []
    lateness_counts: list[int] = []
    lateness_sum_ms: float = 0.0
    tick_p50_ms: float = 0.0
    tick_p99_ms: float = 0.0
    tick_max_ms: float = 0.0
    cpu_s: float = 0.0
    memory_bytes: int = 0
    strangers: int = 0
    unclaimed: int = 0
    invalid: int = 0
    unsent: int = 0
    unrecorded_s: float = 0.0


class KeyPressed(Struct, frozen=True, tag=True):
    """The peer of a leg pressed a key, one of 0-9, *, #, A-D: by an "event" (RFC 4733), or a "tone" in its sound."""

    leg: int
    key: str
    way: Literal["event", "tone"] = "event"


class LegEchoing(Struct, frozen=True, tag=True):
    """The peer of a leg began or ceased to return what it is sent; of one that is closed the end is not told."""

    leg: int
    on: bool


class LegTalking(Struct, frozen=True, tag=True):
    """A leg began or ceased to talk."""

    leg: int
    on: bool


class LegDominant(Struct, frozen=True, tag=True):
    """A leg took the floor of its room, or lost it; of one that is closed the end is not told."""

    leg: int
    on: bool


class LegInVain(Struct, frozen=True, tag=True):
    """A leg that is muted has been talking for a sentence, while nobody else was; said again after a pause."""

    leg: int


class RtpTimeout(Struct, frozen=True, tag=True):
    """A leg has been without media and reports for its `timeout_s`; said again only after one of them came back."""

    leg: int


class Datagram(Struct, frozen=True, tag=True):
    """A datagram came that is STUN or DTLS, by its first byte (RFC 7983); told where there are legs with ICE.

    Attributes
    ----------
    local
        The port of ours that it came to.
    """

    local: int
    sender: MediaAddress
    data: bytes


class SrtpRefused(Struct, frozen=True, tag=True):
    """What came from the peer of an encrypted leg was not heard; said once.

    Attributes
    ----------
    reason
        "key": it was not encrypted with the leg's key, or not at all; "replay": it had come before, or far too late.
    """

    leg: int
    reason: Literal["key", "replay"]


class Unclaimed(Struct, frozen=True, tag=True):
    """Media from a host could be of several legs, so that it is of none; said once for each host.

    See `softphone.calls.nat`.
    """

    host: str


class RecordingEnded(Struct, frozen=True, tag=True):
    """A recording is closed.

    Attributes
    ----------
    seconds
        Of sound, silence in pauses included.
    reason
        "stopped", "room removed", "leg closed", "time" (of a leg's recording), "closed" (the engine), or what the disk
        said.
    tracks
        The files of single parties, as long as the mix.
    dropped_s
        Of sound that the disk was too slow for: there is silence in its place.
    """

    recording: int
    path: str
    seconds: float
    reason: str
    tracks: list[str] = []
    dropped_s: float = 0.0


class PlaybackEnded(Struct, frozen=True, tag=True):
    """A playback is over, by itself or not.

    Attributes
    ----------
    reason
        "finished", "stopped", "nobody listens" (its legs are closed), "room removed", "closed" (the engine), or what
        is wrong with a file.
    """

    playback: int
    reason: str


class WorkerLost(Struct, frozen=True, tag=True):
    """A worker process is gone, and with it these legs and rooms."""

    pid: int
    legs: list[int]
    rooms: list[int]


LegVoice = LegDominant | LegEchoing | LegInVain | LegTalking
Event = (
    Datagram
    | KeyPressed
    | LegVoice
    | RtpTimeout
    | SrtpRefused
    | Unclaimed
    | RecordingEnded
    | PlaybackEnded
    | AudioStreamStarted
    | AudioStreamEnded
    | WorkerLost
)
