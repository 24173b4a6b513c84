"""A bot that joins, says something, and records what it hears.

python examples/greeter_bot.py sip:conf_...@127.0.0.1:5060 greeting.wav meeting.wav
"""

import asyncio
import logging
import sys
from pathlib import Path

from softphone import Bot, run_bot


class GreeterBot(Bot):
    """Any key makes it repeat the greeting; # sends it away."""

    def __init__(self, greeting: str | Path, recording: str | Path) -> None:
        self.greeting = greeting
        self.recording = recording

    async def on_joined(self) -> None:
        """Record from the first moment on, and greet."""
        self.call.record(self.recording, rate_hz=16000)
        self.spawn(self.call.play(self.greeting))

    async def on_key(self, key: str) -> None:
        """Hang up on #, greet again on another key."""
        if key == "#":
            await self.call.hangup()
        else:
            self.spawn(self.call.play(self.greeting))

    async def on_hangup(self, reason: str) -> None:
        """Say where the recording is; the hang-up has closed it."""
        print(f"{reason}: {self.recording}, {self.dropped} frames of 20 ms missed")


if __name__ == "__main__":
    logging.basicConfig()
    uri, greeting, recording = sys.argv[1:]
    asyncio.run(run_bot(GreeterBot(greeting, recording), uri))
