"""Payload formats of an audio stream: the codecs of `softphone.codec` and telephone events, with numbers.

Dynamic payload types keep their meaning through a session (RFC 3264 section 8.3.2), and an answer has the offerer's
numbers (section 6.1) and its spelling.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from softphone.codec import DYNAMIC, PTIMES_MS, Codec, codec
from softphone.sdp.description import (
    LARGEST_PAYLOAD_TYPE,
    Attributes,
    MediaDescription,
    PayloadFormat,
    SessionDescription,
)
from softphone.sdp.profile import number

__all__ = [
    "RtpMap",
    "attributes",
    "event_line",
    "events",
    "extension",
    "level_id",
    "nearest",
    "offered",
    "ptime_ms",
    "spoken",
]

EVENTS = "telephone-event"
# Of codecs that telephones have; events have the clock of a codec beside them (RFC 4733 section 2.1). Nearly every
# telephone uses 101 at 8000, and some never look at the number in the description.
EVENT_PAYLOAD_TYPES = {8000: 101, 16_000: 113, 24_000: 117, 32_000: 112, 48_000: 110}
KEYS = "0-15"
# The level of each packet's sound, beside it (RFC 6464); and what an extension of one byte is numbered by (RFC 8285).
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
EXTENSION_IDS = range(1, 15)
LEVEL_ID = 1
SENT = ("sendrecv", "sendonly")
PTIME_MS = 20


class RtpMap(NamedTuple):
    """A format as it is described: its number, ``encoding/clock[/channels]``, and its parameters ("": none)."""

    payload_type: int
    rtpmap: str
    parameters: str = ""


def spoken(media: MediaDescription, codecs: Sequence[str]) -> Iterator[tuple[Codec, PayloadFormat]]:
    """Give the formats of a stream that are one of some codecs, in its order of preference."""
    table = [codec(name) for name in codecs]
    for each in media.payload_formats():
        for one in table:
            if one.is_spoken_as(each.name, each.clock_hz, each.channels):
                yield one, each


def events(media: MediaDescription, clock_hz: int) -> PayloadFormat | None:
    """Give the telephone events with the codec's clock (RFC 4733 section 2.1), else with any that a codec has."""
    formats = media.payload_formats()
    found = [each for each in formats if each.name == EVENTS.upper() and each.clock_hz in EVENT_PAYLOAD_TYPES]
    return next((each for each in found if each.clock_hz == clock_hz), found[0] if found else None)


def event_line(payload_type: int, clock_hz: int) -> RtpMap:
    """Describe telephone events: the keys of a telephone (RFC 4733 section 2.4.1)."""
    return RtpMap(payload_type, f"{EVENTS}/{clock_hz}", KEYS)


def offered(codecs: Sequence[str], known: Mapping[str, int]) -> list[RtpMap]:
    """Describe codecs in order of preference, and telephone events at each of their clocks.

    Parameters
    ----------
    codecs
        Names of `softphone.codec.TABLE`.
    known
        What numbers mean already in this session, by lower-case ``encoding/clock[/channels]``.
    """
    table = [codec(name) for name in codecs]
    clocks = dict.fromkeys(each.clock_hz for each in table)
    lines = [RtpMap(each.payload_type, str(each), each.parameters) for each in table]
    lines += [event_line(EVENT_PAYLOAD_TYPES[clock], clock) for clock in clocks]
    return list(_numbered(lines, known))


def _numbered(lines: Sequence[RtpMap], known: Mapping[str, int]) -> Iterator[RtpMap]:
    """Give each line a number of its own: the one that it has in the session, its usual one, or any that is free."""
    taken = set(known.values())
    for line in lines:
        payload_type = known.get(line.rtpmap.lower())
        if payload_type is None:
            free = (line.payload_type, *range(DYNAMIC, LARGEST_PAYLOAD_TYPE + 1))
            payload_type = next(each for each in free if each not in taken)
        taken.add(payload_type)
        yield line._replace(payload_type=payload_type)


def attributes(lines: Sequence[RtpMap]) -> Attributes:
    """Write ``a=rtpmap`` and ``a=fmtp`` of formats."""
    pairs: list[tuple[str, str]] = []
    for each in lines:
        pairs.append(("rtpmap", f"{each.payload_type} {each.rtpmap}"))
        if each.parameters:
            pairs.append(("fmtp", f"{each.payload_type} {each.parameters}"))
    return tuple(pairs)


def level_id(description: SessionDescription, media: MediaDescription) -> int:
    """Give the number of the header extension that tells how loud a stream is, where its peer sends it; 0: none."""
    for name, value in (*media.attributes, *description.attributes):
        said, uri, *_ = *(value or "").split()[:2], "", ""
        place, _, direction = said.partition("/")
        sent, found = direction in ("", *SENT), number(place, EXTENSION_IDS[-1]) or 0
        if name == "extmap" and uri.lower() == LEVEL and sent and found in EXTENSION_IDS:
            return found
    return 0


def extension(level_id: int) -> Attributes:
    """Write that we take how loud a stream is, and do not send it (RFC 8285 section 5); 0: it may not tell."""
    return (("extmap", f"{level_id}/recvonly {LEVEL}"),) if level_id else ()


def ptime_ms(media: MediaDescription, spoken: Codec) -> int:
    """Give how much sound to send the peer in a packet (RFC 8866 sections 6.4, 6.5)."""
    wanted = number(media.attribute("ptime"), 99_999) or PTIME_MS
    return nearest(spoken, wanted, number(media.attribute("maxptime"), 99_999) or PTIMES_MS[-1])


def nearest(spoken: Codec, wanted_ms: int, most_ms: int = PTIMES_MS[-1]) -> int:
    """Give the packet length of a codec that is nearest to what is wanted; of two as near, the shorter."""
    lengths = spoken.ptimes_ms
    return min((ms for ms in lengths if ms <= max(most_ms, lengths[0])), key=lambda ms: abs(ms - wanted_ms))
