"""Both kinds of port, on real sockets, through the same tests."""

import contextlib
import fcntl
import os
import resource
import select
import socket
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pytest

from softphone.address import FAMILIES, family_of
from softphone.media.contract.leg import MediaAddress
from softphone.media.net.batch import BatchPort, OpenPorts
from softphone.media.net.directory import key_of
from softphone.media.net.port import LoopPort, Patience, UdpPort, open_socket, overflow_of
from softphone.media.net.slots import SLOT_SIZE, Letters, SendBuffer, Slots, sockaddr
from softphone.media.net.system import has_batches
from softphone.media.rtp.header import HEADER_SIZE
from tests.media.memory import MemoryPort

KINDS = [LoopPort, *([BatchPort] if has_batches() else [])]


@pytest.fixture(params=["127.0.0.1", "::1"])
def host(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=KINDS)
def port(request: pytest.FixtureRequest, host: str) -> Iterator[UdpPort]:
    opened: UdpPort = request.param(host, 0, 7)
    yield opened
    opened.close()


@pytest.fixture
def peer(host: str) -> Iterator[socket.socket]:
    with socket.socket(FAMILIES[family_of(host)], socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(30)
        yield sock


def test_receives_a_batch_in_order(port: UdpPort, peer: socket.socket) -> None:
    slots, before = Slots(2000), time.time_ns()
    for i in range(100):
        peer.sendto(bytes([i]) * (i + 1), (port.host, port.port))
    assert port.receive(slots) == 100
    after = time.time_ns()
    assert slots.used == 100
    assert slots.length[:100].tolist() == list(range(1, 101))
    assert all(slots.data[i, : i + 1].tolist() == [i] * (i + 1) for i in range(100))
    assert np.all(slots.address[:100] == sockaddr(*peer.getsockname()[:2]))
    assert np.all(slots.keys() == key_of(MediaAddress(*peer.getsockname()[:2]), 7))
    assert before <= slots.stamp[:100].min() <= slots.stamp[:100].max() <= after
    assert port.receive(slots) == 0


def test_full_slots_leave_the_rest_in_the_socket(port: UdpPort, peer: socket.socket) -> None:
    slots = Slots(10)
    for i in range(25):
        peer.sendto(bytes([i]), (port.host, port.port))
    seen = []
    for expected in (10, 10, 5):
        assert port.receive(slots) == expected
        seen += slots.data[: slots.used, 0].tolist()
        slots.clear()
    assert seen == list(range(25))


def test_a_datagram_longer_than_a_slot_counts_as_empty(port: UdpPort, peer: socket.socket) -> None:
    slots = Slots(4)
    peer.sendto(bytes(SLOT_SIZE + 1), (port.host, port.port))
    peer.sendto(bytes(SLOT_SIZE), (port.host, port.port))
    assert port.receive(slots) == 2
    assert slots.length[:2].tolist() == [0, SLOT_SIZE]


def test_payloads_are_shared_and_sent_behind_their_headers(port: UdpPort, peer: socket.socket) -> None:
    outbox = SendBuffer(1500)
    payloads = np.arange(40, dtype=np.uint8).reshape(4, 10)
    outbox.base[:], outbox.length[:] = payloads.ctypes.data + np.arange(1500, dtype=np.uint64) % 4 * 10, 10
    outbox.headers[:, 2], outbox.headers[:, 3] = np.arange(1500) >> 8, np.arange(1500) & 0xFF
    outbox.address[:] = sockaddr(*peer.getsockname()[:2])
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    for start in range(0, 1500, 100):
        assert port.send(outbox, start, start + 100, Patience()) == 100
        for i in range(start, start + 100):
            datagram = peer.recv(100)
            assert int.from_bytes(datagram[2:4]) == i
            assert datagram[HEADER_SIZE:] == payloads[i % 4].tobytes()


def test_one_that_cannot_go_does_not_hold_up_the_others(port: UdpPort, peer: socket.socket, host: str) -> None:
    outbox = SendBuffer(5)
    payload = np.zeros(4, np.uint8)
    outbox.base[:], outbox.length[:] = payload.ctypes.data, 4
    outbox.headers[:, 3] = np.arange(5)
    outbox.address[:] = sockaddr(*peer.getsockname()[:2])
    outbox.address[2] = sockaddr(host, 0)  # port 0 is nowhere
    assert port.send(outbox, 0, 5, Patience()) == 4
    assert [int.from_bytes(peer.recv(100)[2:4]) for _ in range(4)] == [0, 1, 3, 4]


def test_a_broken_port_does_not_hold_up_the_tick(port: UdpPort) -> None:
    with socket.socket(fileno=os.dup(port.fileno())) as kept, tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), port.fileno())  # no socket any more: each call fails
        assert port.receive(Slots(10)) == 0
        os.dup2(kept.fileno(), port.fileno())


