"""L16: samples as they are, two bytes each, the more significant one first (RFC 3551 section 4.5.11)."""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE
from mixer.kernel import kernel
from softphone.media.codecs.payloads import Payloads, Stateless, bounds

__all__ = ["L16", "read_one", "write_one"]


class L16(Stateless):
    """Decodes and encodes linear samples of any rate; half a sample at the end of a payload is dropped."""

    def decode(
        self,
        rows: NDArray[np.int64],
        payloads: Payloads,
        pcm: NDArray[np.int16],
        missing: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """As `softphone.media.codecs.coders.Decoder.decode`."""
        made = np.zeros(len(rows), np.int64)
        read(payloads.data, payloads.offset, payloads.size, pcm, made)
        return made

    def encode(self, rows: NDArray[np.int64], frames: NDArray[np.int16], out: NDArray[np.uint8]) -> NDArray[np.int64]:
        """As `softphone.media.codecs.coders.Encoder.encode`."""
        samples = min(frames.shape[1], out.shape[1] // 2)
        write(frames, out, samples)
        return np.full(len(frames), 2 * samples, np.int64)


@kernel
def read(
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    size: NDArray[np.int64],
    pcm: NDArray[np.int16],
    made: NDArray[np.int64],
) -> None:
    """Read payloads into rows of `pcm`; `made` has how many samples of each."""
    for i in range(len(made)):
        start, length = bounds(len(data), offset[i], size[i])
        samples = made[i] = min(length // 2, pcm.shape[1])
        read_one(data, start, samples, pcm[i])


@kernel
def write(frames: NDArray[np.int16], out: NDArray[np.uint8], samples: int) -> None:
    """Write the first samples of each frame."""
    for i in range(len(frames)):
        write_one(frames[i], samples, out[i])


@kernel
def read_one(data: NDArray[np.uint8], start: int, samples: int, pcm: NDArray[np.int16]) -> None:
    """Read samples from bytes of `data` from `start` on, which are there."""
    for j in range(np.uint64(0), np.uint64(samples)):
        at = np.uint64(start) + np.uint64(2) * j
        bits = np.uint16(data[at]) << np.uint16(8) | np.uint16(data[at + np.uint64(1)])
        pcm[j] = max(np.int32(bits) - (np.int32(bits >> np.uint16(15)) << np.int32(16)), np.int32(-FULL_SCALE))


@kernel
def write_one(frame: NDArray[np.int16], samples: int, out: NDArray[np.uint8]) -> None:
    """Write the first samples of a frame."""
    for j in range(np.uint64(0), np.uint64(samples)):
        sample = frame[j]
        out[np.uint64(2) * j] = sample >> np.int16(8) & np.int16(0xFF)
        out[np.uint64(2) * j + np.uint64(1)] = sample & np.int16(0xFF)
