"""Packets of the length that a telephone wants: the same sound at the same time, whatever is done to the leg."""

import struct
from collections import defaultdict
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer import g711
from softphone.media.contract.leg import KeyPressed, LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import (
    CloseLeg,
    Configure,
    Failed,
    JoinRoom,
    LeaveRoom,
    MediaRequest,
    OpenLeg,
    SendKeys,
    UpdateLeg,
)
from softphone.media.engine.engine import Engine
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer
from softphone.media.rtp import rtcp
from tests.media.memory import MemoryPort
from tests.media.peer import Driver, Peer, codes, fields, power, stats

PTIMES_MS = (10, 20, 30, 40, 60)
CODECS = {"PCMU": 0, "PCMA": 8}
FIRST = 2**32 - 320  # of a peer's timestamps
TALKER = MediaAddress("192.0.2.1", 5000)


class Heard(NamedTuple):
    """One packet; `at`: its timestamp from the leg's first frame."""

    kind: int
    marker: bool
    seq: int
    at: int
    payload: bytes


class NotingPort(MemoryPort):
    """Keeps what goes out, by the port that it goes to."""

    sent: defaultdict[int, list[bytes]]

    def send(self, outbox: SendBuffer | Letters, start: int, stop: int, patience: Patience) -> int:
        for i in range(start, stop):
            self.send_to(outbox.datagram(i), "", struct.unpack_from(">H", outbox.address[i].tobytes(), 2)[0])
        return stop - start

    def send_to(self, datagram: bytes, host: str, port: int) -> bool:
        self.sent[port].append(datagram)
        return True


class Ear:
    """A leg that only listens."""

    def __init__(self, driver: Driver, port: int, ptime_ms: int, codec: str = "PCMU") -> None:
        self.driver, self.port = driver, port
        self.spec = LegSpec(
            remote=MediaAddress("192.0.2.1", port), codec=codec, payload_type=CODECS[codec], ptime_ms=ptime_ms
        )
        opened = driver.engine.handle(OpenLeg(self.spec), driver.now)
        assert isinstance(opened, LegInfo)
        self.leg, self.row = opened.leg, driver.engine._rows[opened.leg]
        self.first = int(driver.engine.plane.legs.timestamp[self.row])

    def ask(self, request: MediaRequest[Any]) -> None:
        assert not isinstance(reply := self.driver.engine.handle(request, self.driver.now), Failed), reply

    def update(self, **changed: object) -> None:
        self.spec = msgspec.structs.replace(self.spec, **changed)
        self.ask(UpdateLeg(self.leg, self.spec))

    def heard(self) -> list[Heard]:
        said = [(fields(each), each[12:]) for each in NotingPort.sent[self.port]]
        return [
            Heard(kind, mark, seq, (at - self.first) & 0xFFFFFFFF, rest) for (_, kind, mark, seq, at, _), rest in said
        ]

    def sound(self) -> list[Heard]:
        return [each for each in self.heard() if each.kind != 101]


