"""Parser of SIP messages: bytes to a message that is valid by RFC 3261, or one typed error.

Clients fold lines, end them with LF alone, write ``Subject :``, leave the reason phrase out, send bytes that are no
UTF-8, repeat what must not be repeated. What has one meaning is read; what has none is refused, with an answer where
one can be addressed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from softphone.errors import BadMessage
from softphone.sip.message.fields import Via
from softphone.sip.message.grammar import TOKEN, is_token, split_outside
from softphone.sip.message.message import Message, Request, Response
from softphone.sip.message.uri import Uri

__all__ = ["COMPACT", "MAX_MESSAGE", "BadRequest", "parse"]

# What a UDP datagram can carry; no honest INVITE comes near it, over TCP neither.
MAX_MESSAGE = 65535
# RFC 4475's longest message has under 60 lines; a request that crossed 70 proxies has some 150.
MAX_HEADERS = 256
# Long enough for a folded Identity or Record-Route header of a real network.
MAX_LINE = 8192

# https://www.iana.org/assignments/sip-parameters, compact forms
COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_FOLD = re.compile(rb"\r\n[ \t]+")
_LINE_END = re.compile(rb"\r?\n")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_LAST_LINE_END = re.compile(rb"\r?\n\Z")
VERSION = "SIP/2.0"
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_STATUS = re.compile(r"[1-6][0-9][0-9]")


class BadRequest(BadMessage):
    """A request that we cannot use, but can answer: with `response(error.request, error.status, error.reason)`.

    Parameters
    ----------
    reason, status
        As of `BadMessage`.
    request
        The request with a readable top Via and with From, To, Call-ID and CSeq as text; nothing more is promised.
    """

    def __init__(self, reason: str, status: int, request: Request) -> None:
        super().__init__(reason, status)
        self.request = request


@dataclass(slots=True)
class _Draft:
    """A message under way, and the first complaint about it."""

    message: Request | Response
    complaint: tuple[str, int] | None = None

    def complain(self, reason: str, status: int = 400) -> None:
        if self.complaint is None:
            self.complaint = (reason, status)

    def spoil(self, reason: str, status: int = 400) -> None:
        """Complain of a line; of a response, which nobody will send in another way, the line is left out instead."""
        if isinstance(self.message, Request):
            self.complain(reason, status)


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Head, its lines ended by CRLF, and body.

    RFC 3261 section 7 ends lines with CRLF, and headers with an empty line. Scripts and some telephones end lines with
    LF alone, and headers with the datagram: each has one meaning there. Where a stream is cut into messages CRLF is
    demanded: `softphone.sip.transport.connection`.
    """
    head, gap, body = data.partition(b"\r\n\r\n")
    if not gap or head.count(b"\n") != head.count(b"\r\n"):
        found = _EMPTY_LINE.search(data) or _LAST_LINE_END.search(data)
        if found is None:
            raise BadMessage("No end of headers")
        head, body = _LINE_END.sub(b"\r\n", data[: found.start()]), data[found.end() :]
    return head, body


def parse(data: bytes, *, streamed: bool = False) -> Request | Response:
    """Read one message: a datagram, or, `streamed`, what the framing of a stream cut out.

    Leading line ends are passed over, the body is trimmed to Content-Length, compact names are written out. In the
    result Via, From, To, Call-ID, CSeq, Contact, Route and Record-Route can be read.

    Raises
    ------
    BadRequest
        A request that can and should be answered with its `status`: 400, 413, 505 or 513.
    BadMessage
        Anything else that is no message: bad responses, bad ACKs, noise. To be dropped.
    """
    data = data.lstrip(b"\r\n")
    head, body = _cut(data)
    if b"\r\n " in head or b"\r\n\t" in head:
        head = _FOLD.sub(b" ", head)
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    draft = _first_line(first)
    _read_headers(draft, lines)
    draft.message.body = body
    if streamed and draft.message.get("Content-Type") and draft.message.get("Content-Length") is None:
        # Nobody knows where its body ends (RFC 3261 section 20.14).
        draft.complain("Missing Content-Length")
    if len(data) > MAX_MESSAGE:
        draft.complain("Message too large", 513)
    _check(draft)
    if draft.complaint is not None:
        raise _verdict(draft.message, *draft.complaint)
    return draft.message


def _first_line(line: str) -> _Draft:
    """Request-Line or Status-Line (RFC 3261 section 7.1, 7.2); the version is compared without case."""
    if line[:4].upper() == "SIP/":
        version, _, rest = line.partition(" ")
        status, _, reason = rest.partition(" ")
        if version.upper() != VERSION or _STATUS.fullmatch(status) is None:
            raise BadMessage("Bad status line")
        return _Draft(Response(int(status), reason))
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not is_token(method) or "SIP/" not in rest.upper():
        raise BadMessage("Neither request nor response")
    request = Request(method, Uri("sip", "invalid.invalid"))
    draft = _Draft(request)
    if version.upper() != VERSION:
        known = _VERSION.fullmatch(version) is not None
        draft.complain("Version Not Supported" if known else "Bad request line", 505 if known else 400)
    else:
        _request_uri(draft, request, uri)
    return draft


def _request_uri(draft: _Draft, request: Request, text: str) -> None:
    try:
        request.uri = Uri.parse(text)
    except BadMessage as error:
        draft.complain(f"Request-URI: {error.reason}")
    if request.uri.headers:
        draft.complain("Request-URI: no headers allowed")


