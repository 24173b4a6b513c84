"""SpeechQueue, silence, keys and tasks of a call."""

import asyncio
import gc
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone import CallEnded
from softphone.agent.keys import TYPED_AHEAD, KeysHeard
from softphone.agent.streams import FrameStream
from softphone.agent.talk import level_dbov, until_silent, until_voice
from softphone.tasks import Tasks
from softphone.testing.clock import run
from tests.agent.test_agent import conversation, until_heard
from tests.support.tones import sine

LOUD, QUIET = sine(440, 0.02, amplitude=0.25), sine(440, 0.02, amplitude=0.001)


def stream(pattern: str) -> FrameStream:
    """20 ms for each letter: # loud, . quiet; then the end."""
    frames = FrameStream()
    for letter in pattern:
        frames.put(LOUD if letter == "#" else QUIET)
    frames.end()
    return frames


@pytest.mark.parametrize(("pattern", "left"), [("#####.", 1), ("..####.#####", 0), ("####.#####..", 2)])
def test_a_voice_is_loud_for_long_enough(pattern: str, left: int) -> None:
    async def work() -> None:
        frames = stream(pattern)
        assert await until_voice(frames, 0.1, -40.0, None)
        assert len([frame async for frame in frames]) == left

    run(work())


@pytest.mark.parametrize(("pattern", "left"), [(".....#", 1), ("##....#.....", 0)])
def test_silence_is_quiet_for_long_enough(pattern: str, left: int) -> None:
    async def work() -> None:
        frames = stream(pattern)
        assert await until_silent(frames, 0.1, -40.0, None)
        assert len([frame async for frame in frames]) == left

    run(work())


def test_waiting_has_an_end() -> None:
    async def work() -> None:
        with pytest.raises(CallEnded):
            await until_voice(stream("####."), 0.1, -40.0, None)
        assert not await until_silent(FrameStream(), 0.1, -40.0, 5.0)

    run(work())


def test_levels() -> None:
    assert level_dbov(np.full(160, 32767, np.int16)) == pytest.approx(0.0)
    assert level_dbov(sine(1000, 0.02, amplitude=1.0)) == pytest.approx(-3.0, abs=0.1)
    assert level_dbov(np.zeros(160, np.int16)) == level_dbov(np.zeros(0, np.int16)) == -100.0


async def test_a_call_waits_for_voice_and_silence() -> None:
    async with conversation() as (caller, callee):
        assert not await caller.wait_voice(timeout_s=0.1)
        voice = asyncio.create_task(caller.wait_voice())
        await asyncio.gather(voice, callee.play(sine(440, 0.5)))
        assert voice.result() and await caller.wait_silence(0.1)


def typed(keys: str) -> KeysHeard:
    heard = KeysHeard()
    for key in keys:
        heard.put(key)
    return heard


@pytest.mark.parametrize(
    ("keys", "most", "end", "read"),
    [
        ("1234#", None, "#", "1234"),
        ("1234#", 3, "#", "123"),
        ("1*2#", None, "*#", "1"),
        ("#", 4, "#", ""),
        ("12#4", 4, "", "12#4"),
        ("12", 4, "#", "12"),
        ("", 4, "#", ""),
        ("12", 0, "#", ""),
    ],
)
def test_keys_are_read_up_to_their_end_or_for_so_long(keys: str, most: int | None, end: str, read: str) -> None:
    assert run(read_of(keys, most, end)) == read


async def read_of(keys: str, most: int | None, end: str) -> str:
    return await typed(keys).read(most, 5.0, end)


@given(keys=st.text("0123456789*#ABCD", max_size=TYPED_AHEAD), most=st.none() | st.integers(1, 80))
def test_nothing_that_was_typed_is_lost_or_read_twice(keys: str, most: int | None) -> None:
    async def work() -> str:
        heard, read = typed(keys), ""
        while heard._keys:
            read += await heard.read(most, 1.0, "")
        return read

    assert run(work()) == keys


def test_the_time_begins_anew_with_each_key() -> None:
    async def work() -> None:
        heard = KeysHeard()

        async def press() -> None:
            for key in "123":
                await asyncio.sleep(3.0)
                heard.put(key)
            await asyncio.sleep(6.0)
            heard.put("4")

        pressing = asyncio.create_task(press())
        assert await heard.read(None, 4.0, "#") == "123"
        await pressing

    run(work())


async def test_what_was_typed_ahead_is_read_and_the_end_of_the_call_is_told() -> None:
    pressed: list[str] = []
    async with conversation() as (caller, callee):
        callee.on_key = pressed.append
        await caller.send_keys("12#3", method="info")
        assert await callee.read_keys(timeout=5) == "12"
        reading = asyncio.create_task(callee.read_keys(max=2))
        await caller.hangup()
        with pytest.raises(CallEnded):
            await reading
    assert pressed == ["1", "2", "#", "3"]


async def test_work_of_a_call_ends_with_it_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("the model is not there")

    async def endure() -> None:
        await asyncio.get_running_loop().create_future()

    async def too_late() -> None:
        raise CallEnded("it was over")

    async with conversation() as (caller, callee):
        failing, enduring, late = caller.spawn(fail()), caller.spawn(endure()), caller.spawn(too_late())
        await asyncio.wait([failing, late])
        await callee.hangup()
        await caller.wait_ended()
        await asyncio.wait([enduring])
        assert enduring.cancelled()
        with pytest.raises(CallEnded):
            caller.spawn(endure())
    del failing, late
    gc.collect()
    ours = (each for each in caplog.records if each.name != "softphone.agent.plane")  # that the machine is slow
    told = [each for each in ours if each.levelno >= logging.WARNING]
    assert len(told) == 1 and told[0].exc_info is not None and "the model is not there" in str(told[0].exc_info[1])


async def test_work_that_hangs_up_has_the_last_word() -> None:
    words: list[str] = []
    async with conversation() as (caller, callee):

        async def leave() -> None:
            await caller.hangup()
            words.append(await caller.wait_ended())

        await caller.spawn(leave())
        assert await callee.wait_ended() == "bye"
    assert words == ["hangup"]


def test_tasks_are_cancelled_but_for_those_that_are_spared() -> None:
    async def work() -> None:
        tasks = Tasks()
        first, second = tasks.start(asyncio.sleep(1.0)), tasks.start(asyncio.sleep(1.0))
        tasks.cancel(but=second)
        await tasks.settle(None)
        assert (first.cancelled(), second.cancelled()) == (True, False)

    run(work())


async def test_a_tone_is_heard_while_it_is_waited_for() -> None:
    """Two readers of a call do not take frames from one another."""
    async with conversation() as (caller, callee):
        talking = asyncio.create_task(callee.play(sine(440, 60.0)))
        await asyncio.gather(until_heard(caller, 440), caller.wait_voice())
        talking.cancel()
