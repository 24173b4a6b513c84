"""Generation of DTMF keys (ITU-T Q.23); `mixer.dtmf_detector` detects them."""

import numpy as np
from numpy.typing import NDArray

from mixer.tone import pcm, wave

__all__ = ["DTMF_HIGH_HZ", "DTMF_KEYS", "DTMF_LOW_HZ", "dtmf"]

# ITU-T Q.23: a key is one frequency of the low group (its line on the keypad) and one of the high group (its column).
DTMF_LOW_HZ = (697.0, 770.0, 852.0, 941.0)
DTMF_HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
DTMF_KEYS = "123A456B789C*0#D"

# Rise and fall of a made key: short enough for a 40 ms key, long enough that neighbours in the band hear no click.
EDGE_S = 0.005


def dtmf(
    keys: str, rate_hz: int = 8000, *, level_dbov: float = -14.0, duration_s: float = 0.1, gap_s: float = 0.05
) -> NDArray[np.int16]:
    """Make DTMF keys with shaped edges.

    Parameters
    ----------
    keys
        Of ``0-9 * # A-D``.
    rate_hz
        Sample rate.
    level_dbov
        Level of each of the two tones.
    duration_s, gap_s
        Each key sounds for `duration_s` and is followed by `gap_s` of silence.

    Returns
    -------
    NDArray[np.int16]
        Shape (len(keys) * round((duration_s + gap_s) * rate_hz),), give or take rounding per key.

    Raises
    ------
    ValueError
        A key is none of the sixteen.
    """
    on, off = round(duration_s * rate_hz), round(gap_s * rate_hz)
    edge = min(round(EDGE_S * rate_hz), on // 2)
    shape = np.ones(on)
    shape[:edge] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / max(edge, 1))
    shape[on - edge :] = shape[:edge][::-1]
    instants = np.arange(on, dtype=np.float64)
    made = np.zeros((len(keys), on + off))
    for place, key in enumerate(keys):
        low, high = divmod(_key_index(key), 4)
        for frequency_hz in (DTMF_LOW_HZ[low], DTMF_HIGH_HZ[high]):
            made[place, :on] += shape * wave(frequency_hz, instants, rate_hz, level_dbov)
    return pcm(made.reshape(-1))


def _key_index(key: str) -> int:
    """Place of `key` on the keypad, line by line."""
    if len(key) != 1 or key not in DTMF_KEYS:
        raise ValueError(f"not a DTMF key: {key!r}")
    return DTMF_KEYS.index(key)
