"""A bot of the demonstration: says its own tone all the time, and remembers what it hears."""

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S, samples_per_tick
from mixer.tone import sine
from softphone.agent import Agent, Call
from softphone.audio import frames_of
from softphone.errors import CallEnded

__all__ = ["DemoParty"]


class DemoParty:
    """One party with a telephone of its own: entering calls the conference, leaving hangs up.

    Parameters
    ----------
    identity
        Its SIP URI.
    password
        Answers the challenge, when the bridge knows the party.
    uri
        Whom it calls.
    tone_hz, level_dbov
        What it says, and how loud.
    """

    def __init__(self, identity: str, password: str | None, uri: str, tone_hz: float, level_dbov: float) -> None:
        self.tone_hz = tone_hz
        self._level_dbov = level_dbov
        self._uri = uri
        self._agent = Agent(identity, password=password)
        self._speaking: asyncio.Task[None] | None = None
        self._exit = AsyncExitStack()
        self.call: Call

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._agent)
            self.call = await self._agent.invite(self._uri)
            stack.push_async_callback(self.fall_silent)
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    def speak(self) -> None:
        """Say the tone from now on."""
        self._speaking = asyncio.create_task(self._say())

    async def fall_silent(self) -> None:
        """Stop saying it."""
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)

    async def listen(self, seconds: float) -> NDArray[np.int16]:
        """Return what is heard from now on for so long: int16, shape (samples,).

        Raises
        ------
        CallEnded
            The call ended before.
        """
        heard: list[NDArray[np.int16]] = []
        stream = self.call.frames()
        while len(heard) < round(seconds / TICK_S):
            try:
                heard.append(await anext(stream))
            except StopAsyncIteration:
                raise CallEnded("the bridge hung up") from None
        return np.concatenate(heard)

    async def _say(self) -> None:
        # A second of a tone of a whole number of hertz joins its own beginning.
        second = sine(self.tone_hz, self.call.rate, self.call.rate, level_dbov=self._level_dbov)
        while True:
            for frame in frames_of(second, samples_per_tick(self.call.rate)):
                await self.call.write(frame)
