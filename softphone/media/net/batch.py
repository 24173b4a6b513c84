"""Whole batches in and out: up to a thousand datagrams in a system call, and all ports in one loop.

`BatchPort` hands the arrays of `Slots` and `SendBuffer` to recvmmsg(2) and sendmmsg(2) of Linux; `Port` is the kind
that fits this machine. `OpenPorts` goes over as many ports as there are in one kernel.
"""

import errno
import socket
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel, records
from mixer.struct import struct
from softphone.media.net.arriving import Arriving
from softphone.media.net.port import ERRORS_MAX, BoundPort, LoopPort, Patience, UdpPort
from softphone.media.net.senders import SECRET, number
from softphone.media.net.slots import (
    CONTROL_SIZE,
    HDR_SIZE,
    MSG_TRUNC,
    SOCKADDR_SIZE,
    TIMESTAMP_WORD,
    Letters,
    SendBuffer,
    Slots,
)
from softphone.media.net.system import has_batches, last_error, poll, recvmmsg, sendmmsg

__all__ = ["CHUNK", "BatchPort", "OpenPorts", "Polled", "Port", "gather", "post", "rehearse"]

SO_TIMESTAMPNS = 35
# UIO_MAXIOV of Linux: recvmmsg and sendmmsg look at no more messages than this in a call
CALL_MAX = 1024
# Between chunks the receive buffers are emptied: sending to 2,000 takes longer than an ordinary buffer lasts.
CHUNK = 512
EAGAIN, DONTWAIT = errno.EAGAIN, getattr(socket, "MSG_DONTWAIT", 0)
POLLFD = np.dtype([("fd", np.int32), ("events", np.int16), ("revents", np.int16)])
"""struct pollfd (poll(2))."""
POLLIN = 1
SHARED = 2
"""The first ports, the shared pair: what comes comes there."""
ROOM = 8
"""Ports that there is room for at first."""
Records: TypeAlias = Any
"""Records of dtype `POLLFD` or `MMSGHDR`, or one of them, as kernels see them."""


@struct
class Polled:
    """Ports: records of dtype `POLLFD`, and the number that the datagrams of each carry."""

    ports: Records
    locals: NDArray[np.int64]


@kernel
def receive(
    fd: Int,
    local: Int,
    used: int,
    now_ns: int,
    header_at: int,
    slots: Arriving,
    secret: NDArray[np.uint64],
) -> int:
    """Take what a port holds, as far as it fits into the slots.

    Parameters
    ----------
    fd, local
        Its descriptor, and the number that its datagrams carry.
    used
        How many slots are in use.
    now_ns
        Unix time, for datagrams that the system does not stamp.
    header_at, slots
        Where the first header lies in memory, and where they go.
    secret
        Of `number`.

    Returns
    -------
    int
        How many slots are in use then.
    """
    header, control, stamp, address = slots.header, slots.control, slots.stamp, slots.words
    key, local_of = slots.key, slots.local
    errors, count = 0, len(header)
    while used < count and errors < ERRORS_MAX:
        room = min(count - used, CALL_MAX)
        n = recvmmsg(fd, header_at + HDR_SIZE * used, room, DONTWAIT, 0)
        if n > 0:
            for i in range(used, used + n):
                _settle(header[i], control[i], now_ns, stamp, i)
                at = address[i, 0], address[i, 1], address[i, 2]
                key[i], local_of[i] = number(at[0], at[1], at[2], local, secret[0], secret[1]), local
            used += n
            if n < room:
                break
        elif last_error() == EAGAIN:
            break
        else:  # an ICMP error about something sent before; the next call gets the next datagram
            errors += 1
    return used


@kernel
def _settle(header: Records, control: NDArray[np.int64], now_ns: int, stamp: NDArray[np.int64], i: int) -> None:
    """Read what the system says beside a datagram, when it came and whether it fitted, and make its slot ready anew."""
    stamp[i] = control[2] * 1_000_000_000 + control[3] if control[1] == TIMESTAMP_WORD else now_ns
    if header.msg_flags & MSG_TRUNC:
        header.len = 0
    header.namelen, header.controllen, control[1] = SOCKADDR_SIZE, CONTROL_SIZE, 0


