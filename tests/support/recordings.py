"""A room of two who talk without end, and a recording of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mixer.frame import TICK_S
from softphone.media.contract.messages import CreateRoom
from softphone.media.workers.local import AppLeg, LocalMedia
from softphone.recordings.active import Speaker
from softphone.recordings.entry import Entry
from softphone.recordings.library import Library
from tests.support.tones import sine

TONES = {"anna": 400.0, "boris": 1000.0}


@asynccontextmanager
async def room_of_two() -> AsyncIterator[tuple[LocalMedia, int, dict[str, AppLeg]]]:
    """A room in which two talk without end, each a tone of its own."""
    media = LocalMedia()
    room = (await media.ask(CreateRoom())).value
    apps = {name: AppLeg(media, room) for name in TONES}
    for name, app in apps.items():
        sound = sine(TONES[name], 0.02)
        app.on_frame = lambda _, app=app, sound=sound: app.write(sound)  # type: ignore[misc]
        app.write(sound)
    media.open_app(room).close()  # has the clock started
    yield media, room, apps
    media.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():
            await asyncio.sleep(0.01)


async def ticks(media: LocalMedia, count: int) -> None:
    """Wait for so many ticks more, and until none is overdue: what is done then is done at its place in the sound."""
    pacer = media._pacer
    until_tick = pacer.ticks + count
    await until(lambda: pacer.ticks >= until_tick and (pacer.deadline or 0.0) > time.monotonic())


async def one_recording(library: Library, seconds: float = 0.3) -> Entry:
    """Record two who talk, and wait until it is ready; those who wait for it may not have been told yet."""
    async with room_of_two() as (media, room, apps):
        speakers = [Speaker(name, app.leg) for name, app in apps.items()]
        running = await library.start(media, room, conference="s-1", parties=speakers)
        await ticks(media, round(seconds / TICK_S))
        await running.stop()
    await until(lambda: library.entries[0].state == "ready")
    return await library.get(running.id)
