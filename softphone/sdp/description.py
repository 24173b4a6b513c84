"""Session descriptions as values (RFC 8866): parse, write, compare. Offer and answer live in ``sdp``.

The parser takes what telephones really send (bare line feeds, a missing or odd ``o=``, ``s=`` or ``t=``, trailing
blanks) and refuses what no telephone would send: too many bytes, lines or streams, numbers out of range.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from softphone.address import family_of
from softphone.codec import COMFORT_NOISE, DYNAMIC, TABLE
from softphone.errors import SdpError

__all__ = ["ConnectionData", "MediaDescription", "Origin", "PayloadFormat", "SessionDescription", "parse"]

MAX_BYTES = 65_536
"""A browser with many interfaces offers some 8 kB; a UDP datagram cannot hold more than this."""

MAX_LINES = 1_000
MAX_STREAMS = 32
"""Ten is a video wall already; each costs a line in every answer."""

# In the second byte of a packet, the marker beside them, these are types of RTCP (RFC 5761 section 4).
READ_AS_RTCP = range(64, 96)
LARGEST_PAYLOAD_TYPE = 127
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

STATIC_FORMATS: dict[int, tuple[str, int] | tuple[str, int, int, str]]
STATIC_FORMATS = {each.payload_type: (each.encoding, each.clock_hz) for each in TABLE if each.payload_type < DYNAMIC}
STATIC_FORMATS |= {3: ("GSM", 8000), 4: ("G723", 8000), 18: ("G729", 8000)}
STATIC_FORMATS[COMFORT_NOISE] = "CN", 8000
"""Payload types that need no ``a=rtpmap`` (RFC 3551 section 6), as far as telephones use them."""

# Labels of letters, digits and hyphens (RFC 1123 section 2.1); the last one begins with a letter, or it is an address.
HOST_NAME = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\.?", re.IGNORECASE
)

Attributes = tuple[tuple[str, str | None], ...]
Line = tuple[str, str]


@dataclass(frozen=True)
class ConnectionData:
    """The ``c=`` line (RFC 8866 section 5.7): where media is to be sent."""

    host: str
    family: str = "IP4"

    @classmethod
    def at(cls, host: str) -> "ConnectionData":
        """Name an address; a name is of IPv4."""
        return cls(host, f"IP{family_of(host) or 4}")

    @classmethod
    def parse(cls, value: str) -> "ConnectionData":
        """Read the value of a ``c=`` line; a multicast time-to-live behind a slash is dropped."""
        bits = value.split()
        if len(bits) < 3 or bits[0].upper() != "IN" or bits[1].upper() not in ("IP4", "IP6"):
            raise SdpError(f"connection is not 'IN IP4 address': {value[:60]!r}")
        return cls(bits[2].split("/")[0], bits[1].upper())

    def __str__(self) -> str:
        return f"IN {self.family} {self.host}"


@dataclass(frozen=True)
class Origin:
    """The ``o=`` line (RFC 8866 section 5.2): which session, which version of it."""

    username: str = "-"
    session_id: int = 0
    version: int = 0
    connection: ConnectionData = ConnectionData("0.0.0.0")

    @classmethod
    def parse(cls, value: str) -> "Origin":
        """Read the value of an ``o=`` line, as far as it can be read: nothing is decided by it.

        User names with blanks are kept in one piece, numbers that are none count as 0 (some telephones write words).
        """
        bits = value.split()
        if len(bits) < 6:
            return cls()
        numbers = [int(bit[:20]) if bit.isascii() and bit.isdigit() else 0 for bit in bits[-5:-3]]
        return cls("-".join(bits[:-5]), numbers[0], numbers[1], ConnectionData(bits[-1], bits[-2].upper()))

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} {self.connection}"


@dataclass(frozen=True)
class PayloadFormat:
    """One payload type and what it stands for: encoding name, clock in Hz, and channels.

    Encoding names are alike in upper and lower case; `name` is in upper case, `spelling` is ``a=rtpmap`` as it came.
    """

    payload_type: int
    name: str
    clock_hz: int
    channels: int = 1
    spelling: str = ""


@dataclass(frozen=True)
class MediaDescription:
    """One ``m=`` line with what belongs to it (RFC 8866 section 5.14).

    Port 0 means: refused, or switched off (RFC 3264 sections 6 and 8.2).
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: ConnectionData | None = None
    attributes: Attributes = ()

    @classmethod
    def parse(cls, value: str) -> "MediaDescription":
        """Read the value of an ``m=`` line; a number of ports behind a slash is dropped."""
        bits = value.split()
        port = bits[1].split("/")[0] if len(bits) > 2 else ""
        if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
            raise SdpError(f"media line is not 'kind port protocol formats': {value[:60]!r}")
        return cls(bits[0].lower(), int(port), bits[2], tuple(bits[3:]))

    def attribute(self, name: str) -> str | None:
        """Value of the first attribute of that name: "" if it has none, None if it is not there."""
        return next((value or "" for key, value in self.attributes if key == name), None)

    @property
    def on(self) -> bool:
        """Whether it is neither refused nor switched off: one in a bundle needs no port (RFC 9143 section 6)."""
        return self.port > 0 or self.attribute("bundle-only") is not None

    @property
    def direction(self) -> str | None:
        """The direction attribute of this stream, None when it does not say."""
        return next((key for key, _ in self.attributes if key in DIRECTIONS), None)

    def payload_formats(self) -> list[PayloadFormat]:
        """Return the formats in the order of preference, but those without a known meaning or a number for RTP."""
        known = {**STATIC_FORMATS, **dict(_rtpmaps(self.attributes))}
        numbers = [int(text) for text in self.formats if re.fullmatch(r"[0-9]{1,3}", text)]
        return [PayloadFormat(number, *known[number]) for number in numbers if number in known and _is_for_rtp(number)]

    def parameters(self, payload_type: int) -> str:
        """Return what ``a=fmtp`` says of a payload type (RFC 8866 section 6.15); "": nothing."""
        said = [(value or "").partition(" ") for name, value in self.attributes if name == "fmtp"]
        return next((text.strip() for number, _, text in said if number == str(payload_type)), "")

    def refused(self) -> "MediaDescription":
        """Return the line that refuses this stream: same kind, protocol and formats, port 0, and its name if any."""
        named = tuple(pair for pair in self.attributes if pair[0] == "mid")
        return MediaDescription(self.kind, 0, self.protocol, self.formats or ("0",), attributes=named)

    def __str__(self) -> str:
        head = f"m={self.kind} {self.port} {self.protocol} {' '.join(self.formats)}\r\n"
        where = f"c={self.connection}\r\n" if self.connection else ""
        return head + where + _written(self.attributes)


