"""A plane without sockets: what comes is arrays, what goes out is counted, and time is an argument."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import ring
from mixer.bridge import Bridge
from mixer.frame import TICK_S
from mixer.kernel import COMPILED
from mixer.tick import Tick
from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.engine.plane import Plane
from softphone.media.engine.receive import Receiver
from softphone.media.net.port import LoopPort, Patience
from softphone.media.net.portpool import PortPool
from softphone.media.net.senders import filled
from softphone.media.net.slots import ADDRESS_SIZE, SLOT_SIZE, Letters, SendBuffer, Slots, sockaddr

HOST = "192.0.2.1"


class Datagrams(NamedTuple):
    """What came: uint8 of shape (n, SLOT_SIZE), int64 of shape (n,), uint8 of shape (n, 32) as `Slots` has them."""

    data: NDArray[np.uint8]
    length: NDArray[np.int64]
    address: NDArray[np.uint8]

    def pick(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Datagrams":
        return Datagrams(self.data[which], self.length[which], self.address[which])

    def then(self, others: "Datagrams") -> "Datagrams":
        """These and others after them."""
        return Datagrams(
            np.concatenate((self.data, others.data)),
            np.concatenate((self.length, others.length)),
            np.concatenate((self.address, others.address)),
        )


Came = list[tuple[bytes, MediaAddress]]


def datagrams(came: Came) -> Datagrams:
    """Write these as arrays."""
    made = no_datagrams(len(came))
    for k, (data, sender) in enumerate(came):
        made.data[k, : len(data)] = np.frombuffer(data[:SLOT_SIZE], np.uint8)
        made.length[k], made.address[k] = len(data), sockaddr(sender.host, sender.port)
    return made


def no_datagrams(count: int = 0) -> Datagrams:
    """So many empty ones."""
    return Datagrams(
        np.zeros((count, SLOT_SIZE), np.uint8), np.zeros(count, np.int64), np.zeros((count, ADDRESS_SIZE), np.uint8)
    )


def stamp(plane: Plane, ages_s: Callable[[int], NDArray[np.float64]]) -> None:
    """Say how long ago datagrams came when a tick looks at them: `ages_s` of their number, in the order they came."""
    slots, receiver = plane._slots, plane._receiver

    def process(now: float) -> None:
        slots.stamp[: slots.used] = slots.look_ns - np.rint(1e9 * ages_s(slots.used)).astype(np.int64)
        Receiver.process(receiver, now)

    receiver.process = process  # type: ignore[method-assign]
    receiver.take = lambda ports, now: False  # type: ignore[method-assign]  # as where not all can be done in one


class MemoryPort(LoopPort):
    """Gives what lies in `arrays`, and after it what lies in `inbox`."""

    def __init__(self, host: str, port: int, index: int) -> None:
        self.host, self.port, self.index, self.receive_buffer = host, port or 40_000, index, 1 << 24
        self.inbox: Came = []
        self.arrays = no_datagrams()

    def receive(self, slots: Slots) -> int:
        """Move datagrams into slots as far as they fit; of what is too long the length is all that is left out."""
        if self.inbox:
            self.arrays, self.inbox = self.arrays.then(datagrams(self.inbox)), []
        n = min(slots.free, len(self.arrays.length))
        taken, self.arrays = self.arrays.pick(slice(n)), self.arrays.pick(slice(n, None))
        at = slice(slots.used, slots.used + n)
        slots.data[at], slots.address[at] = taken.data, taken.address
        slots.length[at] = np.where(taken.length > SLOT_SIZE, 0, taken.length)
        filled(slots, n, self.index)
        return n

    def send(self, outbox: SendBuffer | Letters, start: int, stop: int, patience: Patience) -> int:
        """Say that all went out."""
        return stop - start

    def send_to(self, datagram: bytes, host: str, port: int) -> bool:
        """Say that it went out."""
        return True

    def close(self) -> None:
        """There is nothing to close."""


class MemoryPlane:
    """
    A plane of some legs in one room, and its clock.

    `work`: calls of the ring in the last tick, and the samples they touched. `addresses`: where each leg is, and where
    its reports come from.
    """

    def __init__(self, legs: int, monkeypatch: pytest.MonkeyPatch, capacity: int | None = None) -> None:
        self.now, self.work = 1000.0, [0, 0]
        self.bridge = Bridge(capacity or legs, gate=None)
        self.pool = PortPool(("127.0.0.1",), open_port=MemoryPort)
        self.plane = Plane(self.bridge, self.pool, 0.0)
        stamp(self.plane, np.zeros)
        peers = [MediaAddress(HOST, 5000 + 2 * row) for row in range(legs)]
        self.addresses = np.array([[sockaddr(peer.host, peer.port + odd) for peer in peers] for odd in (0, 1)])
        self.room = self.bridge.roster.add_room()
        self.opened = 0
        for row, peer in enumerate(peers):
            assert self.open(LegSpec(remote=peer, event_payload_type=101)) == row
        self._count_work(monkeypatch)

    def open(self, spec: LegSpec) -> int:
        """Open a leg in the room; its row."""
        self.opened += 1
        row = self.plane.open(self.opened, spec, self.now)
        self.bridge.roster.move(row, self.room)
        return row

    def _count_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Count what is written to rings, where kernels are not compiled: else `work` stays at nothing."""
        if not COMPILED:
            for name in ("write", "forget", "clear"):
                monkeypatch.setattr(ring, name, self._counted(getattr(ring, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(own: Any, rate: Any, *args: Any) -> Any:
            self.work[0] += 1
            self.work[1] += int(args[-1]) if args else len(own)
            return call(own, rate, *args)

        return counted

    def delays_s(self) -> NDArray[np.float64]:
        """How long the packets of each leg wait."""
        return np.array([self.bridge.counters(row).delay_s for row in range(self.bridge.capacity)])

    def tick(self, rtp: Datagrams | Came, rtcp: Datagrams | Came) -> Tick:
        """Let 20 ms pass, in which these came."""
        rtp, rtcp = (datagrams(came) if isinstance(came, list) else came for came in (rtp, rtcp))
        shared = self.pool.shared
        assert isinstance(shared.rtp, MemoryPort)
        assert isinstance(shared.rtcp, MemoryPort)
        shared.rtp.arrays, shared.rtcp.arrays = shared.rtp.arrays.then(rtp), shared.rtcp.arrays.then(rtcp)
        self.now += TICK_S
        self.work[:] = 0, 0
        tick = self.plane.tick(self.now, self.now)
        self.plane.events.clear()
        return tick

    def heard(self, rtp: Datagrams | Came, rtcp: Datagrams | Came) -> NDArray[np.int16]:
        """Let 20 ms pass, in which these came; what others hear of each row."""
        self.tick(rtp, rtcp)
        return self.bridge.usual.heard
