"""Both kinds of port, on real sockets, through the same tests."""

import ctypes
import errno
import os
import socket
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pytest

from softphone.media.net.port import BatchPort, LoopPort, Patience, UdpPort, has_batches
from softphone.media.net.slots import SLOT_SIZE, SendBuffer, Slots, sockaddr
from softphone.media.rtp.header import HEADER_SIZE

KINDS = [LoopPort, *([BatchPort] if has_batches() else [])]


@pytest.fixture(params=KINDS)
def port(request: pytest.FixtureRequest) -> Iterator[UdpPort]:
    opened: UdpPort = request.param("127.0.0.1", 0, 7)
    yield opened
    opened.close()


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
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
    assert np.all(slots.address[:100] == sockaddr(*peer.getsockname()))
    assert np.all(slots.local[:100] == 7)
    slots.settle()
    assert before <= slots.stamp[:100].min() <= slots.stamp[:100].max() <= after
    assert np.all(slots.ages_s(after) <= 1e-9 * (after - before))
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
    slots.settle()
    assert slots.length[:2].tolist() == [0, SLOT_SIZE]


def test_payloads_are_shared_and_sent_behind_their_headers(port: UdpPort, peer: socket.socket) -> None:
    outbox = SendBuffer(1500)
    payloads = np.arange(40, dtype=np.uint8).reshape(4, 10)
    outbox.base[:], outbox.length[:] = payloads.ctypes.data + np.arange(1500, dtype=np.uint64) % 4 * 10, 10
    outbox.headers[:, 2], outbox.headers[:, 3] = np.arange(1500) >> 8, np.arange(1500) & 0xFF
    outbox.address[:] = sockaddr(*peer.getsockname())
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    for start in range(0, 1500, 100):
        assert port.send(outbox, start, start + 100, Patience()) == 100
        for i in range(start, start + 100):
            datagram = peer.recv(100)
            assert int.from_bytes(datagram[2:4]) == i
            assert datagram[HEADER_SIZE:] == payloads[i % 4].tobytes()


def test_one_that_cannot_go_does_not_hold_up_the_others(port: UdpPort, peer: socket.socket) -> None:
    outbox = SendBuffer(5)
    payload = np.zeros(4, np.uint8)
    outbox.base[:], outbox.length[:] = payload.ctypes.data, 4
    outbox.headers[:, 3] = np.arange(5)
    outbox.address[:] = sockaddr(*peer.getsockname())
    outbox.address[2] = sockaddr("127.0.0.1", 0)  # port 0 is nowhere
    assert port.send(outbox, 0, 5, Patience()) == 4
    assert [int.from_bytes(peer.recv(100)[2:4]) for _ in range(4)] == [0, 1, 3, 4]


def test_a_broken_port_does_not_hold_up_the_tick(port: UdpPort) -> None:
    with socket.socket(fileno=os.dup(port.fileno())) as kept, tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), port.fileno())  # no socket any more: each call fails
        assert port.receive(Slots(10)) == 0
        os.dup2(kept.fileno(), port.fileno())


@pytest.mark.skipif(not has_batches(), reason="no sendmmsg here")
def test_full_buffers_are_waited_for_five_milliseconds_in_all(
    peer: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = BatchPort("127.0.0.1", 0, 0)
    waits: list[float] = []

    def full(*_call: object) -> int:
        ctypes.set_errno(errno.EAGAIN)
        return -1

    monkeypatch.setattr("softphone.media.net.port._sendmmsg", full)
    monkeypatch.setattr("softphone.media.net.port.select.select", lambda *call: waits.append(call[3]))
    outbox, patience = SendBuffer(8), Patience()
    outbox.address[:] = sockaddr(*peer.getsockname())
    for _ in range(2):
        patience.renew()
        assert [port.send(outbox, at, at + 2, patience) for at in (0, 2, 4, 6)] == [0] * 4
    assert waits == [0.001] * 10
    port.close()


def test_expedited_forwarding(port: UdpPort) -> None:
    with socket.socket(fileno=socket.dup(port.fileno())) as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0xB8


@pytest.mark.parametrize("kind", KINDS)
def test_taken_port_is_named(port: UdpPort, kind: type[LoopPort] | type[BatchPort]) -> None:
    with pytest.raises(OSError, match=str(port.port)):
        kind("127.0.0.1", port.port, 0)


@pytest.mark.parametrize(
    ("host", "number"), [("localhost", 5), ("1.2.3", 5), ("1.2.3.256", 5), ("1.2.3.4", 65536), ("1.2.3.4.", 1)]
)
def test_not_an_address(host: str, number: int) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        sockaddr(host, number)