@dataclass(frozen=True)
class SessionDescription:
    """A whole description; ``str()`` gives the text with CRLF line ends, the last line included."""

    origin: Origin
    media: tuple[MediaDescription, ...] = ()
    connection: ConnectionData | None = None
    name: str = "-"
    timing: str = "0 0"
    attributes: Attributes = field(default=())

    def direction(self, media: MediaDescription) -> str:
        """Direction of one of its streams: its own, else the session's, else ``sendrecv`` (RFC 8866 6.7)."""
        whole = next((key for key, _ in self.attributes if key in DIRECTIONS), "sendrecv")
        return media.direction or whole

    def address(self, media: MediaDescription) -> ConnectionData | None:
        """Where one of its streams is to be sent: its own ``c=`` line, else the session's."""
        return media.connection or self.connection

    def hosts(self) -> tuple[str, ...]:
        """Give the addresses, and names in their place, that audio streams have in ``c=`` (RFC 8866 section 5.7)."""
        places = [self.address(media) for media in self.media if media.kind == "audio" and media.port]
        return tuple(dict.fromkeys(each.host for each in places if each is not None))

    def host_names(self) -> tuple[str, ...]:
        """Give the names among them."""
        return tuple(name for name in self.hosts() if HOST_NAME.fullmatch(name) and len(name) <= 253)

    def with_hosts(self, addresses: Mapping[str, str]) -> "SessionDescription":
        """Return the same description with addresses for some of its host names in all ``c=`` lines."""
        media = tuple(replace(each, connection=_located(each.connection, addresses)) for each in self.media)
        return replace(self, media=media, connection=_located(self.connection, addresses))

    def after(self, previous: "SessionDescription") -> "SessionDescription":
        """Return this description as successor of `previous` (RFC 3264 section 8).

        The session keeps its id; the version grows by one if anything else has changed, and stays if nothing has.
        """
        same = replace(self, origin=previous.origin)
        if same == previous:
            return same
        return replace(self, origin=replace(previous.origin, version=previous.origin.version + 1))

    def __str__(self) -> str:
        where = f"c={self.connection}\r\n" if self.connection else ""
        head = f"v=0\r\no={self.origin}\r\ns={self.name}\r\n{where}t={self.timing}\r\n"
        return head + _written(self.attributes) + "".join(map(str, self.media))


