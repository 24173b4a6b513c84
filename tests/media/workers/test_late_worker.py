"""What a worker that is late does for those who want something of it."""

import socket
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from softphone.media.contract.frames import Splitter, frame
from softphone.media.contract.messages import Done, Ping
from softphone.media.engine.engine import Engine
from softphone.media.workers.worker import REQUESTS_AT_ONCE, Worker

WAITING = 100


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    engine = Mock(spec=Engine)
    engine.handle.return_value = Done()
    engine.events.return_value = []
    ours, theirs = socket.socketpair()
    made = Worker(engine, ours)
    made._requests += Splitter().feed(b"".join(frame(n, Ping()) for n in range(1, WAITING + 1)))
    yield made
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("late_s", "request_s", "served"),
    [
        (0.5, 0.0, REQUESTS_AT_ONCE),
        (0.5, 2**-13, 17),  # for 2 ms
        (0.5, 2**-10, 3),
        (0.5, 1.0, 1),  # one at least
        (-(2**-7), 2**-10, 8),  # until the tick is due
        (-(2**-10), 2**-13, 17),
    ],
)
def test_who_waits_is_served_for_a_time_before_each_late_tick(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, late_s: float, request_s: float, served: int
) -> None:
    """One before each tick, and a join of six requests would take as many ticks of a worker that is always late."""
    clock = [1024.0]

    def ask(number: int, request: object, now: float) -> None:
        clock[0] += request_s

    monkeypatch.setattr("softphone.media.workers.worker.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(worker._desk, "ask", ask)
    worker._pacer.deadline = clock[0] - late_s
    worker._serve()
    assert WAITING - len(worker._requests) == served
