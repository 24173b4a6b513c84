"""The yardstick of the benchmarks moves what it says that it moves."""

import socket

import pytest

from softphone.media.net.batch import BatchPort
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, Slots
from softphone.media.net.system import has_batches
from tests.bench.reflector import turn
from tests.media.peer import drained


@pytest.mark.skipif(not has_batches(), reason="the reflector needs recvmmsg and sendmmsg")
def test_every_datagram_comes_back_whole() -> None:
    port, slots = BatchPort("127.0.0.1", 0, 0), Slots(8)
    letters = Letters(slots.data, slots.address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        for round in range(2):
            said = [bytes([round, k]) * (10 + k) for k in range(5)]
            for datagram in said:
                peer.sendto(datagram, ("127.0.0.1", port.port))
            assert port.receive(slots) == len(said)
            assert port.send(letters, 0, turn(slots, letters), Patience()) == len(said)
            slots.clear()
            assert drained(peer) == said
    port.close()
