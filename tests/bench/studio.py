"""The bridge in a clock of our own: the worker's engine with ports in memory, so that its sound can be judged.

No figure depends on the machine or on its other work.
"""

import heapq
import itertools
from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import CreateRoom, JoinRoom, MediaRequest, Number, OpenLeg
from softphone.media.engine.engine import Engine
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer
from tests.bench.codecs import JudgedCodec, Pcm
from tests.media.memory import MemoryPort
from tests.media.peer import come

HEADER = 12
RTCP = range(72, 77)
"""Types of reports, less their first bit (RFC 5761 section 4)."""


Sent = dict[int, list[bytes]]


class _Port(MemoryPort):
    """A port that keeps what goes out, by the receiver's port."""

    def __init__(self, sent: Sent, host: str, port: int, index: int) -> None:
        super().__init__(host, port, index)
        self._sent = sent

    def send(self, outbox: SendBuffer | Letters, start: int, stop: int, patience: Patience) -> int:
        for i in range(start, stop):
            port = int.from_bytes(outbox.address[i, 2:4].tobytes())
            self._sent[port].append(outbox.datagram(i))
        return stop - start


class Studio:
    """
    One engine and its legs.

    Parameters
    ----------
    capacity
        Most legs.
    """

    def __init__(self, capacity: int = 256) -> None:
        self._sent: Sent = defaultdict(list)
        self.engine = Engine(capacity=capacity, open_port=partial(_Port, self._sent))
        shared = self.engine._pool.shared.rtp
        assert isinstance(shared, MemoryPort)
        self._shared = shared
        self._coming: list[tuple[float, int, bytes, MediaAddress]] = []
        self._phones, self._packets, self._k = itertools.count(5000, 2), itertools.count(), 0
        self._ages: NDArray[np.float64] = np.zeros(0)
        come(self.engine, lambda used: self._ages[:used])

    @property
    def now(self) -> float:
        """The time of the last tick."""
        return self._k * TICK_S

    def ask(self, request: MediaRequest[Any]) -> object:
        """Carry out a request."""
        return self.engine.handle(request, self.now)

    def room(self) -> int:
        """A new room."""
        made = self.ask(CreateRoom())
        assert isinstance(made, Number)
        return made.value

    def phone(self, room: int, codec: JudgedCodec) -> tuple[int, MediaAddress]:
        """A telephone in a room; its leg, and its address."""
        address = MediaAddress("192.0.2.1", next(self._phones))
        made = self.ask(OpenLeg(LegSpec(remote=address, rtcp_mux=False, timeout_s=0.0, **codec.leg)))
        assert isinstance(made, LegInfo), made
        self.ask(JoinRoom(made.leg, room))
        return made.leg, address

    def talk(self, address: MediaAddress, codec: JudgedCodec, pcm: Pcm, arrivals: NDArray[np.float64]) -> None:
        """Let a telephone say `pcm` in packets that come at these times; infinity: never."""
        step, kind = codec.clock_hz // 50, codec.leg["payload_type"]
        for k, (payload, at) in enumerate(zip(codec.encode(pcm), arrivals, strict=False)):
            if np.isfinite(at):
                first = kind | (0x80 if k == 0 else 0)
                header = bytes([0x80, first]) + k.to_bytes(2) + (k * step).to_bytes(4) + address.port.to_bytes(4)
                heapq.heappush(self._coming, (self.now + float(at), next(self._packets), header + payload, address))

    def run(self, ticks: int) -> None:
        """Let ticks pass."""
        for _ in range(ticks):
            self._k += 1
            came = []
            while self._coming and self._coming[0][0] <= self.now:
                came.append(heapq.heappop(self._coming))
            self._ages = np.array([self.now - at for at, *_ in came])
            self._shared.inbox = [(datagram, sender) for _, _, datagram, sender in came]
            self.engine.tick(self.now, self.now)
            self.engine.events()

    def heard(self, address: MediaAddress, codec: JudgedCodec) -> Pcm:
        """All that a telephone was sent so far, decoded."""
        payloads = [datagram[HEADER:] for datagram in self._sent[address.port] if datagram[1] & 0x7F not in RTCP]
        return codec.decode(payloads)
