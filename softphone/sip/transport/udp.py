"""Messages in datagrams (RFC 3261 section 18)."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from softphone.resolver import is_address
from softphone.sip.transport.connection import PING
from softphone.sip.transport.hop import UDP, Hop, Send

__all__ = ["Datagrams"]

# A burst of 1,000 INVITEs of 1.5 kB has room while the loop is busy elsewhere.
BUFFER = 4 << 20

# Read in a turn of the loop; what must not wait for SIP, such as timers, has its turn then.
AT_ONCE = 64
LONGEST = 65_536


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
        self._source: socket.socket
        # What the system said of the last datagram, too long or to where is no way: asyncio does not raise it.
        self._error: Exception | None = None

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Open the socket; returns where it is. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._source = bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            bound.setblocking(False)
            bound.bind((host, port))
        except OSError:
            bound.close()
            raise
        self._socket, _ = await loop.create_datagram_endpoint(lambda: self, sock=bound)
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
        """Hand on what has come, this datagram and those behind it.

        asyncio reads one in each turn of the loop: the last of many would wait for all the work that those before it
        begin.
        """
        self._hand_on(data, addr)
        with contextlib.suppress(OSError):
            for _ in range(AT_ONCE - 1):
                if self._socket is None:
                    return
                self._hand_on(*self._source.recvfrom(LONGEST))

    def _hand_on(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a message on, but no keep-alives of clients behind NAT: line ends or zeros, which want no answer."""
        if data.strip(b"\r\n\0"):
            self._arrived(data, Hop(UDP.name, addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Remember what the system says."""
        self._error = exc
