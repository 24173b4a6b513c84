"""Measurement of who hears whom: each party speaks its own tone, which identifies it in what the others receive.

Pure functions over numpy frames. Whoever uses them lets party k send `tones(n)[k]`, keeps what every party received,
and compares `measure` with what should be heard.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "RATE_HZ",
    "Hearing",
    "Pair",
    "ToneMeter",
    "differences",
    "expectation",
    "matrix",
    "measure",
    "tone_level_dbov",
    "tones",
]

RATE_HZ = 8000
# Telephone codecs and phones pass these without loss.
LOWEST_HZ = 400.0
HIGHEST_HZ = 3000.0
# Neighbours nearer than this run into each other when one sender's clock is 1 % fast and the other's 1 % slow.
NEAREST = 1.035
MOST = 1 + int(np.log(HIGHEST_HZ / LOWEST_HZ) / np.log(NEAREST))
# A playout buffer that catches up plays up to 2.5 % faster, and two are on the way, the bridge's and the listener's.
# Where neighbours leave room, a band is wide enough for one; of a few tones, between which distortion falls,
# for both.
WIDE_BAND, WIDEST_BAND = 0.03, 0.055
# A tone below this is not heard: digital silence, comfort noise and the foot of a codec's noise are.
FLOOR_DBOV = -55.0
# Nor is one this far below the loudest in the same ear: the mu-law noise of a tone, and what a limiter makes of thirty
# that are 12 dB too loud, stay further below. A tone that is there for an eighth of the time does not.
BELOW_LOUDEST_DB = 18.0


# A tone may arrive this much off: playout follows a sender's clock by up to 1 %, and a window smears it by a few hertz.
BAND = 0.013


class ToneMeter:
    """Measures how loud each of some known tones is in each of many rows.

    The power around each frequency, Hann-windowed, is summed over a band of +-1.3 %, if not said otherwise: a sender's
    clock that is 1 % off, G.711 and a limiter that breathes leave it where it is. Half a second of audio then tells
    tones 4 % apart.

    Parameters
    ----------
    frequencies_hz
        The tones, shape (k,).
    samples
        Length of what will be measured.
    rate_hz
        Its sample rate.
    band
        Half the width of a tone's band as a share of its frequency.
    """

    def __init__(self, frequencies_hz: ArrayLike, samples: int, rate_hz: int = 8000, *, band: float = BAND) -> None:
        tones = np.asarray(frequencies_hz, dtype=np.float64)
        bins = np.fft.rfftfreq(samples, 1.0 / rate_hz)
        window = np.hanning(samples + 2)[1:-1]
        # A Hann window spreads a tone over the two bins on either side of its own.
        width = band * tones + 2.0 * rate_hz / samples
        inside = np.abs(bins[:, None] - tones) <= width
        self._window = window.astype(np.float32)
        # Parseval: one-sided power of a windowed tone is its mean square times the window's mean square.
        self._bands = (inside * (2.0 / (samples * (window**2).sum()))).astype(np.float32)

    def levels_dbov(self, audio: NDArray[np.int16]) -> NDArray[np.float32]:
        """Level of each tone in each row.

        Parameters
        ----------
        audio
            int16, shape (n, samples).

        Returns
        -------
        NDArray[np.float32]
            dBov, shape (n, k); -127 where there is nothing at all (the lowest level of RFC 6464).
        """
        spectrum = np.fft.rfft(audio * np.float32(1.0 / 32768.0) * self._window)
        power = (np.abs(spectrum) ** 2).astype(np.float32) @ self._bands
        levels: NDArray[np.float32] = np.maximum(10.0 * np.log10(np.maximum(power, np.float32(1e-13))), -127.0)
        return levels


@dataclass(frozen=True)
class Hearing:
    """What was measured.

    Parameters
    ----------
    levels_dbov
        float32, shape (listeners, talkers): how loud each tone is in each ear, -127 for nothing.
    heard
        bool, same shape.
    """

    levels_dbov: NDArray[np.float32]
    heard: NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """A pair that is not as it should be.

    Parameters
    ----------
    listener, talker
        Their places in the matrix.
    heard
        Whether the listener heard the talker.
    level_dbov
        How loud.
    """

    listener: int
    talker: int
    heard: bool
    level_dbov: float

    def __str__(self) -> str:
        what = "hears" if self.heard else "does not hear"
        return f"{self.listener} {what} {self.talker} ({self.level_dbov:.0f} dBov)"


def tones(count: int) -> list[float]:
    """Choose tones that are not confused: `tones(n)[k + 1] / tones(n)[k]` is the same for all k, within rounding.

    Of the possible ratios the one is taken that keeps neighbours apart and keeps twice and three times a tone, which
    distortion adds, away from all others.

    Parameters
    ----------
    count
        How many; at most `MOST`.

    Returns
    -------
    list[float]
        Whole hertz, so that a second of it can be repeated; rising from `LOWEST_HZ` to at most `HIGHEST_HZ`.

    Raises
    ------
    ValueError
        None, or more than fit.
    """
    if not 1 <= count <= MOST:
        raise ValueError(f"{count} tones: there are 1 to {MOST}")
    widest = np.log(HIGHEST_HZ / LOWEST_HZ) / max(count - 1, 1)
    steps = np.linspace(max(np.log(NEAREST), 0.6 * widest), widest, 2000)
    apart = steps.copy()
    for factor in (2.0, 3.0):
        off = np.abs(np.log(factor) - steps * np.clip(np.rint(np.log(factor) / steps), 0, count - 1))
        # A neighbour speaks, perhaps, and is as loud; an overtone is weak, so it may come twice as near.
        apart = np.minimum(apart, 2.0 * off)
    step = steps[int(np.argmax(apart))]
    return [float(round(hz)) for hz in LOWEST_HZ * np.exp(step * np.arange(count))]


def tone_level_dbov(count: int) -> float:
    """Level for `count` tones such that all together stay within full scale: at most -15 dBov each."""
    return min(-15.0, float(-4.0 - 20.0 * np.log10(count)))


def measure(heard: Sequence[NDArray[np.int16]], tones_hz: Sequence[float], rate_hz: int = RATE_HZ) -> Hearing:
    """Find the tones in what each listener received.

    Parameters
    ----------
    heard
        Of each listener int16, shape (samples,); half a second tells 30 tones apart, a second all. Lengths may differ.
    tones_hz
        Of each talker.
    rate_hz
        Sample rate of all.

    Returns
    -------
    Hearing
        A tone counts as heard from `FLOOR_DBOV` up, unless it is `BELOW_LOUDEST_DB` under the loudest in that ear.
    """
    levels = np.full((len(heard), len(tones_hz)), -127.0, dtype=np.float32)
    band = _band(tones_hz)
    for listener, pcm in enumerate(heard):
        if len(pcm):
            levels[listener] = ToneMeter(tones_hz, len(pcm), rate_hz, band=band).levels_dbov(pcm[None, :])[0]
    loudest = levels.max(axis=1, keepdims=True, initial=-127.0)
    return Hearing(levels, (levels >= FLOOR_DBOV) & (levels > loudest - BELOW_LOUDEST_DB))


def _band(tones_hz: Sequence[float]) -> float:
    """Go a third of the way to the nearest neighbour, far a sixth, within what ToneMeter needs and what is of use."""
    ordered = np.sort(np.asarray(tones_hz, dtype=np.float64))
    nearest = float(np.min(ordered[1:] / ordered[:-1], initial=2.0))
    return max(BAND, min((nearest - 1.0) / 3.0, WIDE_BAND), min((nearest - 1.0) / 6.0, WIDEST_BAND))


def matrix(heard: Sequence[NDArray[np.int16]], tones_hz: Sequence[float], rate_hz: int = RATE_HZ) -> list[list[bool]]:
    """Tell who heard whom, `matrix(...)[listener][talker]`, from the same things as `measure`."""
    rows: list[list[bool]] = measure(heard, tones_hz, rate_hz).heard.tolist()
    return rows


def expectation(
    count: int,
    *,
    muted: Collection[int] = (),
    deaf: Collection[int] = (),
    rooms: Iterable[Collection[int]] | None = None,
) -> NDArray[np.bool_]:
    """Say who should hear whom.

    Parameters
    ----------
    count
        Number of parties.
    muted
        Those whom nobody hears.
    deaf
        Those who hear nobody.
    rooms
        Who sits together; one room of all when not given. Who is in none hears and says nothing.

    Returns
    -------
    NDArray[np.bool_]
        Shape (listeners, talkers); nobody hears itself.
    """
    together = np.zeros((count, count), dtype=bool)
    for room in [range(count)] if rooms is None else rooms:
        together[np.ix_(list(room), list(room))] = True
    together[:, list(muted)] = False
    together[list(deaf), :] = False
    np.fill_diagonal(together, False)
    return together


def differences(measured: Hearing, expected: NDArray[np.bool_]) -> list[Pair]:
    """List the pairs in which `measured` is not as `expected`; empty when all is right.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if measured.heard.shape != expected.shape:
        raise ValueError(f"measured {measured.heard.shape}, expected {expected.shape}")
    wrong = np.argwhere(measured.heard != expected)
    return [Pair(int(i), int(k), bool(measured.heard[i, k]), float(measured.levels_dbov[i, k])) for i, k in wrong]
