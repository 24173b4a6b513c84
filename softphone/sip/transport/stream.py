"""Messages in streams (RFC 3261 section 18.3): a server, the connections to it, and those that we open.

It is said here how many connections there may be, and which gives way to one too many.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from softphone.sip.transport.connection import Connection, Limits
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop, Send, TransportKind

__all__ = ["Connections", "StreamTransport"]


class Connections:
    """All connections of one transport.

    When there are too many, the one that nobody holds and that has been silent longest is closed: of the address that
    has too many, or else of the one that has most. So whoever opens many loses his own, and no newcomer is refused
    while others only keep a place.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._by_number: dict[int, Connection] = {}
        self._by_peer: dict[tuple[str, int], Connection] = {}
        self._per_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._by_number.values()))

    def find(self, target: Hop) -> Connection | None:
        """Find the connection that a hop names, or if that is gone, one to its address."""
        return self._by_number.get(target.connection or 0) or self.to((target.host, target.port))

    def to(self, address: tuple[str, int]) -> Connection | None:
        """Find one to an address."""
        return self._by_peer.get(address)

    def named(self, number: int) -> Connection | None:
        """Find a connection by its number."""
        return self._by_number.get(number)

    def add(self, connection: Connection) -> bool:
        """Take one in, if need be in the place of another one; False: all others are held, there is no room."""
        host = connection.peer[0]
        if self._per_address[host] >= self.limits.per_address:
            room = self._give_up_one_of(host)
        else:
            room = len(self) < self.limits.connections or self._give_up_one()
        if not room:
            return False
        self._per_address[host] += 1
        self._by_number[connection.number] = connection
        self._by_peer[connection.peer] = connection
        return True

    def remove(self, connection: Connection) -> None:
        """Forget one."""
        if self._by_number.pop(connection.number, None) is not None:
            host = connection.peer[0]
            self._per_address[host] -= 1
            if not self._per_address[host]:
                del self._per_address[host]
        if self._by_peer.get(connection.peer) is connection:
            del self._by_peer[connection.peer]

    def sweep(self, now: float) -> None:
        """Close what is overdue."""
        for connection in self:
            if connection.overdue(now):
                connection.close()

    def _give_up_one(self) -> bool:
        """Close one of the address that has most that nobody holds."""
        idle = Counter(each.peer[0] for each in self if not each.flow.is_held)
        return any(self._give_up_one_of(host) for host, _ in idle.most_common(1))

    def _give_up_one_of(self, host: str) -> bool:
        idle = [each for each in self if each.peer[0] == host and not each.flow.is_held]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.flow.heard_at)
        self.remove(longest)
        longest.abort()
        return True


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
