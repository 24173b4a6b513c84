"""One connection: framing (RFC 3261 section 18.3), serialisation, and idle time."""

import asyncio
import re
import socket
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from softphone.sip.message.parser import MAX_MESSAGE
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop, Send, TransportKind
from softphone.sip.transport.spacing import Spaced

__all__ = ["Connection", "Framer", "Limits", "Owner", "PING", "PONG"]

PING = b"\r\n\r\n"
"""What a client sends to keep its connection (RFC 5626 section 4.4.1); answered with `PONG`."""
PONG = b"\r\n"

_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)

_TYPE = re.compile(rb"^(?:content-type|c)[ \t]*:", re.IGNORECASE | re.MULTILINE)


class Framer:
    """One connection's bytes, cut into messages by their Content-Length.

    One that has none has no body, unless it has a Content-Type: then nobody knows where it ends (RFC 3261 section
    20.14), nor where the next one begins.

    Parameters
    ----------
    max_message
        Bytes of a message, headers included.

    Attributes
    ----------
    broken
        What came can no longer be cut; the connection is to be closed.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self.broken = False
        self._max = max_message
        self._buffer = bytearray()
        self._searched = 0
        self._wanted: int | None = None

    @property
    def partial(self) -> bool:
        """Whether the beginning of a message waits for its end."""
        return len(self._buffer) > len(PONG)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read, return the messages that are complete; a `PING` counts as one.

        A message that is too long or whose length cannot be told is returned as far as it came, so that its sender can
        be answered, and nothing after it: `broken` is set. The work is linear in what was read, however it was cut.
        """
        self._buffer += data
        found: list[bytes] = []
        while not self.broken and (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        if self._wanted is None:
            if self._buffer.startswith(PONG):
                return self._line_ends()
            self._wanted = self._measure()
        if self._wanted is None or len(self._buffer) < self._wanted:
            return None
        return self._take(self._wanted)

    def _line_ends(self) -> bytes | None:
        """Take a ping; a single line end, which is none once another byte follows it, is passed over."""
        if self._buffer.startswith(PING):
            return self._take(len(PING))
        if len(self._buffer) < len(PING) and PING.startswith(self._buffer):
            return None
        del self._buffer[: len(PONG)]
        return self._next()

    def _measure(self) -> int | None:
        """Say how many bytes the next message has; None while its headers are not whole."""
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 3)
            return self._give_up() if len(self._buffer) > self._max else None
        length = self._body_length(end)
        size = end + 4 + (length or 0)
        return self._give_up() if length is None or size > self._max else size

    def _body_length(self, end: int) -> int | None:
        """Content-Length of the headers before `end`; None when it cannot be told."""
        values = set(_LENGTH.findall(self._buffer, 0, end))
        if not values:
            return None if _TYPE.search(self._buffer, 0, end) else 0
        text = values.pop().strip()
        return int(text) if not values and text.isdigit() and len(text) <= 10 else None

    def _take(self, size: int) -> bytes:
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched, self._wanted = 0, None
        return message

    def _give_up(self) -> int:
        self.broken = True
        return min(len(self._buffer), self._max)


# Requests whose failure is told when the connection dies, by the keys of their transactions; older ones have been
# answered or have timed out.
REMEMBERED = 256

