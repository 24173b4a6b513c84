"""One TCP connection: bytes to messages, messages to bytes, and how long it has been quiet."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from softphone.sip.endpoint import Endpoint, Send
from softphone.sip.framing import PING, PONG, Framer
from softphone.sip.parser import MAX_MESSAGE

__all__ = ["Connection", "Limits", "Owner"]

# Requests whose failure is told when the connection dies; older ones have been answered or have timed out.
REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may cost us."""

    message: int = MAX_MESSAGE
    """Bytes of a message over TCP."""
    connections: int = 2000
    """Open TCP connections; the next one is closed at once."""
    per_address: int = 1000
    """The same from one address: half of them, for there are proxies, but nobody locks all others out."""
    idle_s: float = 900.0
    """Silence after which a connection is closed; clients that want to keep theirs ping every two minutes."""
    partial_s: float = 32.0
    """How long a begun message may take to come whole, and the first one to come at all."""
    connect_s: float = 5.0
    """How long opening a connection may take."""
    waiting: int = 256
    """Messages that wait for a connection to open."""
    unread: int = 1 << 20
    """Bytes a peer may leave unread before its connection is given up."""


class Owner(Protocol):
    """What a connection tells the transport."""

    limits: Limits

    def opened(self, connection: "Connection") -> bool:
        """Whether there is room for it."""

    def closed(self, connection: "Connection", unanswered: list[Send]) -> None:
        """Take note that it is gone, and perhaps these requests with it."""

    def arrived(self, data: bytes, source: Endpoint) -> None:
        """Take a message that came."""


class Connection(asyncio.Protocol):
    """A connection, accepted or opened; `number` is its name in an `Endpoint`."""

    def __init__(self, owner: Owner, number: int) -> None:
        self.number = number
        self.peer = ("", 0)
        self.heard_at = self._opened_at = 0.0
        self.begun_at: float | None = None
        self._owner = owner
        self._used = False
        self._framer = Framer(owner.limits.message)
        self._transport: asyncio.Transport | None = None
        self._requests: deque[Send] = deque(maxlen=REMEMBERED)
        self._clock = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who it is; close when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self.heard_at = self._opened_at = self._clock()
        peer = transport.get_extra_info("peername")
        if peer is None or not self._owner.opened(self._named(peer)):
            self._transport.abort()

    def _named(self, peer: tuple[str, int]) -> "Connection":
        self.peer = (peer[0], peer[1])
        return self

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell which requests may have been lost."""
        self._transport = None
        self._owner.closed(self, list(self._requests))

    def data_received(self, data: bytes) -> None:
        """Hand on every whole message; answer pings; close what cannot be read any more."""
        self.heard_at = self._clock()
        source = Endpoint("tcp", *self.peer, self.number)
        messages = self._framer.feed(data)
        if pings := messages.count(PING):
            self._write(PONG * pings)
        for message in messages:
            self.begun_at = None
            if message != PING:
                self._used = True
                self._owner.arrived(message, source)
        self.begun_at = (self.begun_at or self.heard_at) if self._framer.partial else None
        if self._framer.broken:
            self.close()

    def send(self, send: Send) -> bool:
        """Write a message; False when the connection is gone."""
        self._used = True
        if not self._write(send.data):
            return False
        if not send.data.startswith(b"SIP/"):
            self._requests.append(send)
        return True

    def _write(self, data: bytes) -> bool:
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._owner.limits.unread:
            self._transport.abort()
        return True

    def overdue(self, now: float, *, kept: bool) -> bool:
        """Whether a message is due for too long, or it has been silent; one that is `kept` may be silent."""
        limits = self._owner.limits
        due_since = self.begun_at if self._used else self._opened_at
        late = due_since is not None and now - due_since > limits.partial_s
        return late or (not kept and now - self.heard_at > limits.idle_s)

    def close(self) -> None:
        """Close when what was written is out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was written and is not out is dropped."""
        if self._transport is not None:
            self._transport.abort()