def _read_headers(draft: _Draft, lines: list[str]) -> None:
    """Header lines; what is none is passed over (RFC 3261 section 8.2.2), what it should have been is missed later."""
    if len(lines) > MAX_HEADERS:
        draft.complain("Too many headers", 513)
    add = draft.message._add
    for line in lines[:MAX_HEADERS]:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if "\r" in line:
            draft.spoil("Bare CR")
        elif len(line) > MAX_LINE:
            draft.spoil("Header line too long", 513)
        elif colon and is_token(name):
            add(COMPACT.get(name.lower(), name) if len(name) == 1 else name, value.strip())


def _must(read: Callable[[Message], object]) -> Callable[[_Draft], None]:
    def check(draft: _Draft) -> None:
        read(draft.message)

    return check


def _check_cseq(draft: _Draft) -> None:
    message, cseq = draft.message, draft.message.cseq
    if isinstance(message, Request) and cseq.method != message.method:
        raise BadMessage("method differs")


def _check_vias(draft: _Draft) -> None:
    if not draft.message.vias:
        raise BadMessage("missing")


def _check_contact(draft: _Draft) -> None:
    if "*" in (values := draft.message.get_all("Contact")) and len(values) > 1:
        raise BadMessage("* and another")
    _ = draft.message.contacts


def _check_forwards(draft: _Draft) -> None:
    for text in draft.message.get_all("Max-Forwards"):
        if not (text.isascii() and text.isdigit() and int(text[:20]) <= 255):
            raise BadMessage("no number up to 255")


def _check_length(draft: _Draft) -> None:
    """Content-Length (RFC 3261 section 18.3): a datagram that is too short is an error, what is too long is cut."""
    message = draft.message
    values = set(message.get_all("Content-Length"))
    if not values:
        return
    text = values.pop()
    if values or not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise BadMessage("no number")
    if int(text) > len(message.body):
        draft.complain("Body shorter than Content-Length")
    message.body = message.body[: int(text)]


def _always(_message: Message) -> bool:
    return True


def _never(_message: Message) -> bool:
    return False


def _is_request(message: Message) -> bool:
    return isinstance(message, Request)


def _is_answered(message: Message) -> bool:
    return isinstance(message, Request) and message.method != "ACK"


def _asks(*methods: str) -> Callable[[Message], bool]:
    return lambda message: isinstance(message, Request) and message.method in methods


def _begins(message: Message) -> bool:
    """Whether a request may begin a dialog, for which its Record-Route is kept."""
    return _MAY_BEGIN(message) and "tag" not in message.to.params


_MAY_BEGIN = _asks("INVITE", "SUBSCRIBE", "REFER")


@dataclass(frozen=True, slots=True)
class _Field:
    """A header that is read: how, and in which messages it must make sense; in others it is left out instead."""

    name: str
    check: Callable[[_Draft], None]
    matters: Callable[[Message], bool]


# In the order in which a complaint is worth telling.
_FIELDS = (
    _Field("Via", _check_vias, _always),
    _Field("From", _must(lambda message: message.from_), _always),
    _Field("To", _must(lambda message: message.to), _always),
    _Field("Call-ID", _must(lambda message: message.call_id), _always),
    _Field("CSeq", _check_cseq, _always),
    _Field("Max-Forwards", _check_forwards, _is_answered),
    _Field("Contact", _check_contact, _asks("INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER", "REGISTER")),
    _Field("Route", _must(lambda message: message.routes), _never),
    _Field("Record-Route", _must(lambda message: message.record_routes), _begins),
    _Field("Content-Length", _check_length, _is_request),
)


def _check(draft: _Draft) -> None:
    message = draft.message
    if isinstance(message, Response):
        _mend(message)
    for field in _FIELDS:
        try:
            field.check(draft)
        except BadMessage as error:
            if draft.complaint is None and field.matters(message):
                draft.complain(f"{field.name}: {error.reason}")
            elif draft.complaint is None:
                message.remove(field.name)


# What an address that cannot be read still says.
_TAG = re.compile(rf";\s*tag\s*=\s*({TOKEN})", re.IGNORECASE)
_UNREADABLE = "<sip:unreadable.invalid>"


def _mend(message: Response) -> None:
    """Leave of From and To of a response what can be used: an answer is known by its branch, CSeq and tags alone."""
    for name, read in (("From", attrgetter("from_")), ("To", attrgetter("to"))):
        try:
            read(message)
        except BadMessage:
            text = message.get(name) or ""
            tag = _TAG.search(text, text.rfind(">") + 1)
            message.set(name, f"{_UNREADABLE};tag={tag[1]}" if tag else _UNREADABLE)


def _verdict(message: Message, reason: str, status: int) -> BadMessage:
    """Pick the error to raise: answerable if the headers that a response copies can be read, and it is no ACK."""
    if not isinstance(message, Request) or message.method == "ACK":
        return BadMessage(reason, status)
    try:
        _salvage(message)
    except BadMessage:
        return BadMessage(reason, status)
    return BadRequest(reason, status, message)


def _salvage(message: Request) -> None:
    """Reduce a broken request to what a response copies; raises BadMessage when there is nobody to answer.

    From, To, Call-ID and CSeq go back as they came, of repeated ones the first; the top Via must say where to.
    """
    top = split_outside((message.get_all("Via") or [""])[0], ",")[0]
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = message.get(name)
        if not value:
            raise BadMessage(f"{name}: missing")
        message.set(name, value)
    via = Via.parse(top, lenient=True)
    try:
        _ = message.vias
    except BadMessage:
        message.set("Via", str(via))
