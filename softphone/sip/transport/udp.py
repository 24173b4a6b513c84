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


class Datagrams:
    """One UDP socket; what ICMP says of peers that are gone is not news of this socket.

    It is not one of asyncio's, which reads one datagram in each turn of the loop, so that the last of many would wait
    for all the work that those before it begin; and each into 256 kB of new memory, of which a kept message would be
    the beginning.

    Parameters
    ----------
    arrived
        Called with each message and where it came from.
    """

    def __init__(self, arrived: Callable[[bytes, Hop], None]) -> None:
        self._arrived = arrived
        self._socket: socket.socket | None = None
        self._read = memoryview(bytearray(LONGEST))

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Open the socket; returns where it is. Raises OSError."""
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            bound.setblocking(False)
            bound.bind((host, port))
        except OSError:
            bound.close()
            raise
        self._socket = bound
        asyncio.get_running_loop().add_reader(bound, self._readable)
        where: tuple[str, int] = bound.getsockname()[:2]
        return where

    def close(self) -> None:
        """Close it."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def send(self, send: Send) -> bool:
        """Send a message; False: it cannot be sent."""
        return self._send(send.data, send.target)

    def ping(self, target: Hop) -> None:
        """Keep the mapping of a NAT."""
        self._send(PING, target)

    def _send(self, data: bytes, target: Hop) -> bool:
        if self._socket is None or not is_address(target.host):
            return False
        try:
            self._socket.sendto(data, (target.host, target.port))
        except BlockingIOError:  # lost, as on any full line: it is sent again
            return True
        except OSError:  # too long, or to where is no way
            return False
        return True

    def _readable(self) -> None:
        """Hand on what has come."""
        with contextlib.suppress(OSError):
            for _ in range(AT_ONCE):
                if self._socket is None:
                    return
                size, (host, port, *_) = self._socket.recvfrom_into(self._read)
                self._hand_on(bytes(self._read[:size]), Hop(UDP.name, host, port))

    def _hand_on(self, data: bytes, source: Hop) -> None:
        """Hand a message on, but no keep-alives of clients behind NAT: line ends or zeros, which want no answer."""
        if data.strip(b"\r\n\0"):
            self._arrived(data, source)
