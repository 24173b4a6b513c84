"""The level of each party (RFC 6464, 6465), and the voice gate: who is talking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

SILENCE_DBOV = -127.0
"""The level of digital silence, as in RFC 6464."""


@dataclass(frozen=True)
class GateSettings:
    """
    When a party counts as talking.

    Attributes
    ----------
    threshold_dbov : float
        A frame louder than this opens the gate at once. -50 dBov lies above the idle noise of telephones and well
        below soft speech.
    hangover_s : float
        How long the gate stays open after the last loud frame: pauses between words and soft word ends belong to
        the talk.
    """

    threshold_dbov: float = -50.0
    hangover_s: float = 0.4


def level_dbov(frames: NDArray[np.int16]) -> Float:
    """
    Measure the level of each frame: 10 log10(mean(x^2) / 32768^2), a full-scale square wave being 0 dBov (RFC 6465).

    Parameters
    ----------
    frames : ndarray of int16, shape (rows, samples)
        Audio.

    Returns
    -------
    ndarray of float32, shape (rows,)
        `SILENCE_DBOV`..0.
    """
    wave = frames.astype(np.float32)
    power = np.einsum("ij,ij->i", wave, wave) / np.float32(frames.shape[1] * 32768.0**2)
    level: Float = 10 * np.log10(np.maximum(power, np.float32(10 ** (SILENCE_DBOV / 10))))
    return level


class Gate:
    """
    Talking or not, per row, with start and stop in pairs.

    Parameters
    ----------
    capacity : int
        Number of rows.
    settings : GateSettings or None
        None: talking is whatever is not digital silence, without hangover.
    tick_s : float
        Seconds between two updates.
    """

    def __init__(self, capacity: int, settings: GateSettings | None, tick_s: float) -> None:
        self._threshold = settings.threshold_dbov if settings else SILENCE_DBOV
        self._hangover = round(settings.hangover_s / tick_s) if settings else 0
        self._left = np.zeros(capacity, np.int64)
        self.talking: Flags = np.zeros(capacity, bool)

    def update(self, level: Float, allowed: Flags) -> tuple[Rows, Rows]:
        """
        Look at one frame of every row.

        Parameters
        ----------
        level : ndarray of float32, shape (capacity,)
            dBov.
        allowed : ndarray of bool, shape (capacity,)
            Rows that can talk at all (present, in a room, not muted); the gates of the others close at once.

        Returns
        -------
        started, stopped : ndarray of intp
            The rows that began or ceased to talk.
        """
        loud = level > self._threshold
        self._left -= 1
        self._left[loud] = self._hangover
        talking = allowed & (self._left >= 0)
        self._left[~talking] = -1
        changed = np.flatnonzero(talking != self.talking)
        self.talking[:] = talking
        now = talking[changed]
        return changed[now], changed[~now]
