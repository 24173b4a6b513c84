"""What bots say so that everybody knows who it was: a tone that changes its loudness by a code word of its own.

**In frequency**: 28 tones, odd multiples of 50 Hz. Each has a whole number of periods in 20 ms, so a frame of one can
be repeated, and none is seen in the spectrum of a frame at the place of another.
**In time**: each frame is loud or soft by a code word of 127 bits. There are 127 words (Gold codes) of which two agree
by chance in an eighth at most, however they are shifted. What a line does to a tone (a codec's noise, a limiter,
overtones of another) does not follow the word, so a tone 50 dB below another's is still told from chance.

It may follow the product of two words, though: the noise of a codec where two tones are loud is another than where one
is, and where frames are cut anew a word and the same a frame later leave a trace. A product of Gold codes is a Gold
code, so the first twelve words (`FIRST`) are such that none is the product of two of them, or of one with itself, up to
two frames apart.

Tone and word make 3,556 names. The shift at which the word is found is how long the sound was under way.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE, TICK_S
from softphone.codec import codec
from softphone.media.codecs.coders import encoder
from softphone.media.codecs.forms import ENCODE, FORMS, LARGEST, LAW, NUMBERS

__all__ = ["NAMES", "SOFT", "TONES_HZ", "WORD", "codes", "frames", "name_of", "noise", "waves"]

WORD = 127
"""Frames of a code word: 2.54 s."""
TONES_HZ: NDArray[np.float64] = 450.0 + 100.0 * (np.arange(28) * 11 % 28).astype(np.float64)
"""float64, shape (28,), far from each other where they follow each other."""
SOFT = 0.25
"""What a soft frame has of the amplitude of a loud one (-12 dB): no telephone takes it for a pause."""
FIRST = (105, 33, 12, 82, 81, 40, 100, 60, 94, 53, 101, 42)
"""By how much the second sequence of the first words is shifted."""
NOISE_DBOV = -66.0
"""Of what a bot sends that listens: a quiet room."""
# Feedback taps of a preferred pair of degree 7: x^7+x^3+1 and x^7+x^3+x^2+x+1.
TAPS = (3, 7), (1, 2, 3, 7)


def _sequence(taps: tuple[int, ...]) -> NDArray[np.int8]:
    """Give a sequence of maximal length, int8 of 0 and 1, shape (127,)."""
    register, out = [1] * 7, []
    for _ in range(WORD):
        out.append(register[-1])
        register = [sum(register[tap - 1] for tap in taps) % 2, *register[:-1]]
    return np.array(out, np.int8)


@cache
def codes() -> NDArray[np.int8]:
    """Give all code words: int8 of -1 (soft) and 1 (loud), shape (127, 127)."""
    one, other = (_sequence(taps) for taps in TAPS)
    shifts = *FIRST, *(shift for shift in range(WORD) if shift not in FIRST)
    words = [one ^ np.roll(other, shift) for shift in shifts]
    return (2 * np.stack(words) - 1).astype(np.int8)


NAMES = len(TONES_HZ) * WORD
"""How many talkers can be told apart: the two counts have no divisor in common."""


def name_of(number: int) -> tuple[int, int]:
    """Give the places of tone and code word of a bot; those whose numbers are near have neither in common."""
    return number % len(TONES_HZ), number % len(codes())


def waves(number: int, level_dbov: float, rate_hz: int) -> NDArray[np.int16]:
    """Give a whole word of what a bot says.

    Parameters
    ----------
    number
        Of the bot.
    level_dbov
        Of loud frames.
    rate_hz
        Of the sound.

    Returns
    -------
    NDArray
        int16, shape (127, samples): a frame per row.
    """
    tone, word = name_of(number)
    samples = round(TICK_S * rate_hz)
    amplitude = np.sqrt(2.0) * 10 ** (level_dbov / 20) * np.where(codes()[word] > 0, 1.0, SOFT)
    wave = np.sin(2 * np.pi * TONES_HZ[tone] / rate_hz * np.arange(samples))
    pcm: NDArray[np.int16] = np.rint(FULL_SCALE * amplitude[:, None] * wave).astype(np.int16)
    return pcm


def noise(rate_hz: int, seed: int = 1) -> NDArray[np.int16]:
    """Give what a quiet room sounds like: int16, shape (127, samples)."""
    drawn = np.random.default_rng(seed).normal(0, FULL_SCALE * 10 ** (NOISE_DBOV / 20), (WORD, round(TICK_S * rate_hz)))
    return np.rint(drawn).astype(np.int16)


def frames(pcm: NDArray[np.int16], name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Encode frames that follow each other.

    Parameters
    ----------
    pcm
        int16, shape (n, samples), of the codec's usual rate.
    name
        Of the codec, as `softphone.codec` has it.

    Returns
    -------
    payloads, sizes
        uint8, shape (n, bytes), and how many bytes of each are payload.
    """
    form = FORMS[NUMBERS[name]]
    if form.form == LAW:
        return ENCODE[form.law][pcm.view(np.uint16)], np.full(len(pcm), pcm.shape[1], np.int64)
    spoken = codec(name)
    coder, row = encoder(spoken, 1, spoken.rate_hz), np.zeros(1, np.int64)
    coder.reset(row)
    out, sizes = np.zeros((len(pcm), LARGEST), np.uint8), np.zeros(len(pcm), np.int64)
    for at in range(len(pcm)):
        sizes[at] = coder.encode(row, pcm[at : at + 1], out[at : at + 1])[0]
    return out[:, : int(sizes.max())].copy(), sizes
