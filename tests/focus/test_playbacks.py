"""The end of a playback is told once, and after its number, however short it is and however busy the event loop."""

import asyncio
import time
from pathlib import Path

import pytest

from softphone.focus.voice.playbacks import Playbacks
from softphone.media.contract.leg import Event, PlaybackEnded
from softphone.media.contract.messages import CreateRoom
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.pool import Pool
from tests.support.tones import sine, write_wav

pytestmark = pytest.mark.realtime


async def test_an_end_that_is_read_together_with_the_number_is_told_after_it(tmp_path: Path) -> None:
    pool = Pool(WorkerSettings(capacity=8))
    playbacks, over = Playbacks(pool), set[int]()
    known: dict[int, asyncio.Future[str]] = {}
    short = write_wav(tmp_path / "short.wav", sine(400, 0.01))

    def happened(event: Event) -> None:
        if isinstance(event, PlaybackEnded):
            over.add(event.playback)
            playbacks.ended(event.playback)(event.reason)

    async def play(room: int) -> None:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        number = await playbacks.to_room(room, [short], told.set_result)
        assert number not in over
        known[number] = told

    pool.on_event = happened
    await pool.start()
    try:
        room = (await pool.ask(CreateRoom())).value
        for stall_s in (0.0, 0.3):
            playing = [asyncio.create_task(play(room)) for _ in range(3)]
            await asyncio.sleep(0)
            time.sleep(stall_s)  # the worker plays it meanwhile
            await asyncio.gather(*playing)
            async with asyncio.timeout(30):
                assert [await told for told in known.values()] == ["finished"] * len(known)
    finally:
        await pool.stop()
    assert over == known.keys()
