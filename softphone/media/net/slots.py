"""Where datagrams come in and go out: numpy record arrays that are the kernel's own structures.

`Slots` is filled from behind by any number of ports and emptied once per tick. `SendBuffer` is written by the tick and
sent by a port: each datagram is a twelve-byte header row and a pointer to a payload that it may share with others.
`Letters` are datagrams to be sent that lie in one piece each.
The layouts are those of Linux on 64-bit machines; elsewhere they are plain arrays that a loop reads and writes.
"""

import ctypes
import socket
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softphone.address import FAMILIES, family_of, host_port
from softphone.media.rtp.header import HEADER_SIZE

__all__ = [
    "ADDRESS_SIZE",
    "HDR_SIZE",
    "SLOT_SIZE",
    "Letters",
    "SendBuffer",
    "Slots",
    "address_of",
    "sockaddr",
]

# struct mmsghdr, struct iovec, struct sockaddr_in and sockaddr_in6 (recvmmsg(2), ip(7), ipv6(7))
MMSGHDR = np.dtype(
    {
        "names": ["name", "namelen", "iov", "iovlen", "control", "controllen", "msg_flags", "len"],
        "formats": ["u8", "u4", "u8", "u8", "u8", "u8", "i4", "u4"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
        "itemsize": 64,
    }
)
IOVEC = np.dtype([("base", "u8"), ("len", "u8")])
HDR_SIZE = MMSGHDR.itemsize
IOVEC_SIZE = IOVEC.itemsize
# An address lies in a row of whole words; what the system is told of is as long as the longer kind.
ADDRESS_SIZE, SOCKADDR_SIZE = 32, 28
# One control message: cmsghdr (16 bytes) and a timespec (16), as four words.
CONTROL_WORDS = 4
CONTROL_SIZE = 8 * CONTROL_WORDS
# level SOL_SOCKET (1) and type SCM_TIMESTAMPNS (35) of the control message, as one little-endian word
TIMESTAMP_WORD = 1 | 35 << 32
MSG_TRUNC = 0x20
AF_INET, AF_INET6 = 2, 10
# An Ethernet frame's worth: the largest datagram that a peer can send unfragmented. Longer ones are dropped.
SLOT_SIZE = 1536


def sockaddr(host: str, port: int) -> NDArray[np.uint8]:
    """Give struct sockaddr_in or sockaddr_in6 of an IP address.

    Parameters
    ----------
    host
        Its text, without brackets.
    port
        0 to 65535.

    Returns
    -------
    NDArray
        uint8, shape (32,), zeros behind the struct.

    Raises
    ------
    ValueError
        When `host` is no IP address or `port` is out of range.
    """
    family = family_of(host)
    if not family or "%" in host or not 0 <= port <= 0xFFFF:
        raise ValueError(f"not an IP address and port: {host_port(host, port)}")
    packed = socket.inet_pton(FAMILIES[family], host)
    head = AF_INET if family == 4 else AF_INET6
    filled = bytes((head, 0, port >> 8, port & 0xFF)) + (packed if family == 4 else bytes(4) + packed)
    return np.frombuffer(bytearray(filled.ljust(ADDRESS_SIZE, b"\0")), np.uint8)


def address_of(row: NDArray[np.uint8]) -> tuple[str, int]:
    """Give host and port of an address as :func:`sockaddr` writes it, and the system."""
    raw = row.tobytes()
    port = int.from_bytes(raw[2:4])
    if raw[0] == AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port
    return socket.inet_ntop(socket.AF_INET, raw[4:8]), port


class Slots:
    """Datagrams that have come and were not looked at yet.

    Parameters
    ----------
    count
        How many fit.

    Attributes
    ----------
    data
        uint8, shape (count, SLOT_SIZE), one datagram per row.
    length, length_at
        uint32, shape (count,), bytes in use of each row, 0 of one that did not fit; and where the first of them lies in
        memory, the others `HDR_SIZE` apart.
    address, words
        uint8, shape (count, 32), `sockaddr` of the sender; the same as uint64, shape (count, 4).
    stamp
        int64, shape (count,), Unix time in ns at which the kernel took the datagram in.
    local, key
        int64, shape (count,), the index of the port that each came to; uint64, shape (count,), see `keys`.
    used
        How many are in use, from the first.
    look_ns
        Unix time in ns at which it was looked last what has come.
    header, control
        Of those that are free: what recvmmsg(2) is to find there.
    arriving
        What kernels that receive need.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.data = np.zeros((count, SLOT_SIZE), np.uint8)
        self.address = np.zeros((count, ADDRESS_SIZE), np.uint8)
        self.stamp = np.zeros(count, np.int64)
        self.key, self.local = np.zeros(count, np.uint64), np.zeros(count, np.int64)
        self.words: NDArray[np.uint64] = self.address.view(np.uint64)
        self.used, self.look_ns = 0, 0
        self.header = np.zeros(count, np.dtype((np.record, MMSGHDR)))
        self.length = self.header["len"]
        self.control = np.zeros((count, CONTROL_WORDS), np.int64)
        self._iov = np.zeros(count, IOVEC)
        each = np.arange(count, dtype=np.uint64)
        self._iov["base"], self._iov["len"] = self.data.ctypes.data + each * SLOT_SIZE, SLOT_SIZE
        self.header["name"] = self.address.ctypes.data + each * ADDRESS_SIZE
        self.header["namelen"], self.header["controllen"] = SOCKADDR_SIZE, CONTROL_SIZE
        self.header["iov"], self.header["iovlen"] = self._iov.ctypes.data + each * IOVEC_SIZE, 1
        self.header["control"] = self.control.ctypes.data + each * CONTROL_SIZE
        self.header_at = self.header.ctypes.data
        self.length_at = self.length.ctypes.data

    @cached_property
    def arriving(self) -> Any:
        """What kernels that receive need of it: an `Arriving`."""
        from softphone.media.net.arriving import Arriving  # loads the compiler, which an agent without a call needs not

        return Arriving(
            header=self.header,
            control=self.control,
            words=self.words,
            stamp=self.stamp,
            local=self.local,
            key=self.key,
        )

    @property
    def free(self) -> int:
        """How many more datagrams fit."""
        return self.count - self.used

    def clear(self) -> None:
        """Forget all datagrams."""
        self.used = 0

    def keys(self) -> NDArray[np.uint64]:
        """Give one number per used slot for (local port index, sender's address, sender's port)."""
        return self.key[: self.used]


class SendBuffer:
    """Datagrams to be sent: header rows of their own, payloads that may be shared.

    Parameters
    ----------
    count
        How many fit.

    Attributes
    ----------
    headers
        uint8, shape (count, 12), the RTP header of each.
    address
        uint8, shape (count, 32), `sockaddr` of each receiver.
    base, length
        uint64, shape (count,): where in memory the payload of each lies, and how many bytes it has. It must stay as it
        is until the datagrams are sent.
    """

    def __init__(self, count: int) -> None:
        self.headers = np.zeros((count, HEADER_SIZE), np.uint8)
        self.headers[:, 0] = 0x80
        self.address = np.zeros((count, ADDRESS_SIZE), np.uint8)
        self.header = np.zeros(count, MMSGHDR)
        self.header_at = self.header.ctypes.data
        self._iov = np.zeros((count, 2), IOVEC)
        self.base, self.length = self._iov["base"][:, 1], self._iov["len"][:, 1]
        each = np.arange(count, dtype=np.uint64)
        self._iov["base"][:, 0] = self.headers.ctypes.data + each * HEADER_SIZE
        self._iov["len"][:, 0] = HEADER_SIZE
        self.header["name"], self.header["namelen"] = self.address.ctypes.data + each * ADDRESS_SIZE, SOCKADDR_SIZE
        self.header["iov"], self.header["iovlen"] = self._iov.ctypes.data + each * (2 * IOVEC_SIZE), 2

    def keep(self, which: NDArray[np.intp]) -> None:
        """Leave out all but some datagrams; those are the first then."""
        for column in (self.headers, self.address, self.base, self.length):
            column[: len(which)] = column[which]

    def datagram(self, i: int) -> bytes:
        """Give datagram `i` as one piece, for a system without scatter and gather."""
        return self.headers[i].tobytes() + ctypes.string_at(int(self.base[i]), int(self.length[i]))


class Letters:
    """Datagrams to be sent, each in one piece.

    Parameters
    ----------
    data
        uint8, shape (count, size), C order: a datagram per row, from its first byte.
    address
        uint8, shape (count, 32), `sockaddr` of each receiver.

    Attributes
    ----------
    length
        uint64, shape (count,), how many bytes of each row are sent.
    """

    def __init__(self, data: NDArray[np.uint8], address: NDArray[np.uint8]) -> None:
        count, size = data.shape
        self.data, self.address = data, address
        self._iov = np.zeros(count, IOVEC)
        self.length = self._iov["len"]
        self.header = np.zeros(count, MMSGHDR)
        self.header_at = self.header.ctypes.data
        each = np.arange(count, dtype=np.uint64)
        self._iov["base"] = data.ctypes.data + each * size
        self.header["name"], self.header["namelen"] = address.ctypes.data + each * ADDRESS_SIZE, SOCKADDR_SIZE
        self.header["iov"], self.header["iovlen"] = self._iov.ctypes.data + each * IOVEC_SIZE, 1

    def keep(self, which: NDArray[np.intp]) -> None:
        """Leave out all but some datagrams; those are the first then."""
        for column in (self.data, self.address, self.length):
            column[: len(which)] = column[which]

    def datagram(self, i: int) -> bytes:
        """Give datagram `i`."""
        return self.data[i, : int(self.length[i])].tobytes()
