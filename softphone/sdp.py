"""Offer and answer (RFC 3264) over session descriptions (RFC 8866), as values.

Whoever answers must know the peer's address before it can say its own (the leg is opened in between), so there are
two steps: :func:`choose` reads an offer and says what would be spoken, :func:`answer` writes the answer to it. Whoever
offers writes :func:`offer` and reads what came back with :func:`accept`. The values themselves are in ``description``.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from softphone.description import (
    Connection,
    MediaDescription,
    Origin,
    PayloadFormat,
    SessionDescription,
    parse,
)
from softphone.errors import NoCommonCodec, SdpError

__all__ = [
    "Connection",
    "MediaDescription",
    "Negotiated",
    "NoCommonCodec",
    "Origin",
    "PayloadFormat",
    "SdpError",
    "SessionDescription",
    "accept",
    "answer",
    "choose",
    "offer",
    "parse",
]

PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}
"""What we can speak so far, with its static payload type (RFC 3551 section 6)."""

EVENT_PAYLOAD_TYPE = 101
"""What nearly every telephone uses for RFC 4733; some never look at the number in the description."""

PROTOCOLS = ("RTP/AVP", "RTP/AVPF")
PTIME_MS = 20
NOWHERE = "0.0.0.0"
DIRECTIONS = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}
SENDING = ("sendrecv", "sendonly")
RECEIVING = ("sendrecv", "recvonly")


@dataclass(frozen=True)
class Negotiated:
    """What both sides will speak on the one audio stream.

    ``direction`` is ours. ``remote_host`` is ``0.0.0.0`` when the peer holds in the old way (RFC 3264 section 8.4);
    the direction then does not include sending. ``remote_rtcp_port`` is None when the peer did not name one: the port
    after ``remote_port``. ``ptime_ms`` is what the peer likes to receive. ``other_payload_type`` is that of the codec
    which the peer may send besides ``codec``, of the two that we offered; None: it may not.
    """

    codec: str
    payload_type: int
    event_payload_type: int | None
    remote_host: str
    remote_port: int
    remote_rtcp_port: int | None = None
    rtcp_mux: bool = False
    direction: str = "sendrecv"
    ptime_ms: int = PTIME_MS
    other_payload_type: int | None = None

    @property
    def sends(self) -> bool:
        """Whether the peer takes our media."""
        return self.direction in SENDING

    def is_hold(self, *, heard: bool) -> bool:
        """Whether the peer holds us (RFC 3264 section 8.4): it takes our media no more.

        Parameters
        ----------
        heard
            Whether it ever has taken it. One that only sends from the first holds nobody: it is an announcement, or
            a listener's ear. One that neither takes nor sends, or says no address, holds from the first.
        """
        return not self.sends and (heard or self.direction == "inactive" or self.remote_host == NOWHERE)


def offer(
    host: str,
    port: int,
    *,
    codecs: Sequence[str] = ("PCMU", "PCMA"),
    direction: str = "sendrecv",
    session_id: int,
    version: int,
    rtcp_port: int | None = None,
    rtcp_mux: bool = True,
) -> SessionDescription:
    """Describe one audio stream that we would like (RFC 3264 section 5).

    Parameters
    ----------
    host, port
        Where we receive RTP.
    codecs
        Names in order of preference, of those in ``PAYLOAD_TYPES``.
    rtcp_port
        Where we receive RTCP, when that is not the port after `port`.
    rtcp_mux
        Whether we are ready to take RTCP on the RTP port (RFC 5761).
    """
    formats = [PayloadFormat(PAYLOAD_TYPES[name], name, 8000) for name in codecs]
    attributes = _attributes(formats, EVENT_PAYLOAD_TYPE, direction, _rtcp(port, rtcp_port), mux=rtcp_mux)
    numbers = (*(str(each.payload_type) for each in formats), str(EVENT_PAYLOAD_TYPE))
    media = MediaDescription("audio", port, "RTP/AVP", numbers, attributes=attributes)
    here = Connection(host)
    return SessionDescription(Origin("-", session_id, version, here), (media,), here)


def choose(
    remote_offer: SessionDescription, codecs: Sequence[str] = ("PCMU", "PCMA"), direction: str = "sendrecv"
) -> Negotiated:
    """Say what would be spoken if `remote_offer` were answered now; nothing is promised yet.

    The first usable audio stream counts, and in it the offerer's order of preference (RFC 3264 section 6.1).

    Raises
    ------
    NoCommonCodec
        No stream is audio over plain RTP to an IPv4 address in one of `codecs` (answered with 488).
    """
    return _select(remote_offer, codecs, direction)[1]


def answer(
    remote_offer: SessionDescription,
    host: str,
    port: int,
    *,
    codecs: Sequence[str] = ("PCMU", "PCMA"),
    session_id: int,
    version: int,
    direction: str = "sendrecv",
    rtcp_port: int | None = None,
) -> tuple[SessionDescription, Negotiated]:
    """Answer an offer (RFC 3264 section 6): one audio stream in one codec; all other streams are refused with port 0.

    Parameters
    ----------
    host, port, rtcp_port
        Where we receive, as in :func:`offer`.
    direction
        What we would like; the answer says at most what the offer allows.

    Raises
    ------
    NoCommonCodec
        As :func:`choose`.
    """
    index, agreed = _select(remote_offer, codecs, direction)
    theirs = remote_offer.media[index]
    spoken = [PayloadFormat(agreed.payload_type, agreed.codec, 8000)]
    rtcp = None if agreed.rtcp_mux else _rtcp(port, rtcp_port)
    attributes = _attributes(spoken, agreed.event_payload_type, agreed.direction, rtcp, mux=agreed.rtcp_mux)
    if mid := theirs.attribute("mid"):
        attributes = (("mid", mid), *attributes)
    events = () if agreed.event_payload_type is None else (str(agreed.event_payload_type),)
    formats = (str(agreed.payload_type), *events)
    ours = MediaDescription("audio", port, theirs.protocol, formats, attributes=attributes)
    media = tuple(ours if i == index else each.refused() for i, each in enumerate(remote_offer.media))
    here = Connection(host)
    return SessionDescription(Origin("-", session_id, version, here), media, here, timing=remote_offer.timing), agreed


def accept(local_offer: SessionDescription, remote_answer: SessionDescription) -> Negotiated:
    """Read the answer to our own offer (RFC 3264 section 7).

    Raises
    ------
    NoCommonCodec
        The audio stream was refused, or answered with something that we did not offer.
    SdpError
        The answer has fewer streams than the offer.
    """
    index, ours = next((i, media) for i, media in enumerate(local_offer.media) if media.port)
    if index >= len(remote_answer.media):
        raise SdpError(f"answer has {len(remote_answer.media)} streams, the offer {len(local_offer.media)}")
    codecs = [each.name for each in ours.payload_formats() if each.name in PAYLOAD_TYPES]
    theirs = remote_answer.media[index]
    agreed = _negotiated(remote_answer, theirs, codecs, local_offer.direction(ours))
    if agreed is None:
        raise NoCommonCodec(f"our audio stream was not accepted: {_said(theirs)}")
    spoken = {each.name for each in _spoken(theirs, codecs)} - {agreed.codec}
    other = next((each.payload_type for each in ours.payload_formats() if each.name in spoken), None)
    return replace(agreed, other_payload_type=other)


def _select(description: SessionDescription, codecs: Sequence[str], direction: str) -> tuple[int, Negotiated]:
    for index, media in enumerate(description.media):
        if agreed := _negotiated(description, media, codecs, direction):
            return index, agreed
    offered = "; ".join(map(_said, description.media)) or "no stream"
    raise NoCommonCodec(f"nothing in common with {offered[:300]}")


def _negotiated(
    description: SessionDescription, media: MediaDescription, codecs: Sequence[str], wanted: str
) -> Negotiated | None:
    """Say what can be spoken with the peer that sent `media`, None if nothing."""
    where = description.address(media)
    spoken = next(_spoken(media, codecs), None)
    if spoken is None or where is None or not _is_ipv4(where) or not _is_audio(media):
        return None
    theirs = description.direction(media)
    sends = wanted in SENDING and theirs in RECEIVING and where.host != NOWHERE
    receives = wanted in RECEIVING and theirs in SENDING
    return Negotiated(
        codec=spoken.name,
        payload_type=spoken.payload_type,
        event_payload_type=_event_type(media, spoken.clock_hz),
        remote_host=where.host,
        remote_port=media.port,
        remote_rtcp_port=_number(media.attribute("rtcp"), 65_535),
        rtcp_mux=media.attribute("rtcp-mux") is not None,
        direction=DIRECTIONS.get((sends, receives), "inactive"),
        ptime_ms=_number(media.attribute("ptime"), 1_000) or PTIME_MS,
    )


def _is_audio(media: MediaDescription) -> bool:
    return media.kind == "audio" and media.port > 0 and media.protocol.upper() in PROTOCOLS


def _is_ipv4(where: Connection) -> bool:
    """Whether it is the address of one host, or of none (``0.0.0.0``, hold)."""
    try:
        address = ipaddress.IPv4Address(where.host)
    except ValueError:
        return False
    return where.family == "IP4" and not (address.is_multicast or address.is_reserved)


def _spoken(media: MediaDescription, codecs: Sequence[str]) -> Iterator[PayloadFormat]:
    return (
        each for each in media.payload_formats() if each.name in codecs and (each.clock_hz, each.channels) == (8000, 1)
    )


def _event_type(media: MediaDescription, clock_hz: int) -> int | None:
    """Payload type of telephone-event with the codec's clock (RFC 4733 section 2.1)."""
    wanted = ("TELEPHONE-EVENT", clock_hz)
    return next((each.payload_type for each in media.payload_formats() if (each.name, each.clock_hz) == wanted), None)


