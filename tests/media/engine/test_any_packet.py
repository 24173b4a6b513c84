"""Whatever one packet or one source says, the others are heard, the work is bounded and the delay comes back.

The same talk is told to two planes; one of them is told other things besides. `FUZZ_PACKETS=1000000` makes it long,
`FUZZ_SEED` another.

What an intruder can do is no more than this, and only from a party's own address:

* with the party's own SSRC it is the party. A packet that fits the number and the time due takes that one place, two
  in sequence are a sender that has jumped. So packets with the own SSRC may cost places while they come; later only
  the very numbers that they bore, for what comes second with a number is its duplicate;
* with another SSRC it is heard instead of a party that has fallen quiet, until it falls quiet itself.
"""

import os

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import g711
from mixer.frame import TICK_S
from mixer.pace import MEMORY_TICKS
from mixer.rate import REACH_TICKS
from softphone.media.rtp.header import HEADER, HEADER_SIZE
from tests.media.intruders import Intruders
from tests.media.memory import Datagrams, MemoryPlane, no_datagrams

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

PACKETS = int(os.environ.get("FUZZ_PACKETS", "20000"))
SEED = int(os.environ.get("FUZZ_SEED", "6"))
OWN, FOREIGN, UNHARMED = 32, 32, 32
HARMED, LEGS = OWN + FOREIGN, OWN + FOREIGN + UNHARMED
BACK = 10  # ticks: 200 ms
EPISODE, BURST = 40, 16  # ticks
AT_ONCE = np.array([0, 1, 2, 4, 8, 13])  # of an intruder in a tick; with the party's own no more than is looked at
# Half of all parties have a bad network as long as an episode is noisy.
LOST, LATE = 0.05, 0.15
# Apart from that: a tick, within which a steady sender starts anywhere.
STEADY_S = TICK_S + 0.001
CODES = np.arange(0x80, 0xB0, dtype=np.uint8)  # 48 levels of one sign, 64 and more apart
LEVELS = g711.DECODE_ULAW[CODES].astype(np.int64)
SAMPLES = 160
WHOLE_RING = 4096  # samples
CALLS_OF_PACKET = 2  # of the ring: it is cleared where a row begins, or forgets what is skipped; and written
ROWS = np.arange(LEGS)
OWN_ROWS, BAD = ROWS < OWN, ROWS % 2 == 1  # BAD: on a bad network


