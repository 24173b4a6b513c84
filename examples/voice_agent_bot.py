"""A voice agent that answers when it is spoken to, and falls silent when somebody breaks in.

softphone bot examples/voice_agent_bot.py:VoiceAgentBot sip:conf_...@127.0.0.1:5060
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from softphone import Bot, run_bot

SYNTHESISER_HZ = 24000


async def synthesise(text: str) -> AsyncIterator[NDArray[np.int16]]:
    """Stand in for a speech synthesiser that streams: a tone of 60 ms for each letter."""
    at = np.arange(round(0.06 * SYNTHESISER_HZ)) / SYNTHESISER_HZ
    for letter in text:
        hz = 300 + 20 * (ord(letter) % 32)
        yield np.rint(8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
        await asyncio.sleep(0)


class VoiceAgentBot(Bot):
    """Listen, think, speak; and listen while it speaks."""

    def __init__(self) -> None:
        self.turns: list[tuple[float, bool]] = []

    async def on_joined(self) -> None:
        """Talk beside the frames."""
        self.spawn(self.converse())

    async def converse(self) -> None:
        """Take turns for as long as the call lasts."""
        while True:
            await self.call.wait_voice()
            await self.call.wait_silence(0.6)
            await self.answer(await self.think())

    async def think(self) -> str:
        """Ask a language model here; what it heard it could collect by `call.frames()`."""
        return "this is what I have to say about that"

    async def answer(self, text: str) -> None:
        """Speak until the end, or until the other side is loud for 100 ms."""
        playback = self.call.speak(synthesise(text), SYNTHESISER_HZ)
        speaking = asyncio.ensure_future(playback.wait())
        breaking_in = asyncio.ensure_future(self.call.wait_voice(0.1))
        try:
            await asyncio.wait([speaking, breaking_in], return_when=asyncio.FIRST_COMPLETED)
        finally:
            cut_off = not playback.done
            heard_s = playback.clear()  # so much of it the model may take for said
            breaking_in.cancel()
            await asyncio.gather(speaking, breaking_in, return_exceptions=True)
        self.turns.append((heard_s, cut_off))


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(run_bot(VoiceAgentBot(), sys.argv[1]))
