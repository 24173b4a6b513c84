"""Whatever one packet or one source says, the others are heard, the work is bounded and the delay comes back.

The same talk is told to two planes; one of them is told other things besides. `FUZZ_PACKETS=1000000` makes it long,
`FUZZ_SEED` another.

What an intruder can do is no more than this, and only from a party's own address:

* with the party's own SSRC it is the party. A packet that fits the number and the time due takes that one place, two
  in sequence are a sender that has jumped. So packets with the own SSRC may cost places while they come; later only
  the very numbers that they bore, for what comes second with a number is its duplicate;
* more than `PACKETS_PER_TICK` packets in one tick are a flood; which of them are looked at is decided by their order.
"""

import os
import random
import struct
from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import g711
from softphone.media.contract.leg import Address
from tests.media.memory import MemoryPlane

PACKETS = int(os.environ.get("FUZZ_PACKETS", "10000"))
SEED = int(os.environ.get("FUZZ_SEED", "6"))
LEGS, HARMED = 8, 4
BACK = 10  # ticks: 200 ms
EPISODE, BURST = 40, 16  # ticks
CODES = np.arange(0x80, 0xB0, dtype=np.uint8)  # 48 levels of one sign, 64 and more apart
LEVELS = g711.DECODE_ULAW[CODES]
Came = tuple[bytes, Address]


class Talk:
    """What a party sends: a level of its own in each packet, so that one hears which packets are played."""

    def __init__(self, row: int, source: random.Random) -> None:
        self.row, self.ssrc = row, source.getrandbits(32) | 1
        self.seq, self.timestamp, self.at = source.getrandbits(16), source.getrandbits(32), row * 5

    def packet(self) -> bytes:
        header = struct.pack(">BBHII", 0x80, 0, self.seq, self.timestamp, self.ssrc)
        payload = bytes([CODES[self.at % len(CODES)]]) * 160
        self.seq, self.timestamp, self.at = (self.seq + 1) & 0xFFFF, (self.timestamp + 160) & 0xFFFFFFFF, self.at + 1
        return header + payload


class Intruder:
    """Makes up packets against a party; `own`: with its SSRC too."""

    def __init__(self, source: random.Random, own: bool) -> None:
        self.source, self.own, self.last = source, own, (0, 0, 0)
        self.claimed: deque[int] = deque(maxlen=1000)  # numbers said with the party's own SSRC

    def packet(self, talk: Talk) -> bytes:
        source = self.source
        if source.random() < 0.08:
            return self._foreign(source.randbytes(source.choice((0, 1, 7, 11, 12, 13, 20, 172, 1536, 1700))), talk)
        first = source.choice((0x80, 0x80, 0x80, 0x80, 0x90, 0xA0, 0xB3, 0x8F, source.getrandbits(8)))
        kind = source.choice((0, 0, 0, 0, 8, 13, 101, 72, 77, 96, source.getrandbits(7)))
        seq, timestamp, ssrc = self._place(talk)
        length = source.choice((160, 160, 160, 0, 1, 4, 33, 80, 161, 240, 320, 1500))
        if ssrc == talk.ssrc:
            self.claimed.append(seq & 0xFFFF)
        self.last = (seq + 1, timestamp + length, ssrc)
        header = struct.pack(
            ">BBHII", first, kind | source.getrandbits(1) << 7, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
        )
        return header + source.randbytes(length)

    def _place(self, talk: Talk) -> tuple[int, int, int]:
        """Sequence number, timestamp and source: due, nearby, anywhere, or after the one before."""
        source = self.source
        ssrc = source.choice((talk.ssrc, talk.ssrc ^ 1, talk.ssrc ^ 2, source.getrandbits(32)))
        if source.random() < 0.3:
            seq, timestamp, ssrc = self.last
        else:
            seq = talk.seq + source.choice((0, 0, 1, -1, source.randint(-120, 120), source.getrandbits(16)))
            wild = source.choice((1, -1, 1 << 30, 1 << 31, source.getrandbits(32)))
            timestamp = talk.timestamp + source.choice((0, 0, 160, -160, 160 * source.randint(-60, 60), wild))
        if not self.own and ssrc == talk.ssrc:
            ssrc ^= 4
        return seq, timestamp, ssrc

    def _foreign(self, data: bytes, talk: Talk) -> bytes:
        return data if self.own or data[8:12] != struct.pack(">I", talk.ssrc) else b""


