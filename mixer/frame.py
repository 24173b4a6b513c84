"""The contract of every array in the mixer: int16 PCM, one row per party, 20 ms per tick.

Samples are linear int16 in -32767..32767. The value -32768 is kept free: inside the playout ring it means "no sample
came here". No G.711 code decodes to it; audio from anywhere else is clipped at the border by `as_samples`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixer.errors import FrameError

TICK_S = 0.020
"""Seconds per tick: the packet time nearly every telephone uses."""

ABSENT = -32768
"""The value in the playout ring that says "no sample came here"."""

FULL_SCALE = 32767
"""The largest magnitude of a sample."""

SCALE = 32768
"""What 1.0 is in files and floating audio: 16-bit samples divided by it and multiplied again are what they were."""

SILENCE_DBOV = -127.0
"""The level of digital silence, as in RFC 6464."""

RATES_HZ = (8000, 16000, 48000)
"""The sampling rates of a bridge: telephone, wide band, and full band."""


def samples_per_tick(rate_hz: int) -> int:
    """
    Tell how many samples one tick holds.

    Parameters
    ----------
    rate_hz : int
        One of `RATES_HZ`.

    Returns
    -------
    int
        `rate_hz * TICK_S`, e.g. 160 at 8 kHz.

    Raises
    ------
    FrameError
        The rate is not one of `RATES_HZ`.
    """
    if rate_hz not in RATES_HZ:
        raise FrameError(f"rate {rate_hz} Hz is not one of {RATES_HZ}")
    return round(rate_hz * TICK_S)


def as_samples(pcm: ArrayLike) -> NDArray[np.int16]:
    """
    Bring audio from outside over the border: int16, free of the value `ABSENT`.

    Parameters
    ----------
    pcm : array_like
        int16, any shape.

    Returns
    -------
    ndarray of int16
        The same shape, -32767..32767.

    Raises
    ------
    FrameError
        The array is not int16.
    """
    array = np.asarray(pcm)
    if array.dtype != np.int16:
        raise FrameError(f"audio must be int16, not {array.dtype}")
    samples: NDArray[np.int16] = np.maximum(array, np.int16(-FULL_SCALE))
    return samples
