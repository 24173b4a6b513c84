"""SIP over WebSocket (RFC 7118), as a client: connections that we open, by whatever path the server takes them at.

The library keeps them open: it pings, and gives up who does not answer.
"""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from softphone.address import host_port
from softphone.sip.transport.connection import Connection, Limits
from softphone.sip.transport.hop import Hop, Send, TransportKind
from softphone.sip.transport.stream import Peer, StreamTransport
from softphone.sip.transport.tls import TlsContexts
from softphone.sip.transport.websocket import GOODBYE_S, SUBPROTOCOL, Frames, WebSocketConnection, converse

__all__ = ["WebSocketClients"]


class WebSocketClients(StreamTransport):
    """The WebSocket connections of one kind that we open.

    Parameters
    ----------
    kind, limits, arrived, unsent, failed
        As of `StreamTransport`.
    tls
        What the certificates of servers are checked by.
    path
        Of the URL: what a server takes SIP at.
    """

    def __init__(
        self,
        kind: TransportKind,
        limits: Limits,
        arrived: Callable[[bytes, Hop], None],
        unsent: Callable[[Send], None],
        failed: Callable[[str | None], None],
        tls: TlsContexts,
        path: str = "/",
    ) -> None:
        super().__init__(kind, limits, arrived, unsent, failed, tls if kind.secure else None)
        self._path = path
        self._talks: set[asyncio.Task[None]] = set()

    async def connect(self, peer: Peer) -> Connection:
        """Open a connection.

        Raises
        ------
        OSError, ConfigError
            There is none to be had; certificates cannot be read. ConnectionError: no SIP is spoken there.
        """
        host, port, name = peer
        url = f"{self.kind.name}://{host_port(name or host, port)}{self._path}"
        try:
            server = await self._connected(url, host, port, name or host)
        except WebSocketException as error:
            raise ConnectionError(f"no WebSocket for SIP at {url}: {error}") from error
        if server.subprotocol != SUBPROTOCOL:
            self.later(asyncio.create_task(server.close()))
            raise ConnectionError(f"what answers at {url} does not speak SIP (RFC 7118 section 4)")
        frames, connection = Frames((host, port), self.limits.message), WebSocketConnection(self, self.number(), name)
        connection.connection_made(frames)
        talk = asyncio.create_task(_talk(server, connection, frames))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)
        return connection

    async def _connected(self, url: str, host: str, port: int, name: str) -> ClientConnection:
        """Connect to an address; `name` is whom the certificate has to name."""
        secure: dict[str, Any] = {} if self.tls is None else {"ssl": self.tls.client, "server_hostname": name}
        return await connect(
            url,
            host=host,
            port=port,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            max_size=self.limits.message,
            compression=None,
            proxy=None,
            open_timeout=None,
            close_timeout=GOODBYE_S,
            **secure,
        )

    async def close(self) -> None:
        """Tell all servers that we go, and close; who does not answer is not waited for long."""
        for connection in self.connections:
            connection.close()
        if self._talks:
            await asyncio.wait(self._talks, timeout=GOODBYE_S)
        for talk in self._talks:
            talk.cancel()
        await super().close()

    def ping(self, target: Hop) -> None:
        """Send nothing: the library pings."""


async def _talk(server: ClientConnection, connection: WebSocketConnection, frames: Frames) -> None:
    """Carry messages until it is closed, by us or by the server."""

    async def receive() -> MutableMapping[str, Any]:
        try:
            data = await server.recv()
        except ConnectionClosed:
            return {"type": "websocket.disconnect"}
        return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}

    async def reply(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "websocket.close":
            await server.close(event["code"])
        else:
            await server.send(event["text"] if "text" in event else event["bytes"])

    try:
        await converse(connection, frames, receive, reply)
    except ConnectionClosed:
        pass
    finally:
        frames.abort()
        connection.connection_lost(None)
        server.transport.abort()
