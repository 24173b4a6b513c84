"""UDP ports in memory: a datagram is readable as soon as it is sent."""

import errno
import itertools
from collections import deque
from typing import Any

from softphone.media.net.port import LoopPort
from softphone.media.net.slots import Slots

__all__ = ["Ports"]

HOST = "127.0.0.1"
FIRST = 20_000
"""The first port of those that are picked."""


class Ports:
    """All ports of a network in memory, by number."""

    def __init__(self) -> None:
        self.open: dict[int, _Socket] = {}
        self._numbers = itertools.count(FIRST, 2)
        self._handles = itertools.count(1)

    def open_port(self, host: str, number: int, index: int) -> LoopPort:
        """Open a port as :class:`softphone.media.net.port.LoopPort` does; raises OSError when it is taken."""
        number = number or next(self._numbers)
        if number in self.open:
            raise OSError(errno.EADDRINUSE, f"port {number} in memory is taken")
        socket = self.open[number] = _Socket(self, number, -next(self._handles))
        return _Port(socket, index)


class _Port(LoopPort):
    def __init__(self, socket: "_Socket", index: int) -> None:
        self._socket: Any = socket
        self.host, self.port, self.index = HOST, socket.number, index
        self.receive_buffer = 1 << 20

    def _store(self, slots: Slots, data: bytes, host: str, port: int) -> None:
        """Put one datagram into the next slot; here it comes when it is looked, however slow the machine is."""
        super()._store(slots, data, host, port)
        slots.stamp[slots.used - 1] = slots.look_ns


class _Socket:
    """What a port asks of a socket."""

    def __init__(self, ports: Ports, number: int, handle: int) -> None:
        self._ports, self.number, self._handle = ports, number, handle
        self.arrived: deque[tuple[bytes, tuple[str, int]]] = deque()

    def fileno(self) -> int:
        return self._handle

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.arrived:
            raise BlockingIOError
        return self.arrived.popleft()

    def sendto(self, data: bytes, to: tuple[str, int]) -> None:
        peer = self._ports.open.get(to[1])
        if peer is not None:
            peer.arrived.append((bytes(data), (HOST, self.number)))

    def close(self) -> None:
        self._ports.open.pop(self.number, None)
