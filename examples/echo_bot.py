"""A bot that says back what it hears.

softphone bot examples/echo_bot.py:EchoBot sip:conf_...@127.0.0.1:5060
"""

import asyncio
import sys

import numpy as np
from numpy.typing import NDArray

from softphone import Bot, run_bot


class EchoBot(Bot):
    """Press # to send it away."""

    async def on_frame(self, frame: NDArray[np.int16]) -> None:
        """Say 20 ms back; write() keeps the pace."""
        await self.call.write(frame)

    async def on_key(self, key: str) -> None:
        """Hang up on #."""
        if key == "#":
            await self.call.hangup()


if __name__ == "__main__":
    asyncio.run(run_bot(EchoBot(), sys.argv[1]))
