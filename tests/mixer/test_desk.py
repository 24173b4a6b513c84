"""Who hears what, against an oracle that adds up everybody by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import Bridge

SAMPLES, FADED = 160, 80  # what has changed is as it will be after so many samples
ROOMS, PARTIES = 3, 9


class Hall:
    """A bridge and a book of who sits where and how, kept apart from the bridge's own."""

    def __init__(self, source: np.random.Generator) -> None:
        self._source = source
        self.bridge = Bridge(12, gate=None)
        self.rooms = [self.bridge.roster.add_room() for _ in range(ROOMS)]
        self.room = {}
        for _ in range(source.integers(2, PARTIES)):
            room = int(source.choice(self.rooms))
            self.room[self.bridge.add_party(room, local=True)] = room
        self.muted, self.deaf = dict.fromkeys(self.room, False), dict.fromkeys(self.room, False)
        self.gain_in, self.gain_out = dict.fromkeys(self.room, 1.0), dict.fromkeys(self.room, 1.0)

    def _often(self, share: float) -> bool:
        return bool(self._source.random() < share)

    def disturb(self, row: int) -> None:
        """Change some of what can be changed of a party."""
        bridge, choose = self.bridge, self._source.choice
        if self._often(0.3):
            self.muted[row] = not self.muted[row]
            bridge.roster.set_muted(row, self.muted[row])
        if self._often(0.2):
            self.deaf[row] = not self.deaf[row]
            bridge.roster.set_deaf(row, self.deaf[row])
        if self._often(0.2):
            bridge.roster.set_gain_in(row, gain := float(choose([1, 0.5, 2, 0.37])))
            self.gain_in[row] = gain
        if self._often(0.2):
            bridge.roster.set_gain_out(row, gain := float(choose([1, 0.5, 1.7])))
            self.gain_out[row] = gain
        if self._often(0.2):
            self.room[row] = int(choose(self.rooms))
            bridge.roster.move(row, self.room[row])

    def expected(self, voices: dict[int, NDArray[np.int16]]) -> dict[int, NDArray[np.int64]]:
        """What each must hear: the others of its room, each as loud as set; nothing is near full scale."""
        said = {
            row: np.rint(voice * np.float64(np.float32(self.gain_in[row]))).astype(np.int64) * (not self.muted[row])
            for row, voice in voices.items()
        }
        return {row: self._heard_by(row, said) for row in said}

    def _heard_by(self, row: int, said: dict[int, NDArray[np.int64]]) -> NDArray[np.int64]:
        silence = np.zeros(SAMPLES, np.int64)
        if self.deaf[row]:
            return silence
        others = [sound for other, sound in said.items() if other != row and self.room[other] == self.room[row]]
        return np.rint(sum(others, silence) * np.float64(np.float32(self.gain_out[row]))).astype(np.int64)


@pytest.mark.parametrize("seed", range(30))
def test_everybody_hears_the_sum_of_the_others(seed: int) -> None:
    source = np.random.default_rng(seed)
    hall = Hall(source)
    for k in range(12):
        voices = {}
        for row in hall.room:
            if k % 2 == 0:
                hall.disturb(row)
            voices[row] = source.integers(-900, 901, SAMPLES).astype(np.int16)
            hall.bridge.push(row, voices[row])
        tick = hall.bridge.tick(0.02 * k)
        since = FADED if k % 2 == 0 else 0
        for row, heard in hall.expected(voices).items():
            np.testing.assert_array_equal(tick.frame_for(row)[since:], heard[since:])