@kernel
def gather(
    polled: Polled,
    start: int,
    stop: int,
    ports_at: int,
    used: int,
    now_ns: int,
    header_at: int,
    slots: Arriving,
    secret: NDArray[np.uint64],
) -> tuple[int, int]:
    """Take what some ports hold, as far as it fits into the slots.

    Parameters
    ----------
    polled, start, stop
        Ports, and which of them. Beginning with the first, it is looked anew where something has come.
    ports_at
        Where they lie in memory.
    used, now_ns, header_at, slots, secret
        As for `receive`.

    Returns
    -------
    at, used
        The port at which the slots were full, `stop`: none; and how many slots are in use then.
    """
    ports, locals = polled.ports, polled.locals
    if start == 0 and stop > SHARED:
        poll(ports_at, stop, 0)
    for at in range(start, stop):
        port = ports[at]
        if at < SHARED or port.revents != 0:
            fd = np.int64(port.fd)
            used = receive(fd, locals[at], used, now_ns, header_at, slots, secret)
            if used == len(slots.header):
                return at, used
    return stop, used


@kernel
def send(fd: int, header_at: int, at: int, stop: int, patient: bool) -> tuple[int, int]:
    """Send datagrams by one port; one that cannot go does not hold up the others.

    Parameters
    ----------
    fd, header_at
        Its descriptor, and where the first header lies in memory.
    at, stop
        Which datagrams.
    patient
        Whether to come back where the send buffer is full; if not, what waits for it is left out.

    Returns
    -------
    at, sent
        The first that has not been tried, and how many went out.
    """
    sent = 0
    while at < stop:
        n = sendmmsg(fd, header_at + HDR_SIZE * at, min(stop - at, CALL_MAX), DONTWAIT)
        if n > 0:
            at, sent = at + n, sent + n
        elif last_error() != EAGAIN:
            at += 1  # this one cannot go (no route, refused by a filter); the others can
        elif patient:
            break
        else:
            at = stop
    return at, sent


@kernel
def post(
    fds: NDArray[np.int64], ports: NDArray[np.int64], header_at: int, at: int, stop: int, patient: bool
) -> tuple[int, int]:
    """Send datagrams that are sorted by port.

    Parameters
    ----------
    fds, ports
        The descriptor of each port; the port that each datagram leaves from.
    header_at, at, stop, patient
        As for `send`.

    Returns
    -------
    at, sent
        As of `send`.
    """
    sent = 0
    while at < stop:
        end = at + 1
        while end < stop and ports[end] == ports[at]:
            end += 1
        at, n = send(fds[ports[at]], header_at, at, end, patient)
        sent += n
        if at < end:
            break
    return at, sent


class BatchPort(BoundPort):
    """A port for Linux: recvmmsg and sendmmsg on our own arrays, with the kernel's arrival stamps."""

    def __init__(self, host: str, port: int, index: int) -> None:
        super().__init__(host, port, index)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def receive(self, slots: Slots) -> int:
        """Append what has come to `slots`, as far as it fits; give the number of datagrams."""
        before = slots.used
        slots.used = receive(self.fileno(), self.index, before, time.time_ns(), slots.header_at, slots.arriving, SECRET)
        return slots.used - before

    def send(self, outbox: SendBuffer | Letters, start: int, stop: int, patience: Patience) -> int:
        """Send a range of `outbox`; give the number that went out. One that cannot go does not hold up the others."""
        at, sent, patient = start, 0, True
        while at < stop:
            at, n = send(self.fileno(), outbox.header_at, at, stop, patient)
            sent, patient = sent + n, at == stop or patience.wait(self.fileno())
        return sent


Port: type[BatchPort] | type[LoopPort] = BatchPort if has_batches() else LoopPort


