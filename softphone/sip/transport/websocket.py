"""SIP over WebSocket (RFC 7118): whoever connects to the HTTP server with the subprotocol ``sip``, by whatever path.

Each message is a frame, so nothing has to be cut; the connections, their limits and their end are those of streams. The
server of HTTP speaks the protocol itself, behind ASGI; we take the connection before its application does.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from softphone.sip.transport.connection import PING, PONG, Connection, Limits
from softphone.sip.transport.hop import WS, WSS, Hop, Send, TransportKind
from softphone.sip.transport.stream import StreamTransport

__all__ = [
    "GOODBYE_S",
    "SUBPROTOCOL",
    "Application",
    "Frames",
    "WebSocketConnection",
    "WebSocketDoor",
    "WebSockets",
    "converse",
]

SUBPROTOCOL = "sip"

# How long clients may take to hear that we go.
GOODBYE_S = 1.0

# Why we close (RFC 6455 section 7.4.1).
GOING_AWAY, TOO_LONG, TRY_LATER = 1001, 1009, 1013

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Reply = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Reply], Awaitable[None]]


class Frames(asyncio.Transport):
    """What a connection writes to: each write is a frame, sent in turn.

    Attributes
    ----------
    longest
        Bytes that a frame of the peer may have.
    aborted
        Set when nothing more is to be sent.
    code
        Why we close (RFC 6455 section 7.4.1).
    """

    def __init__(self, peer: tuple[str, int], longest: int) -> None:
        super().__init__({"peername": peer})
        self.longest = longest
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self._closing = False
        self.aborted = asyncio.Event()
        self.code = GOING_AWAY

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Have a frame sent."""
        if not self._closing:
            self._waiting.append(bytes(data))
            self._bytes += len(data)
            self._more.set()

    def get_write_buffer_size(self) -> int:
        """Give the bytes that are not sent yet."""
        return self._bytes

    def is_closing(self) -> bool:
        """Tell whether nothing more is taken."""
        return self._closing

    def close(self) -> None:
        """Send what waits, and then no more."""
        self._closing = True
        self._more.set()

    def abort(self) -> None:
        """Send nothing more."""
        self.aborted.set()
        self.close()

    async def drain(self, reply: Reply) -> None:
        """Send what is written, until it is closed."""
        while not self.aborted.is_set() and (self._waiting or not self._closing):
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
                continue
            data = self._waiting.popleft()
            await reply(_frame(data))
            self._bytes -= len(data)


def _frame(data: bytes) -> dict[str, Any]:
    try:
        return {"type": "websocket.send", "text": data.decode()}
    except UnicodeDecodeError:
        return {"type": "websocket.send", "bytes": data}


class WebSocketConnection(Connection):
    """A connection whose messages come whole."""

    def data_received(self, data: bytes) -> None:
        """Hand a message on; answer a ping (RFC 7118 section 6)."""
        self.flow.heard_at = self._clock()
        if data.strip(PONG):
            self._used = True
            self._owner.arrived(data, self.flow.hop)
        elif data == PING:
            self._write(PONG)


class WebSockets(StreamTransport):
    """The WebSocket connections of one kind: clients open them, we never do."""

    def __init__(
        self,
        kind: TransportKind,
        limits: Limits,
        arrived: Callable[[bytes, Hop], None],
        unsent: Callable[[Send], None],
        failed: Callable[[str | None], None],
    ) -> None:
        super().__init__(kind, limits, arrived, unsent, failed)
        self._serving: set[asyncio.Future[None]] = set()

    async def close(self) -> None:
        """Tell all that we go, and close; who does not read is not waited for long."""
        for connection in self.connections:
            connection.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=GOODBYE_S)
        await super().close()

    def send(self, send: Send) -> None:
        """Send by the connection that the hop names; where that is gone, the message cannot be sent."""
        connection = self.connections.named(send.target.connection or 0)
        if connection is None or not connection.send(send):
            self._unsent(send)

    def ping(self, target: Hop) -> None:
        """Send nothing: some clients take each frame for a message, and clients are who keep connections open."""

    async def serve(self, peer: tuple[str, int], receive: Receive, reply: Reply) -> None:
        """Serve one client from its request to its end."""
        await receive()
        ended = asyncio.get_running_loop().create_future()
        self._serving.add(ended)
        try:
            await self._serve(peer, receive, reply)
        finally:
            self._serving.discard(ended)
            ended.set_result(None)

    async def _serve(self, peer: tuple[str, int], receive: Receive, reply: Reply) -> None:
        frames = Frames(peer, self.limits.message)
        connection = WebSocketConnection(self, self.number())
        connection.connection_made(frames)
        if frames.is_closing():
            await reply({"type": "websocket.close", "code": TRY_LATER})
            return
        try:
            await reply({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await converse(connection, frames, receive, reply)
        finally:
            frames.abort()
            connection.connection_lost(None)


async def converse(connection: Connection, frames: Frames, receive: Receive, reply: Reply) -> None:
    """Carry messages both ways until one of both sides ends it.

    Parameters
    ----------
    connection
        Takes what comes.
    frames
        What it writes to.
    receive, reply
        Gives and takes events of ASGI: ``websocket.receive``, ``websocket.send``, ``websocket.close``.
    """
    tasks = [
        asyncio.ensure_future(_read(connection, frames, receive)),
        asyncio.ensure_future(frames.drain(reply)),
        asyncio.ensure_future(frames.aborted.wait()),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
        # One that has gone needs no goodbye, nor has one that does not read any use of it.
        if not frames.aborted.is_set() and (tasks[0] not in done or frames.code == TOO_LONG):
            await reply({"type": "websocket.close", "code": frames.code})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(connection: Connection, frames: Frames, receive: Receive) -> None:
    """Read frames until the peer is gone, or sends one that is too long."""
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        data = message.get("bytes") or b"" if text is None else text.encode("utf-8", "surrogateescape")
        if len(data) > frames.longest:
            frames.code = TOO_LONG
            return
        connection.data_received(data)


class WebSocketDoor:
    """An ASGI application that takes SIP's WebSocket connections, and hands everything else on.

    Attributes
    ----------
    kinds
        The transports, by name, once signalling is there.
    """

    def __init__(self) -> None:
        self.kinds: dict[str, WebSockets] = {}

    def bind(
        self,
        limits: Limits,
        arrived: Callable[[bytes, Hop], None],
        unsent: Callable[[Send], None],
        failed: Callable[[str | None], None],
    ) -> dict[str, WebSockets]:
        """Let connections be taken; gives the transports."""
        self.kinds = {kind.name: WebSockets(kind, limits, arrived, unsent, failed) for kind in (WS, WSS)}
        return self.kinds

    def before(self, application: Application) -> Application:
        """Give an application that is asked for what is no SIP."""

        async def serve(scope: Scope, receive: Receive, reply: Reply) -> None:
            if scope["type"] != "websocket" or SUBPROTOCOL not in scope.get("subprotocols", ()):
                await application(scope, receive, reply)
                return
            client = scope.get("client") or ("", 0)
            sockets = self.kinds.get(scope.get("scheme", WS.name))
            if sockets is not None:
                with contextlib.suppress(OSError):
                    await sockets.serve((client[0], client[1]), receive, reply)

        return serve
