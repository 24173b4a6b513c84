"""SIP messages as values (RFC 3261 section 7): requests, responses, their headers, and how to make them.

What comes from the wire enters through `softphone.sip.message.parser.parse`, which leaves nothing here that could not
be read: after it, no typed header of this module raises. What is written goes out as ``Name: value`` lines, unfolded,
with Content-Length last.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from softphone.errors import BadMessage
from softphone.phrases import phrase
from softphone.sip.message.fields import Address, CSeq, Via
from softphone.sip.message.grammar import is_token, split_outside
from softphone.sip.message.uri import Uri

__all__ = ["Headers", "Message", "Request", "Response", "new_tag", "request", "response", "tag_of"]

T = TypeVar("T")

# Enough that nobody guesses a dialog: 64 bits (RFC 3261 section 19.3 asks for 32).
TAG_BYTES = 8


def new_tag() -> str:
    """Make a fresh random tag (RFC 3261 section 19.3)."""
    return secrets.token_hex(TAG_BYTES)


# Of this process: what a tag is made with, so that nobody guesses it.
_TAG_KEY = secrets.token_bytes(32)


def tag_of(received: "Request", here: str = "") -> str:
    """Make our tag for a request; if it comes again it gets the same one (RFC 3261 section 8.2.7).

    The CANCEL of a request gets the one that the request got (section 9.2). `here` tells nodes of one process apart, to
    which a fork may lead, and hosts that requests come from: who writes another's address into a request does not learn
    its tag by asking in his own name.
    """
    hop = "".join(f"{via.sent_by}|{via.params.get('branch')}" for via in received.vias[:1])
    number = (received.get("CSeq") or "").partition(" ")[0]
    named = "\0".join([here, hop, received.get("From") or "", received.get("Call-ID") or "", number])
    return hmac.digest(_TAG_KEY, named.encode("utf-8", "surrogateescape"), "sha256").hex()[: 2 * TAG_BYTES]


class Message:
    """Headers and body, with the headers that signalling needs as values, parsed at most once.

    Header names are compared without case and given in their long form. Typed properties raise `BadMessage` only for
    a message made here with a value that cannot be read.

    Attributes
    ----------
    size
        How many bytes came; 0: it was made here.
    """

    size = 0

    def __init__(self, body: bytes = b"") -> None:
        self.body = body
        self._lines: dict[str, tuple[str, list[str]]] = {}
        self._read: dict[str, Any] = {}

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a header, or `default`."""
        line = self._lines.get(name.lower())
        return line[1][0] if line else default

    def get_all(self, name: str) -> list[str]:
        """Every line's value of a header, in order; the list is a copy."""
        line = self._lines.get(name.lower())
        return list(line[1]) if line else []

    def names(self) -> list[str]:
        """List the names of the headers there are, each once, as first written."""
        return [name for name, _ in self._lines.values()]

    def add(self, name: str, value: str) -> None:
        """Append a header line; raises ValueError for a name or value that would break the message."""
        _check_line(name, value)
        self._add(name, value)

    def _add(self, name: str, value: str) -> None:
        key = name.lower()
        if key in self._lines:
            self._lines[key][1].append(value)
        else:
            self._lines[key] = (name, [value])
        self._read.pop(key, None)

    def set(self, name: str, *values: str) -> None:
        """Replace every line of a header, in its place; raises ValueError as `add` does."""
        for value in values:
            _check_line(name, value)
        key = name.lower()
        self._read.pop(key, None)
        if values:
            self._lines[key] = (self._lines.get(key, (name,))[0], list(values))
        else:
            self._lines.pop(key, None)

    def spelled(self, name: str) -> str:
        """Give the name of a header as it is written here; as it is asked for where there is none."""
        return self._lines.get(name.lower(), (name,))[0]

    def respell(self, name: str) -> None:
        """Write the name of a header so, for who does not know that case means nothing."""
        if name.lower() in self._lines:
            self._lines[name.lower()] = (name, self._lines[name.lower()][1])

    def remove(self, name: str) -> None:
        """Take a header out, if it is there."""
        self.set(name)

    def _value(self, key: str, parse: Callable[[list[str]], T]) -> T:
        if key not in self._read:
            line = self._lines.get(key)
            self._read[key] = parse(line[1] if line else [])
        value: T = self._read[key]
        return value

    @property
    def vias(self) -> list[Via]:
        """Via, the top one first (RFC 3261 section 20.42)."""
        return self._value("via", _response_vias if isinstance(self, Response) else _vias)

    @property
    def via(self) -> Via:
        """The top Via."""
        return self.vias[0]

    @property
    def from_(self) -> Address:
        """From (RFC 3261 section 20.20)."""
        return self._value("from", _one_address)

    @property
    def to(self) -> Address:
        """To (RFC 3261 section 20.39)."""
        return self._value("to", _one_address)

    @property
    def call_id(self) -> str:
        """Call-ID (RFC 3261 section 20.8)."""
        return self._value("call-id", _one_text)

    @property
    def cseq(self) -> CSeq:
        """CSeq (RFC 3261 section 20.16)."""
        return self._value("cseq", _one_cseq)

    @property
    def contacts(self) -> list[Address]:
        """Contact (RFC 3261 section 20.10); empty for ``*`` (see `contact_is_star`) and where there is none."""
        if self.contact_is_star:
            return []
        return self._value("contact", _response_contacts if isinstance(self, Response) else _contacts)

    @property
    def contact(self) -> Address | None:
        """The first Contact."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def contact_is_star(self) -> bool:
        """``Contact: *``: all bindings (RFC 3261 section 10.2.2)."""
        return self.get("Contact") == "*"

    @property
    def routes(self) -> list[Address]:
        """Route (RFC 3261 section 20.34)."""
        return self._value("route", _addresses)

    @property
    def record_routes(self) -> list[Address]:
        """Record-Route (RFC 3261 section 20.30)."""
        return self._value("record-route", _addresses)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards (RFC 3261 section 20.22); None where the client sent none."""
        return self._value("max-forwards", _number)

    @property
    def expires(self) -> int | None:
        """Expires in seconds (RFC 3261 section 20.19); None where there is none or it is no number."""
        return self._value("expires", _number)

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters (RFC 3261 section 20.15); empty where there is none."""
        return "".join((self.get("Content-Type") or "").partition(";")[0].split()).lower()

    def tokens(self, name: str) -> list[str]:
        """List the tokens of a list header: Require, Supported, Allow..."""
        return [item for value in self.get_all(name) for piece in value.split(",") if (item := piece.strip())]

    def _first_line(self) -> str:
        raise NotImplementedError

    def __bytes__(self) -> bytes:
        lines = [self._first_line()]
        for key, (name, values) in self._lines.items():
            if key != "content-length":
                lines += [f"{name}: {value}" for value in values]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def __repr__(self) -> str:
        return f"<{self._first_line()}>"


class Request(Message):
    """A request (RFC 3261 section 7.1)."""

    def __init__(self, method: str, uri: Uri, body: bytes = b"") -> None:
        super().__init__(body)
        self.method = method
        self.uri = uri

    def _first_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def copy(self, via: str | None = None) -> Self:
        """Make a request that can be changed without changing this one, its Vias replaced by `via` if that is given."""
        twin = type(self)(self.method, self.uri, self.body)
        if via is not None:
            twin.set("Via", via)
        for key, (name, values) in self._lines.items():
            twin._lines.setdefault(key, (name, list(values)))
        return twin


class Response(Message):
    """A response (RFC 3261 section 7.2)."""

    def __init__(self, status: int, reason: str, body: bytes = b"") -> None:
        super().__init__(body)
        self.status = status
        self.reason = reason

    def _first_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


Headers = Iterable[tuple[str, str]]
"""Headers to add to a message that is made here: (name, value) pairs."""


def request(
    method: str,
    uri: Uri | str,
    *,
    from_: Address | str,
    to: Address | str,
    call_id: str,
    cseq: int,
    contact: Address | str | None = None,
    routes: Iterable[Address | str] = (),
    max_forwards: int = 70,
    headers: Headers = (),
    content_type: str | None = None,
    body: bytes | str = b"",
) -> Request:
    """Make a request (RFC 3261 section 8.1.1); the transaction layer adds the Via.

    Raises
    ------
    ValueError
        A part holds a line break or is no token: it would change the message's meaning.
    BadMessage
        `uri` is a text that is no URI.
    """
    uri = Uri.parse(uri) if isinstance(uri, str) else uri
    made = Request(method, uri, body.encode() if isinstance(body, str) else body)
    _check_line(method, str(uri))
    if " " in str(uri):
        raise ValueError(f"not a Request-URI: {str(uri)!r}")
    for name, value in (("From", from_), ("To", to), ("Call-ID", call_id), ("CSeq", f"{cseq} {method}")):
        made.add(name, str(value))
    made.add("Max-Forwards", str(max_forwards))
    for route in routes:
        made.add("Route", str(route))
    _finish(made, contact, headers, content_type)
    return made


def response(
    to_request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    contact: Address | str | None = None,
    headers: Headers = (),
    content_type: str | None = None,
    body: bytes | str = b"",
) -> Response:
    """Make the response to a request (RFC 3261 section 8.2.6).

    Via, From, To, Call-ID and CSeq are copied as they were written; Record-Route too where it makes a dialog (above
    100, below 300). A To without a tag gets `to_tag`, or above 100 the request's own (`tag_of`). `reason` is the RFC's
    unless given.

    Raises
    ------
    ValueError
        A part holds a line break.
    """
    made = Response(status, phrase(status) if reason is None else reason)
    made.body = body.encode() if isinstance(body, str) else body
    _check_line("reason", made.reason)
    copied = ("Via", "Record-Route") if 100 < status < 300 else ("Via",)
    for name in (*copied, "From", "To", "Call-ID", "CSeq"):
        for value in to_request.get_all(name):
            made._add(name, value)
    if status > 100 and not _has_tag(to_request):
        made.set("To", f"{to_request.get('To')};tag={to_tag or tag_of(to_request)}")
    _finish(made, contact, headers, content_type)
    return made


def _has_tag(request: Request) -> bool:
    """Whether To has a tag, or cannot be read, so that none may be added."""
    try:
        return request.to.tag is not None
    except BadMessage:
        return True


def _finish(made: Message, contact: Address | str | None, headers: Headers, content_type: str | None) -> None:
    if contact is not None:
        made.add("Contact", str(contact))
    for name, value in headers:
        made.add(name, value)
    if content_type is not None:
        made.add("Content-Type", content_type)


def _check_line(name: str, value: str) -> None:
    if not is_token(name) or "\r" in value or "\n" in value:
        raise ValueError(f"not a header line: {name!r}: {value!r}")


def _addresses(values: list[str]) -> list[Address]:
    return [address for value in values for address in Address.parse_list(value)]


def _vias(values: list[str]) -> list[Via]:
    return [via for value in values for via in Via.parse_list(value)]


def _contacts(values: list[str]) -> list[Address]:
    """Parameters of a Contact that make no sense are nothing to us; its URI is."""
    return [address for value in values for address in Address.parse_list(value, lenient=True)]


def _response_contacts(values: list[str]) -> list[Address]:
    """Those that can be read: a registrar lists what other telephones have told it, too (RFC 3261 section 10.3)."""
    pieces = [piece for value in values for piece in split_outside(value, ",", lenient=True)]
    return [address for piece in pieces if (address := _contact(piece)) is not None]


def _contact(text: str) -> Address | None:
    try:
        return Address.parse(text, lenient=True)
    except BadMessage:
        return None


def _response_vias(values: list[str]) -> list[Via]:
    """Of our own Via we want back no more than the branch, whatever was written behind it on the way."""
    return [via for value in values for via in Via.parse_list(value, lenient=True)]


def _one_text(values: list[str]) -> str:
    if len(values) != 1 or not values[0]:
        raise BadMessage("Header missing, empty or repeated")
    return values[0]


def _one_address(values: list[str]) -> Address:
    return Address.parse(_one_text(values))


def _one_cseq(values: list[str]) -> CSeq:
    return CSeq.parse(_one_text(values))


def _number(values: list[str]) -> int | None:
    text = values[0].partition(";")[0].strip() if values else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None
