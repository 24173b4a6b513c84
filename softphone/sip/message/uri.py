"""URIs of RFC 3261 section 19.1, tel: (RFC 3966), and any other scheme as an opaque text; whom and what they mean.

People, telephones and trunks write one number in many ways: ``tel:+1-650-555-0100``,
``sip:+1(650)555.0100@host;user=phone``, ``sip:%2B16505550100;npdi@host``. Whoever routes, bans, dials or
compares asks here for the one spelling (RFC 3261 section 19.1.6, RFC 3966).

Headers of a URI (section 19.1.5) become headers of the request to it, and are not in its Request-URI. Taken are those
that say what the call is for. The section warns of the others: those that say who sends the request, which way it goes
and what dialog it is of are ours alone, and so is the body.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote, unquote, unquote_to_bytes

from softphone.errors import BadMessage
from softphone.sip.message.grammar import Params, format_params

__all__ = [
    "CARRIED",
    "HOST",
    "MAX_NAMED",
    "REPLACES",
    "Uri",
    "headers_of",
    "number_of",
    "parse_host_port",
    "readable",
    "spelled",
    "split_headers",
]

# Wider than the RFC by the underscore, which names of containers have.
HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-_.]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])"

# A text no person types and no peer needs: longer ones are an attack or a mistake.
MAX_URI = 4096

# As much of one as an error names: what is wrong with it is seen, and a line stays a line.
MAX_NAMED = 200

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(\S+)")
_HOST_PORT = re.compile(rf"({HOST})(?:\s*:\s*([0-9]{{0,5}}))?")
# unreserved, escaped, user-unreserved, and the "#" of star codes that phones send raw; no "@", quotes or brackets
_USER = re.compile(r"[^\s@<>\"]+")


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Host (IPv6 in its brackets) and port, None when there is none.

    A colon with nothing behind it says none (RFC 3986 section 3.2.3).

    Raises
    ------
    BadMessage
        Not a host, or the port is not in 1..65535.
    """
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise BadMessage("Bad host")
    host, port = match.groups()
    if port and not 0 < int(port) < 65536:
        raise BadMessage("Bad port")
    return host, int(port) if port else None


def readable(text: str) -> str:
    """`text` without what no UTF-8 output could carry: stray bytes become U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI; for sip and sips in its parts, for others in `opaque`. Equality is by parts, parameters included."""

    scheme: str
    """Lower case: sip, sips, tel, urn..."""
    host: str = ""
    """Name or address, IPv6 in brackets; empty unless sip or sips."""
    port: int | None = None
    user: str | None = None
    """Unescaped; of a tel URI the number. None where there is none."""
    password: str | None = None
    """As written."""
    params: Params = field(default_factory=dict, hash=False)
    headers: str = ""
    """What follows "?", as written."""
    opaque: str = ""
    """What follows the scheme, of every scheme but sip and sips."""
    text: str = field(default="", compare=False)
    """The URI as it was received; empty for one made here."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI.

        Raises
        ------
        BadMessage
            Not a URI, or one longer than 4096 characters; the error names it.
        """
        try:
            return cls._parse(text)
        except BadMessage as error:
            raise BadMessage(error.reason, subject=text[:MAX_NAMED]) from None

    @classmethod
    def _parse(cls, text: str) -> Self:
        match = _SCHEME.fullmatch(text)
        if match is None or len(text) > MAX_URI:
            raise BadMessage("Bad URI")
        scheme, rest = match.group(1).lower(), match.group(2)
        if scheme in ("sip", "sips"):
            return cls._parse_sip(scheme, rest, text)
        user = _unescape(rest.partition(";")[0]) if scheme == "tel" else None
        return cls(scheme, user=user, opaque=rest, text=text)

    @classmethod
    def _parse_sip(cls, scheme: str, rest: str, text: str) -> Self:
        userinfo, at, rest = rest.rpartition("@")
        if userinfo and _USER.fullmatch(userinfo) is None:
            raise BadMessage("Bad URI user")
        user, colon, password = userinfo.partition(":")
        rest, _, headers = rest.partition("?")
        address, *pieces = rest.split(";")
        host, port = parse_host_port(address)
        return cls(
            scheme,
            host.lower(),  # RFC 3261 section 19.1.4: compared without case
            port,
            _unescape(user) if userinfo else None,
            password if colon else None,
            parse_uri_params(pieces),
            headers,
            text=text,
        )

    def carrying(self, name: str, value: str) -> Self:
        """Give the same URI with a header (section 19.1.5), in the place of those of this name that it has."""
        others = [each for each in self.headers.split("&") if each and each.partition("=")[0].lower() != name.lower()]
        return replace(self, headers="&".join([*others, f"{name}={quote(value, safe='')}"]), text="")

    def __str__(self) -> str:
        if self.text:
            return self.text
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        password = f":{self.password}" if self.password is not None else ""
        userinfo = f"{_escape(self.user)}{password}@" if self.user is not None else ""
        port = f":{self.port}" if self.port is not None else ""
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{userinfo}{self.host}{port}{format_params(self.params)}{headers}"