def _located(where: ConnectionData | None, addresses: Mapping[str, str]) -> ConnectionData | None:
    return ConnectionData.at(addresses[where.host]) if where and where.host in addresses else where


def parse(text: str | bytes) -> SessionDescription:
    """Read a description (RFC 8866 section 5).

    Parameters
    ----------
    text
        The body, CRLF or LF line ends. Bytes that are not UTF-8 are replaced, never an error.

    Raises
    ------
    SdpError
        It is too large, does not begin with ``v=0``, or a line that matters is malformed.
    """
    if len(text) > MAX_BYTES:
        raise SdpError(f"session description has {len(text)} bytes, more than {MAX_BYTES}")
    lines = list(_lines(text.decode("utf-8", "replace") if isinstance(text, bytes) else text))
    if not lines:
        raise SdpError("there is no session description")
    if lines[0] != ("v", "0"):
        raise SdpError("session description does not begin with v=0")
    sections = _sections(lines)
    session = dict(reversed(sections[0]))
    media = tuple(_media(section) for section in sections[1:])
    matters = not media or any(_spoken(each) and each.connection is None for each in media)
    return SessionDescription(
        Origin.parse(session.get("o") or ""),
        media,
        _connection(session.get("c"), matters=matters),
        session.get("s") or "-",
        session.get("t") or "0 0",
        _attributes(sections[0]),
    )


def _lines(text: str) -> Iterator[Line]:
    # Behind the last line some send the end of a string of C.
    rows = [row.rstrip() for row in re.split(r"\r\n|\n|\r", text.rstrip("\0\r\n"))]
    filled = [row for row in rows if row]
    if len(filled) > MAX_LINES:
        raise SdpError(f"session description has more than {MAX_LINES} lines")
    for row in filled:
        if row[1:2] != "=" or "\0" in row:
            raise SdpError(f"line is not 'letter=value': {row[:60]!r}")
        yield row[0], row[2:].strip()


def _sections(lines: list[Line]) -> list[list[Line]]:
    """Split at the media lines: the session's own lines first, then one list per stream."""
    sections: list[list[Line]] = [[]]
    for line in lines:
        if line[0] == "m":
            sections.append([])
        sections[-1].append(line)
    if len(sections) > MAX_STREAMS + 1:
        raise SdpError(f"session description has more than {MAX_STREAMS} streams")
    return sections


def _media(section: list[Line]) -> MediaDescription:
    where = next((value for key, value in section if key == "c"), None)
    media = replace(MediaDescription.parse(section[0][1]), attributes=_attributes(section))
    return replace(media, connection=_connection(where, matters=_spoken(media)))


def _spoken(media: MediaDescription) -> bool:
    """Whether it is a stream that is not refused anyway."""
    return media.kind == "audio" and media.on


def _connection(value: str | None, *, matters: bool) -> ConnectionData | None:
    """Read a ``c=`` line, if there is one; malformed it is as if there were none, where nobody sends anything there."""
    try:
        return None if value is None else ConnectionData.parse(value)
    except SdpError:
        if matters:
            raise
        return None


def _attributes(section: Iterable[Line]) -> Attributes:
    pairs = (value.partition(":") for key, value in section if key == "a")
    return tuple((name.strip().lower(), value.strip() if colon else None) for name, colon, value in pairs)


def _is_for_rtp(number: int) -> bool:
    return number <= LARGEST_PAYLOAD_TYPE and number not in READ_AS_RTCP


def _rtpmaps(attributes: Attributes) -> Iterator[tuple[int, tuple[str, int, int, str]]]:
    for name, value in attributes:
        if name == "rtpmap" and (
            found := re.match(r"([0-9]{1,3})\s+(([^/\s]+)/([0-9]{1,6})(?:/([0-9]{1,2}))?)", value or "")
        ):
            yield int(found[1]), (found[3].upper(), int(found[4]), int(found[5] or 1), found[2])


def _written(attributes: Attributes) -> str:
    return "".join(f"a={name}\r\n" if value is None else f"a={name}:{value}\r\n" for name, value in attributes)
