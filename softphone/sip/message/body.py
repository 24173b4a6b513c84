"""The session description in a message, however it is packed (RFC 5621, RFC 2046 section 5.1).

A body is one description, or a tree of parts of which one is: `multipart/mixed`, of which all are meant;
`multipart/alternative`, of which the last that is understood is meant; of another kind, which is read as mixed.
A part that we do not understand is passed over unless it says ``handling=required``. That departs from RFC 3261 section
20.11, where silence means it is required: who sends something beside the description wants his call to be answered.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass

from softphone.errors import BadMessage
from softphone.sip.message.grammar import Params, parse_params, split_outside, unquote
from softphone.sip.message.message import Message

__all__ = ["ACCEPTED", "SDP", "is_plain", "read_sdp", "sdp_of"]

SDP = "application/sdp"

ACCEPTED = (SDP, "multipart/mixed", "multipart/alternative")
"""What a body may be; the two multiparts are a duty (RFC 5621 section 3.1)."""

# A description with an attachment or two, in a wrapping or two; each level is read again.
MAX_DEPTH, MAX_PARTS = 4, 20

# What a description is for unless it says otherwise (RFC 3261 section 20.11); early-session (RFC 3959) is another.
SESSION = ("", "session", "render")

# bchars of RFC 2046 section 5.1.1
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]")
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")


def read_sdp(message: Message) -> str | None:
    """Give the session description of a message; None: there is none in it.

    Raises
    ------
    BadMessage
        With the status that the sender deserves: 415 for what has to be understood and is not, 400 for a multipart
        body that cannot be read, 413 for one of more than 20 parts or more than 4 levels.
    """
    if not message.body:
        return None
    names = ("Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "Content-Encoding")
    whole = _part({name.lower(): message.get(name) or "" for name in names}, message.body, SDP)
    return _Search().find(whole, required=whole.handling != "optional")


def sdp_of(message: Message) -> str | None:
    """Give the session description of a response or an ACK, which cannot be refused; None: none that can be read."""
    try:
        return read_sdp(message)
    except BadMessage:
        return None


def is_plain(encoding: str) -> bool:
    """Whether a Content-Encoding leaves the body as it is."""
    return encoding.strip().lower() in ("", "identity")


@dataclass(frozen=True, slots=True)
class _Part:
    """A body, or a part of one: what it is, what it is for, how it is to be taken, and its bytes."""

    kind: str
    params: Params
    purpose: str
    handling: str
    content: bytes | None
    """None: in an encoding that we do not speak."""


class _Search:
    """The search for the description in one body."""

    def __init__(self) -> None:
        self._parts = 0

    def find(self, part: _Part, *, required: bool, depth: int = 0) -> str | None:
        main, _, subtype = part.kind.partition("/")
        if part.content is None:
            return _pass_over(required)
        if main == "multipart":
            if depth == MAX_DEPTH:
                raise BadMessage("Request Entity Too Large", 413)
            parts = list(self._split(part.params, part.content))
            return self._last(parts, depth + 1) if subtype == "alternative" else self._first(parts, depth + 1)
        if part.kind == SDP and part.purpose in SESSION:
            return part.content.decode("utf-8", "replace")
        return _pass_over(required)

    def _first(self, parts: list[_Part], depth: int) -> str | None:
        """All parts are meant: each is looked at."""
        found = [self.find(part, required=part.handling == "required", depth=depth) for part in parts]
        return next((each for each in found if each is not None), None)

    def _last(self, parts: list[_Part], depth: int) -> str | None:
        """One of the parts is meant; the last is the best (RFC 2046 section 5.1.4)."""
        missed = False
        for part in reversed(parts):
            try:
                found = self.find(part, required=part.handling == "required", depth=depth)
            except BadMessage as error:
                if error.status != 415:
                    raise
                missed, found = True, None
            if found is not None:
                return found
        return _pass_over(missed)

    def _split(self, params: Params, content: bytes) -> Iterator[_Part]:
        """Cut a multipart body at its boundary; what is before the first and behind the last delimiter says nothing."""
        boundary = unquote(params.get("boundary") or "")
        if _BOUNDARY.fullmatch(boundary) is None:
            raise BadMessage("Bad multipart boundary")
        delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
        start: int | None = None
        for found in delimiter.finditer(content):
            if start is not None:
                yield self._read(content[start : found.start()])
            start = found.end()
            if found[1]:
                return
        if start is None:
            raise BadMessage("No part in a multipart body")
        yield self._read(content[start:])  # the last delimiter is missing

    def _read(self, text: bytes) -> _Part:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadMessage("Request Entity Too Large", 413)
        end = _HEADERS_END.search(text)
        head, content = (text[: end.start()], text[end.end() :]) if end else (text, b"")
        headers: dict[str, str] = {}
        for line in _FOLD.sub(" ", head.decode("utf-8", "replace")).splitlines():
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        return _part(headers, content, "text/plain")


def _part(headers: dict[str, str], content: bytes, default: str) -> _Part:
    kind, params = _split_params(headers.get("content-type") or default)
    purpose, handling = _split_params(headers.get("content-disposition") or "")
    plain = _decoded(content, headers.get("content-transfer-encoding") or "")
    if not is_plain(headers.get("content-encoding") or ""):
        plain = None
    return _Part(kind, params, purpose, unquote(handling.get("handling") or "").lower(), plain)


def _split_params(text: str) -> tuple[str, Params]:
    """Read a value and its parameters, as far as they can be read; the value in lower case and without blanks."""
    try:
        value, *pieces = split_outside(text, ";")
    except BadMessage:
        value, pieces = text.partition(";")[0], []
    return "".join(value.split()).lower(), parse_params(pieces, lenient=True)


def _decoded(content: bytes, encoding: str) -> bytes | None:
    """Undo a Content-Transfer-Encoding, which gateways from mail bring along (RFC 2045 section 6)."""
    match encoding.strip().lower():
        case "" | "binary" | "8bit" | "7bit":
            return content
        case "quoted-printable":
            return quopri.decodestring(content)
        case "base64":
            try:
                return binascii.a2b_base64(content)
            except binascii.Error as error:
                raise BadMessage("Bad base64") from error
    return None


def _pass_over(required: bool) -> str | None:
    """Find nothing in what we do not understand; it may have to be understood."""
    if required:
        raise BadMessage("Unsupported Media Type", 415)
    return None