class Talk:
    """What the parties send: a level of its own in each packet, so that one hears which packets are played."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self.told = rng, 0
        self.ssrc = rng.integers(1 << 8, 1 << 32, LEGS) | 8
        self._seq, self._timestamp = rng.integers(0, 1 << 16, LEGS), rng.integers(0, 1 << 32, LEGS)
        self._sent = np.zeros(LEGS, np.int64)  # how many of each row are on their way
        self._behind = np.zeros((2 * MEMORY_TICKS, LEGS), np.int64)  # ticks, of the latest packet of each tick

    def due(self, rows: Index) -> tuple[Index, Index]:
        """Number and timestamp of the packets of some rows that are due now."""
        return self._seq[rows] + self.told, self._timestamp[rows] + SAMPLES * self.told

    def seq(self, k: Index, rows: Index) -> Index:
        """Give the number of packet k of each row."""
        return self._seq[rows] + k

    def level(self, k: Index) -> Index:
        """Give the level of packet k of every row, shape (len(k), LEGS)."""
        levels: Index = LEVELS[(k[:, None] + 5 * ROWS) % len(LEVELS)]
        return levels

    def tick(self, addresses: NDArray[np.uint8], noisy: bool) -> Datagrams:
        """Give what comes in the next tick: the packet due of each row, or all that were late; without what is lost."""
        bad = BAD & noisy
        self.told += 1
        ready = ~(bad & (self._rng.random(LEGS) < LATE))
        count = np.where(ready, self.told - self._sent, 0)
        rows = np.repeat(ROWS, count)
        k = self._sent[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        self._sent += count
        kept = ~(bad[rows] & (self._rng.random(len(rows)) < LOST))
        behind = self._behind[self.told % len(self._behind)]
        behind[:] = 0
        np.maximum.at(behind, rows[kept], self.told - 1 - k[kept])
        return self._packets(rows[kept], k[kept], addresses)

    def behind_s(self) -> NDArray[np.float64]:
        """Tell by how much the latest packet of each row came too late, of those that are remembered; shape (LEGS,)."""
        latest: NDArray[np.float64] = TICK_S * self._behind.max(axis=0)
        return latest

    def _packets(self, rows: Index, k: Index, addresses: NDArray[np.uint8]) -> Datagrams:
        header = np.zeros(len(rows), HEADER)
        header["first"], header["seq"] = 0x80, (self._seq[rows] + k) & 0xFFFF
        header["timestamp"], header["ssrc"] = (self._timestamp[rows] + SAMPLES * k) & 0xFFFFFFFF, self.ssrc[rows]
        data = no_datagrams(len(rows)).data
        data[:, :HEADER_SIZE] = header.view(np.uint8).reshape(-1, HEADER_SIZE)
        data[:, HEADER_SIZE : HEADER_SIZE + SAMPLES] = CODES[(k + 5 * rows) % len(CODES)][:, None]
        return Datagrams(data, np.full(len(rows), HEADER_SIZE + SAMPLES), addresses[rows])


class Trial:
    """Two planes that are told the same talk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.alone, self.beset = MemoryPlane(LEGS, monkeypatch), MemoryPlane(LEGS, monkeypatch)
        self.talk = Talk(self._rng)
        self.intruders = Intruders(self._rng, self.talk.ssrc[:HARMED], OWN_ROWS[:HARMED])
        self.told = 0
        self.quiet()

    def _intrusion(self, count: Index) -> list[Datagrams]:
        """So many packets against each of the harmed rows: before the party's own, after it, and as reports."""
        self.intruders.reshape()
        parts = [no_datagrams()] * 3
        for turn in range(int(count.max(initial=0))):
            rows = np.flatnonzero(count > turn)
            said = self.intruders.packets(rows, *self.talk.due(rows))
            way = self._rng.choice(np.array([0, 0, 0, 1, 1, 1, 2]), len(rows))
            said.address[:] = self.beset.addresses[way // 2, rows]
            parts = [part.then(said.pick(way == k)) for k, part in enumerate(parts)]
        self.told += int(count.sum())
        return parts

    def _tick(self, count: Index, noisy: bool) -> NDArray[np.int16]:
        before, after, reports = self._intrusion(count)
        told = self.talk.tick(self.alone.addresses[0], noisy)
        undisturbed = self.alone.heard(told, no_datagrams())
        heard = self.beset.heard(before.then(told).then(after), reports)
        np.testing.assert_array_equal(heard[HARMED:][~BAD[HARMED:]], undisturbed[HARMED:][~BAD[HARMED:]])
        self._check_work(len(before.length) + len(after.length))
        return heard[:HARMED].copy()

    def _check_work(self, number: int) -> None:
        (calls, samples), (calls_alone, samples_alone) = self.beset.work, self.alone.work
        assert calls <= calls_alone + CALLS_OF_PACKET * number
        assert samples <= samples_alone + LEGS * REACH_TICKS * SAMPLES + WHOLE_RING * number

    def episode(self, counts: Index, noisy: bool = False) -> Flags:
        """
        Tell so much to the harmed rows, int64 of shape (ticks, HARMED), and nothing for a while.

        Returns
        -------
        ndarray of bool, shape (EPISODE - BACK, HARMED)
            Which packets of the harmed rows were heard within 200 ms after they were due.
        """
        self.intruders.begin()
        first, nothing = self.talk.told, np.zeros(HARMED, np.int64)
        frames = [
            self._tick(counts[k] if k < len(counts) else nothing, noisy and k < len(counts)) for k in range(EPISODE)
        ]
        return self._heard(first + np.arange(EPISODE - BACK), np.array(frames))

    def quiet(self) -> None:
        """Let everybody be heard."""
        assert self.episode(np.zeros((0, HARMED), np.int64)).all()

    def _heard(self, k: Index, frames: NDArray[np.int16]) -> Flags:
        level = self.talk.level(k)[:, :HARMED, None]
        near = np.zeros(level.shape[:2], np.int64)
        for late in range(BACK):
            near += (np.abs(frames[late : late + len(k)] - level) <= 3).sum(axis=2)
        found: Flags = near >= 100
        return found

    def some(self) -> Index:
        """As many as leave the party's own packet within what a tick looks at."""
        return self._rng.choice(AT_ONCE, (BURST, HARMED))

    def late_s(self) -> NDArray[np.float64]:
        """
        Tell how much longer the harmed rows wait than they have to: left alone, or for what came late by their network.

        For a second or two a row waits long enough for the latest packet that it had to play. How long that is depends
        on what it was doing when a burst of late packets came. One that goes on waits until the last of them would wait
        too long, and is then brought to half of the longest delay. One that begins anew with the first of the burst, as
        a row does whose line an intruder has broken, waits a little less: up to the longest delay, and is left there.
        """
        needed_s = np.maximum(self.alone.delays_s(), self.talk.behind_s())
        late_s: NDArray[np.float64] = (self.beset.delays_s() - needed_s)[:HARMED]
        return late_s

    def claimed(self) -> Flags:
        """Tell for the packets of the last episode which were said by others, too; shape as of `episode`."""
        k, rows = self.talk.told - EPISODE + np.arange(EPISODE - BACK), ROWS[:HARMED]
        return self.intruders.claimed(rows, self.talk.seq(k[:, None], rows))


@pytest.mark.timeout(120 + PACKETS // 1000)
def test_whatever_is_said_the_others_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(monkeypatch, SEED)
    while trial.told < PACKETS:
        found = trial.episode(trial.some(), noisy=True) | trial.claimed()
        assert found[BURST + BACK :].all(), (trial.told, np.argwhere(~found))
        apart = found[:, ~(OWN_ROWS | BAD)[:HARMED]]
        assert apart.all(), (trial.told, np.argwhere(~apart))
        late_s = trial.late_s()
        assert late_s.max() <= STEADY_S, (trial.told, np.argwhere(late_s > STEADY_S), late_s.max())
        for row in ROWS[HARMED:].tolist():
            assert trial.beset.bridge.counters(row) == trial.alone.bridge.counters(row)


def test_one_packet_of_the_own_source_takes_no_more_than_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(monkeypatch, SEED)
    counts = np.zeros((BURST, HARMED), np.int64)
    counts[2] = 1
    for _ in range(3):
        assert (~trial.episode(counts)).sum(axis=0).max() <= 3
