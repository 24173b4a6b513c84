"""Frames on their way from the tick to the application that reads them."""

import asyncio
from collections import deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameStream"]

# One second. A reader that is further behind is not listening to the call any more; what it has not read is old news,
# so the oldest frame gives way to the newest.
STREAM_FRAMES = 50


class FrameStream:
    """An endless row of frames: ``async for frame in stream``; it ends when the call does.

    Bounded: when a reader is more than `limit` frames behind, the oldest is dropped and `dropped` counts it.
    What was queued when the call ended is still delivered.

    Parameters
    ----------
    limit
        How many frames (20 ms each) may wait.
    """

    def __init__(self, limit: int = STREAM_FRAMES) -> None:
        self.dropped = 0
        self._frames: deque[NDArray[np.int16]] = deque(maxlen=limit)
        self._arrived = asyncio.Event()
        self._ended = False

    def put(self, frame: NDArray[np.int16]) -> None:
        """Append a copy of a frame, int16, shape (samples,)."""
        self.dropped += len(self._frames) == self._frames.maxlen
        self._frames.append(frame.copy())
        self._arrived.set()

    def end(self) -> None:
        """Let the reader finish what is queued, and stop."""
        self._ended = True
        self._arrived.set()

    def __aiter__(self) -> "FrameStream":
        return self

    async def __anext__(self) -> NDArray[np.int16]:
        while not self._frames:
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()
