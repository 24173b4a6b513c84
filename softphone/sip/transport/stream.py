"""Messages in streams (RFC 3261 section 18.3): a server, and incoming and outgoing connections.

It is said here how many connections there may be, and which gives way to one too many.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

from softphone.errors import ConfigError
from softphone.sip.transport.connection import Connection, Limits
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop, Send, TransportKind
from softphone.sip.transport.tls import Handshake, Handshakes, TlsContexts

__all__ = ["Connections", "StreamTransport"]


Peer = tuple[str, int, str]
"""Address, port, and the name that the peer's certificate has; of who connects to us it is empty."""


def peer_of(hop: Hop) -> Peer:
    """Give the peer that a hop leads to."""
    return hop.host, hop.port, hop.name


class Connections:
    """All connections of one transport.

    When there are too many, the one that nobody holds and that has been silent longest is closed: of the address that
    has too many, or else of the one that has most. So whoever opens many loses his own, and no newcomer is refused
    while others only keep a place.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._by_number: dict[int, Connection] = {}
        self._by_peer: dict[Peer, Connection] = {}
        self._per_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._by_number.values()))

    def find(self, target: Hop) -> Connection | None:
        """Find the connection that a hop names, or if that is gone, one to its address."""
        return self._by_number.get(target.connection or 0) or self.to(peer_of(target))

    def to(self, peer: Peer) -> Connection | None:
        """Find one to an address."""
        return self._by_peer.get(peer)

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
        self._by_peer[*connection.peer, connection.name] = connection
        return True

    def remove(self, connection: Connection) -> None:
        """Forget one."""
        if self._by_number.pop(connection.number, None) is not None:
            host = connection.peer[0]
            self._per_address[host] -= 1
            if not self._per_address[host]:
                del self._per_address[host]
        peer = (*connection.peer, connection.name)
        if self._by_peer.get(peer) is connection:
            del self._by_peer[peer]

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
    tls
        Certificates; None: it is spoken in clear.
    """

    def __init__(
        self,
        kind: TransportKind,
        limits: Limits,
        arrived: Callable[[bytes, Hop], None],
        unsent: Callable[[Send], None],
        failed: Callable[[str | None], None],
        tls: TlsContexts | None = None,
    ) -> None:
        self.kind = kind
        self.tls = tls
        self.handshakes = Handshakes(limits.handshakes, limits.handshakes // 8)
        self.handshake_s = limits.handshake_s
        self.limits = limits
        self.arrived = arrived
        self.refused = 0
        self.port = 0
        self.connections = Connections(limits)
        self._unsent = unsent
        self._failed = failed
        self._servers: list[asyncio.Server] = []
        self._numbers = count(1)
        self._waiting: dict[Peer, list[Send]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, hosts: Sequence[str], port: int) -> None:
        """Accept connections at some addresses; `port` is then the real one of all. Raises OSError."""
        self.port = port
        for host in hosts:
            server = await asyncio.get_running_loop().create_server(self._accepted, host, self.port)
            self._servers.append(server)
            self.port = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close all, those too that have just been accepted; what a peer does not read is not waited for."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close_connections()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for server in self._servers:
            server.close()
            await server.wait_closed()
        self._sweeper = None
        self._servers.clear()

    async def _close_connections(self) -> None:
        # Nothing more is accepted, but the server stays until all are told of: one that is closed before leaks them.
        for listening in (each for server in self._servers for each in server.sockets):
            asyncio.get_running_loop().remove_reader(listening)
        for _ in range(TELLING_TURNS):
            await asyncio.sleep(0)
        for end in (Connection.close, Connection.abort):
            for connection in self.connections:
                end(connection)
            await asyncio.sleep(0)

    def send(self, send: Send) -> None:
        """Send by the connection it belongs to, by one to the same address, or by a new one."""
        peer = peer_of(send.target)
        for connection in (self.connections.find(send.target), self.connections.to(peer)):
            if connection is not None and connection.send(send):
                return
        if peer in self._waiting:
            self._wait(peer, send)
        elif len(self._waiting) >= self.limits.opening:
            self._unsent(send)
        else:
            self._waiting[peer] = [send]
            self.later(asyncio.get_running_loop().create_task(self._open(peer)))

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

    def _wait(self, peer: Peer, send: Send) -> None:
        if len(self._waiting[peer]) < self.limits.waiting:
            self._waiting[peer].append(send)
        else:
            self._unsent(send)

    async def _open(self, peer: Peer) -> None:
        connection: Connection | None = None
        host, _, name = peer
        try:
            async with asyncio.timeout(self.limits.connect_s):
                connection = await self.connect(peer)
        except (OSError, TimeoutError, ConfigError) as error:
            if isinstance(error, ssl.SSLError | ConfigError):
                self.handshakes.fail(name or host, error, asyncio.get_running_loop().time(), ours=True)
        for send in self._waiting.pop(peer):
            if connection is None or not connection.send(send):
                self._unsent(send)

    async def connect(self, peer: Peer) -> Connection:
        """Open a connection.

        Raises
        ------
        OSError, ConfigError
            There is none to be had; certificates cannot be read.
        """
        host, port, name = peer
        make = partial(Connection, self, self.number(), name)
        context = self.tls.client if self.tls is not None else None
        told = None if context is None else name or host
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(make, host, port, ssl=context, server_hostname=told)
        return connection

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

    def secured(self) -> Connection:
        """Make the connection of a client that has shaken hands."""
        return Connection(self, self.number())

    def number(self) -> int:
        """Give the number of a new connection."""
        return next(self._numbers)

    def later(self, work: "asyncio.Task[None]") -> None:
        """Keep a task until it is done."""
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    def _accepted(self) -> asyncio.Protocol:
        context = self.tls.server if self.tls is not None else None
        return self.secured() if context is None else Handshake(self, context)

    def _sweep_later(self) -> None:
        every = min(self.limits.idle_s, self.limits.partial_s) / 4
        self._sweeper = asyncio.get_running_loop().call_later(every, self._sweep)

    def _sweep(self) -> None:
        """Close what is overdue; without connections there is no timer."""
        self._sweeper = None
        self.connections.sweep(asyncio.get_running_loop().time())
        if self.connections:
            self._sweep_later()
