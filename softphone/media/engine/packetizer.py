"""Packets that are not as long as a tick: the coded frames of a leg are strung together and cut anew.

Only legs that want such packets pay for it. Each has a string of six ticks, which every packet length fits in wholly;
a packet is sent from where it lies there, in the tick that completes it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from softphone.media.engine.legs import Legs

__all__ = ["Packet", "Packetizer"]

# 120 ms: twelve packets of 10 ms, four of 30, three of 40, two of 60.
TICKS = 6


class Packet(NamedTuple):
    """A packet each of some legs.

    Attributes
    ----------
    rows
        int64, shape (n,), no row twice.
    start, size
        int64, shape (n,): the first byte of each one's payload in `Packetizer.sound`, and how many there are.
    timestamp
        uint32, shape (n,).
    """

    rows: NDArray[np.int64]
    start: NDArray[np.int64]
    size: NDArray[np.int64]
    timestamp: NDArray[np.uint32]


class Packetizer:
    """Puts frames together into packets of the length in `Legs.packet`, and counts in `Legs.strung`.

    Parameters
    ----------
    legs
        Whose packets.
    samples
        Samples, which are bytes, of a frame.

    Attributes
    ----------
    sound
        uint8, one dimension: the strings of all rows, one after the other. Memory that no leg needs is never touched.
    """

    def __init__(self, legs: Legs, samples: int) -> None:
        self._legs, self._samples, self._length = legs, samples, TICKS * samples
        self.sound = np.zeros(legs.capacity * self._length, np.uint8)
        self._slots = self.sound.reshape(-1, samples)

    def add(self, rows: NDArray[np.int64], frames: NDArray[np.uint8]) -> Iterator[Packet]:
        """Add this tick's frame of some legs; give what is complete with it, one packet each at a time.

        Parameters
        ----------
        rows
            int64, shape (n,): legs whose `packet` is not 0.
        frames
            uint8, shape (n, samples), coded.
        """
        legs, size, strung = self._legs, self._legs.packet[rows], self._legs.strung[rows]
        self._slots[(rows * self._length + strung) // self._samples] = frames
        done, complete = strung // size, (strung + self._samples) // size
        legs.strung[rows] = (strung + self._samples) % self._length
        for k in range(int((complete - done).max(initial=0))):  # twice where a packet is half a tick, else once
            full = done + k < complete
            start = (done[full] + k) * size[full]
            yield self._packet(rows[full], start, size[full], start - strung[full])

    def rest(self, rows: NDArray[np.int64]) -> Packet:
        """Give the packets that have begun, as short as they are, and begin new strings.

        Parameters
        ----------
        rows
            int64, shape (n,): legs that are sent no sound for now.

        Returns
        -------
        Packet
            Of those of them for which a packet has begun.
        """
        strung, size = self._legs.strung[rows], np.maximum(self._legs.packet[rows], 1)
        self._legs.strung[rows] = 0
        left = strung % size
        begun = left > 0
        left = left[begun]
        return self._packet(rows[begun], strung[begun] - left, left, -left)

    def _packet(
        self, rows: NDArray[np.int64], start: NDArray[np.int64], size: NDArray[np.int64], later: NDArray[np.int64]
    ) -> Packet:
        """Place packets; `start`: in each one's string, `later`: than the frame that is due."""
        timestamp = (self._legs.timestamp[rows] + later & 0xFFFFFFFF).astype(np.uint32)
        return Packet(rows, rows * self._length + start, size, timestamp)
