"""One bot says speech alone, and what some others have heard of it is judged."""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from softphone.load.media.kept import KeptSound
from softphone.load.media.plane import LoadPlane
from softphone.load.report import SpeechLine
from softphone.load.speech import JUDGED_S, judge
from softphone.load.truth import MARGIN_S

__all__ = ["recite"]

JUDGES = 8
"""So many listeners' sound is kept and judged at most."""


async def recite(plane: LoadPlane, speech: NDArray[np.int16], bots: Sequence[int]) -> list[SpeechLine]:
    """Let the first bot say speech while all others are quiet, and judge what was heard.

    Parameters
    ----------
    plane
        Whose bots; it can say `speech`.
    speech
        int16, shape (samples,), of the codec's usual rate.
    bots
        Of one conference; the others that listen may be asked what they heard.
    """
    talker, listeners = bots[0], [bot for bot in bots[1:] if bot < plane.ears]
    rate_hz = plane.codec.rate_hz
    said = speech[: round(JUDGED_S * rate_hz)]
    await asyncio.sleep(MARGIN_S)  # what was said before is heard to its end
    plane.kept = {bot: KeptSound() for bot in listeners[:JUDGES]}
    left_s = plane.recite(talker)
    await asyncio.sleep(said.size / rate_hz + 2 * MARGIN_S)
    kept, plane.kept = plane.kept, {}
    plane.talk(talker, False)
    return await asyncio.to_thread(
        lambda: [
            judge(plane.first + bot, plane.first + talker, said, left_s, sound.heard(), rate_hz)
            for bot, sound in kept.items()
        ]
    )