class Room:
    """A room in which one talks, and ears for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ptimes_ms: int, codec: str = "PCMU") -> None:
        monkeypatch.setattr("softphone.media.net.portpool.Port", NotingPort)
        monkeypatch.setattr(NotingPort, "sent", defaultdict(list), raising=False)
        self.driver = driver = Driver(Engine(capacity=16, gate=False))
        self.room, self.said = driver.room(), 0
        self.talker = Ear(driver, TALKER.port, 20)
        self.talker.ask(JoinRoom(self.talker.leg, self.room))
        self.ears = [Ear(driver, 6000 + 2 * i, ms, codec) for i, ms in enumerate(ptimes_ms)]

    def join(self) -> None:
        for ear in self.ears:
            ear.ask(JoinRoom(ear.leg, self.room))

    def tick(self, count: int) -> None:
        """Let the talker say something else in each tick."""
        shared = self.driver.engine._pool.shared.rtp
        assert isinstance(shared, NotingPort)
        for _ in range(count):
            k, self.said = self.said, self.said + 1
            header = struct.pack(">BBHII", 0x80, 0, k & 0xFFFF, 160 * k, 77)
            shared.inbox.append((header + bytes((k * 7 + i * 3) % 128 for i in range(160)), TALKER))
            self.driver.tick()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("ptime_ms", PTIMES_MS)
def test_packets_of_a_length_hold_the_sound_of_those_of_a_tick(
    monkeypatch: pytest.MonkeyPatch, ptime_ms: int, codec: str
) -> None:
    room = Room(monkeypatch, 20, ptime_ms, codec=codec)
    room.join()
    room.tick(30)
    usual, other = (ear.sound() for ear in room.ears)
    assert len({each.payload for each in usual}) > 20, "something was said"
    assert b"".join(each.payload for each in other) == b"".join(each.payload for each in usual)
    size = 8 * ptime_ms
    assert [(each.at, len(each.payload)) for each in other] == [(size * k, size) for k in range(600 // ptime_ms)]
    assert [(each.seq - other[0].seq) & 0xFFFF for each in other] == list(range(600 // ptime_ms))
    assert [each.marker for each in other] == [True] + [False] * (600 // ptime_ms - 1)
    assert {each.kind for each in other} == {CODECS[codec]}
    found = stats(room.driver, room.ears[1].leg)
    assert (found.packets_sent, found.octets_sent) == (600 // ptime_ms, 4800)


@pytest.mark.parametrize(
    ("ptime_ms", "rhythm"), [(10, [2] * 6), (30, [0, 1, 1] * 2), (40, [0, 1] * 3), (60, [0, 0, 1] * 2)]
)
def test_a_packet_goes_out_with_the_tick_that_completes_it(
    monkeypatch: pytest.MonkeyPatch, ptime_ms: int, rhythm: list[int]
) -> None:
    room = Room(monkeypatch, ptime_ms)
    room.join()
    before, counts = 0, []
    for _ in rhythm:
        room.tick(1)
        counts.append(len(room.ears[0].heard()) - before)
        before += counts[-1]
    assert counts == rhythm


def test_who_comes_later_adds_to_the_work_of_other_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(monkeypatch, 60, 60, 60)
    for ear in room.ears:
        ear.ask(JoinRoom(ear.leg, room.room))
        room.tick(1)
    room.tick(30)
    assert [len(ear.heard()) for ear in room.ears] == [11, 10, 10]


class Step(NamedTuple):
    """Something that happens to all ears, and how many ticks pass then."""

    kind: str
    value: int
    ticks: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["join", "leave", "hold", "back", "keys", "skip", "answered", "silent", "ptime", "codec"]),
        st.integers(0, 10),
        st.integers(0, 8),
    ),
    max_size=25,
)


def happen(room: Room, step: Step) -> None:
    if step.kind == "skip":
        room.driver.engine.skip(6 + step.value)
    elif step.kind == "ptime":
        room.ears[1].update(ptime_ms=PTIMES_MS[step.value % 5])
    else:
        for ear in room.ears:
            to(ear, room.room, step)
    room.tick(step.ticks)


def to(ear: Ear, room: int, step: Step) -> None:
    requests: dict[str, MediaRequest[Any]] = {
        "join": JoinRoom(ear.leg, room),
        "leave": LeaveRoom(ear.leg),
        "keys": SendKeys(ear.leg, "12"[: 1 + step.value % 2], 0.01 + 0.01 * step.value, 0.01 * step.value),
        "answered": Configure(ear.leg, answered=True),
        "silent": Configure(ear.leg, answered=False),
    }
    if step.kind in ("hold", "back"):
        ear.update(direction=("recvonly", "inactive")[step.value % 2] if step.kind == "hold" else "sendrecv")
    elif step.kind == "codec":
        codec = list(CODECS)[step.value % 2]
        ear.update(codec=codec, payload_type=CODECS[codec])
    else:
        ear.ask(requests[step.kind])


@settings(max_examples=40)
@given(st.sampled_from(PTIMES_MS), STEPS)
def test_whatever_happens_to_a_leg_its_sound_is_that_of_packets_of_a_tick(ptime_ms: int, steps: list[Step]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        room = Room(patch, 20, ptime_ms)
        room.join()
        for step in steps:
            happen(room, step)
        for ear in room.ears:  # what has begun goes out
            ear.update(direction="inactive")
        usual, other = room.ears
        assert placed(other) == placed(usual)
        assert keys(other) == keys(usual)
        assert {each.at for each in other.sound() if each.marker} == {each.at for each in usual.sound() if each.marker}
        for ear in room.ears:
            heard, sound = ear.heard(), ear.sound()
            assert [(each.seq - heard[0].seq) & 0xFFFF for each in heard] == list(range(len(heard)))
            ends = [each.at + len(each.payload) for each in sound]
            assert all(end <= each.at for end, each in zip(ends, sound[1:], strict=False))
            found = stats(room.driver, ear.leg)
            assert found.packets_sent == len(heard)
            assert found.octets_sent == sum(len(each.payload) for each in heard)


def placed(ear: Ear) -> dict[int, tuple[int, int]]:
    """Each code that came, at its time, with the payload type."""
    return {each.at + i: (each.kind, code) for each in ear.sound() for i, code in enumerate(each.payload)}


def keys(ear: Ear) -> list[tuple[bool, int, bytes]]:
    return [(each.marker, each.at, each.payload) for each in ear.heard() if each.kind == 101]


@pytest.mark.parametrize("ptime_ms", PTIMES_MS)
def test_a_key_begins_behind_the_sound_before_it(monkeypatch: pytest.MonkeyPatch, ptime_ms: int) -> None:
    room = Room(monkeypatch, ptime_ms)
    room.join()
    room.tick(4)
    ear = room.ears[0]
    ear.ask(SendKeys(ear.leg, "5"))
    room.tick(20)
    heard = ear.heard()
    begin = next(i for i, each in enumerate(heard) if each.kind == 101)
    assert heard[begin].at == 640 == sum(len(each.payload) for each in heard[:begin])
    after = next(each for each in heard[begin:] if each.kind == 0)
    assert (after.at, after.marker, len(after.payload)) == (640 + 800, True, 8 * ptime_ms)


@pytest.mark.parametrize("ptime_ms", PTIMES_MS)
def test_a_report_tells_the_time_of_the_sound_and_the_packets_that_went(
    monkeypatch: pytest.MonkeyPatch, ptime_ms: int
) -> None:
    room = Room(monkeypatch, ptime_ms)
    room.join()
    ear = room.ears[0]
    room.tick(200)  # the first report is due in 3.75 s at the latest
    reports = [rtcp.parse(each)[0] for each in NotingPort.sent[ear.port + 1]]
    assert reports
    for report in reports:
        assert isinstance(report, rtcp.Report) and report.sender is not None
        ticks = round((report.sender.ntp / 2**32 - 2_208_988_800 - 1000.0) / 0.02)
        assert (report.sender.timestamp - ear.first) & 0xFFFFFFFF == 160 * (
            ticks - 1
        )  # the first tick has the first frame
        assert report.sender.octets == report.sender.packets * 8 * ptime_ms
        assert 0 <= 160 * ticks - report.sender.octets < 8 * ptime_ms


def test_nothing_of_a_call_goes_to_the_next_one_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(monkeypatch, 60)
    room.join()
    room.tick(2)
    room.ears[0].ask(CloseLeg(room.ears[0].leg))
    room.ears = [Ear(room.driver, 7000, 60)]
    room.join()
    room.tick(3)
    assert [(each.at, len(each.payload)) for each in room.ears[0].heard()] == [(0, 480)]
    assert NotingPort.sent[6000] == []


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("ptime_ms", [*PTIMES_MS, 50, 120])
def test_packets_of_any_length_are_heard(driver: Driver, peers: list[Peer], ptime_ms: int, lost: int) -> None:
    """A second of tone, one packet of which may be lost; then a key, then comfort noise."""
    room = driver.room()
    info = driver.open(peers[0], room)
    driver.open(peers[1], room)
    size, said = 8 * ptime_ms, b"".join(codes(400, 60))
    for k in range(60):
        while peers[0].timestamp - FIRST < 160 * (k + 1):  # as soon as its sound begins: the network is fast
            at = peers[0].timestamp - FIRST
            if not (lost and at // size == 2):
                peers[0].rtp.sendto(peers[0].packet(said[at : at + size]), peers[0].to)
            peers[0].seq, peers[0].timestamp = peers[0].seq + 1, peers[0].timestamp + size
        driver.tick()
    heard = peers[1].heard()[20:]
    sound = g711.decode(np.frombuffer(b"".join(each[12:] for each in heard), np.uint8), g711.DECODE_ULAW)
    assert power(heard, 400, g711.DECODE_ULAW) == pytest.approx(2 * np.mean(np.square(sound / 32767)), rel=0.02)
    assert (stats(driver, info.leg).concealed > 0) == bool(lost)
    begin = peers[0].timestamp
    for duration, end in ((160, 0), (480, 0), (800, 0x80)):
        peers[0].event(bytes([5, end | 10]) + duration.to_bytes(2), begin, marker=duration == 160)
        driver.tick()
    peers[0].timestamp += 800
    peers[0].rtp.sendto(peers[0].packet(bytes([50]), kind=13), peers[0].to)
    driver.tick(20)
    assert [each.key for each in driver.events if isinstance(each, KeyPressed)] == ["5"]
    found = stats(driver, info.leg)
    assert (found.lost, found.late, found.duplicate, found.overrun) == (lost, 0, 0, 0)


def test_legs_on_ports_of_their_own(driver: Driver, peers: list[Peer]) -> None:
    """Real sockets: several ports, packets of all lengths in one tick."""
    room = driver.room()
    for peer, ms in zip(peers, (20, 10, 60), strict=True):
        info = driver.open(peer, room, remote=None, payload_type=0)
        driver.engine.handle(UpdateLeg(info.leg, LegSpec(remote=peer.address, ptime_ms=ms)), driver.now)
    driver.tick(6)
    heard = [peer.heard() for peer in peers]
    assert [[len(each) - 12 for each in packets] for packets in heard] == [[160] * 6, [80] * 12, [480] * 2]
    assert [[fields(each)[2] for each in packets].count(True) for packets in heard] == [1, 1, 1]
