"""The SIP trace: messages of running and ended calls, in bounded memory.

It is a value that knows no socket or clock. Messages are kept as they passed, by their Call-ID; nothing is read from
them before somebody asks, and then secrets are blotted: what proves who somebody is, or lets him in, is overwritten.

Every byte of a secret becomes ``*``: lengths stay, so that Content-Length stays true and the message can be read as
before. It works on the bytes, whatever they are: what is no message, or half of one, has its secrets overwritten, too.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from itertools import count

from softphone.sip.transport.hop import Hop
from softphone.traced import TracedCall, TracedMessage

__all__ = ["Trace", "blotted"]

# It ends with the line, unless that is folded: what is broken is what people look for in a trace.
_QUOTED = rb'"(?:[^"\\\r\n]|\\[^\r\n]|\r(?!\n)|\r\n[ \t])*+"?'
_VALUE = rb"(" + _QUOTED + rb'|[^\s,;&?@<>"]+)'
_EQUALS = rb"\s*(?:=|%3d)\s*"


def _spelled(word: str) -> bytes:
    """Match a word in which any character may be written as ``%hh`` (RFC 3261 section 19.1.2)."""
    return b"".join(
        b"(?:"
        + re.escape(each.encode())
        + b"|"
        + b"|".join(sorted({b"%%%02x" % ord(each), b"%%%02x" % ord(each.upper())}))
        + b")"
        for each in word
    )


# What each finds is its last group.
_EVERYWHERE = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # RFC 8760 and RFC 3310: what answers a challenge, and what the answer was made with.
        rb"\b(?:response|cnonce|rspauth|auts)" + _EQUALS + _VALUE,
        # Other schemes send the password or a token itself.
        rb"(?:^|\n)(?:Proxy-)?Authorization[ \t]*:[ \t]*+(?:\r\n[ \t]++)?(?!Digest\b)(?:[!-~]++[ \t]++)?"
        rb"([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)",
        # The token of a conference, and most of an id from which it can be told (`softphone.focus.token`).
        _spelled("conf_") + rb"((?:[0-9a-z]|%[0-9a-f]{2})+)",
        rb"\b[ps]-[0-9a-f]{8}([0-9a-f]{24})",
        # What others call a password.
        rb"\b(?:pin|passcode|passw(?:or)?d|pwd|secret|token|access_token)" + _EQUALS + _VALUE,
        # Keys pressed, in a KPML document (RFC 4730); keys of media (RFC 4568, RFC 8839, RFC 8866).
        rb"\bdigits\s*=\s*(" + _QUOTED + rb"|'[^']*'?)",
        rb"\binline:([^\s|]+)",
        rb"\ba=ice-pwd:([^\r\n]+)",
        rb"(?:^|\n)k=([^\r\n]+)",
    )
]
# RFC 3261 section 19.1.1: a password in a URI. Whatever follows, what was read is not read again: a long message of
# nothing but colons takes no longer than others.
_USERINFO = re.compile(rb'\bsips?:[^@:<>\s"]*+(?::([^@<>\s"]*+)@?)?+', re.IGNORECASE)
_INFO = re.compile(rb"\s*INFO ", re.IGNORECASE)
# A key in an INFO: ``Signal=5``, or a line without a name.
_SIGNAL = re.compile(rb"(?:^|\n)[ \t]*+(?:Signal[ \t]*+[=:]([^\r\n]*)|([^=:\r\n]++)(?![=:]))", re.IGNORECASE)
_SEEN = re.compile(rb"[^\s\"']")


def blotted(data: bytes) -> bytes:
    """Overwrite the secrets of a message; the result has the same length."""
    for pattern in _EVERYWHERE:
        data = pattern.sub(_overwrite, data)
    data = _USERINFO.sub(_password, data)
    if _INFO.match(data):
        head, gap, body = data.partition(b"\r\n\r\n")
        data = head + gap + _SIGNAL.sub(_overwrite, body)
    return data


def _overwrite(found: re.Match[bytes]) -> bytes:
    whole, start = found[0], found.start()
    first, last = found.span(found.lastindex or 0)
    return whole[: first - start] + _SEEN.sub(b"*", whole[first - start : last - start]) + whole[last - start :]


def _password(found: re.Match[bytes]) -> bytes:
    return _overwrite(found) if found[1] and found[0].endswith(b"@") else found[0]


# Of one call: the first messages stay, for they say how it began, and so do the last ones.
CALL_MESSAGES = 200
CALL_BYTES = 200_000
FIRST_MESSAGES = 20
# Share of the memory that what was not answered may have while there is anything else.
UNANSWERED = 4
# A message needs so much beyond its bytes.
OVERHEAD = 150


class Rank(IntEnum):
    """What a call has come to; when memory is short, who has come to less goes first."""

    PASSING = 0
    """Refused, or nothing that lasts: anybody can have any number of these."""
    TRYING = 1
    """An INVITE that is not refused. Whoever bears a false address gets so far: only the ACK proves who it is."""
    DONE = 2
    """A call that was answered and is over, a registration, a subscription."""
    RUNNING = 3
    """A call that was answered and acknowledged."""


SCARCE = (Rank.PASSING, Rank.TRYING, Rank.DONE, Rank.RUNNING)
PLENTY = (Rank.DONE, Rank.PASSING, Rank.TRYING, Rank.RUNNING)


@dataclass(frozen=True, slots=True)
class _Passed:
    number: int
    time: float
    sent: bool
    peer: Hop
    data: bytes


@dataclass(slots=True)
class _Kept:
    """The messages of one Call-ID."""

    call_id: bytes
    id: str
    rank: Rank = Rank.PASSING
    messages: list[_Passed] = field(default_factory=list)
    size: int = 0
    left_out: int = 0


class Trace:
    """The last messages of a node.

    When there are more than may be kept, whole calls go, the one that was silent longest first: of those that were
    never answered as long as they are a quarter of all, then of those that are over; a running call goes only for
    others that are running.

    Parameters
    ----------
    messages, size
        Most messages, and bytes, that are kept.
    local
        Address and port that the messages came to and went from; may be set later.
    """

    def __init__(self, messages: int, size: int, local: tuple[str, int] = ("127.0.0.1", 5060)) -> None:
        self.local = local
        self._most = messages, size
        self._there = [0, 0]
        self._numbers = count(1)
        self._ranks: dict[Rank, OrderedDict[bytes, _Kept]] = {rank: OrderedDict() for rank in Rank}
        self._calls: dict[bytes, _Kept] = {}
        self._by_id: dict[str, _Kept] = {}
        self._counts = dict.fromkeys(Rank, 0)
        self._sizes = dict.fromkeys(Rank, 0)

    def passed(self, data: bytes, peer: Hop, now: float, *, sent: bool) -> None:
        """Keep a message; what has no Call-ID is left out. `now` is seconds since 1970."""
        call_id = _call_id(data)
        if call_id is None:
            return
        call = self._calls.get(call_id) or self._begin(call_id)
        call.messages.append(_Passed(next(self._numbers), now, sent, peer, data))
        self._grow(call, 1, len(data) + OVERHEAD)
        while len(call.messages) > CALL_MESSAGES or (call.size > CALL_BYTES and len(call.messages) > 1):
            self._thin(call)
        self._move(call, _rank(call.rank, data))
        self._make_room()

    def runs(self, call_id: str) -> None:
        """Take note that a call was answered and acknowledged."""
        call = self._calls.get(call_id.encode("utf-8", "surrogateescape"))
        if call is not None:
            self._move(call, Rank.RUNNING)

    # --- how much is kept

    def _begin(self, call_id: bytes) -> _Kept:
        made = _Kept(call_id, f"c-{hashlib.blake2b(call_id, digest_size=8).hexdigest()}")
        self._calls[call_id] = self._by_id[made.id] = self._ranks[made.rank][call_id] = made
        return made

    def _grow(self, call: _Kept, messages: int, size: int) -> None:
        call.size += size
        self._there[0] += messages
        self._there[1] += size
        self._counts[call.rank] += messages
        self._sizes[call.rank] += size

    def _move(self, call: _Kept, rank: Rank) -> None:
        if rank is not call.rank:
            messages, size = len(call.messages), call.size
            self._grow(call, -messages, -size)
            del self._ranks[call.rank][call.call_id]
            call.rank = rank
            self._ranks[rank][call.call_id] = call
            self._grow(call, messages, size)
        self._ranks[rank].move_to_end(call.call_id)

    def _thin(self, call: _Kept) -> None:
        gone = call.messages.pop(min(FIRST_MESSAGES, len(call.messages) // 2))
        call.left_out += 1
        self._grow(call, -1, -len(gone.data) - OVERHEAD)

    def _make_room(self) -> None:
        while self._there[0] > self._most[0] or self._there[1] > self._most[1]:
            oldest = next(self._ranks[rank] for rank in self._order() if self._ranks[rank])
            _, call = oldest.popitem(last=False)
            del self._calls[call.call_id], self._by_id[call.id]
            self._grow(call, -len(call.messages), -call.size)

    def _order(self) -> tuple[Rank, ...]:
        """Give the order in which calls leave."""
        for kept, most in zip((self._counts, self._sizes), self._most, strict=True):
            if (kept[Rank.PASSING] + kept[Rank.TRYING]) * UNANSWERED > most:
                return SCARCE
        return PLENTY

    # --- what is read

    def calls(self) -> list[tuple[datetime, str]]:
        """See `softphone.traced.Tracing`."""
        return [(_moment(each.messages[0].time), each.id) for each in self._calls.values()]

    def call(self, name: str) -> TracedCall | None:
        """See `softphone.traced.Tracing`."""
        return None if (kept := self._find(name)) is None else _summary(kept)

    def messages(self, name: str | None = None) -> Iterator[TracedMessage]:
        """See `softphone.traced.Tracing`."""
        one = None if name is None else self._find(name)
        chosen = list(self._calls.values()) if name is None else [one] if one else []
        found = sorted((each for call in chosen for each in call.messages), key=lambda each: each.number)
        return (_shown(each, self.local) for each in found)

    def _find(self, name: str) -> _Kept | None:
        return self._by_id.get(name) or self._calls.get(name.encode("utf-8", "surrogateescape"))


def _shown(passed: _Passed, local: tuple[str, int]) -> TracedMessage:
    peer, data = passed.peer, blotted(passed.data)
    remote = peer.host, peer.port
    return TracedMessage(passed.number, _moment(passed.time), passed.sent, peer.transport, local, remote, data)


# --- what is seen of a message in passing

_CALL_ID = re.compile(rb"\n(?:Call-ID|i)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]+)", re.IGNORECASE)
_CSEQ = re.compile(rb"\nCSeq[ \t]*:[ \t]*[0-9]+[ \t]+([!-~]+)", re.IGNORECASE)
_FROM = re.compile(rb"\n(?:From|f)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]+)", re.IGNORECASE)
_TO = re.compile(rb"\n(?:To|t)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]+)", re.IGNORECASE)


def _call_id(data: bytes) -> bytes | None:
    # Nearly everybody writes it so, and this is much quicker than the expression.
    start = data.find(b"\r\nCall-ID: ") + 11
    if start > 11:
        return data[start : data.find(b"\r\n", start)].strip()
    found = _CALL_ID.search(data)
    return found[1].strip() if found else None


def _status(data: bytes) -> int | None:
    """Read the status of a response; None: it is a request, or neither."""
    line = data.lstrip(b"\r\n")
    return int(line[8:11]) if line[:4].upper() == b"SIP/" and line[8:11].isdigit() else None


def _method(data: bytes) -> str:
    """Give the method of a request, or of the request that a response is for."""
    if _status(data) is None:
        return data.lstrip(b"\r\n").partition(b" ")[0].decode(errors="replace")
    found = _CSEQ.search(data)
    return found[1].decode(errors="replace") if found else ""


def _rank(before: Rank, data: bytes) -> Rank:
    """Say what a call has come to with one more message."""
    status = _status(data)
    if before is Rank.RUNNING:
        return Rank.DONE if data.startswith(b"BYE ") else before
    if status is None:
        return Rank.TRYING if before is Rank.PASSING and data.startswith(b"INVITE ") else before
    if status >= 300 and before is Rank.TRYING:
        return Rank.PASSING
    lasts = 200 <= status < 300 and before is Rank.PASSING and _method(data) in ("REGISTER", "SUBSCRIBE")
    return Rank.DONE if lasts else before


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)


def _header(pattern: re.Pattern[bytes], data: bytes) -> str:
    found = pattern.search(data)
    return blotted(found[1].strip()).decode(errors="replace") if found else ""


def _summary(call: _Kept) -> TracedCall:
    first, last = call.messages[0], call.messages[-1]
    method = _method(first.data)
    answers = [each.data for each in call.messages if _status(each.data) is not None]
    statuses = [_status(each) for each in answers if _method(each) == method]
    return TracedCall(
        id=call.id,
        number=last.number,
        call_id=blotted(call.call_id).decode(errors="replace"),
        caller=_header(_FROM, first.data),
        callee=_header(_TO, first.data),
        method=method,
        status=statuses[-1] if statuses else None,
        running=call.rank is Rank.RUNNING,
        first=_moment(first.time),
        last=_moment(last.time),
        count=len(call.messages),
        left_out=call.left_out,
    )
