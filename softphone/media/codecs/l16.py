"""L16: samples as they are, two bytes each, the more significant one first (RFC 3551 section 4.5.11)."""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE
from mixer.kernel import kernel

__all__ = ["read", "write"]


@kernel
def read(data: NDArray[np.uint8], start: int, samples: int, pcm: NDArray[np.int16]) -> None:
    """Read samples from bytes of `data` from `start` on, which are there."""
    for j in range(np.uint64(0), np.uint64(samples)):
        at = np.uint64(start) + np.uint64(2) * j
        bits = np.uint16(data[at]) << np.uint16(8) | np.uint16(data[at + np.uint64(1)])
        pcm[j] = max(np.int32(bits) - (np.int32(bits >> np.uint16(15)) << np.int32(16)), np.int32(-FULL_SCALE))


@kernel
def write(frame: NDArray[np.int16], samples: int, out: NDArray[np.uint8]) -> None:
    """Write the first samples of a frame."""
    for j in range(np.uint64(0), np.uint64(samples)):
        sample = frame[j]
        out[np.uint64(2) * j] = sample >> np.int16(8) & np.int16(0xFF)
        out[np.uint64(2) * j + np.uint64(1)] = sample & np.int16(0xFF)
