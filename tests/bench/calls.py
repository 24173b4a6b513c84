"""How many calls a tick makes: what is paid whatever the number of parties, so a budget of its own.

Counted in an engine of production capacity without sockets, the mean of some ticks: calls of numpy, operators and
subscripts in the text of mixer and media (most are on arrays), and calls of compiled kernels.
"""

import dis
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import numpy as np

from mixer.frame import TICK_S
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import CreateRoom, JoinRoom, Number, OpenLeg
from softphone.media.engine.engine import Engine
from tests.bench.load import party_host
from tests.bench.traffic import SAMPLES, Sounds
from tests.media.memory import MemoryPort, datagrams

OPERATIONS = ("BINARY", "COMPARE", "UNARY", "STORE_SUBSCR", "DELETE_SUBSCR")
OURS = ("/mixer/", "/softphone/media/")
SETTLED, COUNTED = 20, 10


class Ticker:
    """An engine whose parties all talk."""

    def __init__(self, parties: int, room: int | None, capacity: int) -> None:
        self._engine, self._sounds, self._k = Engine(capacity=capacity, open_port=MemoryPort), Sounds(), 0
        self._peers = [MediaAddress(party_host(i), 5000) for i in range(parties)]
        rooms = [self._number() for _ in range(-(-parties // (room or parties)))]
        for i, peer in enumerate(self._peers):
            leg = self._engine.handle(OpenLeg(LegSpec(remote=peer, rtcp_mux=True)), 0.0)
            assert isinstance(leg, LegInfo)
            self._engine.handle(JoinRoom(leg.leg, rooms[i // (room or parties)]), 0.0)

    def _number(self) -> int:
        room = self._engine.handle(CreateRoom(), 0.0)
        assert isinstance(room, Number)
        return room.value

    def fill(self) -> None:
        """Let everybody's next packet come."""
        port, k = self._engine.plane._pool.shared.rtp, self._k
        assert isinstance(port, MemoryPort)
        port.arrays = datagrams(list(self._packets(k)))

    def _packets(self, k: int) -> Iterator[tuple[bytes, MediaAddress]]:
        party = np.arange(len(self._peers))
        codes = self._sounds.codes[self._sounds.row(party, np.full_like(party, k), np.ones(len(party), np.bool_))]
        header = b"\x80\0" + k.to_bytes(2) + (k * SAMPLES).to_bytes(4)
        for i, peer in enumerate(self._peers):
            yield header + (i + 1).to_bytes(4) + codes[i].tobytes(), peer

    def tick(self) -> None:
        """Do one tick."""
        self._k += 1
        self._engine.tick(self._k * TICK_S, self._k * TICK_S)
        self._engine.events()


def per_tick(parties: int, room: int | None = None, capacity: int = 2048) -> dict[str, int]:
    """Calls of one tick of parties that all talk, in one room or in rooms of so many."""
    ticker, counted = Ticker(parties, room, max(capacity, parties)), Counter[str]()
    for _ in range(SETTLED):
        ticker.fill()
        ticker.tick()
    for counting in (_numpy_calls, _operations, _kernel_calls):
        for _ in range(COUNTED):
            ticker.fill()
            with counting(counted):
                ticker.tick()
    array, kernel = counted["numpy"] + counted["operation"], counted["kernel"]
    return {"array calls": round(array / COUNTED), "kernel calls": round(kernel / COUNTED)}


@contextmanager
def _numpy_calls(counted: Counter[str]) -> Iterator[None]:
    """Count functions of C that are numpy's, called by anybody."""

    def profile(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            owner = getattr(called, "__module__", None) or type(getattr(called, "__self__", None)).__module__
            counted["numpy"] += str(owner).startswith("numpy")

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def _operations(counted: Counter[str]) -> Iterator[None]:
    """Count operators and subscripts in our own text."""
    names: dict[CodeType, dict[int, str]] = {}

    def trace(frame: FrameType, event: str, _arg: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if not any(folder in code.co_filename for folder in OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            if code not in names:
                names[code] = {each.offset: each.opname for each in dis.get_instructions(code)}
            counted["operation"] += names[code].get(frame.f_lasti, "").startswith(OPERATIONS)
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


@contextmanager
def _kernel_calls(counted: Counter[str]) -> Iterator[None]:
    """Count calls of compiled functions from Python; those have been compiled, so nothing looks at their names."""
    kernels = [
        (module, name, value)
        for module in list(sys.modules.values())
        if module.__name__.startswith(("mixer.", "softphone.media."))
        for name, value in vars(module).items()
        if type(value).__module__.startswith("numba")
    ]

    def counter(kernel: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            counted["kernel"] += 1
            return kernel(*args)

        return call

    for module, name, kernel in kernels:
        setattr(module, name, counter(kernel))
    try:
        yield
    finally:
        for module, name, kernel in kernels:
            setattr(module, name, kernel)
