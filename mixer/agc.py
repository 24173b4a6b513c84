"""Automatic gain control: brings the voices of a room slowly to one level.

A voice is measured in the frames that open its gate, not in its pauses, so that the noise of its line is not lifted
while it is silent. The gate itself judges what came, whatever the gain.
"""

import numpy as np

from mixer.floor import noise_floor
from mixer.frame import TICK_S
from mixer.kernel import kernel
from mixer.party import Party, Rooms

TARGET_DBOV = np.float32(-32)
"""Mean level, in dB, of the frames in which somebody speaks: an active speech level (ITU-T P.56) of -26 dBov."""
LEAST_DB, MOST_DB = np.float32(-12), np.float32(15)
LOUDEST_NOISE_DBOV, BACK_DB = np.float32(-44), np.float32(0.2)
"""The noise of no line is lifted above that; a gain that has done so comes back by so much a tick."""
SPEECH_S = 3.0
"""Seconds of speech in which two thirds of what is missing are made up: slower than a sentence, so that it keeps its
stresses."""
_SHARE = np.float32(TICK_S / SPEECH_S)


@kernel
def linear(decibels: np.float32) -> np.float32:
    """Give what samples are multiplied with."""
    if decibels == 0:
        return np.float32(1)
    return np.float32(10 ** (decibels / 20))


@kernel
def follow_voice(p: Party, rooms: Rooms, speaks: bool) -> None:
    """
    Find the gain of a row for the next frame.

    Parameters
    ----------
    p, rooms : records
        The row, its level that of the frame as others hear it; and the rooms.
    speaks : bool
        The frame opened its gate, or would have.
    """
    if p.source or p.room < 0 or not (p.levelled or rooms[p.room].levelled):
        p.auto_db = np.float32(0)
        return
    if speaks:
        p.auto_db = max(p.auto_db + (TARGET_DBOV - p.level) * _SHARE, LEAST_DB)
    most = min(max(LOUDEST_NOISE_DBOV - noise_floor(p), np.float32(0)), MOST_DB)
    p.auto_db = min(p.auto_db, max(most, p.auto_db - BACK_DB))