class OpenPorts:
    """The ports that are open: the shared pair, which was added first, and those of single legs.

    Attributes
    ----------
    by_index
        Each, by the number that its datagrams carry.
    batches
        Whether all can be handed to `gather` and `post`: those need `polled`, which lies at `polled_at`, and `fds`.
    """

    def __init__(self) -> None:
        self.by_index: dict[int, UdpPort] = {}
        self.batches = has_batches()
        self._ports, self._locals = records(ROOM, POLLFD), np.zeros(ROOM, np.int64)
        self.polled_at, self.polled = self._ports.ctypes.data, Polled(ports=self._ports, locals=self._locals)
        self._place: dict[int, int] = {}
        self.fds = np.full(ROOM, -1, np.int64)

    def __len__(self) -> int:
        return len(self.by_index)

    def add(self, port: UdpPort) -> None:
        """Take in a port."""
        at = len(self)
        self.by_index[port.index], self._place[port.index] = port, at
        if not isinstance(port, BatchPort):
            self.batches = False
        if self.batches:
            if at == len(self._ports):
                self._grow()
            self.fds = _with_room(self.fds, port.index)
            self._ports[at], self._locals[at] = (port.fileno(), POLLIN, 0), port.index
            self.fds[port.index] = port.fileno()

    def _grow(self) -> None:
        """Have room for another port."""
        self._ports, self._locals = (
            _with_room(self._ports, len(self._ports)),
            _with_room(self._locals, len(self._locals)),
        )
        self.polled_at, self.polled = self._ports.ctypes.data, Polled(ports=self._ports, locals=self._locals)

    def remove(self, port: UdpPort) -> None:
        """Leave out a port; the last one takes its place."""
        at, last = self._place.pop(port.index), len(self) - 1
        del self.by_index[port.index]
        if self.batches:
            self._ports[at], self._locals[at] = self._ports[last], self._locals[last]
            if at != last:
                self._place[int(self._locals[at])] = at

    def receive(self, slots: Slots, start: int, stop: int) -> int:
        """Append what has come on ports `start` to `stop`, as far as it fits: that at which it did not, else `stop`."""
        if not self.batches:
            for at, port in enumerate(list(self.by_index.values())[start:stop], start):
                port.receive(slots)
                if not slots.free:
                    return at
            return stop
        which = self.polled, start, stop, self.polled_at
        stopped, slots.used = gather(*which, slots.used, time.time_ns(), slots.header_at, slots.arriving, SECRET)
        return stopped

    def send(
        self,
        outbox: SendBuffer | Letters,
        ports: NDArray[np.int64],
        patience: Patience,
        between: Callable[[], None],
        start: int = 0,
    ) -> int:
        """Send datagrams of `outbox`; give the number that went out.

        Parameters
        ----------
        outbox
            Where they lie.
        ports
            int64, shape (n,), ascending: the index of the port that each leaves from.
        patience
            What is left of it for full buffers.
        between
            Called between chunks of datagrams.
        start
            The first of them that is to be sent: those before have been tried.
        """
        at, sent = start, 0
        while at < len(ports):
            if at:
                between()
            stop = min(len(ports), at + CHUNK)
            sent += self._send(outbox, ports, at, stop, patience)
            at = stop
        return sent

    def _send(
        self, outbox: SendBuffer | Letters, ports: NDArray[np.int64], at: int, stop: int, patience: Patience
    ) -> int:
        """Send a chunk."""
        sent, patient = 0, True
        while at < stop and self.batches:
            at, n = post(self.fds, ports, outbox.header_at, at, stop, patient)
            sent, patient = sent + n, at == stop or patience.wait(int(self.fds[ports[at]]))
        while at < stop:
            end = at + int(np.searchsorted(ports[at:stop], ports[at], side="right"))
            sent += self.by_index[int(ports[at])].send(outbox, at, end, patience)
            at = end
        return sent


def rehearse() -> None:
    """Have the kernels of all ports run once, so that they are compiled, over none."""
    if has_batches():
        slots, ports, none = Slots(1), records(1, POLLFD), np.zeros(0, np.int64)
        gather(Polled(ports=ports, locals=none), 0, 0, ports.ctypes.data, 0, 0, slots.header_at, slots.arriving, SECRET)
        post(none, none, slots.header_at, 0, 0, True)


def _with_room(array: Any, at: int) -> Any:
    """Give an array that has a place `at`: the same one, or one twice as long that begins with it."""
    return array if at < len(array) else np.concatenate((array, np.zeros_like(array)))
