"""A bot that records the conference it joins into a WAV file.

python examples/recorder_bot.py sip:conf_...@127.0.0.1:5060 meeting.wav
"""

import asyncio
import sys
from pathlib import Path

from softphone import Bot, run_bot


class RecorderBot(Bot):
    """Press 0 to pause and resume it."""

    def __init__(self, path: str | Path = "conference.wav", rate_hz: int = 16000) -> None:
        self.path = Path(path)
        self.rate_hz = rate_hz
        self.takes = 0
        self.seconds = 0.0

    async def on_joined(self) -> None:
        """Begin at once."""
        self.start()

    async def on_key(self, key: str) -> None:
        """Pause, or go on in a new file."""
        if key == "0" and not self.stop():
            self.start()

    def start(self) -> None:
        """Record into the next file: conference.wav, conference-2.wav ..."""
        self.takes += 1
        name = self.path if self.takes == 1 else self.path.with_stem(f"{self.path.stem}-{self.takes}")
        self.call.record(name, rate_hz=self.rate_hz)

    def stop(self) -> bool:
        """Close the file; whether there was one."""
        seconds = self.call.stop_recording()
        self.seconds += seconds
        return seconds > 0

    async def on_hangup(self, reason: str) -> None:
        """Say what came of it."""
        print(f"{reason}: {self.takes} file(s) beside {self.path}")


if __name__ == "__main__":
    uri, *path = sys.argv[1:]
    asyncio.run(run_bot(RecorderBot(path[0] if path else "conference.wav"), uri))
