"""G.711 by the tables of `mixer.g711`: a byte a sample (RFC 3551 section 4.5.14)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixer import g711
from mixer.kernel import kernel

__all__ = ["LAWS", "Law", "compress", "expand"]


class Law(NamedTuple):
    """The tables of one law: int16, shape (256,), and uint8, shape (65536,)."""

    decoding: NDArray[np.int16]
    encoding: NDArray[np.uint8]


LAWS = {
    "PCMU": Law(g711.DECODE_ULAW, g711.ENCODE_ULAW),
    "PCMA": Law(g711.DECODE_ALAW, g711.ENCODE_ALAW),
}
"""By the names of `softphone.codec.TABLE`."""


@kernel
def expand(table: NDArray[np.int16], data: NDArray[np.uint8], start: int, length: int, pcm: NDArray[np.int16]) -> None:
    """Decode bytes of `data` from `start` on, which are there, into the first `length` samples of `pcm`."""
    for j in range(np.uint64(0), np.uint64(length)):
        pcm[j] = table[data[np.uint64(start) + j]]


@kernel
def compress(table: NDArray[np.uint8], frame: NDArray[np.int16], samples: int, out: NDArray[np.uint8]) -> None:
    """Encode the first samples of a frame into as many bytes of `out`."""
    for j in range(np.uint64(0), np.uint64(samples)):
        out[j] = table[np.uint16(frame[j])]
