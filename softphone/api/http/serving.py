"""The HTTP server inside our own event loop."""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Iterator, Sequence
from email.utils import formatdate
from functools import partial
from typing import Any, cast

import h11
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from softphone.address import FAMILIES, family_of, host_port
from softphone.api.http.errors import ApiError
from softphone.api.http.gate import HttpConnections

__all__ = ["HttpServer", "Seldom"]

log = structlog.get_logger()

# How long who was named is not named again, and how many may be in that time.
EVERY_S = 60.0
MOST = 10


class Seldom:
    """Says whether something is to be logged; a value that is told the time."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._untold = 0

    def tell(self, who: str, now: float) -> int | None:
        """Give how often nothing was logged since the last time; None: nothing is to be logged now either."""
        self._told = {each: at for each, at in self._told.items() if now - at < EVERY_S}
        if who in self._told or len(self._told) >= MOST:
            self._untold += 1
            return None
        self._told[who] = now
        untold, self._untold = self._untold, 0
        return untold


# uvicorn warns of what clients do wrong, a line each time and without saying who; errors are ours, and are told.
STRANGERS = logging.getLogger("uvicorn.error.clients")
STRANGERS.setLevel(logging.ERROR)

# Nobody has to tell us anything over a WebSocket; what is longer ends it (RFC 6455 section 7.4.1, 1009).
MAX_MESSAGE_BYTES = 1 << 20

# A client that takes nothing of an answer for so long is gone, or never reads.
STALLED_S = 60.0

# How long requests that are under way may take when the server stops.
SHUTDOWN_S = 2


class DatedHeaders(ServerState):
    """What connections of uvicorn share; the headers of an answer have the time when it is asked for them."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Those of an answer that is made now."""
        return [(b"date", formatdate(usegmt=True).encode())]

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Have no others."""


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers and without its clock: it wakes for connections, and when it is to stop.

    Who runs the process decides when that is.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = DatedHeaders()
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def main_loop(self) -> None:
        """Let connections come."""
        await self._leaving.wait()

    def leave(self) -> None:
        """Let it end."""
        self.should_exit = True
        self._leaving.set()


class Stalled:
    """Closes a connection whose client has stopped to read; what it has not taken by then, it never will."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._timer: asyncio.TimerHandle | None = None

    def pause(self) -> None:
        """Take notice that it takes nothing more."""
        self._timer = self._timer or self._loop.call_later(STALLED_S, self._transport.abort)

    def resume(self) -> None:
        """Take notice that it does, or that it is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that waits for the head of a request, but not for ever: nobody holds a connection by sending slowly.

    Parameters
    ----------
    limit_s
        How long the head of a request may take, from its first byte or the connection's beginning.
    open
        All connections.
    seldom
        Whether it is logged what is no HTTP.
    """

    def __init__(self, *arguments: Any, limit_s: float, open: HttpConnections, seldom: Seldom, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limit_s = limit_s
        self._open = open
        self._seldom = seldom
        self.logger = STRANGERS
        self._overdue: asyncio.TimerHandle | None = None
        self._stalled: Stalled

    @property
    def address(self) -> str:
        """Where it comes from."""
        return self.client[0] if self.client else ""

    @property
    def idle(self) -> bool:
        """Whether no request is at work on it."""
        return self.cycle is None or self.cycle.response_complete

    def drop(self) -> None:
        """Close it at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._stalled = Stalled(transport, self.loop)
        self._overdue = self.loop.call_later(self._limit_s, transport.abort)
        self._open.opened(self)

    def data_received(self, data: bytes) -> None:
        """Read; a head that has begun has to end in time."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self._limit_s, self.transport.abort)

    def pause_writing(self) -> None:
        """Wait until the client reads; not for ever."""
        super().pause_writing()
        self._stalled.pause()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stalled.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        self._stalled.resume()
        self._open.closed(self)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection on."""
        self._stop_waiting()
        self._open.closed(self)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in the shape of all refusals; the log says where it comes from."""
        if (untold := self._seldom.tell(self.address, self.loop.time())) is not None:
            log.info("http_not_understood", address=self.address, reason=str(sys.exception() or msg), untold=untold)
        answer = ApiError(400, "CMN-104", "The request is not HTTP/1.1").response()
        headers = [*answer.raw_headers, (b"connection", b"close"), (b"cache-control", b"no-store")]
        parts = (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)),
        )
        for each in (*parts, h11.EndOfMessage()):
            self.transport.write(self.conn.send(each) or b"")
        self.transport.close()

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


