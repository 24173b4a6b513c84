"""Keys that are gathered while something is heard; the clock jumps."""

import asyncio

import pytest

from softphone.api.restcomm.gathering import gathered
from softphone.errors import AudioError
from softphone.testing import run

Presses = list[tuple[float, str]]


async def scene(presses: Presses, heard_s: float, **wish: object) -> tuple[str, float, list[str]]:
    """What is gathered, when that was known, and how what was heard ended."""
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop, ends = asyncio.get_running_loop(), []

    async def heard() -> None:
        try:
            await asyncio.sleep(heard_s)
            ends.append("heard")
        except asyncio.CancelledError:
            ends.append("cut short")
            raise

    began = loop.time()
    for at, key in presses:
        loop.call_later(at, keys.put_nowait, key)
    rules = {"finish": "#", "most": 255, "timeout_s": 5.0, **wish}
    pressed = await gathered(keys, heard(), **rules)  # type: ignore[arg-type]
    return pressed, round(loop.time() - began, 3), ends


@pytest.mark.parametrize(
    ("presses", "heard_s", "wish", "pressed", "after_s", "end"),
    [
        ([(1, "1"), (2, "2"), (3, "#")], 10, {}, "12", 3, "cut short"),
        ([(1, "1"), (2, "2"), (3, "3")], 10, {"most": 2}, "12", 2, "cut short"),
        ([(1, "1"), (7, "2")], 0, {}, "1", 6, "heard"),
        ([(8, "7")], 4, {"most": 1}, "7", 8, "heard"),
        ([], 4, {}, "", 9, "heard"),
        ([(10, "1")], 4, {}, "", 9, "heard"),
        ([(1, "#")], 10, {}, "", 1, "cut short"),
        ([(1, "#"), (2, "*")], 10, {"finish": "*"}, "#", 2, "cut short"),
        ([(1, "*"), (2, "#")], 10, {"finish": "", "most": 2}, "*#", 2, "cut short"),
    ],
)
def test_which_keys(
    presses: Presses, heard_s: float, wish: dict[str, object], pressed: str, after_s: float, end: str
) -> None:
    assert run(scene(presses, heard_s, **wish)) == (pressed, after_s, [end])


def test_what_cannot_be_heard_is_told() -> None:
    async def fails() -> None:
        raise AudioError("no sound")

    async def work() -> None:
        with pytest.raises(AudioError):
            await gathered(asyncio.Queue(), fails(), finish="", most=1, timeout_s=1.0)

    run(work())