def _number(text: str | None, largest: int) -> int | None:
    """Return the number that `text` begins with, None if there is none or it is out of range."""
    found = re.match(r"[0-9]{1,5}(?![0-9])", text or "")
    return int(found[0]) if found and int(found[0]) <= largest else None


def _said(media: MediaDescription) -> str:
    return f"{media.kind} {media.port} {media.protocol} {' '.join(media.formats[:20])}"


def _rtcp(port: int, rtcp_port: int | None) -> int | None:
    """Only a port that is not the next one needs saying (RFC 3605)."""
    return None if rtcp_port in (None, port + 1) else rtcp_port


def _attributes(
    formats: Sequence[PayloadFormat], event: int | None, direction: str, rtcp: int | None, *, mux: bool
) -> tuple[tuple[str, str | None], ...]:
    pairs: list[tuple[str, str | None]] = []
    pairs += [("rtpmap", f"{each.payload_type} {each.name}/{each.clock_hz}") for each in formats]
    if event is not None:
        pairs += [("rtpmap", f"{event} telephone-event/8000"), ("fmtp", f"{event} 0-15")]
    pairs.append(("ptime", str(PTIME_MS)))
    if rtcp is not None:
        pairs.append(("rtcp", str(rtcp)))
    if mux:
        pairs.append(("rtcp-mux", None))
    return (*pairs, (direction, None))
