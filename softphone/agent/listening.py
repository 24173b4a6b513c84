"""Telling speech from silence in what is heard, by its level."""

import asyncio
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE, TICK_S
from softphone.agent.streams import FrameStream
from softphone.errors import CallEnded

__all__ = ["LOUD_DBOV", "level_dbov", "until_silent", "until_voice"]

LOUD_DBOV = -40.0
"""Speech on a telephone lies between -35 and -15 dBov, the noise of a room or line between -70 and -50."""

FLOOR_DBOV = -100.0


def level_dbov(frame: NDArray[np.int16]) -> float:
    """Level of int16 samples, shape (n,): 0 dBov is a full-scale square wave, a full-scale sine -3; at least -100."""
    power = float(np.mean(np.square(frame, dtype=np.float64))) / FULL_SCALE**2 if frame.size else 0.0
    return max(FLOOR_DBOV, 10 * float(np.log10(power))) if power else FLOOR_DBOV


async def until_voice(frames: FrameStream, voice_s: float, loud_dbov: float, timeout_s: float | None) -> bool:
    """Read frames until they have been loud for `voice_s` together; False after `timeout_s`, CallEnded at their end."""
    return await _until(frames, voice_s, timeout_s, lambda frame: level_dbov(frame) >= loud_dbov)


async def until_silent(frames: FrameStream, silence_s: float, loud_dbov: float, timeout_s: float | None) -> bool:
    """Read frames until they have not been loud for `silence_s`; otherwise as :func:`until_voice`."""
    return await _until(frames, silence_s, timeout_s, lambda frame: level_dbov(frame) < loud_dbov)


async def _until(
    frames: FrameStream, seconds: float, timeout_s: float | None, counts: Callable[[NDArray[np.int16]], bool]
) -> bool:
    """Read frames until those that count have come without a break for so long."""
    in_a_row_s = 0.0
    try:
        async with asyncio.timeout(timeout_s):
            async for frame in frames:
                in_a_row_s = in_a_row_s + TICK_S if counts(frame) else 0.0
                if in_a_row_s >= seconds - TICK_S / 2:
                    return True
    except TimeoutError:
        return False
    raise CallEnded("the call is over, nothing is heard any more")
