"""UDP and TCP by asyncio (RFC 3261 section 18): the only place of the signalling that has sockets."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from softphone.errors import SipNetworkError, UnresolvedName
from softphone.resolver import Resolver, is_address
from softphone.sip.transport.connection import Connection, Limits
from softphone.sip.transport.connections import Connections
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.framing import PING
from softphone.sip.transport.hop import Hop, Send

__all__ = ["Limits", "Transport", "TransportCounters"]

_log = logging.getLogger(__name__)

# A burst of 1,000 INVITEs of 1.5 kB has room while the loop is busy elsewhere.
UDP_BUFFER = 4 << 20
# Tries to find a port that is free for UDP and TCP alike, when any port will do.
PORT_TRIES = 20
# Turns of the loop from its accepting a connection, or giving up to open one, to its telling us.
TELLING_TURNS = 3


@dataclass(slots=True)
class TransportCounters:
    """What went wrong below the messages."""

    unsent: int = 0
    """Messages that could not be sent."""
    refused: int = 0
    """Connections closed because there were too many."""
    faults: int = 0
    """Messages whose handling raised: a fault of ours, logged."""


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP socket; what ICMP says of peers that are gone is not news of this socket."""

    def __init__(self, transport: "Transport") -> None:
        self._owner = transport
        self.error: Exception | None = None
        """What the system said of the last datagram, too long or to where is no way: asyncio does not raise it."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        # Keep-alives of clients behind NAT: line ends or zeros, to which no answer is expected.
        if data.strip(b"\r\n\0"):
            self._owner.arrived(data, Hop("udp", addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        self.error = exc


class Transport:
    """Sockets of one node: what comes goes to `receive`, what cannot go is told to `failed`.

    Parameters
    ----------
    receive
        Called with each message and where it came from.
    failed
        Called later, never from within `send`, with the transaction of what could not be sent, if it has one.
    """

    def __init__(
        self,
        receive: Callable[[bytes, Hop], None],
        failed: Callable[[str | None], None],
        limits: Limits | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self.resolver = resolver or Resolver()
        self.limits = limits or Limits()
        self.counters = TransportCounters()
        self.host = ""
        self.port = 0
        self._receive = receive
        self._failed = failed
        self._datagrams = _Datagrams(self)
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._numbers = count(1)
        self._connections = Connections(self.limits)
        self._waiting: dict[tuple[str, int], list[Send]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """Open TCP connections."""
        return len(self._connections)

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, tcp: bool = True) -> None:
        """Listen by UDP, and by TCP on the same port; port 0 finds one that is free for both.

        Raises
        ------
        OSError
            The port is in use, or the address is not ours; the message names both.
        """
        for tries_left in reversed(range(PORT_TRIES if port == 0 else 1)):
            try:
                await self._listen(host, port, tcp)
                return
            except OSError as error:
                await self.stop()
                if not tries_left:
                    raise OSError(error.errno, f"cannot listen for SIP on {host}:{port}: {error.strerror}") from error

    async def _listen(self, host: str, port: int, tcp: bool) -> None:
        loop = asyncio.get_running_loop()
        udp, self._datagrams = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, port))
        self._udp = udp
        self._udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER)
        self.host, self.port = udp.get_extra_info("sockname")[:2]
        if tcp:
            self._server = await loop.create_server(self._new_connection, host, self.port)

    async def stop(self) -> None:
        """Close everything; what is still waiting to be sent is dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.resolver.close()
        await self._close_connections()
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._udp is not None:
            self._udp.close()
        self._sweeper = self._server = self._udp = None
        await asyncio.sleep(0)

    async def _close_connections(self) -> None:
        """Close all, those too that have just been accepted; what a peer does not read is not waited for."""
        # Nothing more is accepted, but the server stays until all are told of: one that is closed before leaks them.
        for listening in self._server.sockets if self._server is not None else ():
            asyncio.get_running_loop().remove_reader(listening)
        for _ in range(TELLING_TURNS):
            await asyncio.sleep(0)
        for end in (Connection.close, Connection.abort):
            for connection in self._connections:
                end(connection)
            await asyncio.sleep(0)

    # Out.

    def send(self, send: Send) -> None:
        """Send a message; of a failure `failed` is told."""
        if send.target.transport == "udp":
            self._send_datagram(send)
        else:
            self._send_stream(send)

    def _send_datagram(self, send: Send) -> None:
        if self._udp is None or not is_address(send.target.host):
            self._give_up(send)
            return
        self._datagrams.error = None
        self._udp.sendto(send.data, (send.target.host, send.target.port))
        if self._datagrams.error is not None:
            self._give_up(send)

    def _send_stream(self, send: Send) -> None:
        """Send by the connection it belongs to, by one to the same address, or by a new one."""
        address = (send.target.host, send.target.port)
        for target in (send.target, send.target.with_transport("tcp")):
            connection = self._connections.find(target)
            if connection is not None and connection.send(send):
                return
        if address in self._waiting:
            self._wait(address, send)
        elif len(self._waiting) >= self.limits.opening:
            self._give_up(send)
        else:
            self._waiting[address] = [send]
            task = asyncio.get_running_loop().create_task(self._open(address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _wait(self, address: tuple[str, int], send: Send) -> None:
        if len(self._waiting[address]) < self.limits.waiting:
            self._waiting[address].append(send)
        else:
            self._give_up(send)

    async def _open(self, address: tuple[str, int]) -> None:
        connection: Connection | None = None
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self.limits.connect_s):
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(self._new_connection, *address)
        for send in self._waiting.pop(address):
            if connection is None or not connection.send(send):
                self._give_up(send)

    def _give_up(self, send: Send) -> None:
        self.counters.unsent += 1
        asyncio.get_running_loop().call_soon(self._failed, send.key)

    async def resolve(self, target: Hop) -> Hop:
        """Look a host name up; an address comes back as it is.

        Raises
        ------
        SipNetworkError
            The name is not known.
        """
        try:
            addresses = await self.resolver.addresses(target.host)
        except UnresolvedName as error:
            raise SipNetworkError(str(error)) from error
        return replace(target, host=addresses[0])

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop: the connection that it names, else one to its address; None over UDP."""
        if target.transport == "udp":
            return None
        number = target.connection
        found = self._connections.find(target) if number is None else self._connections.named(number)
        return found.flow if found is not None and found.flow.is_open else None

    def ping(self, target: Hop) -> None:
        """Send what keeps a NAT's mapping or a connection open; to whom there is no connection, nothing is sent."""
        if target.transport != "udp":
            connection = self._connections.find(target)
            if connection is not None:
                connection.ping()
        elif self._udp is not None and is_address(target.host):
            self._udp.sendto(PING, (target.host, target.port))

    # In; the face that a Connection sees.

    def arrived(self, data: bytes, source: Hop) -> None:
        """Hand a message on; whatever its handling raises costs this message and no other."""
        try:
            self._receive(data, source)
        except Exception:
            self.counters.faults += 1
            _log.exception("a message from %s:%s:%d could not be handled", source.transport, source.host, source.port)

    def opened(self, connection: Connection) -> bool:
        """Take a connection in; False: there are too many, and all are held."""
        if not self._connections.add(connection):
            self.counters.refused += 1
            return False
        if self._sweeper is None:
            self._sweep_later()
        return True

    def closed(self, connection: Connection, unanswered: list[str]) -> None:
        """Forget a connection; the requests that went by it may have been lost."""
        self._connections.remove(connection)
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
        self._connections.sweep(asyncio.get_running_loop().time())
        if self._connections:
            self._sweep_later()
