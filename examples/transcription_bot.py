"""A bot that feeds a speech recogniser: 16 kHz, whole utterances, off the event loop, with the time kept right.

python examples/transcription_bot.py sip:conf_...@127.0.0.1:5060
"""

import asyncio
import logging
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from softphone import Bot, run_bot

RATE_HZ = 16000
FRAME_S = 0.02
LOUD = 300  # of 32767
PAUSE_FRAMES = 30  # 0.6 s of silence end an utterance

Recogniser = Callable[[NDArray[np.int16], int], str]


def how_long(pcm: NDArray[np.int16], rate_hz: int) -> str:
    """Stand in for a model: it may take its time, for it runs in a thread."""
    return f"{pcm.size / rate_hz:.1f} s of speech"


class TranscriptionBot(Bot):
    """Prints (or hands on) each utterance with the second at which it began."""

    def __init__(self, recognise: Recogniser = how_long, say: Callable[[float, str], object] = print) -> None:
        self.recognise = recognise
        self.say = say
        self.utterances: asyncio.Queue[tuple[float, NDArray[np.int16]]] = asyncio.Queue()

    async def on_joined(self) -> None:
        """Two tasks: one cuts the sound into utterances in time, the other lets the model take as long as it needs."""
        self.spawn(self.listen())
        self.spawn(self.transcribe())

    async def listen(self) -> None:
        """Collect what is loud, with the pauses within."""
        now_s, began_s, quiet = 0.0, 0.0, 0
        said: list[NDArray[np.int16]] = []
        async for frame in self.call.frames(RATE_HZ):
            now_s += FRAME_S * (1 + frame.gap)  # what was left out took its time all the same
            loud = int(np.abs(frame).max()) > LOUD
            quiet = 0 if loud else quiet + 1 + frame.gap
            if loud and not said:
                began_s = now_s - FRAME_S
            if loud or said:
                said.append(frame)
            if said and quiet >= PAUSE_FRAMES:
                self.utterances.put_nowait((began_s, np.concatenate(said)))
                said = []

    async def transcribe(self) -> None:
        """One utterance after the other, in a thread: the event loop carries the sound of all calls."""
        while True:
            began_s, pcm = await self.utterances.get()
            self.say(began_s, await asyncio.to_thread(self.recognise, pcm, RATE_HZ))


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(run_bot(TranscriptionBot(), sys.argv[1]))
