"""The sockets of all bots: where the sound of each comes in and goes out.

On loopback all of them are one socket with an address of 127/8 each, which control messages (IP_PKTINFO, ip(7)) name in
both directions: two system calls for a thousand bots. Elsewhere a machine has one address, so that each bot has a
port of its own: a call for each of them, and a descriptor.
"""

import errno
import socket
import sys
import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from softphone.errors import MediaError
from softphone.media.net.batch import OpenPorts, Port, Records
from softphone.media.net.port import Patience, overflow_of
from softphone.media.net.slots import (
    HDR_SIZE,
    MSG_TRUNC,
    SLOT_SIZE,
    Letters,
    SendBuffer,
    Slots,
    sockaddr,
)
from softphone.media.net.system import has_batches, last_error, recvmmsg
from softphone.media.rtp.header import HEADER_SIZE
from softphone.media.rtp.vault import Safe, Vault, unseal

__all__ = ["Arrivals", "Doors", "OwnDoors", "SharedDoor", "loopback_host", "open_doors"]

SLOTS = 4096
IP_PKTINFO = 8
CALL_MAX = 1024
EAGAIN, DONTWAIT = errno.EAGAIN, getattr(socket, "MSG_DONTWAIT", 0)
# cmsghdr of the time (16 and 16 bytes), then that of the address (16, and 12 padded to 16), as words
CONTROL_WORDS = 8
TIMESTAMP_WORD = 1 | 35 << 32
PKTINFO_WORD = IP_PKTINFO << 32
# struct in_pktinfo after its cmsghdr, to be sent: which address a datagram is from
FROM = np.dtype(
    [("len", "u8"), ("level", "i4"), ("type", "i4"), ("index", "i4"), ("source", "u1", 4), ("to", "u4"), ("pad", "u4")]
)


class Arrivals(Slots):
    """Datagrams that have come, and to which bot.

    Attributes
    ----------
    row
        int64, shape (count,): whose each of the used ones is; -1: nobody's.
    """

    def __init__(self, count: int = SLOTS) -> None:
        super().__init__(count)
        self.row = np.full(count, -1, np.int64)

    def unseal(self, vault: Vault, *, always: bool = False) -> None:
        """Open the sound of bots that have keys, where it lies; `always`: look for it although no bot has any."""
        if len(vault) or always:
            unseal_all(self.row, self.used, vault.table, self.data, self.data.ctypes.data, self.length, self.length_at)


class Doors(Protocol):
    """Where bots take and send sound."""

    def address(self, bot: int) -> tuple[str, int]:
        """Where a bot takes RTP, for its session description."""
        ...

    def receive(self, into: Arrivals) -> None:
        """Take what has come, as far as it fits; what was there is forgotten."""
        ...

    def send(self, outbox: SendBuffer | Letters, bots: NDArray[np.int64], patience: Patience) -> int:
        """Send the first datagrams of `outbox`, from these bots in ascending order; give how many went out."""
        ...

    def overflowed(self) -> int:
        """How many datagrams came that the system had no room for, since the ports were opened."""
        ...

    def close(self) -> None:
        """Give the ports back."""
        ...


class OwnDoors:
    """A port for each bot.

    Parameters
    ----------
    host
        Address to bind to, which peers reach us at.
    count
        Of bots.
    first_port
        Even numbers from here on are tried; 0: the system picks.

    Raises
    ------
    OSError
        No port or descriptor is left.
    """

    def __init__(self, host: str, count: int, first_port: int = 0) -> None:
        self._ports = OpenPorts()
        try:
            for bot in range(count):
                self._ports.add(Port(host, first_port and first_port + 2 * bot, bot))
        except OSError:
            self.close()
            raise
        self._place = np.zeros(SLOTS, np.int64)

    def address(self, bot: int) -> tuple[str, int]:
        """Where a bot takes RTP."""
        port = self._ports.by_index[bot]
        return port.host, port.port

    def receive(self, into: Arrivals) -> None:
        """Take what has come."""
        into.clear()
        self._ports.receive(into, 0, len(self._ports))
        used = into.used
        into.row[:used] = into.local[:used]

    def send(self, outbox: SendBuffer | Letters, bots: NDArray[np.int64], patience: Patience) -> int:
        """Send from these bots."""
        return self._ports.send(outbox, bots, patience, lambda: None)

    def overflowed(self) -> int:
        """How many datagrams came that the system had no room for."""
        return sum(overflow_of(port.fileno()) for port in self._ports.by_index.values())

    def close(self) -> None:
        """Give the ports back."""
        for port in list(self._ports.by_index.values()):
            port.close()