# paramchar holds more than a token does: "[" "]" "/" ":" "&" "$" and escapes. Session border controllers write quotes
# around a value; what is in them is theirs, and goes back to them as it came.
_URI_PARAM = re.compile(r"([^\s=<>\";,?@]+)(?:=([^\s<>\";,?@]*|\"[^\s<>\";,?@]*\"))?")


def parse_uri_params(pieces: list[str]) -> Params:
    """Parameters of a URI, by lower-case name; an empty piece says nothing.

    Raises
    ------
    BadMessage
        A piece is no URI parameter.
    """
    if not pieces:
        return {}
    params: dict[str, str | None] = {}
    for piece in filter(None, pieces):
        match = _URI_PARAM.fullmatch(piece)
        if match is None:
            raise BadMessage("Bad URI parameter")
        params.setdefault(match.group(1).lower(), match.group(2))
    return params


def _unescape(text: str) -> str:
    if "%" not in text:
        return readable(text)
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


_UNSAFE = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/#]")


def _escape(user: str) -> str:
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode()), user)


REPLACES = "Replaces"

CARRIED = (REPLACES, "Referred-By", "Subject", "Priority", "Alert-Info", "Call-Info", "User-to-User")
"""The headers that are taken into the request."""

_NAMES = {name.lower(): name for name in CARRIED}
# Nothing that would end the line, or the header (RFC 3261 section 25.1: hvalue is escaped, what it says is a value).
_ENDS = ("\r", "\n", "\0")


def headers_of(uri: Uri) -> Iterable[tuple[str, str]]:
    """List the headers of a URI, unescaped, as (name, value).

    Raises
    ------
    BadMessage
        One is no header.
    """
    found: list[tuple[str, str]] = []
    for piece in filter(None, uri.headers.split("&")):
        name, equals, value = piece.partition("=")
        value = unquote(value)
        if not name or not equals or any(end in value for end in _ENDS):
            raise BadMessage("Bad URI header", subject=str(uri)[:MAX_NAMED])
        found.append((unquote(name), value))
    return found


def split_headers(uri: Uri) -> tuple[Uri, Iterable[tuple[str, str]]]:
    """Give a URI without its headers, and those of them that go into the request.

    A call that is to replace another needs a callee that knows how (RFC 3891 section 4): else it would ring anew.

    Raises
    ------
    BadMessage
        One is no header.
    """
    if not uri.headers:
        return uri, ()
    named = [(_NAMES[name.lower()], value) for name, value in headers_of(uri) if name.lower() in _NAMES]
    if any(name == REPLACES for name, _ in named):
        named.append(("Require", "replaces"))
    return replace(uri, headers="", text=""), named


# phonedigit and visual-separator of RFC 3966 section 3, "*" and "#" of star codes, blanks as people write them
_NUMBER = re.compile(r"\+?[0-9*#().\-\s]+")
# With letters only where the URI says that it is a number: phonedigit-hex of a local number.
_HEX_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#().\-\s]+")
_SEPARATORS = re.compile(r"[().\-\s]+")
_CONTEXT = re.compile(r";phone-context=(\+[0-9().\-]+)(?:;|$)", re.IGNORECASE)


def number_of(uri: Uri) -> str:
    """Say which number or user a URI means; empty where it names none.

    Of a number no visual separators are left, and nothing of its parameters: ``ext``, ``isub``, and ``npdi`` and ``rn``
    of number portability, which say how it is reached, not which it is. A local number is put behind its
    ``phone-context`` when that is a prefix; a domain as context is left out. Any other user is as it was written,
    without escapes.
    """
    if uri.scheme == "tel":
        return _number(unquote(uri.opaque), _HEX_NUMBER)
    is_phone = (uri.params.get("user") or "").lower() == "phone"
    return _number(uri.user or "", _HEX_NUMBER if is_phone else _NUMBER)


def spelled(text: str) -> str:
    """Say which number or user a text means that somebody typed: a number, a name, or a whole URI."""
    text = text.strip()
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips", "tel"):
        return _number(text, _NUMBER)
    try:
        # in a number for people there may be blanks, in a URI not
        return number_of(Uri.parse(f"{scheme}:{''.join(rest.split())}"))
    except BadMessage:
        return text


def _number(text: str, kind: re.Pattern[str]) -> str:
    digits, semicolon, params = text.partition(";")
    number = _SEPARATORS.sub("", digits).upper()
    if kind.fullmatch(digits) is None or not any(each in "0123456789*#" for each in number):
        return text
    context = _CONTEXT.search(semicolon + params)
    if context is None or number.startswith("+"):
        return number
    return _SEPARATORS.sub("", context.group(1)) + number
