"""Several frames of Opus in one packet (RFC 6716 section 3.2), for telephones that like packets longer than a tick.

An encoder makes a frame in each tick, for all who hear the same. Who wants 40 or 60 ms is sent two or three of them as
one packet: the frames stay as they are, behind a head that says how many they are and how long each is. Only frames of
one configuration (mode, bandwidth, length) can share a packet; when the encoder changes it, what there is goes out.

Of the memory that a leg has for what waits, the lengths come first, then the frames, and the packet is made behind.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import kernel

__all__ = ["PACKED", "ROOM", "add", "fits", "pack"]

FRAMES_AT = 8
"""Behind the lengths of three frames, two bytes each, and the head of the first."""
HEAD_AT = 6
PACKED = 4096
"""Where the packet is made: behind three of the longest frames."""
ROOM = 2 * PACKED
"""Bytes that a leg needs."""
ONE_BYTE = 252
"""Lengths below take one byte (section 3.2.1)."""

Bytes = NDArray[np.uint8]


@kernel
def fits(memory: Bytes, count: int, payload: Bytes) -> bool:
    """Tell whether a frame can join those that wait: it is the first, or of their configuration, and just one."""
    return count == 0 or memory[HEAD_AT] == payload[0] and payload[0] & 3 == 0


@kernel
def add(memory: Bytes, count: int, payload: Bytes, size: int) -> None:
    """Let a frame wait; `size` bytes of `payload`, of which the first is the head."""
    at = FRAMES_AT
    for k in range(count):
        at += _length(memory, k)
    length = size - 1
    memory[2 * count], memory[2 * count + 1], memory[HEAD_AT] = length >> 8, length & 0xFF, payload[0]
    for j in range(length):
        memory[at + j] = payload[1 + j]


@kernel
def pack(memory: Bytes, count: int) -> int:
    """Make the packet of the frames that wait, at `PACKED`; gives its bytes."""
    at, end = PACKED, FRAMES_AT
    memory[at] = memory[HEAD_AT] if count == 1 else memory[HEAD_AT] & np.uint8(0xFC) | np.uint8(3)
    at += 1
    if count > 1:
        memory[at] = 0x80 | count  # of different lengths, without padding (section 3.2.5)
        at += 1
    for k in range(count):
        length = _length(memory, k)
        end += length
        if k < count - 1:
            at = _write_length(memory, at, length)
    for j in range(end - FRAMES_AT):
        memory[at + j] = memory[FRAMES_AT + j]
    return at + end - FRAMES_AT - PACKED


@kernel
def _length(memory: Bytes, k: int) -> int:
    """Give the length of the k-th frame that waits."""
    return int(memory[2 * k]) << 8 | int(memory[2 * k + 1])


@kernel
def _write_length(memory: Bytes, at: int, length: int) -> int:
    """Write the length of a frame; gives where the next byte goes."""
    if length < ONE_BYTE:
        memory[at] = length
        return at + 1
    memory[at] = ONE_BYTE + (length & 3)
    memory[at + 1] = (length - memory[at]) >> 2
    return at + 2