class SharedDoor:
    """One port at all addresses of loopback.

    Parameters
    ----------
    count
        Of bots.
    port
        0: the system picks.
    first
        Number of the first bot's address: 127.1.0.0 and so many.

    Raises
    ------
    OSError
        The port is taken.
    """

    def __init__(self, count: int, port: int = 0, first: int = 256) -> None:
        self._port = Port("0.0.0.0", port, 0)
        self._socket = socket.socket(fileno=socket.dup(self._port.fileno()))
        self._socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self._first, self._count = first, count
        self._control = np.zeros((SLOTS, CONTROL_WORDS), np.int64)
        self._from = np.zeros(count, FROM)
        self._from["len"], self._from["type"] = 28, IP_PKTINFO
        self._from["source"] = [sockaddr(loopback_host(first + bot), 0)[4:8] for bot in range(count)]
        self._prepared: int | None = None

    def address(self, bot: int) -> tuple[str, int]:
        """Where a bot takes RTP."""
        return loopback_host(self._first + bot), self._port.port

    def receive(self, into: Arrivals) -> None:
        """Take what has come."""
        if self._prepared != id(into):
            into.header["control"] = self._control.ctypes.data + np.arange(SLOTS, dtype=np.uint64) * (8 * CONTROL_WORDS)
            into.header["controllen"], self._prepared = 8 * CONTROL_WORDS, id(into)
            into.header["name"] = into.header["namelen"] = 0  # who it is from is nobody's question
        used = collect(
            self._port.fileno(),
            time.time_ns(),
            self._first,
            self._count,
            into.header_at,
            into.header,
            self._control,
            into.stamp,
            into.row,
        )
        into.used = int(used)

    def send(self, outbox: SendBuffer | Letters, bots: NDArray[np.int64], patience: Patience) -> int:
        """Send from these bots."""
        count = len(bots)
        outbox.header["control"][:count] = self._from.ctypes.data + bots.astype(np.uint64) * FROM.itemsize
        outbox.header["controllen"][:count] = FROM.itemsize
        return self._port.send(outbox, 0, count, patience)

    def overflowed(self) -> int:
        """How many datagrams came that the system had no room for."""
        return overflow_of(self._port.fileno())

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
        self._port.close()


@kernel
def collect(
    fd: Int,
    now_ns: Int,
    first: Int,
    bots: Int,
    header_at: int,
    header: Records,
    control: NDArray[np.int64],
    stamp: NDArray[np.int64],
    row: NDArray[np.int64],
) -> Int:
    """Take what a port of many addresses holds.

    Parameters
    ----------
    fd
        Its descriptor.
    now_ns
        Unix time, for datagrams that the system does not stamp.
    first, bots
        Of the addresses of 127/8 that are bots', the first, and how many.
    header_at, header, control, stamp
        Of `Slots`; `control` int64, shape (count, 8).
    row
        int64, shape (count,), written: to which bot each came.

    Returns
    -------
    int
        How many came.
    """
    used, errors, count = np.int64(0), 0, len(header)
    while used < count and errors < 64:
        room = min(count - used, CALL_MAX)
        n = recvmmsg(fd, header_at + HDR_SIZE * used, room, DONTWAIT, 0)
        if n > 0:
            for i in range(used, used + n):
                row[i] = _settle(header[i], control[i], now_ns, stamp, i, first, bots)
            used += n
            if n < room:
                break
        elif last_error() == EAGAIN:
            break
        else:  # an ICMP error about something sent before
            errors += 1
    return used


@kernel
def _settle(
    header: Records,
    control: NDArray[np.int64],
    now_ns: Int,
    stamp: NDArray[np.int64],
    i: Int,
    first: Int,
    bots: Int,
) -> Int:
    """Read time and address of a datagram, and make its slot ready anew; give the bot, -1: none."""
    at = 0
    stamp[i] = now_ns
    if control[1] == TIMESTAMP_WORD:
        stamp[i], at = control[2] * 1_000_000_000 + control[3], 4
    bot = np.int64(-1)
    if control[at + 1] == PKTINFO_WORD:
        # ipi_ifindex, ipi_spec_dst | ipi_addr: the address in network order, the lower half of the second word
        word = control[at + 3] & np.int64(0xFFFFFFFF)
        host = (word & 0xFF00) << 8 | word >> 8 & 0xFF00 | word >> 24 & 0xFF
        if word & 0xFF == 127 and first <= host < first + bots:
            bot = host - first
    if header.msg_flags & MSG_TRUNC:
        header.len = 0
    header.controllen = 8 * CONTROL_WORDS
    control[1], control[5] = 0, 0
    return bot


@kernel
def unseal_all(
    row: NDArray[np.int64],
    count: Int,
    safes: Safe,
    data: NDArray[np.uint8],
    data_at: Int,
    length: NDArray[np.uint32],
    length_at: Int,
) -> None:
    """Open the sound of bots that have keys, where it lies; what cannot be opened has no length then.

    Parameters
    ----------
    row, count
        int64, shape (n,): whose each packet is, -1: nobody's; and how many there are.
    safes
        Records of dtype `SAFE`, of all bots.
    data, data_at, length, length_at
        Of `Arrivals`, and where they lie in memory.
    """
    for i in range(count):
        if row[i] < 0 or not safes[row[i]].secret or length[i] < HEADER_SIZE or 192 <= data[i, 1] < 224:
            continue
        d = data[i]
        ssrc = np.int64(d[8]) | np.int64(d[9]) << 8 | np.int64(d[10]) << 16 | np.int64(d[11]) << 24
        seq = np.int64(d[2]) << 8 | np.int64(d[3])
        if unseal(safes[row[i]], data_at + i * SLOT_SIZE, length_at + i * HDR_SIZE, ssrc, seq, False) != 0:
            length[i] = 0


def loopback_host(number: int) -> str:
    """Give an address of 127/8."""
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def open_doors(host: str, count: int, *, first_port: int = 0, first: int = 256) -> Doors:
    """Open the ports of so many bots, the cheaper way where it is possible.

    Parameters
    ----------
    host
        The address that we have towards the peer.
    count
        Of bots.
    first_port
        Where their ports begin; 0: anywhere.
    first
        On loopback: the number of the first bot's address, for several processes.

    Raises
    ------
    MediaError
        There are not so many ports, addresses or descriptors.
    """
    try:
        if host.startswith("127.") and sys.platform == "linux" and has_batches():
            return SharedDoor(count, first_port, first)
        return OwnDoors(host, count, first_port)
    except OSError as error:
        raise MediaError(f"there are no ports for {count} bots: {error}") from error
