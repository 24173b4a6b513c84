"""A process that takes notes of a conference and is killed in the middle of it; each line it reads adds a party."""

import asyncio
import sys
from pathlib import Path

import msgspec

from softphone.config import DEV_PATH, load
from softphone.store.history import History
from softphone.store.store import Store


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def main(data: Path, url: str) -> None:
    dev = load(DEV_PATH)
    config = msgspec.structs.replace(dev, store=msgspec.structs.replace(dev.store, url=url))
    async with Store(config, data) as store, History(store.database, data) as history:
        history.conference_created("s-1", kind="token", owner_id="100101")
        history.joined("s-1", "p-1", number="101", role="moderator")
        assert await history.flush(30)
        say("flushed")
        number = 1
        while await asyncio.to_thread(sys.stdin.readline):
            number += 1
            history.joined("s-1", f"p-{number}", number=str(number), role="participant", muted=True)
            say("told")


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
