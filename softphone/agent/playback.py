"""Audio being played: how much of it has been heard, and its interruption."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Generator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softphone import audio
from softphone.agent.speech import SpeechQueue
from softphone.errors import AudioError, CallEnded, SoftphoneError
from softphone.tasks import Tasks

__all__ = ["Playback", "Sound", "pieces"]

log = logging.getLogger(__name__)

Sound = str | Path | NDArray[np.generic] | AsyncIterable[NDArray[np.generic]]
"""A file, an array, or arrays one after the other, as a speech synthesiser gives them."""


class Playback:
    """Something being said in a call, made by :meth:`Call.speak`: ``await playback`` waits until it has been said.

    What is spoken while another playback is under way waits for its end.
    """

    def __init__(
        self, speech: SpeechQueue, sound: AsyncGenerator[NDArray[np.generic], None], rate_hz: int, tasks: Tasks
    ) -> None:
        self._speech = speech
        self._sound = sound
        self._rate_hz = rate_hz
        self._turn = speech.begin()
        self._cleared = self._awaited = False
        self._error: Exception | None = None
        self._task = tasks.start(self._say())

    @property
    def heard_s(self) -> float:
        """Seconds of it that have been sent to the peer so far; after its end, or :meth:`clear`, in all.

        The peer hears them later by the delay of the network and of its own buffer, 50 to 150 ms as a rule.
        """
        return self._speech.heard_s(self._turn)

    @property
    def done(self) -> bool:
        """Whether nothing more of it will be sent."""
        return self._turn.over

    def clear(self) -> float:
        """Stop at once, with what is queued; returns :attr:`heard_s`. After its end nothing happens."""
        if not self._turn.over:
            self._cleared = True
            self._speech.cut(self._turn)
            self._task.cancel()
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
        self._awaited = True
        await asyncio.wait([self._task])
        if self._error is not None:
            raise self._error
        if self._task.cancelled() and not self._cleared:
            raise CallEnded("the call ended before all was said")
        return self.heard_s

    def __await__(self) -> Generator[Any, None, float]:
        return self.wait().__await__()

    async def _say(self) -> None:
        try:
            async with aclosing(self._sound):
                await self._speech.reached(self._turn)
                async for samples in self._sound:
                    await self._speech.say(self._turn, samples, self._rate_hz)
            await self._speech.close(self._turn)
        except Exception as error:
            self._failed(error)
        finally:
            self._speech.cut(self._turn)

    def _failed(self, error: Exception) -> None:
        """Keep an error for who waits, or log it: a traceback is for what no caller can do anything about."""
        self._error = error
        if not self._awaited and not isinstance(error, CallEnded):
            expected = isinstance(error, SoftphoneError)
            log.error("a playback failed: %s", error, exc_info=None if expected else error)


async def pieces(sound: Sound, call_rate_hz: int) -> AsyncGenerator[NDArray[np.generic], None]:
    """Give a sound as it comes: a file at the rate of the call, arrays as they are."""
    if isinstance(sound, str | Path):
        yield await asyncio.to_thread(audio.load, sound, call_rate_hz)
    elif isinstance(sound, np.ndarray):
        yield sound
    elif isinstance(sound, AsyncIterable):
        try:
            async for piece in sound:
                yield audio.checked(piece)
        finally:  # a synthesiser that is cut off shall not go on until the garbage is collected
            if isinstance(sound, AsyncGenerator):
                await sound.aclose()
    else:
        raise AudioError(f"a call speaks a file, an array or an async iterator of arrays, not {type(sound).__name__}")
