"""Agents in wide codecs: in one conference with narrow ones, each at its own rate."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from softphone import Agent, Call
from softphone.codec import codec
from softphone.config import DEV_PATH, load
from softphone.testing import ConferenceBridge, run
from tests.support.tones import sine

CODECS = ("PCMU", "PCMA", "G722", "OPUS")
HZ = 400.0


async def heard(call: Call, ticks: int) -> NDArray[np.int16]:
    frames = []
    async for frame in call.frames():
        frames.append(frame)
        if len(frames) == ticks:
            break
    return np.concatenate(frames)


def tones(sound: NDArray[np.int16], rate_hz: int) -> set[int]:
    """Which of the agents' tones are in the last half second."""
    last = sound[-rate_hz // 2 :].astype(float) / 32768
    at = np.arange(len(last)) / rate_hz
    levels = [abs(2 * np.mean(last * np.exp(-2j * np.pi * (HZ + 300 * k) * at))) for k in range(len(CODECS))]
    return {k for k, level in enumerate(levels) if level > 0.05}


def test_who_hears_whom_over_all_codecs(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            uri = bridge.uri(await bridge.conference())
            agents = [Agent(codecs=(name,), write_ahead_s=5.0) for name in CODECS]
            for agent in agents:
                await agent.__aenter__()
            calls = [await agent.invite(uri) for agent in agents]
            assert [call.rate for call in calls] == [codec(name).rate_hz for name in CODECS]
            for k, call in enumerate(calls):
                call.write_nowait(sine(HZ + 300 * k, 2.5, rate_hz=call.rate), call.rate)
            ears = await asyncio.gather(*(heard(call, 100) for call in calls))
            for k, (call, sound) in enumerate(zip(calls, ears, strict=True)):
                assert tones(sound, call.rate) == {0, 1, 2, 3} - {k}
            for agent in agents:
                await agent.__aexit__(None, None, None)

    run(scene())


@pytest.mark.parametrize(("codecs", "agreed"), [(("OPUS", "PCMU"), "OPUS"), (("PCMA", "G722"), "PCMA")])
def test_what_the_caller_likes_best_is_spoken_and_frames_keep_their_rate(
    tmp_path: Path, codecs: tuple[str, ...], agreed: str
) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge, Agent(codecs=codecs) as agent:
            call = await agent.invite(bridge.uri(await bridge.conference()))
            assert call._control.media.leg.spec.codec == agreed
            assert call.rate == 16_000
            assert len(await heard(call, 3)) == 3 * 320

    run(scene())


@pytest.mark.parametrize("name", ["OPUS", "G722", "OPUS/16000", "L16/16000"])
def test_keys_and_a_hold_work_in_every_codec(tmp_path: Path, name: str) -> None:
    async def scene() -> None:
        config = load(DEV_PATH)
        config = replace(config, media=replace(config.media, codecs=(name, "PCMU")))
        async with (
            ConferenceBridge(tmp_path, config) as bridge,
            Agent(codecs=(name,), write_ahead_s=2) as one,
            Agent() as other,
        ):
            session = await bridge.conference()
            speaker, listener = await one.invite(bridge.uri(session)), await other.invite(bridge.uri(session))
            for key, heard_then in (("", True), ("*1", False), ("*1", True)):
                if key:
                    await speaker.send_keys(key)
                await asyncio.sleep(0.3)
                speaker.write_nowait(sine(HZ, 1.0, rate_hz=speaker.rate), speaker.rate)
                assert (tones(await heard(listener, 45), listener.rate) == {0}) == heard_then

    run(scene())