def heard_of(levels: NDArray[np.int64], frames: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Tell of which packets, told one per tick, most is heard within 200 ms after."""
    found = []
    for k, level in enumerate(levels):
        near = np.abs(frames[k : k + BACK].astype(np.int32) - LEVELS[level]) <= 3
        found.append(near.sum() >= 100)
    return np.array(found)


class Trial:
    """Two planes that are told the same talk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int, own: bool) -> None:
        self.source = random.Random(seed)
        self.alone, self.beset = MemoryPlane(LEGS, monkeypatch), MemoryPlane(LEGS, monkeypatch)
        self.talks = [Talk(row, self.source) for row in range(LEGS)]
        self.intruders = [Intruder(self.source, own) for _ in range(HARMED)]
        self.told = 0

    def delays(self, plane: MemoryPlane) -> NDArray[np.float64]:
        return np.array([plane.bridge.counters(row).delay_s for row in range(LEGS)])

    def tick(self, besides: Callable[[Talk, Intruder], list[bytes]]) -> NDArray[np.int16]:
        """Tell both planes the talk; what is heard of the harmed rows."""
        peers = self.alone.peers
        told = [(talk.packet(), peers[talk.row]) for talk in self.talks]
        extra: list[list[Came]] = [[], [], []]
        for row, intruder in enumerate(self.intruders):
            for datagram in besides(self.talks[row], intruder):
                way = self.source.choice((0, 0, 0, 1, 1, 1, 2))
                sender = peers[row] if way < 2 else Address(peers[row].host, peers[row].port + 1)
                extra[way].append((datagram, sender))
        number = sum(map(len, extra))
        self.told += number
        before = self.alone.tick(told, []).heard
        after = self.beset.tick(extra[0] + told + extra[1], extra[2]).heard
        np.testing.assert_array_equal(after[HARMED:], before[HARMED:])
        calls, samples = self.beset.work
        assert calls <= 40 + 12 * number
        assert samples <= 20_000 + 12 * 640 * number
        return after[:HARMED].copy()

    def episode(self, besides: Callable[[int, Talk, Intruder], list[bytes]]) -> NDArray[np.bool_]:
        """A burst, and quiet after it; which packets of the harmed rows were heard, shape (ticks - BACK, HARMED)."""
        first = [(talk.at, talk.seq) for talk in self.talks[:HARMED]]
        frames = np.array(
            [self.tick(lambda talk, intruder, k=k: besides(k, talk, intruder)) for k in range(EPISODE)]  # type: ignore[misc]
        )
        after = np.arange(EPISODE - BACK)
        found = [heard_of((at + after) % len(LEVELS), frames[:, row]) for row, (at, _) in enumerate(first)]
        for row, (_, seq) in enumerate(first):
            taken = [(seq + k) & 0xFFFF in self.intruders[row].claimed for k in range(BURST, EPISODE - BACK)]
            found[row][BURST:] |= taken
        return np.array(found).T


def nothing(k: int, talk: Talk, intruder: Intruder) -> list[bytes]:
    return []


def some(k: int, talk: Talk, intruder: Intruder) -> list[bytes]:
    """As many as leave the party's own packet within what a tick looks at."""
    if k >= BURST:
        return []
    return [intruder.packet(talk) for _ in range(intruder.source.choice((0, 1, 2, 4, 8, 13)))]


@pytest.mark.parametrize("own", [False, True])
def test_whatever_is_said_the_others_are_heard(monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    trial = Trial(monkeypatch, SEED, own)
    assert trial.episode(nothing).all()
    while trial.told < PACKETS // 2:
        found = trial.episode(some)
        assert found[BURST + BACK :].all() if own else found.all(), (trial.told, np.argwhere(~found))
        assert np.abs(trial.delays(trial.beset) - trial.delays(trial.alone)).max() <= 0.021, trial.told


def test_one_packet_of_the_own_source_takes_no_more_than_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(monkeypatch, 7, own=True)
    assert trial.episode(nothing).all()
    for _ in range(25):
        found = trial.episode(lambda k, talk, intruder: [intruder.packet(talk)] if k == 2 else [])
        lost = (~found).sum(axis=0)
        assert lost.max() <= 3, lost
