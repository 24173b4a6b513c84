"""Rows of a bridge without the bridge: for the rules that kernels keep per row."""

import numpy as np
from numpy.typing import NDArray

from mixer.limit import narrow
from mixer.party import Parties, Rooms, reset, room_table, table
from mixer.rate import Rate, rate_record

RATE: Rate = rate_record(8000, 0.1, 0)


def seated(room: list[int]) -> tuple[Parties, Rooms]:
    """Give a party in each of these rooms, and the rooms."""
    parties, rooms = table(len(room)), room_table(max(room) + 1)
    for row, number in enumerate(room):
        reset(parties[row], RATE.ring)
        parties[row].active, parties[row].room, parties[row].gain_in = True, number, 1
    return parties, rooms


class Stream:
    """A stream of its own through the limiter, frame by frame."""

    def __init__(self, rate_hz: int = 8000) -> None:
        self.gain, self._rate = np.float32(1), rate_record(rate_hz, 0.1, 0)

    def narrow(self, mix: NDArray[np.int64]) -> NDArray[np.int16]:
        """Limit frames, one after the other."""
        frames = mix.astype(np.int32).reshape(-1, self._rate.samples)
        out = np.zeros(frames.shape, np.int16)
        for k, frame in enumerate(frames):
            self.gain = narrow(frame, self._rate, self.gain, out[k])
        return out.reshape(-1)
