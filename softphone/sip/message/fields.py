"""Header values: addresses (From, To, Contact, Route), Via and CSeq, each parsed and written in one place."""

import re
from dataclasses import dataclass, field, replace
from typing import Self

from softphone.errors import BadMessage, SdpError
from softphone.sip.message.grammar import TOKEN, Params, format_params, parse_params, quote, split_outside, unquote
from softphone.sip.message.uri import Uri, parse_host_port, readable

__all__ = ["Address", "CSeq", "Via", "reason", "warning"]


@dataclass(frozen=True, slots=True)
class Address:
    """A URI with a display name and header parameters (RFC 3261 section 20.10)."""

    uri: Uri
    display: str = ""
    """The display name, unquoted and printable as UTF-8."""
    params: Params = field(default_factory=dict, hash=False)
    """Header parameters (tag, expires, q, +sip.instance...), values as written."""

    @property
    def tag(self) -> str | None:
        """The tag of a From or To (RFC 3261 section 19.3)."""
        return self.params.get("tag")

    def with_tag(self, tag: str) -> Self:
        """Give the same address with this tag."""
        return replace(self, params={**self.params, "tag": tag})

    @classmethod
    def parse(cls, text: str, *, lenient: bool = False) -> Self:
        """Read one address, with or without angle brackets; `lenient` passes over broken parameters.

        Raises
        ------
        BadMessage
            Not an address; a URI with "?" or "," that is not in brackets (RFC 3261 section 20.10).
        """
        head, *pieces = split_outside(text, ";")
        params = parse_params(pieces, lenient=lenient)
        if not head.endswith(">"):
            return cls._bare(head, params)
        display, bracket, uri = head[:-1].rpartition("<")
        if not bracket:
            raise BadMessage("Bad address")
        return cls(Uri.parse(uri), _display(display.strip()), params)

    @classmethod
    def _bare(cls, text: str, params: Params) -> Self:
        if "?" in text or "," in text:
            raise BadMessage("URI must be in brackets")
        return cls(Uri.parse(text), "", params)

    @classmethod
    def parse_list(cls, text: str, *, lenient: bool = False) -> list[Self]:
        """Read a comma-separated list of addresses; raises BadMessage."""
        return [cls.parse(piece, lenient=lenient) for piece in split_outside(text, ",")]

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{format_params(self.params)}"


# display-name = *(token LWS) / quoted-string; wider by all else that cannot be part of the URI or end the name: clients
# write "Sales (EU) & Co." unquoted, and a name is shown, nothing more
_DISPLAY = re.compile(r'[^"<>]*|"(?:[^"\\]|\\.)*"', re.DOTALL)


def reason(error: Exception) -> tuple[str, str]:
    """Give the Reason header of a BYE that ends a call for `error`: what a request were refused with (RFC 3326)."""
    status = 488 if isinstance(error, SdpError) else 500
    return "Reason", f"SIP;cause={status};text={quote(_line(error))}"


def warning(error: object) -> tuple[str, str]:
    """Give the Warning header that says why, for people (RFC 3261 section 20.43)."""
    return "Warning", f"399 softphone {quote(_line(error))}"


def _line(error: object) -> str:
    return " ".join(str(error).split())


def _display(text: str) -> str:
    if _DISPLAY.fullmatch(text) is None:
        raise BadMessage("Bad display name")
    return readable(unquote(text))


_VIA = re.compile(rf"SIP\s*/\s*([0-9.]+)\s*/\s*({TOKEN})\s+(\S.*)", re.IGNORECASE)

# The cookie that says: this branch identifies a transaction by itself (RFC 3261 section 8.1.1.7).
COOKIE = "z9hG4bK"


@dataclass(frozen=True, slots=True)
class Via:
    """One hop a request took (RFC 3261 section 20.42, RFC 3581)."""

    transport: str
    """Upper case: UDP, TCP, TLS, WS, WSS."""
    host: str
    port: int | None = None
    params: Params = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str, *, lenient: bool = False) -> Self:
        """Read one Via; `lenient` passes over broken parameters, enough to answer with 400.

        Raises
        ------
        BadMessage
            Not a Via.
        """
        head, *pieces = split_outside(text, ";", lenient=lenient)
        match = _VIA.fullmatch(head)
        if match is None:
            raise BadMessage("Bad Via")
        host, port = parse_host_port(match.group(3))
        return cls(match.group(2).upper(), host, port, parse_params(pieces, lenient=lenient))

    @classmethod
    def parse_list(cls, text: str, *, lenient: bool = False) -> list[Self]:
        """Read the Vias of one header line; raises BadMessage."""
        return [cls.parse(piece, lenient=lenient) for piece in split_outside(text, ",", lenient=lenient)]

    @property
    def branch(self) -> str | None:
        """The branch when it identifies the transaction: with the cookie and something behind it; else None."""
        branch = self.params.get("branch")
        return branch if branch and branch.startswith(COOKIE) and len(branch) > len(COOKIE) else None

    @property
    def sent_by(self) -> str:
        """Host and port as the sender wrote them, lower case."""
        return f"{self.host}:{self.port}".lower() if self.port else self.host.lower()

    def __str__(self) -> str:
        port = f":{self.port}" if self.port is not None else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


_CSEQ = re.compile(rf"([0-9]+)\s+({TOKEN})")


@dataclass(frozen=True, slots=True)
class CSeq:
    """The number of a request within its dialog, and its method (RFC 3261 section 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a CSeq; raises BadMessage when it is none or its number does not fit 32 bits."""
        match = _CSEQ.fullmatch(text)
        if match is None or len(match.group(1)) > 20 or int(match.group(1)) >= 1 << 32:
            raise BadMessage("Bad CSeq")
        return cls(int(match.group(1)), match.group(2))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
