"""A plane without sockets: what comes is a list, what goes out is counted, and time is an argument."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mixer.bridge import Bridge
from mixer.frame import TICK_S
from mixer.tick import Tick
from softphone.media.contract.leg import Address, LegSpec
from softphone.media.engine.plane import Plane
from softphone.media.net.port import LoopPort, Patience
from softphone.media.net.portpool import PortPool
from softphone.media.net.slots import Letters, Outbox, Slots

HOST = "192.0.2.1"


class MemoryPort(LoopPort):
    """Gives what lies in `inbox`."""

    def __init__(self, host: str, port: int, index: int) -> None:
        self.host, self.port, self.index, self.receive_buffer = host, port or 40_000, index, 1 << 24
        self.inbox: list[tuple[bytes, Address]] = []

    def receive(self, slots: Slots) -> int:
        """Move datagrams into slots as far as they fit."""
        taken, self.inbox = self.inbox[: slots.free], self.inbox[slots.free :]
        for data, sender in taken:
            self._store(slots, data, sender.host, sender.port)
        return len(taken)

    def send(self, outbox: Outbox | Letters, start: int, stop: int, patience: Patience) -> int:
        """Say that all went out."""
        return stop - start

    def send_to(self, datagram: bytes, host: str, port: int) -> bool:
        """Say that it went out."""
        return True

    def close(self) -> None:
        """There is nothing to close."""


class MemoryPlane:
    """A plane of some legs in one room, and its clock; `work`: calls of the ring, and the samples they touch."""

    def __init__(self, legs: int, monkeypatch: pytest.MonkeyPatch, capacity: int | None = None) -> None:
        monkeypatch.setattr("softphone.media.net.portpool.Port", MemoryPort)
        self.now, self.work = 1000.0, [0, 0]
        self.bridge = Bridge(capacity or legs, gate=None)
        self.pool = PortPool("127.0.0.1")
        self.plane = Plane(self.bridge, self.pool, 0.0)
        self.plane._slots.ages_s = lambda unix_ns: np.zeros(self.plane._slots.used)  # type: ignore[method-assign]
        self.peers = [Address(HOST, 5000 + 2 * row) for row in range(legs)]
        self.room = self.bridge.add_room()
        self.opened = 0
        for row, peer in enumerate(self.peers):
            assert self.open(LegSpec(remote=peer, event_payload_type=101)) == row
        self._count_work()

    def open(self, spec: LegSpec) -> int:
        """Open a leg in the room; its row."""
        self.opened += 1
        row = self.plane.open(self.opened, spec, self.now)
        self.bridge.move(row, self.room)
        return row

    def _count_work(self) -> None:
        ring = self.bridge._playout._ring
        for name in ("read", "write", "forget", "clear"):
            setattr(ring, name, self._counted(getattr(ring, name), ring.size))

    def _counted(self, call: Callable[..., Any], size: int) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.work[0] += 1
            length = args[2] if len(args) > 2 else size
            self.work[1] += length if isinstance(length, int) else length.shape[1]
            return call(*args)

        return counted

    def tick(self, rtp: list[tuple[bytes, Address]], rtcp: list[tuple[bytes, Address]]) -> Tick:
        """Let 20 ms pass, in which these came."""
        shared = self.pool.shared
        assert isinstance(shared.rtp, MemoryPort)
        assert isinstance(shared.rtcp, MemoryPort)
        shared.rtp.inbox += rtp
        shared.rtcp.inbox += rtcp
        self.now += TICK_S
        self.work[:] = 0, 0
        tick = self.plane.tick(self.now, self.now)
        self.plane.events.clear()
        return tick
