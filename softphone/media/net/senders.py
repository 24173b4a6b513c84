"""Numbers for senders: what a datagram's address, and the port of ours that it came to, are looked up by.

Of an IPv4 address and port the number holds both as they are. Those of IPv6 have more bits than it: there it is a keyed
hash (SipHash-2-4, Aumasson and Bernstein 2012), whose key nobody outside knows. So nobody can look for an address that
is taken for another one's, and by chance two are alike once in 2^64.
"""

import secrets
import time
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from softphone.media.net.slots import AF_INET6, Slots, sockaddr

__all__ = ["SECRET", "filled", "number", "number_of", "place_of", "places"]

SECRET = np.array([secrets.randbits(64), secrets.randbits(64)], np.uint64)
"""The key of the hash: uint64, shape (2,), another one in each process."""

Word: TypeAlias = np.uint64

FAMILY = np.uint64(0xFFFF)
# Of the first word of an address: all but its port. SipHash's constants, and the last block of 24 bytes.
NO_PORT = np.uint64(0xFFFFFFFF0000FFFF)
V0, V1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
V2, V3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
LENGTH = np.uint64(24 << 56)
LOW = np.uint64((1 << 63) - 1)


@kernel
def number(first: Word, high: Word, low: Word, local: Int, k0: Word, k1: Word) -> Word:
    """Give the number of a sender at a port of ours.

    Parameters
    ----------
    first, high, low
        The first words of its address, as `Slots.words` has them; without its port (`NO_PORT`) it is a place.
    local
        The index of the port, 16 bits.
    k0, k1
        `SECRET`.
    """
    named = (first & ~FAMILY) | np.uint64(local)
    if first & FAMILY == np.uint64(AF_INET6):
        return hashed(high, low, named & np.uint64(0xFFFFFFFF), k0, k1)
    return named


@kernel
def hashed(a: Word, b: Word, c: Word, k0: Word, k1: Word) -> Word:
    """Give SipHash-2-4 of three words."""
    v0, v1, v2, v3 = V0 ^ k0, V1 ^ k1, V2 ^ k0, V3 ^ k1
    v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, a)
    v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, b)
    v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, c)
    v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, LENGTH)
    v2 ^= np.uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@kernel
def _absorb(v0: Word, v1: Word, v2: Word, v3: Word, word: Word) -> tuple[Word, Word, Word, Word]:
    v3 ^= word
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ word, v1, v2, v3


@kernel
def _round(v0: Word, v1: Word, v2: Word, v3: Word) -> tuple[Word, Word, Word, Word]:
    v0, v2 = _sum(v0, v1), _sum(v2, v3)
    v1, v3 = _turned(v1, 13) ^ v0, _turned(v3, 16) ^ v2
    v0 = _turned(v0, 32)
    v2, v0 = _sum(v2, v1), _sum(v0, v3)
    v1, v3 = _turned(v1, 17) ^ v2, _turned(v3, 21) ^ v0
    return v0, v1, _turned(v2, 32), v3


@kernel
def _sum(a: Word, b: Word) -> Word:
    """Add without the carry out, and without numpy's warning of it."""
    return ((a & LOW) + (b & LOW)) ^ ((a ^ b) & ~LOW)


@kernel
def _turned(word: Word, bits: int) -> Word:
    return word << np.uint64(bits) | word >> np.uint64(64 - bits)


@kernel
def fill_places(
    words: NDArray[np.uint64],
    local: NDArray[np.int64],
    at: NDArray[np.int64],
    secret: NDArray[np.uint64],
    found: NDArray[np.uint64],
) -> None:
    for i in range(len(at)):
        j = at[i]
        found[i] = number(words[j, 0] & NO_PORT, words[j, 1], words[j, 2], local[j], secret[0], secret[1])


def places(words: NDArray[np.uint64], local: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Give the places of the senders in some slots.

    Parameters
    ----------
    words, local
        Of `Slots`.
    at
        int64, shape (n,): which slots.

    Returns
    -------
    NDArray
        uint64, shape (n,): a number for each host and port of ours, whatever port it sends from.
    """
    found = np.empty(len(at), np.uint64)
    fill_places(words, local, at, SECRET, found)
    return found


@kernel
def fill_numbers(
    words: NDArray[np.uint64],
    start: int,
    stop: int,
    local: int,
    secret: NDArray[np.uint64],
    came: NDArray[np.int64],
    key: NDArray[np.uint64],
) -> None:
    for i in range(start, stop):
        came[i] = local
        key[i] = number(words[i, 0], words[i, 1], words[i, 2], local, secret[0], secret[1])


def filled(slots: Slots, n: int, local: int) -> None:
    """Note that `n` datagrams came after the used ones, just now, on the port of index `local`."""
    start, slots.used = slots.used, slots.used + n
    slots.stamp[start : slots.used] = time.time_ns()
    fill_numbers(slots.words, start, slots.used, local, SECRET, slots.local, slots.key)


def number_of(host: str, port: int, local: int) -> int:
    """Give the number that `Slots.keys` gives for a datagram from there on the port of index `local`.

    Raises
    ------
    ValueError
        When it is no IP address and port.
    """
    first, high, low, _ = sockaddr(host, port).view(np.uint64)
    return int(number(first, high, low, local, SECRET[0], SECRET[1]))


def place_of(host: str, local: int) -> int:
    """Give the place of a host, as :func:`places` does; raises ValueError when it is no IP address."""
    return number_of(host, 0, local)
