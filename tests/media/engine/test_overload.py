"""A worker that was held up comes back at once: what piled up is dropped before it costs anything.

The stall is an argument: as many packets as came in it, each with the age that it has, and a clock that has gone on.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import g711
from mixer.frame import TICK_S
from softphone.media.rtp.header import HEADER, HEADER_SIZE
from tests.media.memory import Datagrams, MemoryPlane, no_datagrams, stamp

Index = NDArray[np.int64]

LEGS, SOME = 200, 37
CALM, AFTER = 12, 16  # ticks before a stall, and after it
SOUND_DELAY = 6  # ticks: the longest delay, and the one that is played
CODES = np.arange(0x80, 0xB0, dtype=np.uint8)
LEVELS = g711.DECODE_ULAW[CODES].astype(np.int64)


class Office:
    """Telephones that speak all the time, a level of its own in each packet, and a worker that does not always run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
        self.samples = samples
        self.box = MemoryPlane(LEGS, monkeypatch)
        self.box.pool.shared.rtp.receive_buffer = 1 << 25  # what the kernel gives for 16 MB
        self._told, self._frames = 0, list[NDArray[np.int16]]()
        slots = self.box.plane._slots

        def ages_s(_used: int) -> NDArray[np.float64]:
            """Tell by its number when each came."""
            came = slots.data[: slots.used, 2:4].copy().view(">u2")[:, 0].astype(np.int64)
            ages: NDArray[np.float64] = (self._told - 1 - came) * samples / 8000
            return ages

        stamp(self.box.plane, ages_s)

    def _say(self, count: int) -> Datagrams:
        """The next packets of everybody, in the order of time."""
        k = np.repeat(self._told + np.arange(count), LEGS)
        rows = np.tile(np.arange(LEGS), count)
        self._told += count
        header = np.zeros(len(k), HEADER)
        header["first"], header["seq"], header["timestamp"], header["ssrc"] = 0x80, k, self.samples * k, 77 + rows
        data = no_datagrams(len(k)).data
        data[:, :HEADER_SIZE] = header.view(np.uint8).reshape(-1, HEADER_SIZE)
        data[:, HEADER_SIZE : HEADER_SIZE + self.samples] = CODES[k % len(CODES)][:, None]
        return Datagrams(data, np.full(len(k), HEADER_SIZE + self.samples), self.box.addresses[0, rows])

    def ticks(self, count: int) -> None:
        """Let time pass in which the worker runs."""
        for _ in range(count):
            due = (len(self._frames) + 1) * 160 // self.samples - len(self._frames) * 160 // self.samples
            self._frames.append(self.box.heard(self._say(due), no_datagrams()).copy())

    def stall(self, stall_s: float) -> None:
        """Let time pass in which it does not, and the first tick after it."""
        missed = round(stall_s / TICK_S)
        self.box.now += missed * TICK_S
        self.box.plane.skip(missed)
        said = self._say((missed + 1) * 160 // self.samples)
        self._frames.append(self.box.heard(said, no_datagrams()).copy())

    def whole(self, ticks: int) -> bool:
        """Whether in the last ticks some of them were heard without a hole, packet after packet."""
        heard = np.concatenate([frames[::SOME] for frames in self._frames[-ticks:]], axis=1).astype(np.int64)
        number = np.abs(heard[:, :, None] - LEVELS).argmin(axis=2)
        near = np.abs(heard - LEVELS[number]) <= 3
        steps = np.diff(number, axis=1) % len(LEVELS)
        return bool(near.all() and np.isin(steps, (0, 1)).all())


@pytest.mark.parametrize("samples", [160, 80, 320])
@pytest.mark.parametrize("stall_s", [0.16, 0.5, 2.0])
def test_a_worker_that_was_held_up_comes_back_at_once(
    monkeypatch: pytest.MonkeyPatch, stall_s: float, samples: int
) -> None:
    office = Office(monkeypatch, samples)
    office.ticks(CALM)
    assert office.whole(6)
    calls, late_s = office.box.work[0], office.box.delays_s().max()
    office.stall(stall_s)
    assert office.box.work[0] <= 3 * calls
    office.ticks(AFTER)
    assert office.whole(AFTER - SOUND_DELAY)
    assert office.box.delays_s().max() <= late_s + 0.05
    for row in range(0, LEGS, SOME):
        found = office.box.bridge.counters(row)
        assert (found.lost, found.overrun, found.stray, found.duplicate) == (0, 0, 0, 0)
        assert found.received == found.expected
        assert found.late >= (stall_s - 0.06) * 8000 / samples - 1
