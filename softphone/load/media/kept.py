"""The sound itself of few bots, for as long as somebody wants to judge it."""

from msgspec import Struct
from numpy import concatenate, int16, zeros
from numpy.typing import NDArray

from mixer.frame import TICK_S

__all__ = ["HeardSound", "KeptSound"]

LONGEST_FRAMES = 6000
"""Two minutes; what comes later is not kept."""


class HeardSound(Struct, frozen=True):
    """What one bot has heard.

    Attributes
    ----------
    pcm
        int16, shape (samples,); what never came is silence.
    began_s
        When its first frame would have come, were all as fast as on average; seconds after the epoch.
    """

    pcm: NDArray[int16]
    began_s: float


class KeptSound:
    """Frames of one bot, by their timestamps."""

    def __init__(self) -> None:
        self._frames: dict[int, NDArray[int16]] = {}
        self._first: int | None = None
        self._wait_s = 0.0

    def add(self, timestamp: int, clock: int, arrival_s: float, pcm: NDArray[int16]) -> None:
        """Keep a frame of 20 ms, int16, shape (samples,), that came then; `clock`: ticks of the RTP clock in it."""
        if self._first is None:
            self._first = timestamp
        ticks = ((timestamp - self._first + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        place = ticks // clock
        if 0 <= place < LONGEST_FRAMES and place not in self._frames:
            self._frames[place] = pcm.copy()
            self._wait_s += arrival_s - TICK_S * ticks / clock

    def heard(self) -> HeardSound | None:
        """Give all that was kept; None: nothing came."""
        if not self._frames:
            return None
        silence = zeros(self._frames[0].size, int16)
        frames = [self._frames.get(place, silence) for place in range(max(self._frames) + 1)]
        return HeardSound(concatenate(frames), self._wait_s / len(self._frames))
