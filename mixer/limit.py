"""Limiter: reduces a sum to 16 bits by a gain that follows the peaks, without clipping."""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE, TICK_S
from mixer.kernel import kernel
from mixer.rate import RELEASE_S, Rate

Wide = NDArray[np.int32]

KEPT = np.float32(1 - TICK_S / RELEASE_S)
"""Share of a reduction, in dB, that is left of it a tick later."""


@kernel
def narrow(mix: Wide, rate: Rate, gain: np.float32, out: NDArray[np.int16]) -> np.float32:
    """
    Limit one frame of a stream.

    Below full scale, samples pass bit by bit. Where a peak is higher, the gain goes down in a line that ends at the
    first sample above full scale, stays for the rest of the frame, and returns in the frames after: quickly while it is
    far down, then slowly.

    Parameters
    ----------
    mix : ndarray of int32
        Exact sums, `rate.samples` of them.
    rate : record
        Its rate.
    gain : float32
        Of the stream's frame before.
    out : ndarray of int16
        The frame, -32767..32767.

    Returns
    -------
    float32
        The gain for the next frame.
    """
    high = low = np.int32(0)
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        high, low = max(high, mix[j]), min(low, mix[j])
    peak = max(np.int64(high), -np.int64(low))
    if peak <= FULL_SCALE and gain >= 1:
        for j in range(np.uint64(0), np.uint64(rate.samples)):
            out[j] = np.int16(mix[j])
        return gain
    ceiling = np.float32(FULL_SCALE) / np.float32(max(peak, np.int64(FULL_SCALE)))
    target = min(min(gain**KEPT * rate.release, ceiling), np.float32(1))
    # The line that the gain follows: height and slope, between the two gains.
    slope, height = (target - gain) / np.float32(rate.samples), gain
    if target < gain:
        bar, first = np.int64(np.float32(FULL_SCALE) / gain), 0
        while first < rate.samples - 1 and abs(np.int64(mix[first])) <= bar:
            first += 1
        slope = (target - gain) / np.float32(max(min(first, rate.attack), 1))
        height = target - slope * np.float32(first + 1)
    least, most = min(gain, target), max(gain, target)
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        level = min(max(height + slope * np.float32(j + np.uint64(1)), least), most)
        out[j] = np.int16(np.rint(np.float32(mix[j]) * level))
    return target
