"""Many bots in one process: each says its own tone into the conference and counts how often somebody else is loud.

python examples/crowd_bots.py sip:conf_...@127.0.0.1:5060 5
"""

import asyncio
import logging
import sys

import numpy as np
from numpy.typing import NDArray

from softphone import Bot, run_bot


class ToneBot(Bot):
    """A tone of half a second, then half a second of silence, for ever."""

    def __init__(self, hz: float) -> None:
        self.hz = hz
        self.loud = 0

    async def on_joined(self) -> None:
        """Speak beside the frames."""
        self.spawn(self.speak())

    async def speak(self) -> None:
        """Say it until the call ends; write() keeps the pace."""
        at = np.arange(self.call.rate // 2) / self.call.rate
        tone = np.rint(4000 * np.sin(2 * np.pi * self.hz * at)).astype(np.int16)
        while True:
            await self.call.write(tone)
            await self.call.write(np.zeros_like(tone))

    async def on_frame(self, frame: NDArray[np.int16]) -> None:
        """Count; a frame comes every 20 ms, so this must be short."""
        self.loud += int(np.abs(frame).max() > 1000)


async def main(uri: str, count: int, duration_s: float) -> list[ToneBot]:
    """Run them side by side: they share one media plane, so that twenty cost what one agent with twenty calls does."""
    bots = [ToneBot(400.0 + 100.0 * number) for number in range(count)]
    calls = [
        run_bot(bot, uri, identity=f"sip:tone{number}@127.0.0.1", duration_s=duration_s)
        for number, bot in enumerate(bots)
    ]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        print(outcome)
    return bots


if __name__ == "__main__":
    logging.basicConfig()  # a process that is too slow says so once here, and counts it in bot.dropped
    bots = asyncio.run(main(sys.argv[1], int(sys.argv[2]), 10.0))
    print("frames missed:", sum(bot.dropped for bot in bots))
