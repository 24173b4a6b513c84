"""The end of a playback is told once, however short it is."""

import asyncio
from pathlib import Path
from typing import Any

from softphone.focus.voice.playbacks import Playbacks

PATHS = [Path("beep.wav")]


class Media:
    """Workers whose every playback is over before its number is known."""

    def __init__(self) -> None:
        self.playbacks = Playbacks(self)  # type: ignore[arg-type]
        self.number = 0

    async def play(self, _paths: Any, **_to: Any) -> int:
        self.number = number = self.number + 1
        await asyncio.sleep(0)
        self.playbacks.ended(number, "finished")
        await asyncio.sleep(0)
        return number


async def test_an_end_that_comes_before_the_number_is_told_after_it() -> None:
    media = Media()
    told: list[str] = []
    begun = [media.playbacks.to_leg(1, PATHS, told.append), media.playbacks.to_room(2, PATHS, told.append)]
    assert [await beginning for beginning in begun] == [1, 2]
    await asyncio.sleep(0)
    assert told == ["finished", "finished"]
    begun = [media.playbacks.to_leg(1, PATHS, told.append) for _ in range(3)]
    assert await asyncio.gather(*begun) == [3, 4, 5]
    await asyncio.sleep(0)
    assert told == ["finished"] * 5
    assert (media.playbacks._early, media.playbacks._on_end) == ({}, {})


async def test_whoever_begins_one_knows_its_number_when_the_end_is_told() -> None:
    media, number = Media(), 0
    told: list[tuple[int, str]] = []

    def ended(reason: str) -> None:
        told.append((number, reason))

    number = await media.playbacks.to_leg(1, PATHS, ended)
    assert told == []
    await asyncio.sleep(0)
    assert told == [(1, "finished")]
