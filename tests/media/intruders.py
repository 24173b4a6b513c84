"""Somebody at the own address of each of several parties who says what he likes; as arrays, one packet of each."""

import numpy as np
from numpy.typing import NDArray

from softphone.media.net.slots import ADDRESS_SIZE, SLOT_SIZE
from softphone.media.rtp.header import HEADER, HEADER_SIZE
from tests.media.memory import Datagrams

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

FIRSTS = np.array([0x80] * 8 + [0x90, 0x90, 0xA0, 0xA0, 0xB3, 0x8F])
KINDS = np.array([0] * 10 + [8, 8, 13, 13, 101, 72, 77, 96])
LENGTHS = np.array([160, 160, 160, 0, 1, 4, 33, 80, 161, 240, 320, 1000])
FOREIGN_LENGTHS = np.array([0, 1, 7, 11, 12, 13, 20, 172, 1536, 1700])
WILD = np.array([1, -1, 1 << 30, 1 << 31, -(1 << 30)])
# How readily each goes on with the line of his packet before.
STUBBORN = np.array([0.0, 0.3, 0.3, 0.95])
PACKET = 160
# Episodes; what was said before them is no duplicate of anything any more.
KEPT = 4


class Intruders:
    """
    One against each of the first rows.

    Parameters
    ----------
    rng
        Where chance comes from.
    ssrc
        int64, shape (n,), the parties' sources.
    own
        bool, shape (n,), whether he may say that he is the party.
    """

    def __init__(self, rng: np.random.Generator, ssrc: Index, own: Flags) -> None:
        self._rng, self._ssrc, self._own = rng, ssrc, own
        self._next = np.zeros((3, len(ssrc)), np.int64)  # number, timestamp and source after his last packet
        self._claims, self._episode = np.full((len(ssrc), 1 << 16), -KEPT, np.int64), 0
        self.begin()
        self.reshape()

    def begin(self) -> None:
        """Begin an episode; each takes another temper."""
        self._episode += 1
        self._stubborn = self._rng.choice(STUBBORN, len(self._ssrc))

    def reshape(self) -> None:
        """Choose other shapes of packets; few at a time, since a tick takes only so many."""
        self._lengths = self._rng.choice(LENGTHS, 4)
        self._words, self._padding = int(self._rng.integers(0, 6)), int(self._rng.integers(1, 20))

    def packets(self, rows: Index, seq: Index, timestamp: Index) -> Datagrams:
        """
        Give a packet against each of some rows, without addresses.

        Parameters
        ----------
        rows
            int64, shape (n,), none twice.
        seq, timestamp
            int64, shape (n,), what is due in each.
        """
        rng, n = self._rng, len(rows)
        wild = rng.random(n) < 0.1
        header = np.zeros(n, HEADER)
        header["first"] = first = np.where(wild, rng.integers(0, 256, n), rng.choice(FIRSTS, n))
        header["second"] = np.where(wild, rng.integers(0, 128, n), rng.choice(KINDS, n)) | rng.integers(0, 2, n) << 7
        length = np.where(wild, rng.choice(LENGTHS, n), rng.choice(self._lengths, n))
        place = self._place(rows, seq, timestamp)
        header["seq"], header["timestamp"], header["ssrc"] = place[0] & 0xFFFF, place[1] & 0xFFFFFFFF, place[2]
        self._next[:, rows] = place[0] + 1, place[1] + length, place[2]
        data = np.frombuffer(rng.bytes(n * SLOT_SIZE), np.uint8).reshape(n, SLOT_SIZE).copy()
        foreign = rng.random(n) < 0.08
        data[~foreign, :HEADER_SIZE] = header.view(np.uint8).reshape(n, HEADER_SIZE)[~foreign]
        length = HEADER_SIZE + np.where(wild, length, length + self._extras(data, first, length))
        length = np.where(foreign, rng.choice(FOREIGN_LENGTHS, n), length)
        return Datagrams(data, length, np.zeros((n, ADDRESS_SIZE), np.uint8))

    def _extras(self, data: NDArray[np.uint8], first: Index, length: Index) -> Index:
        """Write extensions and padding of one size each; how many bytes that and the CSRCs take."""
        each, extended, padded = np.arange(len(data)), first & 0x10 > 0, first & 0x20 > 0
        extra = 4 * (first & 0x0F)
        data[each[extended], (HEADER_SIZE + 2 + extra)[extended]] = 0
        data[each[extended], (HEADER_SIZE + 3 + extra)[extended]] = self._words
        extra = extra + np.where(extended, 4 + 4 * self._words, 0) + np.where(padded, self._padding, 0)
        data[each[padded], (HEADER_SIZE + length + extra - 1)[padded]] = self._padding
        return extra

    def _place(self, rows: Index, seq: Index, timestamp: Index) -> Index:
        """Give number, timestamp and source, shape (3, n): due, nearby, anywhere, or after the one before."""
        rng, n, own = self._rng, len(rows), self._ssrc[rows]
        numbers = rng.integers(-40, 61, (6, n))
        numbers[0], numbers[1], numbers[5] = 0, 1, rng.integers(0, 1 << 16, n)
        times = PACKET * numbers
        times[4], times[5] = PACKET * rng.integers(-60, 61, n), rng.choice(WILD, n)
        which = rng.integers(0, len(numbers), n)
        fitting = np.where(rng.random(n) < 0.5, which, rng.integers(0, len(times), n))
        each, other = np.arange(n), rng.choice(np.array([0, 0, 1, 2, 1 << 20]), n)
        place = np.array([seq + numbers[which, each], timestamp + times[fitting, each], own ^ other])
        goes_on = rng.random(n) < self._stubborn[rows]
        place[:, goes_on] = self._next[:, rows[goes_on]]
        place[2, (place[2] == own) & ~self._own[rows]] ^= 4
        said = place[2] == own
        self._claims[rows[said], place[0, said] & 0xFFFF] = self._episode
        return place

    def claimed(self, rows: Index, seq: Index) -> Flags:
        """Tell which numbers the parties' own sources are said to have sent, in the last episodes."""
        flags: Flags = self._claims[rows, seq & 0xFFFF] > self._episode - KEPT
        return flags
