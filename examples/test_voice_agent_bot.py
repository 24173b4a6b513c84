"""The voice agent and its test: a conversation with an interruption, in a conference without a server or a socket.

pytest examples/test_voice_agent_bot.py
"""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone import Agent, Call, run_bot
from softphone.testing import ConferenceBridge, run

TEXT = "this is what I have to say about that"
LENGTH_S = 0.06 * (len(TEXT) + 1)


def voice(call: Call, seconds: float) -> NDArray[np.int16]:
    """Write a tone that passes for somebody who speaks."""
    at = np.arange(round(seconds * call.rate)) / call.rate
    wave: NDArray[np.int16] = np.rint(8000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    return wave


@asynccontextmanager
async def conversation(folder: Path) -> AsyncIterator[tuple[Any, Call]]:
    """Give a voice agent, and the call of somebody who is in the same conference."""
    spec = importlib.util.spec_from_file_location("voice_agent_bot", Path(__file__).with_name("voice_agent_bot.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    async with ConferenceBridge(folder) as bridge, Agent() as agent:
        session = await bridge.conference()
        bot = module.VoiceAgentBot()
        running = asyncio.create_task(run_bot(bot, bridge.uri(session)))
        call = await agent.invite(bridge.uri(session))
        await asyncio.sleep(0.5)
        yield bot, call
        await bot.call.hangup()
        assert await running == "hangup"


def test_it_answers_who_has_spoken(tmp_path: Path) -> None:
    """A question of half a second, then the whole answer."""

    async def scene() -> None:
        async with conversation(tmp_path) as (bot, call):
            await call.play(voice(call, 0.5))
            assert await call.wait_voice(timeout_s=2.0)
            assert await call.wait_silence(0.3)
            await asyncio.sleep(0.3)
            (answer,) = bot.answers
            assert answer.spoken == answer.text == TEXT and answer.heard_s == pytest.approx(LENGTH_S, abs=0.01)

    run(scene())


def test_it_falls_silent_when_somebody_breaks_in_and_knows_what_it_has_said(tmp_path: Path) -> None:
    """A question, and a second one in the middle of the answer."""

    async def scene() -> None:
        async with conversation(tmp_path) as (bot, call):
            await call.play(voice(call, 0.5))
            assert await call.wait_voice(timeout_s=2.0)
            await asyncio.sleep(1.0)
            interrupting = call.speak(voice(call, 1.0))
            assert await call.wait_silence(0.1, timeout_s=0.6)
            assert 0.2 < interrupting.heard_s < 0.6
            (answer,) = bot.answers
            assert 1.0 <= answer.heard_s <= 1.6
            assert answer.spoken in ("this is what I", "this is what I have", "this is what I have to")

    run(scene())
