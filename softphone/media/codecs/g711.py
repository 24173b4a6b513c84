"""G.711 by the tables of `mixer.g711`: a byte a sample (RFC 3551 section 4.5.14)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixer import g711
from mixer.kernel import kernel
from softphone.media.codecs.payloads import Payloads, Stateless, bounds

__all__ = ["G711", "LAWS", "Law", "compress_one", "expand_one"]


class Law(NamedTuple):
    """The tables of one law: int16, shape (256,), and uint8, shape (65536,)."""

    decoding: NDArray[np.int16]
    encoding: NDArray[np.uint8]


LAWS = {
    "PCMU": Law(g711.DECODE_ULAW, g711.ENCODE_ULAW),
    "PCMA": Law(g711.DECODE_ALAW, g711.ENCODE_ALAW),
}
"""By the names of `softphone.codec.TABLE`."""


class G711(Stateless):
    """Decodes and encodes one of the two laws."""

    def __init__(self, law: Law) -> None:
        self._decoding, self._encoding = law

    def decode(
        self,
        rows: NDArray[np.int64],
        payloads: Payloads,
        pcm: NDArray[np.int16],
        missing: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """As `softphone.media.codecs.coders.Decoder.decode`."""
        made = np.zeros(len(rows), np.int64)
        expand(self._decoding, payloads.data, payloads.offset, payloads.size, pcm, made)
        return made

    def encode(self, rows: NDArray[np.int64], frames: NDArray[np.int16], out: NDArray[np.uint8]) -> NDArray[np.int64]:
        """As `softphone.media.codecs.coders.Encoder.encode`."""
        samples = min(frames.shape[1], out.shape[1])
        compress(self._encoding, frames, out, samples)
        return np.full(len(frames), samples, np.int64)


@kernel
def expand(
    table: NDArray[np.int16],
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    size: NDArray[np.int64],
    pcm: NDArray[np.int16],
    made: NDArray[np.int64],
) -> None:
    """Decode payloads by a table of 256 samples: rows of `pcm` are written, `made` has how much of each."""
    for i in range(len(made)):
        start, length = bounds(len(data), offset[i], size[i])
        length = made[i] = min(length, pcm.shape[1])
        expand_one(table, data, start, length, pcm[i])


@kernel
def compress(table: NDArray[np.uint8], frames: NDArray[np.int16], out: NDArray[np.uint8], samples: int) -> None:
    """Encode the first samples of each frame by a table of 65,536 codes."""
    for i in range(len(frames)):
        compress_one(table, frames[i], samples, out[i])


@kernel
def expand_one(
    table: NDArray[np.int16], data: NDArray[np.uint8], start: int, length: int, pcm: NDArray[np.int16]
) -> None:
    """Decode bytes of `data` from `start` on, which are there, into the first `length` samples of `pcm`."""
    for j in range(np.uint64(0), np.uint64(length)):
        pcm[j] = table[data[np.uint64(start) + j]]


@kernel
def compress_one(table: NDArray[np.uint8], frame: NDArray[np.int16], samples: int, out: NDArray[np.uint8]) -> None:
    """Encode the first samples of a frame into as many bytes of `out`."""
    for j in range(np.uint64(0), np.uint64(samples)):
        out[j] = table[np.uint16(frame[j])]
