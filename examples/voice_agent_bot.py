"""A voice agent that answers when it is spoken to, falls silent when somebody breaks in, and knows what it has said.

softphone bot examples/voice_agent_bot.py:VoiceAgentBot sip:conf_...@127.0.0.1:5060
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softphone import Bot, run_bot

SYNTHESISER_HZ = 24000

Synthesiser = Callable[[str], AsyncIterator[tuple[str, NDArray[np.int16]]]]


async def synthesise(text: str) -> AsyncIterator[tuple[str, NDArray[np.int16]]]:
    """Stand in for a speech synthesiser that streams words, faster than they are spoken: 60 ms for each letter."""
    for word in text.split():
        at = np.arange(round(0.06 * SYNTHESISER_HZ * (len(word) + 1))) / SYNTHESISER_HZ
        yield word, np.rint(8000 * np.sin(2 * np.pi * (300 + 40 * len(word)) * at)).astype(np.int16)
        await asyncio.sleep(0)


@dataclass
class Answer:
    """What the agent wanted to say, and how much of it was sent before it was interrupted."""

    text: str
    spoken: str
    heard_s: float


class VoiceAgentBot(Bot):
    """Listen, think, speak; and listen while it speaks."""

    def __init__(self, synthesise: Synthesiser = synthesise) -> None:
        self.synthesise = synthesise
        self.answers: list[Answer] = []

    async def on_joined(self) -> None:
        """Talk beside the frames."""
        self.spawn(self.converse())

    async def converse(self) -> None:
        """Take turns for as long as the call lasts."""
        while True:
            await self.call.wait_voice()
            await self.call.wait_silence(0.6)
            self.answers.append(await self.answer(await self.think()))

    async def think(self) -> str:
        """Ask a language model here; what it heard it could collect by `call.frames()`."""
        return "this is what I have to say about that"

    async def answer(self, text: str) -> Answer:
        """Speak until the end, or until the other side is loud for 100 ms."""
        ends: list[tuple[float, str]] = []  # at which second of the sound each word is over

        async def sound() -> AsyncIterator[NDArray[np.int16]]:
            length_s = 0.0
            async for word, samples in self.synthesise(text):
                length_s += samples.size / SYNTHESISER_HZ
                ends.append((length_s, word))
                yield samples

        playback = self.call.speak(sound(), SYNTHESISER_HZ)

        async def listen() -> None:
            await self.call.wait_voice(0.1)
            playback.clear()  # the next 20 ms are silent

        listening = self.spawn(listen())
        heard_s = await playback
        listening.cancel()
        # So much the model may take for said. What was just sent is still on its way to the other's ear.
        spoken = [word for end_s, word in ends if end_s <= heard_s + 0.01]
        return Answer(text, " ".join(spoken), heard_s)


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(run_bot(VoiceAgentBot(), sys.argv[1]))
