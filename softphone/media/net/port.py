"""UDP ports for media, and one that moves a datagram at a time with what every system offers.

`softphone.media.net.batch` has those that move many in one system call.
"""

import contextlib
import select
import socket
import sys
from collections.abc import Callable
from typing import Protocol

import numpy as np

from softphone.address import FAMILIES, family_of, host_port
from softphone.media.net.slots import SLOT_SIZE, Letters, SendBuffer, Slots, address_of, sockaddr

__all__ = ["BoundPort", "ERRORS_MAX", "LoopPort", "OpenPort", "Patience", "UdpPort", "open_socket", "overflow_of"]

SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
# An array of 32-bit numbers, of which one counts the datagrams that were dropped (linux/sock_diag.h)
SO_MEMINFO, MEMINFO_DROPS, MEMINFO_SIZE = 55, 8, 36
# Never fragment, and do not believe strangers about the path's MTU: media is far below any. The kernel then need not
# number each datagram for reassembly (RFC 6864 section 4.1), which is a tenth of the cost of sending it.
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_PROBE = 10, 23, 3
# Room for 0.1 s of 2,000 parties: a datagram of 172 bytes counts as 1,280 in the kernel's books.
BUFFER_BYTES = 16 << 20
# Expedited Forwarding (RFC 3246, RFC 4594 section 4.1), as the byte of the IP header
TOS_EXPEDITED = 0xB8
# Errors that one look at a port puts up with: ICMP leaves one per datagram sent, a broken port has them without end.
ERRORS_MAX = 64
# A full send buffer drains within a millisecond or so; ticks are 20 ms apart and must not wait longer than this in all.
SEND_WAIT_MS = 5


class Patience:
    """How long the sends of one tick may wait for full buffers, all of them together."""

    def __init__(self) -> None:
        self._left_ms = SEND_WAIT_MS

    def renew(self) -> None:
        """Begin a tick."""
        self._left_ms = SEND_WAIT_MS

    def wait(self, fd: int) -> bool:
        """Wait for a send buffer to drain, a millisecond at most; False when no patience is left."""
        if self._left_ms <= 0:
            return False
        self._left_ms -= 1
        full = select.poll()
        full.register(fd, select.POLLOUT)
        full.poll(1)
        return True


class UdpPort(Protocol):
    """A non-blocking UDP socket that moves batches.

    Attributes
    ----------
    host, port
        Where it is bound.
    index
        The number that its datagrams carry in `Slots.local`.
    receive_buffer
        Bytes that the kernel holds for us.
    """

    host: str
    port: int
    index: int
    receive_buffer: int

    def fileno(self) -> int:
        """Give the file descriptor, for polling."""
        ...

    def receive(self, slots: Slots) -> int:
        """Append what has come to `slots`, as far as it fits; give the number of datagrams."""
        ...

    def send(self, outbox: SendBuffer | Letters, start: int, stop: int, patience: "Patience") -> int:
        """Send a range of `outbox`; give the number that went out. One that cannot go does not hold up the others."""
        ...

    def send_to(self, datagram: bytes, host: str, port: int) -> bool:
        """Send one datagram; False when the system does not take it."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


OpenPort = Callable[[str, int, int], UdpPort]
"""Opens a port: host, number (0: any) and index; raises OSError when it is taken."""


def open_socket(host: str, port: int) -> socket.socket:
    """Open a non-blocking UDP socket for media: large buffers, Expedited Forwarding.

    Raises
    ------
    OSError
        When the port is taken or the address is not ours.
    """
    family = FAMILIES[family_of(host) or 4]
    six = family == socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot bind UDP {host_port(host, port)}: {error.strerror}") from error
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # not every system lets us; media flows without
        level, option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six else (socket.IPPROTO_IP, socket.IP_TOS)
        sock.setsockopt(level, option, TOS_EXPEDITED)
    if sys.platform == "linux":
        level, option = (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) if six else (socket.IPPROTO_IP, IP_MTU_DISCOVER)
        sock.setsockopt(level, option, PMTUDISC_PROBE)
    _enlarge(sock, SO_RCVBUFFORCE, socket.SO_RCVBUF)
    _enlarge(sock, SO_SNDBUFFORCE, socket.SO_SNDBUF)
    return sock


def _enlarge(sock: socket.socket, force: int, ordinary: int) -> None:
    """Ask for a large buffer: past the system's limit where we may, else as far as the limit."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            sock.setsockopt(socket.SOL_SOCKET, force, BUFFER_BYTES)
            return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, ordinary, BUFFER_BYTES)


def overflow_of(fd: int) -> int:
    """Give how many datagrams a socket had no room for in its receive buffer; 0 where the system does not tell."""
    sock = socket.socket(fileno=fd)
    try:
        told = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO_SIZE) if sys.platform == "linux" else b""
    except OSError:
        told = b""
    finally:
        sock.detach()
    return int(np.frombuffer(told, np.uint32)[MEMINFO_DROPS]) if len(told) == MEMINFO_SIZE else 0


class BoundPort:
    """What both kinds of port share: a socket that is bound."""

    def __init__(self, host: str, port: int, index: int) -> None:
        self._socket = open_socket(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self.index = index
        self.receive_buffer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def fileno(self) -> int:
        """Give the file descriptor, for polling."""
        return self._socket.fileno()

    def send_to(self, datagram: bytes, host: str, port: int) -> bool:
        """Send one datagram; False when the system does not take it."""
        try:
            self._socket.sendto(datagram, (host, port))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


class LoopPort(BoundPort):
    """A port for any system: a datagram at a time."""

    def receive(self, slots: Slots) -> int:
        """Append what has come to `slots`, as far as it fits; give the number of datagrams."""
        before, errors = slots.used, 0
        while slots.free and errors < ERRORS_MAX:
            try:
                data, (host, port, *_) = self._socket.recvfrom(SLOT_SIZE + 1)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error about something sent before; the next call gets the next datagram
                errors += 1
                continue
            self._store(slots, data, host, port)
        return slots.used - before

    def _store(self, slots: Slots, data: bytes, host: str, port: int) -> None:
        """Put one datagram into the next slot."""
        # Late: it loads the compiler, and this module is loaded where nothing ticks, too.
        from softphone.media.net.senders import filled

        at = slots.used
        size = 0 if len(data) > SLOT_SIZE else len(data)
        slots.data[at, :size] = np.frombuffer(data[:size], np.uint8)
        slots.length[at] = size
        slots.address[at] = sockaddr(host, port)
        filled(slots, 1, self.index)

    def send(self, outbox: SendBuffer | Letters, start: int, stop: int, patience: "Patience") -> int:
        """Send a range of `outbox`; give the number that went out. One that cannot go does not hold up the others."""
        sent = 0
        for i in range(start, stop):
            host, port = address_of(outbox.address[i])
            try:
                self._socket.sendto(outbox.datagram(i), (host, port))
            except BlockingIOError:
                if not patience.wait(self.fileno()):
                    break
                sent += self.send_to(outbox.datagram(i), host, port)
            except OSError:
                continue
            else:
                sent += 1
        return sent
