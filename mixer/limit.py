"""The limiter: a sum is brought back to 16 bits by a gain that follows the peaks, never by clipping."""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE

Rows = NDArray[np.intp]
Wide = NDArray[np.int32]
Float = NDArray[np.float32]

# 6 dB per second back up: slower than a syllable, so the level does not pump.
RELEASE_DB_PER_S = 6.0
# The largest float32 that is an int32.
_WIDEST = np.float32(2**31 - 128)
# The gain comes down over the 5 ms before the peak, or what the frame has of them: no edge to be heard.
ATTACK_S = 0.005


class Limiter:
    """
    Narrows int32 mixes to int16 without wrapping and without clipping.

    Below full scale, samples pass bit by bit. Where a peak is higher, the gain goes down in a line that ends at the
    first sample above full scale, stays for the rest of the frame, and returns slowly in the frames after.

    Parameters
    ----------
    streams : int
        Number of streams limited independently.
    rate_hz : int
        Samples per second.
    samples : int
        Samples per frame.
    """

    def __init__(self, streams: int, rate_hz: int, samples: int) -> None:
        self.gain: Float = np.ones(streams, np.float32)
        self._release = np.float32(10 ** (RELEASE_DB_PER_S / 20 * samples / rate_hz))
        self._attack = round(ATTACK_S * rate_hz)
        # (height, slope) @ this: a line over the samples of a frame
        self._clock = np.stack((np.ones(samples, np.float32), np.arange(samples, dtype=np.float32)))
        # (gain before, change) @ this: a line that arrives at the end of the frame
        self._line = np.stack((self._clock[0], (self._clock[1] + 1) / samples))

    def narrow(self, mix: Wide, streams: Rows, out: NDArray[np.int16]) -> None:
        """
        Limit one frame of several streams.

        Parameters
        ----------
        mix : ndarray of int32, shape (n, samples)
            Exact sums.
        streams : ndarray of intp, shape (n,)
            Whose gain applies; no stream twice.
        out : ndarray of int16, shape (n, samples)
            The frames, -32767..32767.
        """
        size = np.abs(mix)
        peak = size.max(axis=1).astype(np.float32)
        gain = self.gain[streams]
        loud = np.flatnonzero((peak > FULL_SCALE) | (gain < 1))
        if len(loud) == len(mix):
            out[:] = self._limit(mix.astype(np.float32), size, peak, gain, streams)
            return
        np.copyto(out, mix, casting="unsafe")
        if len(loud):
            wave = mix[loud].astype(np.float32)
            out[loud] = self._limit(wave, size[loud], peak[loud], gain[loud], streams[loud])

    def _limit(self, wave: Float, size: Wide, peak: Float, gain: Float, streams: Rows) -> Float:
        """Scale frames (in place) to full scale by the gains of their streams; these become those of the next frame."""
        ceiling = FULL_SCALE / np.maximum(peak, FULL_SCALE)
        target = np.minimum(np.minimum(gain * self._release, ceiling), np.float32(1))
        shape = np.stack((gain, target - gain), axis=1) @ self._line
        falls = np.flatnonzero(target < gain)
        if len(falls):
            shape[falls] = self._fall(size[falls], gain[falls], target[falls])
        wave *= shape
        self.gain[streams] = target
        # Nowhere is the gain above full scale / peak by more than rounding, and that is rounded away here.
        return np.rint(wave, out=wave)

    def _fall(self, size: Wide, gain: Float, target: Float) -> Float:
        """Give the gain per sample of frames whose peak needs less gain than the stream has; shape of `size`."""
        over = size > np.minimum(FULL_SCALE / gain, _WIDEST).astype(np.int32)[:, None]
        first = over.argmax(axis=1).astype(np.float32)
        slope = (target - gain) / np.maximum(np.minimum(first, self._attack), 1)
        shape: Float = np.stack((target - slope * first, slope), axis=1) @ self._clock
        np.minimum(shape, gain[:, None], out=shape)
        return np.maximum(shape, target[:, None], out=shape)