@pytest.mark.skipif(not has_batches(), reason="no sendmmsg here")
def test_full_buffers_are_waited_for_five_milliseconds_in_all(
    peer: socket.socket, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = BatchPort(host, 0, 0)
    waits: list[int] = []

    class Full:
        def register(self, fd: int, events: int) -> None:
            assert (fd, events) == (port.fileno(), select.POLLOUT)

        def poll(self, longest_ms: int) -> None:
            waits.append(longest_ms)

    def full(_fd: int, _header_at: int, at: int, stop: int, patient: bool) -> tuple[int, int]:
        return (at if patient else stop), 0

    monkeypatch.setattr("softphone.media.net.batch.send", full)
    monkeypatch.setattr("softphone.media.net.port.select.poll", Full)
    outbox, patience = SendBuffer(8), Patience()
    outbox.address[:] = sockaddr(*peer.getsockname()[:2])
    for _ in range(2):
        patience.renew()
        assert [port.send(outbox, at, at + 2, patience) for at in (0, 2, 4, 6)] == [0] * 4
    assert waits == [1] * 10
    port.close()


def test_a_port_of_any_number_is_waited_for(host: str) -> None:
    numbers, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    try:
        with open_socket(host, 0) as sock:
            high = fcntl.fcntl(sock, fcntl.F_DUPFD, 1024)
        patience = Patience()
        assert [patience.wait(high) for _ in range(6)] == [True] * 5 + [False]
        os.close(high)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (numbers, most))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_what_came_and_had_no_room_is_counted(peer: socket.socket, host: str) -> None:
    with open_socket(host, 0) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        assert overflow_of(sock.fileno()) == 0
        for _ in range(100):
            peer.sendto(bytes(200), sock.getsockname()[:2])
        came = 0
        with contextlib.suppress(BlockingIOError):
            while sock.recv(300):
                came += 1
        assert 0 < overflow_of(sock.fileno()) == 100 - came


def test_expedited_forwarding(port: UdpPort, host: str) -> None:
    six = socket.IPPROTO_IPV6, socket.IPV6_TCLASS
    with socket.socket(fileno=socket.dup(port.fileno())) as sock:
        assert sock.getsockopt(*(six if ":" in host else (socket.IPPROTO_IP, socket.IP_TOS))) == 0xB8


@pytest.mark.parametrize("kind", KINDS)
def test_taken_port_is_named(port: UdpPort, host: str, kind: type[LoopPort] | type[BatchPort]) -> None:
    with pytest.raises(OSError, match=str(port.port)):
        kind(host, port.port, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_a_port_takes_one_family_only(kind: type[LoopPort] | type[BatchPort], wildcard: str) -> None:
    first = kind(wildcard, 0, 0)
    other = kind("::" if wildcard == "0.0.0.0" else "0.0.0.0", first.port, 1)  # else it would be taken
    first.close()
    other.close()


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ("localhost", 5),
        ("1.2.3", 5),
        ("1.2.3.256", 5),
        ("1.2.3.4", 65536),
        ("1.2.3.4.", 1),
        ("::1", -1),
        ("[::1]", 5),
        ("fe80::1%lo", 5),
    ],
)
def test_not_an_address(host: str, number: int) -> None:
    with pytest.raises(ValueError, match="IP address"):
        sockaddr(host, number)


@pytest.fixture(params=KINDS)
def crowd(request: pytest.FixtureRequest, host: str) -> Iterator[OpenPorts]:
    made = OpenPorts()
    for index in range(20):
        made.add(request.param(host, 0, index))
    yield made
    for port in made.by_index.values():
        port.close()


def test_all_ports_are_emptied_in_one_call_whoever_has_left(crowd: OpenPorts, peer: socket.socket) -> None:
    for index in (7, 19, 2, 12, 18):
        gone = crowd.by_index[index]
        crowd.remove(gone)
        gone.close()
    for index, port in crowd.by_index.items():
        peer.sendto(bytes([index]), (port.host, port.port))
    slots, seen, at = Slots(4), list[tuple[int, int]](), 0
    while at < len(crowd):
        at = crowd.receive(slots, at, len(crowd))
        seen += zip(slots.data[: slots.used, 0].tolist(), slots.local[: slots.used].tolist(), strict=True)
        slots.clear()
    assert sorted(seen) == [(index, index) for index in sorted(crowd.by_index)]
    assert crowd.receive(slots, 0, len(crowd)) == len(crowd)
    assert slots.used == 0


def test_each_datagram_leaves_from_its_port(crowd: OpenPorts, peer: socket.socket, host: str) -> None:
    outbox, payload = SendBuffer(40), np.zeros(4, np.uint8)
    outbox.base[:], outbox.length[:] = payload.ctypes.data, 4
    outbox.headers[:, 3] = np.arange(40)
    outbox.address[:] = sockaddr(*peer.getsockname()[:2])
    outbox.address[5] = sockaddr(host, 0)  # port 0 is nowhere
    ports = np.repeat(np.arange(20), 2)
    assert crowd.send(outbox, ports, Patience(), lambda: None) == 39
    for k in [*range(5), *range(6, 40)]:
        datagram, (_, sender, *_) = peer.recvfrom(100)
        assert (datagram[3], sender) == (k, crowd.by_index[k // 2].port)


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 1024, 1025])
def test_what_has_come_is_taken_between_chunks(count: int) -> None:
    made, told = OpenPorts(), list[int]()

    class Counted(MemoryPort):
        def send(self, outbox: SendBuffer | Letters, start: int, stop: int, patience: Patience) -> int:
            told.append(stop - start)
            return stop - start

    made.add(Counted("127.0.0.1", 5000, 0))
    assert made.send(SendBuffer(1), np.zeros(count, np.int64), Patience(), lambda: told.append(0)) == count
    chunks = [min(512, count - at) for at in range(0, count, 512)]
    assert told == [each for chunk in chunks for each in (0, chunk)][1:]
