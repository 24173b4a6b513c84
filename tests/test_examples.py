import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from softphone import Agent, Call, run_bot
from softphone.demo.bridge import DemoServer, running_bridge
from tests.agent.test_agent import listen, talking, until_heard
from tests.support.tones import mostly, read_wav, sine

pytestmark = pytest.mark.realtime

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def conference(folder: Path) -> AsyncIterator[tuple[DemoServer, str]]:
    """A bridge with a conference: its face, and the URI to call."""
    async with running_bridge(folder) as started:
        bridge = await started.log_in("101", "dev-101")
        token = (await bridge.create_conference())["voiceCallToken"]
        yield bridge, f"sip:{token}@{bridge.sip.removeprefix('sip:')}"


async def test_the_echo_bot_says_back_what_it_hears(tmp_path: Path) -> None:
    bot = example("echo_bot").EchoBot()
    async with conference(tmp_path) as (_, uri), Agent() as agent:
        call = await agent.invite(uri)
        running = asyncio.create_task(run_bot(bot, uri))
        async with talking(call, sine(440, 60.0)):
            await until_heard(call, 440)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_the_recorder_bot_records_the_conference(tmp_path: Path) -> None:
    bot = example("recorder_bot").RecorderBot(tmp_path / "a.wav")
    async with conference(tmp_path) as (_, uri), Agent() as agent, talking(await agent.invite(uri), sine(440, 60.0)):
        running = asyncio.create_task(run_bot(bot, uri))
        while not bot.takes:
            await asyncio.sleep(0.01)
        await until_heard(bot.call, 440)
        await listen(bot.call, 50)
        await bot.call.hangup()
        assert await running == "hangup"
    pcm, rate_hz = read_wav(tmp_path / "a.wav")
    assert rate_hz == 16000
    assert pcm.size / rate_hz >= 1.0
    assert mostly(pcm[-rate_hz:], 440, rate_hz) > 0.1


async def test_the_recorder_bot_pauses_into_a_second_file(tmp_path: Path) -> None:
    bot = example("recorder_bot").RecorderBot(tmp_path / "a.wav")
    calls: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        calls.put_nowait(call)

    async with Agent("sip:host@127.0.0.1", on_call=answer) as host:
        running = asyncio.create_task(run_bot(bot, host.contact))
        call = await calls.get()
        for _ in range(2):
            frames = call.frames()
            for _ in range(15):
                await anext(frames)
            await call.send_keys("0", method="info")
        await call.hangup()
        assert await running == "bye"
    assert read_wav(tmp_path / "a.wav")[0].size > 0
    assert (tmp_path / "a-2.wav").exists()


async def test_who_is_talking_is_announced(tmp_path: Path) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()

    async def until_said(words: str) -> None:
        while words not in await said.get():
            pass

    async with (
        conference(tmp_path) as (bridge, uri),
        Agent("sip:ada@127.0.0.1") as ada,
        Agent("sip:bob@127.0.0.1") as bob,
    ):
        bot: Any = example("who_is_talking_bot").WhoIsTalkingBot(bridge.http, announce=said.put_nowait)
        running = asyncio.create_task(run_bot(bot, uri))
        calls = [await ada.invite(uri), await bob.invite(uri)]
        for call, name in zip(calls, ("ada", "bob"), strict=True):
            async with talking(call, sine(440, 90.0)):
                await until_said(f"talking: {name}")
            await until_said("talking: nobody")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_the_voice_agent_falls_silent_when_it_is_interrupted(tmp_path: Path) -> None:
    bot = example("voice_agent_bot").VoiceAgentBot()
    async with conference(tmp_path) as (_, uri), Agent() as agent:
        call = await agent.invite(uri)
        running = asyncio.create_task(run_bot(bot, uri))
        while not bot.answers:  # on a slow machine a question may pass before the bot listens
            await call.play(sine(440, 0.5))
            if await call.wait_voice(timeout_s=3.0):
                async with talking(call, sine(440, 60.0)):
                    await call.wait_silence(0.2)
        (answer,) = bot.answers
        assert answer.text.startswith(answer.spoken) and 0.0 < answer.heard_s < 2.2
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
