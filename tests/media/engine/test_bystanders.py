"""Whatever strangers and ended calls send, a leg that hears its own phone goes on hearing it, and is sent its sound."""

import random
import struct

import numpy as np
import pytest

from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.engine import sources
from softphone.media.engine.bystanders import EVER, Bystanders
from tests.media.memory import HOST, MemoryPlane

LEGS = 6
NOBODY = bytes([0xFF]) * 160


def keys_of(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, np.uint64)


def test_a_stream_is_as_old_as_its_beginning() -> None:
    book = Bystanders()
    keys, ssrc = keys_of([1 << 20, 2 << 20]), np.array([5, 5], np.uint32)
    assert book.note(keys, ssrc, 1, 10.0).tolist() == [1, 1]
    assert book.note(keys[:1], ssrc[:1], 2, 10.9).tolist() == [1]
    assert book.note(keys, ssrc, 3, 11.5).tolist() == [1, 3]
    book.skip(5.0)
    assert book.note(keys, ssrc, 4, 17.0).tolist() == [1, 3]
    assert book.note(keys, ssrc + np.uint32(1), 5, 17.0).tolist() == [5, 5]


def test_what_a_leg_left_is_older_than_any() -> None:
    book = Bystanders()
    book.ended(1 << 20, 5, 10.0)
    book.ended(2 << 20, -1, 10.0)
    keys = keys_of([1 << 20, 1 << 20, 2 << 20, 2 << 20])
    assert book.note(keys, np.array([5, 6, 7, 8], np.uint32), 3, 10.5).tolist() == [EVER, 3, EVER, EVER]
    assert book.note(keys, np.array([5, 6, 7, 8], np.uint32), 4, 11.4).tolist() == [EVER, 3, EVER, EVER]
    assert book.note(keys, np.array([5, 6, 7, 8], np.uint32), 5, 12.4).tolist() == [5, 5, 5, 5]


class Scene:
    """Telephones of one host on the shared port: calls begin and end, and others send whatever they like."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.source = random.Random(seed)
        self.plane = MemoryPlane(0, monkeypatch, capacity=2 * LEGS)
        self.port = 6000
        self.own: dict[int, tuple[MediaAddress, int]] = {}
        self.said: dict[int, int] = {}
        self.ended: list[tuple[MediaAddress, int]] = []
        self.seq = 0

    def open(self) -> int:
        self.port += 2
        named = MediaAddress(HOST, self.port)
        row = self.plane.open(LegSpec(remote=named, latch_host=HOST))
        self.own[row], self.said[row] = (named, self.source.getrandbits(32)), 0
        return row

    def close(self, row: int) -> None:
        self.plane.plane.close(row, self.plane.now)
        self.ended.append(self.own.pop(row))
        del self.said[row]

    def packet(self, ssrc: int) -> bytes:
        self.seq = (self.seq + 1) & 0xFFFF
        return struct.pack(">BBHII", 0x80, self.source.choice((0, 0, 8, 101)), self.seq, self.seq * 160, ssrc) + NOBODY

    def own_packet(self, row: int) -> tuple[bytes, MediaAddress]:
        address, ssrc = self.own[row]
        self.said[row] += 1
        number = self.said[row]
        return struct.pack(">BBHII", 0x80, 0, number, number * 160, ssrc) + NOBODY, address

    def others(self) -> list[tuple[bytes, MediaAddress]]:
        """What ended calls still send, and strangers of the host and of other ones."""
        found = [(self.packet(ssrc), address) for address, ssrc in self.ended[-8:] if self.source.random() < 0.7]
        for _ in range(self.source.choice((0, 1, 5, 30))):
            host = self.source.choice((HOST, HOST, "192.0.2.77"))
            sender = MediaAddress(host, self.source.choice((7001, 7003, self.source.randrange(20_001, 60_001, 2))))
            found.append((self.packet(self.source.getrandbits(32)), sender))
        self.source.shuffle(found)
        return found


@pytest.mark.parametrize("seed", range(4))
def test_whatever_bystanders_send_each_goes_on_hearing_its_own(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    scene = Scene(monkeypatch, seed)
    talks: set[int] = set()
    for tick in range(300):
        if len(scene.own) < LEGS and scene.source.random() < 0.1:
            scene.open()
        if len(scene.own) > 1 and scene.source.random() < 0.03:
            row = scene.source.choice(sorted(scene.own))
            talks.discard(row)
            scene.close(row)
        if scene.source.random() < 0.1:
            talks |= {scene.source.choice(sorted(scene.own))} if scene.own else set()
        before = {row: scene.plane.bridge.counters(row) for row in talks}
        told = [scene.own_packet(row) for row in sorted(talks)]
        others = scene.others()
        at = scene.source.randrange(len(others) + 1)
        scene.plane.tick(others[:at] + told + others[at:], [])
        for row in talks:
            now = scene.plane.bridge.counters(row)
            taken = now.received + now.stray - before[row].received - before[row].stray
            assert taken >= 1, (tick, row)
        for row, (named, _) in scene.own.items():
            record = scene.plane.plane.legs.records[row]
            assert row not in talks or record.source == record.remote == named
    assert scene.plane.plane.strangers > 1000


def test_what_strangers_cost_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 300 hosts with a leg each, a few are looked at in a tick; each of them has its turn."""
    plane = MemoryPlane(0, monkeypatch, capacity=300)
    hosts = [f"198.51.{number // 250}.{number % 250 + 1}" for number in range(300)]
    rows = [plane.open(LegSpec(remote=MediaAddress(host, 5000), latch_host=host)) for host in hosts]
    looked: list[int] = []
    first = sources.Sources._first

    def counted(self: sources.Sources, *args: object) -> bool:
        looked.append(1)
        return first(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(sources.Sources, "_first", counted)
    for tick in range(300 // sources.HOSTS_PER_TICK + 1):
        looked.clear()
        plane.tick(
            [
                (struct.pack(">BBHII", 0x80, 0, tick, tick * 160, row + 1) + NOBODY, MediaAddress(host, 7000))
                for row, host in zip(rows, hosts, strict=True)
            ],
            [],
        )
        assert len(looked) <= sources.HOSTS_PER_TICK
    assert not plane.plane.legs.unheard[rows].any()


def test_a_flood_of_one_host_leaves_the_named_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = MemoryPlane(0, monkeypatch, capacity=4)
    rows = [plane.open(LegSpec(remote=MediaAddress(HOST, 5000 + 2 * number), latch_host=HOST)) for number in range(4)]
    for tick in range(50):
        flood = [
            (struct.pack(">BBHII", 0x80, 0, tick, tick, number) + NOBODY, MediaAddress(HOST, 10_000 + number))
            for number in range(200)
        ]
        named = (struct.pack(">BBHII", 0x80, 0, tick, tick * 160, 9_999) + NOBODY, MediaAddress(HOST, 5000))
        plane.tick([*flood, named], [])
    assert plane.bridge.counters(rows[0]).received >= 48
    assert plane.plane.legs.unheard[rows].tolist() == [False, True, True, True]
    assert plane.plane.unclaimed > 0
