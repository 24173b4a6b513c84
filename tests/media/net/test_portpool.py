"""Ports of their own for legs: the range, and what happens when the system gives no more."""

import contextlib
import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from softphone.errors import MediaFull
from softphone.media.contract.leg import LegInfo, LegSpec
from softphone.media.contract.messages import CloseLeg, Failed, OpenLeg
from softphone.media.contract.settings import WorkerSettings
from softphone.media.engine.engine import Engine
from softphone.media.net.portpool import PortPool
from softphone.media.workers.pool import Pool, divided
from softphone.media.workers.worker import low_socket
from tests.media.peer import socket_pair


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Let this process open so many more files, and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    held = [lowest]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(lowest + 256, soft), hard))
    try:
        with contextlib.suppress(OSError):  # all below the limit: some above the lowest may be in use already
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(count):
            os.close(held.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


@pytest.fixture(params=["any", "range"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    low, high = socket_pair()
    number = low.getsockname()[1]
    low.close()
    high.close()
    made = Engine(capacity=64, own_ports=None if request.param == "any" else (number, min(number + 400, 65535)))
    yield made
    made.close(2000.0)


def test_a_leg_too_many_for_the_system_is_refused_and_the_others_live(engine: Engine) -> None:
    with descriptors_left(7):  # three pairs, and one that stays single
        replies = [engine.handle(OpenLeg(LegSpec()), 1000.0) for _ in range(5)]
        opened = [reply for reply in replies if isinstance(reply, LegInfo)]
        refused = [reply for reply in replies if isinstance(reply, Failed)]
        assert 1 <= len(opened) <= 3
        assert {reply.kind for reply in refused} == {"MediaFull"}
        assert all("ulimit -n" in reply.message for reply in refused)
        engine.tick(1000.02, 1000.02)
        engine.handle(CloseLeg(opened[0].leg), 1000.02)
        assert isinstance(engine.handle(OpenLeg(LegSpec()), 1000.02), LegInfo)


def test_a_range_is_not_searched_when_no_port_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = PortPool(("127.0.0.1",), own_ports=(20_000, 40_000))
    tried: list[int] = []

    def refuse(host: str, number: int, index: int) -> None:
        tried.append(number)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("softphone.media.net.portpool.Port", refuse)
    with pytest.raises(MediaFull, match="Too many open files"):
        pool.open_own()
    assert len(tried) == 1
    pool.close()


def test_ports_that_are_taken_use_up_no_indices() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        even = taken.getsockname()[1] & ~1
        pool = PortPool(("127.0.0.1",), own_ports=(even, even + 1))
        for _ in range(20):
            with pytest.raises(MediaFull, match="no port is left between"):
                pool.open_own()
        assert pool._index() < 8
        pool.close()


def test_a_port_is_not_given_again_while_others_of_the_range_are_unused() -> None:
    low, high = socket_pair()
    first = low.getsockname()[1]
    low.close()
    high.close()
    pool = PortPool(("127.0.0.1",), own_ports=(first, min(first + 200, 65535)))
    numbers = []
    for _ in range(5):
        pair = pool.open_own()
        numbers.append(pair.rtp.port)
        pool.close_own(pair)
    assert len(set(numbers)) == 5
    pool.close()


def test_workers_divide_the_range_by_pairs() -> None:
    assert divided((20001, 20010), 2) == [(20002, 20005), (20006, 20009)]
    assert divided((20000, 20009), 3) == [(20000, 20001), (20002, 20005), (20006, 20009)]


async def test_each_worker_opens_ports_of_its_own_part() -> None:
    low, high = socket_pair()
    first = low.getsockname()[1]
    low.close()
    high.close()
    last = min(first + 399, 65535)
    pool = Pool(WorkerSettings(capacity=4, own_ports=(first, last)), workers=2)
    await pool.start()
    try:
        infos = [await pool.ask(OpenLeg(LegSpec())) for _ in range(2)]
    finally:
        await pool.stop()
    middle = divided((first, last), 2)[1][0]
    assert first <= infos[0].port < middle <= infos[1].port < last


def test_the_control_socket_gets_a_low_descriptor() -> None:
    ours, theirs = socket.socketpair()
    high = os.dup2(theirs.detach(), 900)
    with ours, low_socket(high) as control:
        assert control.fileno() < 900
        ours.sendall(b"x")
        assert control.recv(1) == b"x"
    with pytest.raises(OSError):
        os.fstat(high)
