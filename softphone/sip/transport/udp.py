"""Messages in datagrams (RFC 3261 section 18)."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from softphone.address import FAMILIES, family_of
from softphone.sip.transport.connection import PING
from softphone.sip.transport.hop import UDP, Hop, Send

__all__ = ["Datagrams"]

# A burst of 1,000 INVITEs of 1.5 kB has room while the loop is busy elsewhere.
BUFFER = 4 << 20

# Read in a turn of the loop; what must not wait for SIP, such as timers, has its turn then.
AT_ONCE = 64
LONGEST = 65_536


class Datagrams:
    """A UDP socket for each address family; what ICMP says of peers that are gone is not news of these sockets.

    They are none of asyncio's, which reads one datagram in each turn of the loop, so that the last of many would wait
    for all the work that those before it begin; and each into 256 kB of new memory, of which a kept message would be
    the beginning.

    Parameters
    ----------
    arrived
        Called with each message and where it came from.
    """

    def __init__(self, arrived: Callable[[bytes, Hop], None]) -> None:
        self._arrived = arrived
        self._sockets: dict[int, socket.socket] = {}
        self._read = memoryview(bytearray(LONGEST))

    async def listen(self, hosts: Sequence[str], port: int) -> tuple[str, int]:
        """Open a socket at each host, on one port; returns where the first is. Raises OSError."""
        found: list[tuple[str, int]] = []
        for host in hosts:
            family = family_of(host) or 4
            self._sockets[family] = bound = _bound(family, host, found[0][1] if found else port)
            found.append(bound.getsockname()[:2])
            asyncio.get_running_loop().add_reader(bound, self._readable, bound)
        return found[0]

    def close(self) -> None:
        """Close them."""
        for each in self._sockets.values():
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        self._sockets.clear()

    def send(self, send: Send) -> bool:
        """Send a message; False: it cannot be sent."""
        return self._send(send.data, send.target)

    def ping(self, target: Hop) -> None:
        """Keep the mapping of a NAT."""
        self._send(PING, target)

    def _send(self, data: bytes, target: Hop) -> bool:
        if (way := self._sockets.get(family_of(target.host))) is None:
            return False
        try:
            way.sendto(data, (target.host, target.port))
        except BlockingIOError:  # lost, as on any full line: it is sent again
            return True
        except OSError:  # too long, or to where is no way
            return False
        return True

    def _readable(self, bound: socket.socket) -> None:
        """Hand on what has come, until the socket is closed."""
        with contextlib.suppress(OSError):
            for _ in range(AT_ONCE):
                size, (host, port, *_) = bound.recvfrom_into(self._read)
                self._hand_on(bytes(self._read[:size]), Hop(UDP.name, host, port))

    def _hand_on(self, data: bytes, source: Hop) -> None:
        """Hand a message on, but no keep-alives of clients behind NAT: line ends or zeros, which want no answer."""
        if data.strip(b"\r\n\0"):
            self._arrived(data, source)


def _bound(family: int, host: str, port: int) -> socket.socket:
    """Open a socket that takes packets of one family only."""
    bound = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
    try:
        if family == 6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
