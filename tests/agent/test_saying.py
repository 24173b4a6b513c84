"""Speaking: how much was heard, breaking in, other rates, streams; judged by the packets."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softphone import AudioError, CallEnded
from softphone.audio import Resampler
from tests.agent.test_agent import conversation, listen, until_heard
from tests.agent.test_agent_says import spoken
from tests.support.overhearing import overheard
from tests.support.tones import Pcm, amplitude_of, sine, write_wav


async def test_a_playback_that_is_cleared_falls_silent_at_once_and_says_how_much_was_heard() -> None:
    async with overheard() as (call, said):
        playback = call.speak(sine(440, 30.0))
        while playback.heard_s < 0.3:
            await asyncio.sleep(0.01)
        assert not playback.done
        heard_s = playback.clear()
        before = call.frames()
        await listen(call, 5)
        before.end()
        assert spoken(said()).size / 8000 == pytest.approx(heard_s, abs=0.011), "the last frame fades within 10 ms"
        assert heard_s == playback.heard_s == playback.clear() == await playback
        assert 0.3 <= heard_s < 3.0 and playback.done


async def test_a_playback_that_is_heard_out_says_so() -> None:
    async with overheard() as (call, said):
        playback = call.speak(sine(440, 0.3))
        assert playback.heard_s == 0.0
        assert await playback == pytest.approx(0.3)
        assert playback.done and playback.clear() == pytest.approx(0.3)
        await call.play(sine(700, 0.1))
        assert playback.heard_s == pytest.approx(0.3)
        assert spoken(said()).size == pytest.approx(8000 * 0.4, abs=8)


async def test_playbacks_wait_for_one_another_and_one_that_never_began_was_not_heard() -> None:
    async with overheard() as (call, said):
        first, second, third = (call.speak(sine(hz, 0.2)) for hz in (440, 700, 900))
        assert second.clear() == 0.0
        assert [await first, await second, await third] == pytest.approx([0.2, 0.0, 0.2])
        one, other = np.split(spoken(said()), 2)
    assert amplitude_of(one, 440) > 0.2 and amplitude_of(other, 900) > 0.2


async def test_clearing_a_call_ends_all_that_is_said_and_to_be_said() -> None:
    async with overheard() as (call, said):
        playback = call.speak(sine(440, 30.0))
        writing = [asyncio.create_task(call.write(sine(700, 30.0))) for _ in range(2)]
        while not playback.heard_s:
            await asyncio.sleep(0.01)
        call.clear()
        await asyncio.gather(*writing)
        await playback
        said()
        await call.play(sine(900, 0.2))
        assert amplitude_of(spoken(said()), 900) > 0.2


async def test_clearing_ends_a_writer_in_the_middle() -> None:
    async with overheard() as (call, _):
        writing = asyncio.create_task(call.write(sine(700, 30.0)))
        await listen(call, 5)
        call.clear()
        await writing


async def test_a_cancelled_play_falls_silent_at_once() -> None:
    async with overheard() as (call, said):
        playing = asyncio.create_task(call.play(sine(440, 30.0)))
        await listen(call, 5)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        await listen(call, 2)
        said()
        await listen(call, 5)
        assert not said().any()


async def synthesiser(*pieces: Pcm) -> AsyncIterator[Pcm]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def test_a_stream_of_another_rate_is_spoken_without_a_seam() -> None:
    wave = sine(440, 0.6, rate_hz=24000)
    async with overheard() as (call, said):
        assert await call.speak(synthesiser(*np.split(wave, 9)), 24000) == pytest.approx(0.6, abs=0.002)
        heard = spoken(said())[400:-400]
    at = np.arange(heard.size) / 8000
    basis = np.column_stack((np.sin(2 * np.pi * 440 * at), np.cos(2 * np.pi * 440 * at)))
    fit, *_ = np.linalg.lstsq(basis, heard / 32767, rcond=None)
    residue = heard / 32767 - basis @ fit
    assert np.hypot(*fit) == pytest.approx(0.25, rel=0.02) and np.sqrt(np.mean(residue**2)) < 0.01


async def test_a_generator_that_is_cut_off_is_closed() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[Pcm]:
        try:
            while True:
                yield sine(440, 0.1)
        finally:
            closed.set()

    async with overheard() as (call, _):
        playback = call.speak(endless())
        await listen(call, 5)
        playback.clear()
        await closed.wait()


@pytest.mark.parametrize("rate_hz", [16000, 24000, 44100, 48000])
async def test_writes_of_another_rate(rate_hz: int) -> None:
    async with overheard() as (call, said):
        for piece in np.array_split(sine(440, 0.4, rate_hz=rate_hz), 7):
            await call.write(piece, rate_hz)
        await call.drain()
        heard = spoken(said())
    assert heard.size == pytest.approx(3200, abs=10)
    assert amplitude_of(heard[200:-200], 440) == pytest.approx(0.25, rel=0.03)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
async def test_frames_of_another_rate(rate_hz: int) -> None:
    async with conversation() as (caller, callee):
        talking = asyncio.create_task(caller.play(sine(440, 60.0)))
        await until_heard(callee, 440)
        frames = callee.frames(rate_hz)
        heard: list[Pcm] = []
        while len(heard) < 25:  # that the machine was late for is not the resampler's fault
            frame = await anext(frames)
            heard = [*heard, frame] if not frame.gap else []
        talking.cancel()
    assert {frame.shape for frame in heard} == {(rate_hz // 50,)}
    assert amplitude_of(np.concatenate(heard[10:]), 440, rate_hz) == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("rate_hz", [0, -8000])
async def test_a_rate_is_positive(rate_hz: int) -> None:
    with pytest.raises(AudioError, match=f"from 2000 to 768000, not {rate_hz}"):
        Resampler(8000, rate_hz)


@pytest.mark.parametrize("rate_hz", [11025, 8010, 0, 16000.5])
async def test_frames_have_a_whole_number_of_samples(rate_hz: Any) -> None:
    async with overheard() as (call, _):
        with pytest.raises(AudioError, match="whole number"):
            call.frames(rate_hz)


async def test_what_cannot_be_spoken_is_named(tmp_path: Path) -> None:
    nothing: Any = 5
    async with overheard() as (call, _):
        with pytest.raises(AudioError, match="missing.wav"):
            call.speak(tmp_path / "missing.wav")
        for wrong in (nothing, np.zeros((1, 2, 3)), np.array([np.nan]), np.zeros(3, np.int32)):
            with pytest.raises(AudioError):
                await call.speak(wrong)
        path = write_wav(tmp_path / "right.wav", sine(440, 0.1, rate_hz=16000), 16000)
        assert await call.speak(path) == pytest.approx(0.1)


async def broken() -> AsyncIterator[Pcm]:
    yield np.array([np.nan])


async def test_who_waits_for_what_fails_is_told_and_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async with overheard() as (call, _):
        with pytest.raises(AudioError):
            await call.speak(broken())
        assert not [each for each in caplog.records if "playback" in each.message]
        unwatched = call.speak(broken())
        while not unwatched.done:
            await asyncio.sleep(0)
        (told,) = [each for each in caplog.records if "playback" in each.message]
        assert told.levelno == logging.ERROR and told.exc_info is None
        with pytest.raises(AudioError):
            await unwatched


async def test_the_end_of_the_call_ends_what_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async with conversation() as (caller, callee):
        playback = caller.speak(sine(440, 60.0))
        unwatched = caller.speak(sine(440, 60.0))
        await until_heard(callee, 440)
        await callee.hangup()
        with pytest.raises(CallEnded):
            await playback
        assert 0 < playback.heard_s < 60 and unwatched.heard_s == 0.0
        with pytest.raises(CallEnded):
            caller.speak(sine(440, 0.1))
    ours = (each for each in caplog.records if each.name != "softphone.agent.plane")  # that the machine is slow
    assert not [each for each in ours if each.levelno >= logging.WARNING]
