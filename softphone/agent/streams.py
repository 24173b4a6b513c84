"""Frames from the tick to the readers of the application."""

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from softphone.audio import Resampler

__all__ = ["Frame", "FrameStream"]

# One second. A reader that is further behind is not listening to the call any more; what it has not read is old news,
# so the oldest frame gives way to the newest.
STREAM_FRAMES = 50


class Frame(np.ndarray[tuple[int], np.dtype[np.int16]]):
    """20 ms of sound: int16, shape (samples,); an array like any other, which knows what is missing before it.

    Attributes
    ----------
    gap
        Frames of 20 ms that were left out between the one before and this one, because the reader was more than a
        second behind or the event loop was busy for too long; 0 almost always. What the network lost is no gap: that is
        made up for, and counted in :meth:`Call.stats`. Of arrays computed from a frame it is 0.
    """

    gap: int = 0


class FrameStream:
    """An endless row of frames: ``async for frame in stream``; it ends when the call does.

    Bounded: when a reader is more than `limit` frames behind, the oldest is dropped, `dropped` counts it, and the frame
    after it says so (:attr:`Frame.gap`). What was queued when the call ended is still delivered.

    Parameters
    ----------
    limit
        How many frames (20 ms each) may wait.
    on_drop
        Called each time that one does not.
    resampler
        Brings the frames to another rate as they are read.
    """

    def __init__(
        self,
        limit: int = STREAM_FRAMES,
        *,
        on_drop: Callable[[], object] | None = None,
        resampler: Resampler | None = None,
    ) -> None:
        self.dropped = 0
        self._frames: deque[Frame] = deque()
        self._limit = limit
        self._gap = 0
        self._on_drop = on_drop
        self._resampler = resampler
        self._ready: deque[Frame] = deque()
        self._readers: deque[asyncio.Future[None]] = deque()
        self._ended = False

    def put(self, frame: NDArray[np.int16]) -> None:
        """Append a copy of a frame, int16, shape (samples,)."""
        kept = frame.copy().view(Frame)
        if self._gap:
            kept.gap, self._gap = self._gap, 0
        self._frames.append(kept)
        if len(self._frames) > self._limit:
            lost = self._frames.popleft()
            self._frames[0].gap += lost.gap + 1
            self.dropped += 1
            if self._on_drop is not None:
                self._on_drop()
        if self._readers:
            self._wake()

    def skip(self, frames: int) -> None:
        """Note that so many frames never came."""
        self._gap += frames
        self.dropped += frames

    def end(self) -> None:
        """Let the reader finish what is queued, and stop."""
        self._ended = True
        self._wake()

    def __aiter__(self) -> "FrameStream":
        return self

    async def __anext__(self) -> Frame:
        if self._resampler is not None:
            return await self._resampled(self._resampler)
        if not self._frames:
            await self._arrival()
        return self._frames.popleft()

    async def _resampled(self, resampler: Resampler) -> Frame:
        gap = 0
        while not self._ready:
            if not self._frames:
                await self._arrival()
            frame = self._frames.popleft()
            gap += frame.gap
            self._ready.extend(each.view(Frame) for each in resampler.frames(frame))
        if gap:
            self._ready[0].gap = gap
        return self._ready.popleft()

    async def _arrival(self) -> None:
        """Wait until there is a frame; raises StopAsyncIteration when none comes any more."""
        while not self._frames:
            if self._ended:
                raise StopAsyncIteration
            # A future of one's own: this happens for each frame of each reader, and an Event costs twice as much.
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers.append(reader)
            await reader

    def _wake(self) -> None:
        """Let all readers look for themselves."""
        while self._readers:
            reader = self._readers.popleft()
            if not reader.done():  # else it was cancelled
                reader.set_result(None)
