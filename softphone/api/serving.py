"""The HTTP server inside our own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HttpServer"]

# Connections at the same time; more are answered 503.
MAX_CONNECTIONS = 1000

# Nobody has to tell us anything over a WebSocket; what is longer ends it (RFC 6455 section 7.4.1, 1009).
MAX_MESSAGE_BYTES = 1 << 20

# How long requests that are under way may take when the server stops.
SHUTDOWN_S = 2


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: who runs the process decides when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that waits for the head of a request, but not for ever: nobody holds a connection by sending slowly.

    Parameters
    ----------
    limit_s
        How long the head of a request may take, from its first byte or the connection's beginning.
    """

    def __init__(self, *arguments: Any, limit_s: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limit_s = limit_s
        self._overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._overdue = self.loop.call_later(self._limit_s, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Read; a head that has begun has to end in time."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self._limit_s, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


class HttpServer:
    """Serves an application on one address.

    Parameters
    ----------
    app
        What answers.
    host, port
        Where to listen; port 0 takes a free one.
    head_s
        How long a client may take to send the head of a request.
    """

    def __init__(self, app: FastAPI, host: str, port: int, *, head_s: float) -> None:
        self.host = host
        self.port = port
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            http=cast(type[asyncio.Protocol], partial(PatientProtocol, limit_s=head_s)),
        )
        self._server = QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; `port` is then the real one.

        Raises
        ------
        OSError
            The address cannot be had; the message names it.
        """
        listener = bind(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Finish the requests that are under way, and close."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None


def bind(host: str, port: int) -> socket.socket:
    """Open a listening TCP socket.

    Raises
    ------
    OSError
        The message names the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"HTTP cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