class CountedWebSocket(WebSocketsSansIOProtocol):
    """WebSocket (RFC 6455) of a client that reads.

    Parameters
    ----------
    open
        All connections.
    """

    idle = False

    def __init__(self, *arguments: Any, open: HttpConnections, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._open = open
        self._stalled: Stalled

    @property
    def address(self) -> str:
        """Where it comes from."""
        return self.client[0] if self.client else ""

    def drop(self) -> None:
        """Close it at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._stalled = Stalled(self.transport, self.loop)
        self._open.opened(self)

    def pause_writing(self) -> None:
        """Wait until the client reads; not for ever."""
        super().pause_writing()
        self._stalled.pause()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stalled.resume()

    def handle_pong(self, event: Frame) -> None:
        """Note until when all that was sent has arrived: whoever answers a ping has read what came before it."""
        asked = self.pending_ping_payload
        super().handle_pong(event)
        if asked is not None and self.pending_ping_payload is None:
            self.scope["state"]["heard_until"] = self.ping_sent_at

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stalled.resume()
        self._open.closed(self)
        super().connection_lost(exc)


class HttpServer:
    """Serves an application on one port.

    Parameters
    ----------
    app
        What answers.
    hosts, port
        Addresses to listen on, one for each family; port 0 takes a free one.
    head_s
        How long a client may take to send the head of a request.
    files
        PEM files of our certificate and its key; None: HTTP is spoken in clear.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str], port: int, *, head_s: float, files: tuple[str, str] | None = None
    ) -> None:
        self.hosts, self.host = hosts, hosts[0]
        self.port = port
        self.open = HttpConnections()
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ws=cast(type[asyncio.Protocol], partial(CountedWebSocket, open=self.open)),
            ws_max_size=MAX_MESSAGE_BYTES,
            ssl_certfile=files[0] if files is not None else None,
            ssl_keyfile=(files[1] or None) if files is not None else None,
            http=cast(
                type[asyncio.Protocol], partial(PatientProtocol, limit_s=head_s, open=self.open, seldom=Seldom())
            ),
        )
        self._config = config
        self._server = QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; `port` is then the real one.

        Raises
        ------
        OSError
            The address cannot be had; the message names it.
        """
        listeners: list[socket.socket] = []
        try:
            for host in self.hosts:
                listeners.append(bind(host, self.port))
                self.port = listeners[0].getsockname()[1]
        except OSError:
            for each in listeners:
                each.close()
            raise
        self._task = asyncio.create_task(self._server.serve(sockets=listeners))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    def certified(self, files: tuple[str, str]) -> None:
        """Show another certificate from now on, which has been looked at: no connection ends."""
        if self._config.ssl is not None:
            self._config.ssl.load_cert_chain(files[0], files[1] or None)

    async def stop(self) -> None:
        """Finish the requests that are under way, and close."""
        if self._task is not None:
            self._server.leave()
            await self._task
            self._task = None


def bind(host: str, port: int) -> socket.socket:
    """Open a listening TCP socket.

    Raises
    ------
    OSError
        The message names the address.
    """
    family = FAMILIES[family_of(host) or 4]
    # With the protocol named, asyncio turns Nagle's algorithm off: an answer on a kept connection does not wait for an
    # acknowledgement that the client's system delays by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"HTTP cannot listen on {host_port(host, port)}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
