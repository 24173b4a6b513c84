"""Frames of G.711 that were measured lately: who only listens is sent the same as all others, and measured once."""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from mixer.struct import struct

__all__ = ["SAMPLES", "Lately", "energy_of", "lately", "loudness", "measured"]

SAMPLES = 160
"""Of a frame."""
KEPT = 64
"""Frames that are kept, each at the place that the sum of its codes names."""
CLIPPED = 32100
"""From here on a sample of G.711 is at its limit."""


@struct
class Lately:
    """By place: codes, their law (-1: none yet), their sum of squares, how many are clipped, and how loud tones are.

    `last`: the place of the frame that came last, which is as a rule the next one, too.
    """

    codes: NDArray[np.uint8]
    law: NDArray[np.int8]
    energy: NDArray[np.float64]
    clipped: NDArray[np.int64]
    tones: NDArray[np.float32]
    sound: NDArray[np.float32]
    last: NDArray[np.int64]


def lately(tones: int) -> Lately:
    """Give one that has measured nothing, of so many tones."""
    return Lately(
        codes=np.zeros((KEPT, SAMPLES), np.uint8),
        law=np.full(KEPT, -1, np.int8),
        energy=np.zeros(KEPT),
        clipped=np.zeros(KEPT, np.int64),
        tones=np.zeros((KEPT, tones), np.float32),
        sound=np.zeros(SAMPLES, np.float32),
        last=np.zeros(1, np.int64),
    )


@kernel
def measured(
    d: NDArray[np.uint8], start: Int, law: Int, decoding: NDArray[np.int16], waves: NDArray[np.float32], kept: Lately
) -> Int:
    """Give the place in `kept` at which it stands what a frame is like; it is measured where it was not.

    Parameters
    ----------
    d, start
        uint8, a datagram, and where the 160 codes of the frame begin.
    law
        The table that they are of.
    decoding, waves
        As of `softphone.load.media.tally.take`.
    """
    at: Int = kept.last[0]
    if _is_it(at, d, start, law, kept):
        return at
    total = np.int64(0)
    for k in range(SAMPLES):
        total += np.int64(d[start + k])
    at = total % np.int64(len(kept.law))
    kept.last[0] = at
    if not _is_it(at, d, start, law, kept):
        codes, sound = kept.codes[at], kept.sound
        for k in range(SAMPLES):
            codes[k] = d[start + k]
            sound[k] = decoding[law, d[start + k]]
        kept.law[at] = law
        kept.energy[at], kept.clipped[at] = energy_of(sound, SAMPLES)
        loudness(sound, SAMPLES, waves, kept.tones[at])
    return at


@kernel
def _is_it(at: Int, d: NDArray[np.uint8], start: Int, law: Int, kept: Lately) -> bool:
    """Whether it is this frame that stands at a place."""
    codes, unlike = kept.codes[at], np.uint8(0)
    for k in range(SAMPLES):
        unlike |= codes[k] ^ d[start + k]
    return bool(unlike == 0 and kept.law[at] == law)


@kernel
def energy_of(sound: NDArray[np.float32], samples: int) -> tuple[np.float64, np.int64]:
    """Add the squares of a frame up, as sums of their own that do not wait for each other; count clipped samples."""
    a = b = c = d = np.float64(0)
    for j in range(0, samples, 4):
        a += np.float64(sound[j]) * np.float64(sound[j])
        b += np.float64(sound[j + 1]) * np.float64(sound[j + 1])
        c += np.float64(sound[j + 2]) * np.float64(sound[j + 2])
        d += np.float64(sound[j + 3]) * np.float64(sound[j + 3])
    clipped = np.int64(0)
    for j in range(samples):
        clipped += abs(sound[j]) >= CLIPPED
    return a + b + c + d, clipped


@kernel
def loudness(sound: NDArray[np.float32], samples: int, waves: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Say how loud each tone is in a frame, whatever its phase; `waves` and `out` as of `take`, four tones a block."""
    for block in range(len(waves)):
        _four(sound, samples, waves[block], out[4 * block : 4 * block + 4])


@kernel
def _four(sound: NDArray[np.float32], samples: int, waves: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Say how far a frame goes along with four tones; as eight sums of their own, which a vector register holds."""
    a = b = c = d = e = f = g = h = np.float32(0)
    for j in range(samples):
        x, wave = sound[j], waves[j]
        a += x * wave[0]
        b += x * wave[1]
        c += x * wave[2]
        d += x * wave[3]
        e += x * wave[4]
        f += x * wave[5]
        g += x * wave[6]
        h += x * wave[7]
    out[0], out[1] = np.sqrt(a * a + e * e), np.sqrt(b * b + f * f)
    out[2], out[3] = np.sqrt(c * c + g * g), np.sqrt(d * d + h * h)
