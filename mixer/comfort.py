"""Comfort noise: for senders with silence suppression (RFC 3389), and for rooms in which nobody talks.

A sender that stops in a pause says so by one packet with the level of its background noise, and perhaps its spectrum.
The sound before it is led out by its own last milliseconds, played backwards and fading, so that no edge is heard;
under it such noise fades in and stays until the sender goes on. Noise is no voice: who only makes noise never talks.

A mix in which nothing sounds would be digital silence, as if the line were dead; it is given a little noise of its own.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import ABSENT, SCALE, SILENCE_DBOV
from mixer.kernel import kernel
from mixer.party import NOISE_ORDER, Party
from mixer.rate import Rate

Samples = NDArray[np.int16]
Float = NDArray[np.float32]

FADE_S = 0.010
# Long enough that nobody hears it repeat, and a step that lets each row begin elsewhere in it.
NOISE_S, ROW_STEP = 2.0, 977
LOUDEST_DBOV = -35.0
"""Above any room that a telephone is used in: who claims more would hurt the others."""
STEP, MIDDLE = np.float32(258 / 32768), 127
"""How reflection coefficients are quantised (RFC 3389 section 3.2)."""


def white_noise(rate_hz: int) -> Float:
    """Give noise of level 1 for a whole number of frames; float32, shape (samples,)."""
    wave = np.random.default_rng(3389).standard_normal(round(NOISE_S * rate_hz)).astype(np.float32)
    wave /= np.sqrt(np.mean(wave**2))
    return wave


def hiss_of(noise: Float, level_dbov: float, samples: int) -> Samples:
    """
    Give noise of a level for `soften`.

    Parameters
    ----------
    noise : ndarray of float32
        `white_noise` of a rate.
    level_dbov : float
        How loud; `SILENCE_DBOV` and below: there is none.
    samples : int
        Of a frame.

    Returns
    -------
    ndarray of int16
        The noise, its first frame once more at its end; empty where there is none.
    """
    level = amplitude(level_dbov)
    if level == 0:
        return np.zeros(0, np.int16)
    return np.rint(np.append(noise, noise[:samples]) * level).astype(np.int16)


@kernel
def amplitude(level_dbov: float) -> np.float32:
    """Give background noise as an effective value of samples; `LOUDEST_DBOV` at most, 0 at `SILENCE_DBOV` and below."""
    if level_dbov > SILENCE_DBOV:
        return np.float32(SCALE * 10 ** (min(level_dbov, LOUDEST_DBOV) / 20))
    return np.float32(0)


@kernel
def set_noise(p: Party, level_dbov: float) -> None:
    """Say how loud the background of a row is, as white noise; -127 and below: it is silent."""
    p.noise, p.coloured = amplitude(level_dbov), False


@kernel
def colour(p: Party, description: NDArray[np.uint8], begin: int, count: int) -> None:
    """
    Give the noise that was set for a row a spectrum (RFC 3389 section 3.2).

    Parameters
    ----------
    p : record
        The row.
    description : ndarray of uint8
        A byte for each reflection coefficient, from `begin` on.
    begin, count : int
        Where, and how many; of those the first `NOISE_ORDER` are used. None: it stays white.
    """
    p.coloured, kept = count > 0, np.float32(1)
    for k in range(NOISE_ORDER):
        code = min(np.int64(description[begin + k]), np.int64(2 * MIDDLE)) if k < count else np.int64(MIDDLE)
        p.reflections[k] = np.float32(code - MIDDLE) * STEP
        kept *= np.float32(1) - p.reflections[k] * p.reflections[k]
    p.noise *= np.sqrt(kept)  # what the filter amplifies


@kernel
def _shaped(p: Party, white: np.float32) -> np.float32:
    """Give the next sample of a row's noise, from one of white noise: a lattice filter of its coefficients."""
    forward = white
    for k in range(NOISE_ORDER - 1, -1, -1):
        forward -= p.reflections[k] * p.lattice[k]
        if k + 1 < NOISE_ORDER:
            p.lattice[k + 1] = p.lattice[k] + p.reflections[k] * forward
    p.lattice[0] = forward
    return forward


@kernel
def comfort(p: Party, rate: Rate, frame: Samples, newer: Samples, noise: Float, at: int, leaving: bool) -> bool:
    """
    Replace `ABSENT` by noise in a row that pauses.

    Parameters
    ----------
    p, rate : records
        The row and its rate.
    frame : ndarray of int16
        Its frame; changed in place.
    newer : ndarray of int16
        What was played in the tick before.
    noise : ndarray of float32
        `white_noise` of the rate.
    at : int
        Where in it this frame begins.
    leaving : bool
        The row's sound ends in or before this frame.

    Returns
    -------
    bool
        The row says nothing but noise.
    """
    if p.noise == 0 and not leaving:
        return False
    first, alone, fade = -1, not leaving, np.float32(FADE_S * rate.hz)
    at %= len(noise)
    for j in range(rate.samples):
        if frame[j] != ABSENT:
            alone = False
            continue
        first = j if first < 0 else first
        made = noise[at + j if at + j < len(noise) else at + j - len(noise)] * p.noise
        if p.coloured:
            made = _shaped(p, made)
        if leaving:  # from the end of the sound, played backwards, into noise
            last = first - 1 - (j - first)
            back = np.float32(frame[last] if last >= 0 else newer[max(rate.samples + last, 0)])
            level = max(np.float32(1) - np.float32(j - first + 1) / fade, np.float32(0))
            made = back * level + made * (np.float32(1) - level)
        frame[j] = np.int16(min(max(np.rint(made), np.float32(-32767)), np.float32(32767)))
    return alone


@kernel
def soften(frame: Samples, rate: Rate, hiss: Samples, at: int) -> bool:
    """
    Put noise into a frame if it is digital silence.

    Parameters
    ----------
    frame : ndarray of int16
        `rate.samples` of it; changed in place.
    rate : record
        Its rate.
    hiss : ndarray of int16
        As `hiss_of` gives it.
    at : int
        Where in it this frame begins, in samples since ever.

    Returns
    -------
    bool
        It was, and there is noise.
    """
    if len(hiss) == 0:
        return False
    for j in range(rate.samples):
        if frame[j] != 0:
            return False
    at %= len(hiss) - rate.samples
    for j in range(rate.samples):
        frame[j] = hiss[at + j]
    return True
