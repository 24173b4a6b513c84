"""Tones for telephone signalling: sines, call progress (ITU-T E.180).

Levels are in dBov as in RFC 6465: 0 dBov is the power of a full-scale square wave, so a full-scale sine has -3.01 dBov.
In G.711 a level in dBm0 is the level in dBov plus 6.18 (ITU-T G.711: a full-scale sine has +3.17 dBm0).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BUSY",
    "CONGESTION",
    "DIAL",
    "RINGBACK",
    "Progress",
    "pcm",
    "progress",
    "sine",
    "wave",
]


@dataclass(frozen=True)
class Progress:
    """A call progress tone as data (ITU-T E.180): which frequencies, and when they sound.

    Parameters
    ----------
    frequencies_hz
        Sounded together.
    cadence_s
        Seconds on, off, on, off, ..., repeated. Empty: without pause.
    """

    frequencies_hz: tuple[float, ...]
    cadence_s: tuple[float, ...] = ()


# The precise tone plan of North America; a caller elsewhere passes its own `Progress`.
DIAL = Progress((350.0, 440.0))
RINGBACK = Progress((440.0, 480.0), (2.0, 4.0))
BUSY = Progress((480.0, 620.0), (0.5, 0.5))
CONGESTION = Progress((480.0, 620.0), (0.25, 0.25))


def wave(frequency_hz: float, instants: NDArray[np.float64], rate_hz: int, level_dbov: float) -> NDArray[np.float64]:
    """Make a sine at some instants n, full scale 1.

    Equation: amplitude * sin(2 pi f n / rate), amplitude = 10 ** ((level + 3.01) / 20).
    """
    amplitude = math.sqrt(2.0) * 10.0 ** (level_dbov / 20.0)
    made: NDArray[np.float64] = amplitude * np.sin(2.0 * np.pi * frequency_hz / rate_hz * instants)
    return made


def pcm(sound: NDArray[np.float64]) -> NDArray[np.int16]:
    """Write sound of full scale 1 as int16, clipped to +-32767 (-32768 marks an absent sample in the playout ring)."""
    return np.clip(np.rint(sound * 32768.0), -32767, 32767).astype(np.int16)


def sine(
    frequency_hz: float, samples: int, rate_hz: int = 8000, *, level_dbov: float = -20.0, start: int = 0
) -> NDArray[np.int16]:
    """Make a sine.

    Parameters
    ----------
    frequency_hz
        Its frequency.
    samples
        How many samples to make.
    rate_hz
        Sample rate.
    level_dbov
        Its level; the loudest that is not clipped is -3.01.
    start
        Number of the first sample: consecutive calls with consecutive starts join without a step.

    Returns
    -------
    NDArray[np.int16]
        Shape (samples,).
    """
    return pcm(wave(frequency_hz, np.arange(start, start + samples, dtype=np.float64), rate_hz, level_dbov))


def progress(
    tone: Progress, samples: int, rate_hz: int = 8000, *, level_dbov: float = -20.0, start: int = 0
) -> NDArray[np.int16]:
    """Make a stretch of a call progress tone.

    Parameters
    ----------
    tone
        Which, for example `BUSY`.
    samples, rate_hz, start
        As in `sine`; the cadence begins at sample 0.
    level_dbov
        Level of each of its frequencies.

    Returns
    -------
    NDArray[np.int16]
        Shape (samples,).
    """
    instants = np.arange(start, start + samples, dtype=np.float64)
    made = np.zeros(samples)
    for frequency_hz in tone.frequencies_hz:
        made += wave(frequency_hz, instants, rate_hz, level_dbov)
    if tone.cadence_s:
        edges = np.cumsum(tone.cadence_s) * rate_hz
        part = np.searchsorted(edges, instants % edges[-1], side="right")
        made *= part % 2 == 0
    return pcm(made)
