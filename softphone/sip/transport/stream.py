"""Messages in streams (RFC 3261 section 18.3): a server, the connections to it, and those that we open."""

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count

from softphone.sip.transport.connection import Connection, Limits
from softphone.sip.transport.connections import Connections
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop, Send
from softphone.sip.transport.kinds import TransportKind

__all__ = ["StreamTransport"]

# Turns of the loop from its accepting a connection, or giving up to open one, to its telling us.
TELLING_TURNS = 3


class StreamTransport:
    """All connections of one transport.

    Parameters
    ----------
    kind
        The transport.
    arrived
        Called with each message and where it came from.
    unsent
        Called with a message that could not be sent.
    failed
        Called with the transactions of the requests that may have been lost with a connection.
    """

    def __init__(
        self,
        kind: TransportKind,
        limits: Limits,
        arrived: Callable[[bytes, Hop], None],
        unsent: Callable[[Send], None],
        failed: Callable[[str | None], None],
    ) -> None:
        self.kind = kind
        self.limits = limits
        self.arrived = arrived
        self.refused = 0
        self.connections = Connections(limits)
        self._unsent = unsent
        self._failed = failed
        self._server: asyncio.Server | None = None
        self._numbers = count(1)
        self._waiting: dict[tuple[str, int], list[Send]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int) -> None:
        """Accept connections. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(self._new_connection, host, port)

    async def close(self) -> None:
        """Close all, those too that have just been accepted; what a peer does not read is not waited for."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close_connections()
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._sweeper = self._server = None

    async def _close_connections(self) -> None:
        # Nothing more is accepted, but the server stays until all are told of: one that is closed before leaks them.
        for listening in self._server.sockets if self._server is not None else ():
            asyncio.get_running_loop().remove_reader(listening)
        for _ in range(TELLING_TURNS):
            await asyncio.sleep(0)
        for end in (Connection.close, Connection.abort):
            for connection in self.connections:
                end(connection)
            await asyncio.sleep(0)

    def send(self, send: Send) -> None:
        """Send by the connection it belongs to, by one to the same address, or by a new one."""
        address = (send.target.host, send.target.port)
        for connection in (self.connections.find(send.target), self.connections.to(address)):
            if connection is not None and connection.send(send):
                return
        if address in self._waiting:
            self._wait(address, send)
        elif len(self._waiting) >= self.limits.opening:
            self._unsent(send)
        else:
            self._waiting[address] = [send]
            task = asyncio.get_running_loop().create_task(self._open(address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop: the connection that it names, else one to its address."""
        number = target.connection
        found = self.connections.find(target) if number is None else self.connections.named(number)
        return found.flow if found is not None and found.flow.is_open else None

    def ping(self, target: Hop) -> None:
        """Keep a connection open; to whom there is none, nothing is sent."""
        connection = self.connections.find(target)
        if connection is not None:
            connection.ping()

    def _wait(self, address: tuple[str, int], send: Send) -> None:
        if len(self._waiting[address]) < self.limits.waiting:
            self._waiting[address].append(send)
        else:
            self._unsent(send)

    async def _open(self, address: tuple[str, int]) -> None:
        connection: Connection | None = None
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self.limits.connect_s):
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(self._new_connection, *address)
        for send in self._waiting.pop(address):
            if connection is None or not connection.send(send):
                self._unsent(send)

    # What a connection tells.

    def opened(self, connection: Connection) -> bool:
        """Take a connection in; False: there are too many, and all are held."""
        if not self.connections.add(connection):
            self.refused += 1
            return False
        if self._sweeper is None:
            self._sweep_later()
        return True

    def closed(self, connection: Connection, unanswered: list[str]) -> None:
        """Forget a connection; the requests that went by it may have been lost."""
        self.connections.remove(connection)
        for key in unanswered:
            self._failed(key)

    def _new_connection(self) -> Connection:
        return Connection(self, next(self._numbers))

    def _sweep_later(self) -> None:
        every = min(self.limits.idle_s, self.limits.partial_s) / 4
        self._sweeper = asyncio.get_running_loop().call_later(every, self._sweep)

    def _sweep(self) -> None:
        """Close what is overdue; without connections there is no timer."""
        self._sweeper = None
        self.connections.sweep(asyncio.get_running_loop().time())
        if self.connections:
            self._sweep_later()
