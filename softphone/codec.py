"""Audio codecs: name, RTP clock, sampling rates, payload type and packet lengths of each, in one table.

Session descriptions are negotiated from it (`softphone.sdp`), and `softphone.media.codecs` decodes and encodes what it
lists. The RTP clock is no sampling rate: G.722 counts 8000 ticks a second of sound at 16 kHz (RFC 3551 section 4.5.2),
and Opus 48,000 whatever it decodes to (RFC 7587 section 4.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from softphone import opus

__all__ = ["CODECS", "COMFORT_NOISE", "PTIMES_MS", "TABLE", "WIDE_FIRST", "Codec", "codec", "spoken_here"]

PTIMES_MS = (10, 20, 30, 40, 60)
"""How much sound a packet may hold that we send."""

LARGEST_PAYLOAD = 1400
"""Bytes of sound in a packet: with headers, and those of a tunnel, no network cuts it in two (RFC 3551 section 4.2)."""

COMFORT_NOISE = 13
"""Payload type of comfort noise at a clock of 8000 (RFC 3389 section 4); peers send it agreed on or not."""

DYNAMIC = 96
"""Payload types from here on mean what the session description says (RFC 3551 section 6)."""


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One way to speak: an encoding at a clock.

    Attributes
    ----------
    name
        As configuration, legs and logs call it; no two have the same.
    encoding, clock_hz, channels
        Of ``a=rtpmap``; names of encodings are alike in upper and lower case.
    mistaken_for
        Clocks and channels that telephones write where these are meant; packets are the same.
    payload_type
        Its number where it is ours to choose; below 96 it needs no ``a=rtpmap``.
    rates_hz
        Sampling rates that it decodes to and encodes from, the usual one first.
    frames_ms
        Lengths of sound that one of its frames can hold; a packet of ours has one frame.
    bytes_per_ms
        Of payload; None: packets are of any size.
    stateful
        Whether a packet can only be decoded after the one before it, and by a decoder of its own.
    parameters
        What ``a=fmtp`` says of how we like to be sent it; "": nothing.
    variant_of
        A codec by whose name it is taken, too, and not offered; "": none.
    """

    name: str
    encoding: str
    clock_hz: int
    channels: int = 1
    payload_type: int
    rates_hz: tuple[int, ...]
    frames_ms: tuple[int, ...] = PTIMES_MS
    bytes_per_ms: int | None = None
    stateful: bool = False
    parameters: str = ""
    mistaken_for: tuple[tuple[int, int], ...] = ()
    variant_of: str = ""

    @property
    def rate_hz(self) -> int:
        """The usual sampling rate of its sound."""
        return self.rates_hz[0]

    @property
    def ptimes_ms(self) -> tuple[int, ...]:
        """How much sound a packet of ours may hold, ascending: what a frame can, and a datagram."""
        return tuple(ms for ms in self.frames_ms if self.size(ms) <= LARGEST_PAYLOAD)

    def is_spoken_as(self, encoding: str, clock_hz: int, channels: int = 1) -> bool:
        """Whether a line ``a=rtpmap`` means it (RFC 8866 section 6.6)."""
        said = clock_hz, channels
        known = said == (self.clock_hz, self.channels) or said in self.mistaken_for
        return known and encoding.upper() == self.encoding.upper()

    def size(self, ms: int) -> int:
        """Return how many bytes some milliseconds of sound have; 0: any number."""
        return ms * (self.bytes_per_ms or 0)

    def ticks(self, ms: int) -> int:
        """Return by how much RTP timestamps grow in some milliseconds of sound."""
        return self.clock_hz * ms // 1000

    def __str__(self) -> str:
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.encoding}/{self.clock_hz}{channels}"


# Two, whatever is in the packets (RFC 7587 section 7), which drafts did not say, nor some writers of descriptions know.
MONO = (48_000, 1)


def _opus(
    name: str, encoding: str, clock_hz: int, channels: int, payload_type: int, usual_hz: int = 16_000, of: str = ""
) -> Codec:
    return Codec(
        name=name,
        encoding=encoding,
        clock_hz=clock_hz,
        channels=channels,
        payload_type=payload_type,
        rates_hz=(usual_hz, *(hz for hz in (8000, 16_000, 24_000, 48_000) if hz != usual_hz)),
        frames_ms=(10, 20, 40, 60),
        stateful=True,
        parameters="useinbandfec=1",
        mistaken_for=(MONO,) if clock_hz == 48_000 else (),
        variant_of=of,
    )


def _linear(rate_hz: int, payload_type: int) -> Codec:
    return Codec(
        name=f"L16/{rate_hz}",
        encoding="L16",
        clock_hz=rate_hz,
        payload_type=payload_type,
        rates_hz=(rate_hz,),
        bytes_per_ms=2 * rate_hz // 1000,
    )


TABLE = (
    Codec(name="PCMU", encoding="PCMU", clock_hz=8000, payload_type=0, rates_hz=(8000,), bytes_per_ms=8),
    Codec(name="PCMA", encoding="PCMA", clock_hz=8000, payload_type=8, rates_hz=(8000,), bytes_per_ms=8),
    Codec(
        name="G722",
        encoding="G722",
        clock_hz=8000,
        payload_type=9,
        rates_hz=(16_000,),
        bytes_per_ms=8,
        stateful=True,
        # What it is sampled at, where its clock belongs (RFC 3551 section 4.5.2).
        mistaken_for=((16_000, 1),),
    ),
    _opus("OPUS", "opus", 48_000, 2, 111),
    _opus("OPUS/16000", "OPUS", 16_000, 1, 109, of="OPUS"),  # of RingCentral's softphones, beside what RFC 7587 says
    # The same as OPUS on the wire, decoded and encoded at 48 kHz: for music.
    _opus("OPUS/FULL", "opus", 48_000, 2, 112, usual_hz=48_000),
    _linear(8000, 114),
    _linear(16_000, 115),
    _linear(48_000, 116),
)
"""All that can be decoded and encoded; a codec's place in it is its number in arrays."""

CODECS = ("PCMU", "PCMA")
"""What every telephone speaks, mu-law first: what an agent speaks that is told of no other."""
WIDE_FIRST = ("OPUS", "G722", *CODECS)
"""What a bridge speaks that is told of no other: it hears as well as its callers can."""

_BY_NAME = {each.name: each for each in TABLE}


def codec(name: str) -> Codec:
    """Return the codec of a name in the table; raises KeyError if there is none."""
    return _BY_NAME[name]


def taken(names: Sequence[str]) -> tuple[str, ...]:
    """Return the codecs that are taken where those of some names are spoken: they, and what is a variant of one."""
    return (*names, *(each.name for each in TABLE if each.variant_of in names and each.name not in names))


def spoken_here(names: Sequence[str]) -> tuple[str, ...]:
    """Return the codecs, of some that are named in order of preference, which this machine can speak.

    Names are taken in upper and lower case, and given as the table has them. Opus needs a library.

    Raises
    ------
    ValueError
        A name is none of the table, or stands twice; or none is left.
    """
    known = () if isinstance(names, str) else tuple(str(name).upper() for name in names)
    if not known or len({*known}) < len(known) or {*known} - {*_BY_NAME}:
        raise ValueError(f"codecs are some of {', '.join(_BY_NAME)} in order of preference, not {names!r}")
    here = tuple(name for name in known if _BY_NAME[name].encoding.lower() != "opus" or opus.library() is not None)
    if not here:
        raise ValueError(f"{' and '.join(names)} need libopus: the package `av` brings it, or the system's (libopus0)")
    return here