# A peer that is gone without a word is found out, and a NAT in between keeps its mapping: the first probe after so many
# seconds of silence, then so many with so many seconds between (RFC 5626 section 4.4.1 has 95 to 120 s for TCP).
PROBE_AFTER_S, PROBE_EVERY_S, PROBES = 100, 10, 3
# What we have sent and nobody confirms is lost with its connection after as long as a transaction waits (64*T1).
UNCONFIRMED_MS = 32_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may cost us."""

    message: int = MAX_MESSAGE
    """Bytes of a message over TCP."""
    connections: int = 2000
    """Open TCP connections; the next one takes the place of one that nobody holds."""
    per_address: int = 1000
    """The same from one address: half of them, for there are proxies."""
    idle_s: float = 900.0
    """Silence after which a connection is closed that nobody holds."""
    partial_s: float = 32.0
    """How long a begun message may take to come whole, and the first one to come at all."""
    connect_s: float = 5.0
    """How long opening a connection may take."""
    opening: int = 256
    """Connections that we are opening at a time."""
    handshake_s: float = 5.0
    """How long a client may take to shake hands (TLS)."""
    handshakes: int = 256
    """Handshakes of clients at a time; of those from one address an eighth."""
    waiting: int = 256
    """Messages that wait for a connection to open."""
    unread: int = 1 << 20
    """Bytes a peer may leave unread before its connection is given up."""


class Owner(Protocol):
    """The transport that a connection is of, and what it is told."""

    limits: Limits
    kind: TransportKind

    def opened(self, connection: "Connection") -> bool:
        """Whether there is room for it."""

    def closed(self, connection: "Connection", unanswered: list[str]) -> None:
        """Take note that it is gone, and perhaps the requests of these transactions with it."""

    def arrived(self, data: bytes, source: Hop) -> None:
        """Take a message that came."""


class Connection(asyncio.Protocol):
    """A connection, accepted or opened; `number` is its name in an `Hop`, `name` the one that its certificate has."""

    def __init__(self, owner: Owner, number: int, name: str = "") -> None:
        self.number = number
        self.peer = ("", 0)
        self.name = name
        self._opened_at = 0.0
        self.flow = Flow(Hop(owner.kind.name, *self.peer, number), self.abort)
        self.begun_at: float | None = None
        self._owner = owner
        self._used = False
        self._framer = Framer(owner.limits.message)
        self._transport: asyncio.Transport | None = None
        self._requests: deque[str] = deque(maxlen=REMEMBERED)
        self._outgoing = Spaced(self._write)
        self._clock = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who it is; close when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self.flow.heard_at = self._opened_at = self._clock()
        _watch(transport.get_extra_info("socket"))
        peer = transport.get_extra_info("peername")
        if peer is None or not self._owner.opened(self._named(peer)):
            self._transport.abort()

    def _named(self, peer: tuple[str, int]) -> "Connection":
        self.peer = (peer[0], peer[1])
        self.flow.hop = Hop(self._owner.kind.name, *self.peer, self.number)
        return self

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell which requests may have been lost."""
        self._transport = None
        self._owner.closed(self, list(self._requests))
        self.flow.closed()

    def data_received(self, data: bytes) -> None:
        """Hand on every whole message; answer pings; close what cannot be read any more."""
        heard_at = self.flow.heard_at = self._clock()
        messages = self._framer.feed(data)
        if pings := messages.count(PING):
            self._write(PONG * pings)
        for message in messages:
            self.begun_at = None
            if message != PING:
                self._used = True
                self._owner.arrived(message, self.flow.hop)
        self.begun_at = (self.begun_at or heard_at) if self._framer.partial else None
        if self._framer.broken:
            self.close()

    def send(self, send: Send) -> bool:
        """Write a message; False when the connection is gone."""
        self._used = True
        if self._transport is None or self._transport.is_closing():
            return False
        if self.flow.spaced:
            self._outgoing.put(send.data)
            if self._outgoing.size > self._owner.limits.unread:
                self.abort()
        else:
            self._write(send.data)
        if send.key is not None and not send.data.startswith(b"SIP/"):
            self._requests.append(send.key)
        return True

    def _write(self, data: bytes) -> bool:
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._owner.limits.unread:
            self._transport.abort()
        return True

    def ping(self) -> bool:
        """Keep it open (RFC 5626 section 4.4.1); False when it is gone."""
        return self._write(PING)

    def overdue(self, now: float) -> bool:
        """Whether a message is due for too long, or it has been silent; one that is held may be silent."""
        limits = self._owner.limits
        due_since = self.begun_at if self._used else self._opened_at
        late = due_since is not None and now - due_since > limits.partial_s
        return late or (not self.flow.is_held and now - self.flow.heard_at > limits.idle_s)

    def close(self) -> None:
        """Close when what was written is out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was written and is not out is dropped."""
        if self._transport is not None:
            self._transport.abort()


def _watch(connected: socket.socket | None) -> None:
    """Let the system find out when a peer has gone; not every system can be told how soon."""
    if connected is None:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    timings = {"TCP_KEEPIDLE": PROBE_AFTER_S, "TCP_KEEPINTVL": PROBE_EVERY_S, "TCP_KEEPCNT": PROBES}
    for name, value in (timings | {"TCP_USER_TIMEOUT": UNCONFIRMED_MS}).items():
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
