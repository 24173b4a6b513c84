"""Where a sound that is known is in what was heard."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["align"]


def align(said: NDArray[np.int16], heard: NDArray[np.int16], most: int | None = None) -> tuple[int, float]:
    """Find where `said` sounds in `heard`.

    Parameters
    ----------
    said, heard
        int16, shapes (n,) and (m,), of one rate. `heard` may end before all of it was heard.
    most
        So many samples late it may be at most; None: wherever all of it fits, which takes m >= n.

    Returns
    -------
    The first sample of it, and the normalised correlation there: 1 for the same sound at any volume, 0 for none.
    """
    size = 1 << (heard.size + said.size).bit_length()
    wanted = said.astype(np.float64)
    spectrum = np.fft.rfft(heard.astype(np.float64), size) * np.conj(np.fft.rfft(wanted, size))
    places = heard.size - said.size + 1 if most is None else min(most + 1, heard.size)
    place = int(np.argmax(np.fft.irfft(spectrum, size)[:places]))
    there = heard[place : place + said.size].astype(np.float64)
    wanted = wanted[: there.size]
    energy = np.sqrt(np.dot(there, there) * np.dot(wanted, wanted))
    return place, float(np.dot(there, wanted) / energy) if energy else 0.0
