"""Messages in datagrams (RFC 3261 section 18)."""

import asyncio
import socket
from collections.abc import Callable

from softphone.resolver import is_address
from softphone.sip.transport.framing import PING
from softphone.sip.transport.hop import Hop, Send
from softphone.sip.transport.kinds import UDP

__all__ = ["Datagrams"]

# A burst of 1,000 INVITEs of 1.5 kB has room while the loop is busy elsewhere.
BUFFER = 4 << 20


class Datagrams(asyncio.DatagramProtocol):
    """One UDP socket; what ICMP says of peers that are gone is not news of this socket.

    Parameters
    ----------
    arrived
        Called with each message and where it came from.
    """

    def __init__(self, arrived: Callable[[bytes, Hop], None]) -> None:
        self._arrived = arrived
        self._socket: asyncio.DatagramTransport | None = None
        # What the system said of the last datagram, too long or to where is no way: asyncio does not raise it.
        self._error: Exception | None = None

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Open the socket; returns where it is. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        self._socket.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        where: tuple[str, int] = self._socket.get_extra_info("sockname")[:2]
        return where

    def close(self) -> None:
        """Close it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, send: Send) -> bool:
        """Send a message; False: it cannot be sent."""
        if self._socket is None or not is_address(send.target.host):
            return False
        self._error = None
        self._socket.sendto(send.data, (send.target.host, send.target.port))
        return self._error is None

    def ping(self, target: Hop) -> None:
        """Keep the mapping of a NAT."""
        if self._socket is not None and is_address(target.host):
            self._socket.sendto(PING, (target.host, target.port))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a message on, but no keep-alives of clients behind NAT: line ends or zeros, which want no answer."""
        if data.strip(b"\r\n\0"):
            self._arrived(data, Hop(UDP.name, addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Remember what the system says."""
        self._error = exc
