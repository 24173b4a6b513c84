"""One connection: bytes to messages, messages to bytes, and how long it has been quiet."""

import asyncio
import socket
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from softphone.sip.message.parser import MAX_MESSAGE
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.framing import PING, PONG, Framer
from softphone.sip.transport.hop import Hop, Send
from softphone.sip.transport.kinds import TransportKind

__all__ = ["Connection", "Limits", "Owner"]

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
    """A connection, accepted or opened; `number` is its name in an `Hop`."""

    def __init__(self, owner: Owner, number: int) -> None:
        self.number = number
        self.peer = ("", 0)
        self._opened_at = 0.0
        self.flow = Flow(Hop(owner.kind.name, *self.peer, number), self.abort)
        self.begun_at: float | None = None
        self._owner = owner
        self._used = False
        self._framer = Framer(owner.limits.message)
        self._transport: asyncio.Transport | None = None
        self._requests: deque[str] = deque(maxlen=REMEMBERED)
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
        if not self._write(send.data):
            return False
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
