"""What an agent says, judged by the packets it sends: not by the clock, nor by a playout buffer at the other end."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from mixer.dtmf_detector import Detector
from softphone import AudioError
from softphone.sip.message.message import Headers
from softphone.sip.ua.call import InviteSession
from tests.support.overhearing import FRAME, overheard
from tests.support.tones import Pcm, amplitude_of, sine, write_wav

pytestmark = pytest.mark.realtime


def spoken(frames: Pcm) -> Pcm:
    """Without the silence before, between and after."""
    heard: Pcm = frames[np.abs(frames).max(axis=1) > 0].ravel()
    return heard


async def test_write_runs_at_the_speed_of_the_call() -> None:
    async with overheard() as (call, _):
        ticks = call.frames()
        await call.write(sine(440, 0.8))
        ticks.end()
        passed = len([frame async for frame in ticks])
    assert 40 - 4 <= passed <= 40 + 4


async def test_two_writers_take_turns() -> None:
    async with overheard() as (call, said):
        await asyncio.gather(call.play(sine(440, 0.5)), call.play(sine(700, 0.5)))
        first, second = np.split(spoken(said()), 2)
    for heard, mine, other in ((first, 440, 700), (second, 700, 440)):
        assert heard.size == 4000
        assert amplitude_of(heard, mine) == pytest.approx(0.25, rel=0.01)
        assert amplitude_of(heard, other) < 0.005


async def test_keys_as_tones() -> None:
    detector = Detector(1)
    async with overheard() as (call, said):
        await call.send_keys("15#", method="inband")
        found = [key for frame in said() for _, key in detector.feed([0], frame[None, :])]
    assert found == ["1", "5", "#"]


async def test_nothing_is_sent_after_the_last_sample_however_long_the_goodbye_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goodbye = InviteSession.bye

    async with overheard() as (call, said):

        async def late(self: InviteSession, headers: Headers = ()) -> None:
            ticks = call.frames()
            for _ in range(5):
                await anext(ticks)
            await goodbye(self, headers)

        monkeypatch.setattr(InviteSession, "bye", late)
        await call.write(sine(440, 0.5))
        await call.write(sine(440, 0.1, rate_hz=16000), 16000)
        await call.hangup(drain=True)
        frames = said()
    loud = np.flatnonzero(np.abs(frames).max(axis=1))
    assert loud[-1] == len(frames) - 1
    assert spoken(frames).size == pytest.approx(8000 * 0.6, abs=FRAME)


async def test_who_says_nothing_hangs_up_at_once() -> None:
    async with overheard() as (call, _):
        await call.hangup(drain=True)
        assert await call.wait_ended() == "hangup"
        await call.hangup(drain=True)


async def test_a_peer_that_hangs_up_in_the_middle_is_no_error() -> None:
    async with overheard() as (call, _):
        await call.write(sine(440, 0.5))
        leaving = asyncio.create_task(call.hangup(drain=True))
        await asyncio.sleep(0)
        await call.hangup()
        await leaving


async def test_a_file_of_another_rate_is_played(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "hello.wav", sine(440, 1.0, rate_hz=44100), 44100)
    async with overheard() as (call, said):
        await call.play(path)
        heard = spoken(said())
        assert heard.size == pytest.approx(8000, abs=160)
        assert amplitude_of(heard, 440) == pytest.approx(0.25, rel=0.02)
        with pytest.raises(AudioError, match="no such"):
            await call.play(tmp_path / "missing.wav")
