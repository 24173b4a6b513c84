"""What bots say, as one table of frames that were encoded once: a quiet room, the word of each talker, and speech."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from softphone.codec import codec
from softphone.load.media.codes import WORD, frames, noise, waves

__all__ = ["QUIET", "Run", "Sayings"]

Run = tuple[int, int]
"""The first frame of something that is said, and how many frames it has; it is said over and over."""
QUIET: Run = 0, WORD


class Sayings:
    """Frames of one codec.

    Parameters
    ----------
    name
        Of the codec.
    numbers
        Of talkers, whose words there are.
    level_dbov
        Of their loud frames.
    speeches
        int16, shape (samples,) each, of the codec's usual rate.

    Attributes
    ----------
    table, sizes
        uint8, shape (frames, bytes), and int64, shape (frames,): how many bytes of each are payload.
    """

    def __init__(
        self, name: str, numbers: Sequence[int], level_dbov: float, speeches: Sequence[NDArray[np.int16]]
    ) -> None:
        rate_hz = codec(name).rate_hz
        samples = rate_hz // 50
        padded = (np.pad(speech, (0, -speech.size % samples)).reshape(-1, samples) for speech in speeches)
        said = [noise(rate_hz), *(waves(number, level_dbov, rate_hz) for number in numbers), *padded]
        runs = [frames(pcm, name) for pcm in said]
        self.sizes: NDArray[np.int64] = np.concatenate([sizes for _, sizes in runs])
        self.table = np.zeros((len(self.sizes), max(run.shape[1] for run, _ in runs)), np.uint8)
        self._runs: list[Run] = []
        at = 0
        for run, _ in runs:
            self.table[at : at + len(run), : run.shape[1]] = run
            self._runs.append((at, len(run)))
            at += len(run)
        self._place = {number: place for place, number in enumerate(numbers, start=1)}

    def word(self, number: int) -> Run:
        """Give a talker's word; raises KeyError for one that has none."""
        return self._runs[self._place[number]]

    def speech(self, which: int) -> Run:
        """Give one of the speeches, by its place among them."""
        return self._runs[1 + len(self._place) + which]
