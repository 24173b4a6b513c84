"""Who hears whom, how loud and how late: the loudness of tones over a window, compared with everybody's code word.

Nothing here guesses: where a window has holes, where the word is there but not clearly, or where its talker began or
fell silent meanwhile, the answer is "not known".
"""

from functools import cache, lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE, TICK_S
from softphone.load.media.codes import SOFT, TONES_HZ, WORD, codes, name_of

__all__ = ["HEARD", "NOT_HEARD", "NOT_KNOWN", "HeardWindows", "listen", "waves_at"]

NOT_KNOWN, NOT_HEARD, HEARD = 0, 1, 2
"""What is known of a pair."""

SURE, SURELY_NOT = 0.55, 0.40
"""Likeness to a code word from which on it is one, and below which chance explains it: noise has 0.3 at its best shift.
"""
FLOOR_DBOV = -75.0
"""Below this nobody hears anything: a step of G.711 is louder."""
CROWDED_DBOV = -45.0
"""Where something louder is at the place of a tone, the tone may be hidden under it."""
WHOLE, ENOUGH = 0.9, 0.6
"""Part of a window that has to be there before nobody was heard in it, and before somebody was: what came is true."""


class HeardWindows(Struct, frozen=True):
    """What windows say, arrays of shape (listeners, talkers).

    Attributes
    ----------
    known
        int8: `HEARD`, `NOT_HEARD` or `NOT_KNOWN`.
    level_dbov
        float32: of the talker's loud frames; -127 where it is not heard.
    shift
        float64: frames from the beginning of the talker's word to that of the window, 0 to 127, in fractions.
    """

    known: NDArray[np.int8]
    level_dbov: NDArray[np.float32]
    shift: NDArray[np.float64]


SIZE = 1 << (2 * WORD - 2).bit_length()
"""Of the transforms: no less than a word twice around, and a power of two."""


@cache
def waves_at(rate_hz: int, tones: tuple[int, ...]) -> NDArray[np.float32]:
    """Give a frame of some tones, four in a block, first the cosines, then the sines: float32, (blocks, samples, 8).

    Whatever goes along with a wave of amplitude a gives a, as a share of full scale; tones that fill a block give 0.
    """
    samples, blocks = round(TICK_S * rate_hz), -(-len(tones) // 4)
    angle = 2 * np.pi * TONES_HZ[list(tones)] / rate_hz * np.arange(samples)[:, None]
    both = np.zeros((2, samples, 4 * blocks))
    both[:, :, : len(tones)] = np.cos(angle), np.sin(angle)
    by_block = both.reshape(2, samples, blocks, 4).transpose(2, 1, 0, 3).reshape(blocks, samples, 8)
    return np.ascontiguousarray(by_block * (2.0 / samples / FULL_SCALE), np.float32)


def listen(
    series: NDArray[np.float32], frames: NDArray[np.int64], talkers: NDArray[np.int64], column: NDArray[np.int64]
) -> HeardWindows:
    """Look for code words in full windows.

    Parameters
    ----------
    series
        float32, shape (listeners, 127, tones): loudness of the tones; 0 where no frame came.
    frames
        int64, shape (listeners,): how many came.
    talkers
        int64, shape (talkers,): the numbers of bots that talked, all of the time.
    column
        int64, shape (talkers,): which tone of `series` is whose.

    Returns
    -------
    HeardWindows
        A talker is `NOT_KNOWN` to a listener whose window has holes that may hide it, or who heard something like it.
    """
    words, transforms = _words(talkers.astype(np.int64).tobytes())
    seen = series[:, :, column].astype(np.float64)
    there = (series != 0).any(axis=2)
    seen -= _mean(seen, there)[:, None, :]
    seen *= there[:, :, None]
    power = np.einsum("ijk,ijk->ik", seen, seen)
    spectra = np.conj(np.fft.rfft(seen, SIZE, axis=1)) * transforms
    product = np.fft.irfft(spectra, SIZE, axis=1)[:, :WORD]  # (listeners, shifts, talkers)
    shift, swing, likeness = _best(product, words, power)
    level = 20 * np.log10(np.maximum(swing * 2 / (1 - SOFT) / np.sqrt(2), 1e-9))
    known = np.where(likeness >= SURE, HEARD, np.where(likeness < SURELY_NOT, NOT_HEARD, NOT_KNOWN))
    known = np.where((known == HEARD) & (level < FLOOR_DBOV), NOT_HEARD, known)
    known = np.where((known == NOT_HEARD) & (power / WORD > 10 ** (CROWDED_DBOV / 10)), NOT_KNOWN, known)
    known[(known == NOT_HEARD) & (frames < WHOLE * WORD)[:, None]] = NOT_KNOWN
    known[frames < ENOUGH * WORD] = NOT_KNOWN
    level = np.where(known == HEARD, level, -127.0)
    return HeardWindows(known.astype(np.int8), level.astype(np.float32), shift)


@lru_cache(4)
def _words(talkers: bytes) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Give the words of some talkers, who are the same in each look of a run.

    Parameters
    ----------
    talkers
        Their numbers, int64, shape (talkers,), as bytes.

    Returns
    -------
    words, transforms
        Without their means, shape (talkers, 127); of each, twice around, the spectrum, shape (SIZE / 2 + 1, talkers).
    """
    named = [name_of(number)[1] for number in np.frombuffer(talkers, np.int64).tolist()]
    words = codes()[named].astype(np.float64)
    words -= words.mean(axis=1, keepdims=True)
    around = np.concatenate((words, words[:, :-1]), axis=1)  # at each shift the word goes on with its beginning
    return words, np.ascontiguousarray(np.fft.rfft(around, SIZE, axis=1).T)


def _mean(seen: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = seen.sum(axis=1) / np.maximum(there.sum(axis=1), 1)[:, None]
    return mean


def _best(
    product: NDArray[np.float64], words: NDArray[np.float64], power: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Find the shift at which a word fits best; how far loudness swings with it, and how much of its power that is.

    A frame that came holds the end of one that was sent and the beginning of the next, so two shifts that follow each
    other are fitted at once, by least squares.
    """
    own = (words**2).sum(axis=1)
    next_ = (words * np.roll(words, -1, axis=1)).sum(axis=1)
    at = np.argmax(product + np.roll(product, -1, axis=1), axis=1)
    first = np.take_along_axis(product, at[:, None, :], 1)[:, 0]
    second = np.take_along_axis(product, (at[:, None, :] + 1) % WORD, 1)[:, 0]
    determinant = own**2 - next_**2
    a = np.maximum((own * first - next_ * second) / determinant, 0.0)
    b = np.maximum((own * second - next_ * first) / determinant, 0.0)
    swing = a + b
    fraction = np.divide(b, swing, out=np.zeros_like(b), where=swing > 0)
    explained = (a * first + b * second) / np.maximum(power, 1e-30)
    return (at + fraction) % WORD, swing, np.sqrt(np.clip(explained, 0.0, 1.0))
