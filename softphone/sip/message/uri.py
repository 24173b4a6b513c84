"""URIs of RFC 3261 section 19.1, tel: (RFC 3966), and any other scheme as an opaque text."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote_to_bytes

from softphone.errors import BadMessage
from softphone.sip.message.grammar import Params, format_params

__all__ = ["HOST", "MAX_NAMED", "Uri", "parse_host_port", "readable"]

# Wider than the RFC by the underscore, which names of containers have.
HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-_.]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])"

# A text no person types and no peer needs: longer ones are an attack or a mistake.
MAX_URI = 4096

# As much of one as an error names: what is wrong with it is seen, and a line stays a line.
MAX_NAMED = 200

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(\S+)")
_HOST_PORT = re.compile(rf"({HOST})(?:\s*:\s*([0-9]{{1,5}}))?")
# unreserved, escaped, user-unreserved, and the "#" of star codes that phones send raw; no "@", quotes or brackets
_USER = re.compile(r"[^\s@<>\"]+")


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Host (IPv6 in its brackets) and port, None when there is none.

    Raises
    ------
    BadMessage
        Not a host, or the port is not in 1..65535.
    """
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise BadMessage("Bad host")
    host, port = match.groups()
    if port is not None and not 0 < int(port) < 65536:
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
        if at and _USER.fullmatch(userinfo) is None:
            raise BadMessage("Bad URI user")
        user, colon, password = userinfo.partition(":")
        rest, _, headers = rest.partition("?")
        address, *pieces = rest.split(";")
        host, port = parse_host_port(address)
        return cls(
            scheme,
            host.lower(),  # RFC 3261 section 19.1.4: compared without case
            port,
            _unescape(user) if at else None,
            password if colon else None,
            parse_uri_params(pieces),
            headers,
            text=text,
        )

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


# paramchar holds more than a token does: "[" "]" "/" ":" "&" "$" and escapes
_URI_PARAM = re.compile(r"([^\s=<>\";,?@]+)(?:=([^\s<>\";,?@]*))?")


def parse_uri_params(pieces: list[str]) -> Params:
    """Parameters of a URI, by lower-case name.

    Raises
    ------
    BadMessage
        A piece is no URI parameter.
    """
    if not pieces:
        return {}
    params: dict[str, str | None] = {}
    for piece in pieces:
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
