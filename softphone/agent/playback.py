"""Sound that is being said: how much of it has been heard, and an end to it when the peer breaks in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Generator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softphone import audio
from softphone.agent.voice import Voice
from softphone.errors import AudioError, CallEnded
from softphone.tasks import Tasks

__all__ = ["Playback", "Sound", "pieces"]

Sound = str | Path | NDArray[np.generic] | AsyncIterable[NDArray[np.generic]]
"""A file, an array, or arrays one after the other, as a speech synthesiser gives them."""


class Playback:
    """Something being said in a call, made by :meth:`Call.speak`: ``await playback`` waits until it has been said.

    What is spoken while another playback is under way waits for its end.
    """

    def __init__(self, voice: Voice, sound: AsyncGenerator[NDArray[np.int16], None], tasks: Tasks) -> None:
        self._voice = voice
        self._sound = sound
        self._rate_hz = voice.rate_hz
        self._from: int | None = None
        self._end: int | None = None
        self._cleared = False
        self._task = tasks.start(self._say())

    @property
    def heard_s(self) -> float:
        """Seconds of it that have been sent to the peer so far; after its end, or :meth:`clear`, in all.

        The peer hears them later by the delay of the network and of its own buffer, 50 to 150 ms as a rule.
        """
        if self._from is None:
            return 0.0
        upto = self._voice.said if self._end is None else min(self._voice.said, self._end)
        return max(0, upto - self._from) / self._rate_hz

    @property
    def done(self) -> bool:
        """Whether nothing more of it will be sent."""
        return self._task.done()

    def clear(self) -> float:
        """Stop at once, with what is queued; returns :attr:`heard_s`. After its end nothing happens."""
        if not self._task.done():
            self._cleared = True
            speaking = self._from is not None and self._end is None
            self._task.cancel()
            if speaking:
                self._voice.flush()
            self._end = self._voice.written
        return self.heard_s

    async def wait(self) -> float:
        """Wait until it has all been sent or was cleared; returns :attr:`heard_s`.

        Raises
        ------
        CallEnded
            The call ended before.
        AudioError
            The file, or what the generator gave, is no audio.
        """
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()
        elif not self._cleared:
            raise CallEnded("the call ended before all was said")
        return self.heard_s

    def __await__(self) -> Generator[Any, None, float]:
        return self.wait().__await__()

    async def _say(self) -> None:
        async with aclosing(self._sound), self._voice.turn:
            self._from = self._voice.written
            try:
                async for samples in self._sound:
                    await self._voice.queue(samples)
                await self._voice.sent()
            finally:
                self._end = self._voice.written


async def pieces(sound: Sound, rate_hz: int | None, call_rate_hz: int) -> AsyncGenerator[NDArray[np.int16], None]:
    """Give a sound in int16 at the rate of the call, as it comes; `rate_hz` is that of arrays, None: the call's."""
    if isinstance(sound, str | Path):
        yield await asyncio.to_thread(audio.load, sound, call_rate_hz)
    elif isinstance(sound, np.ndarray):
        yield audio.to_pcm(sound, rate_hz or call_rate_hz, call_rate_hz)
    elif isinstance(sound, AsyncIterable):
        async with aclosing(_stream(sound, rate_hz or call_rate_hz, call_rate_hz)) as stream:
            async for samples in stream:
                yield samples
    else:
        raise AudioError(f"a call speaks a file, an array or an async iterator of arrays, not {type(sound).__name__}")


async def _stream(
    sound: AsyncIterable[NDArray[np.generic]], rate_hz: int, call_rate_hz: int
) -> AsyncGenerator[NDArray[np.int16], None]:
    resampler = audio.Resampler(rate_hz, call_rate_hz) if rate_hz != call_rate_hz else None
    try:
        async for piece in sound:
            pcm = audio.to_pcm(piece, rate_hz, rate_hz)
            yield pcm if resampler is None else resampler.feed(pcm)
        if resampler is not None:
            yield resampler.rest()
    finally:  # a synthesiser that is cut off shall not go on until the garbage is collected
        if isinstance(sound, AsyncGenerator):
            await sound.aclose()
