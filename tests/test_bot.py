import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone import Agent, Bot, Call, CallRefused, run_bot, serve_bot
from softphone.testing import ConferenceBridge, run
from tests.support.tones import sine

pytestmark = pytest.mark.realtime


class Noting(Bot):
    """Writes down what happens to it."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def on_joined(self) -> None:
        self.notes.append(f"joined {self.call.state.value}")

    async def on_frame(self, frame: NDArray[np.int16]) -> None:
        if "frame" not in self.notes:
            self.notes.append("frame")

    async def on_key(self, key: str) -> None:
        self.notes.append(key)

    async def on_hangup(self, reason: str) -> None:
        self.notes.append(reason)


@asynccontextmanager
async def host(serve: "asyncio.Queue[Call]") -> AsyncIterator[Agent]:
    """An agent that answers whoever calls and passes the call on."""

    async def answer(call: Call) -> None:
        await call.accept()
        serve.put_nowait(call)

    async with Agent("sip:host@127.0.0.1", on_call=answer) as agent:
        yield agent


async def test_a_bot_lives_through_a_call() -> None:
    calls: asyncio.Queue[Call] = asyncio.Queue()
    bot = Noting()
    async with host(calls) as agent:
        running = asyncio.create_task(run_bot(bot, agent.contact))
        call = await calls.get()
        await call.play(sine(440, 0.2))
        await call.send_keys("1#", method="info")
        await call.hangup()
        assert await running == "bye"
    assert bot.notes == ["joined connected", "frame", "1", "#", "bye"]


async def test_a_bot_can_hang_up_by_itself() -> None:
    class Shy(Noting):
        async def on_key(self, key: str) -> None:
            await self.call.hangup()

    calls: asyncio.Queue[Call] = asyncio.Queue()
    bot = Shy()
    async with host(calls) as agent:
        running = asyncio.create_task(run_bot(bot, agent.contact))
        await (await calls.get()).send_keys("1", method="info")
        assert await running == "hangup"
    assert bot.notes[-1] == "hangup"


async def test_a_greeting_ends_with_the_call() -> None:
    class Endless(Noting):
        async def on_joined(self) -> None:
            while True:
                await self.call.play(sine(440, 1.0))

    calls: asyncio.Queue[Call] = asyncio.Queue()
    bot = Endless()
    async with host(calls) as agent:
        running = asyncio.create_task(run_bot(bot, agent.contact))
        call = await calls.get()
        await anext(call.frames())
        await call.hangup()
        assert await running == "bye"
    assert bot.notes[-1] == "bye"


@pytest.mark.parametrize("method", ["on_joined", "on_frame", "on_key"])
async def test_what_a_bot_raises_ends_its_call_and_comes_out(method: str) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError(f"{method} is broken")

    calls: asyncio.Queue[Call] = asyncio.Queue()
    bot = Noting()
    setattr(bot, method, fail)
    async with host(calls) as agent:
        running = asyncio.create_task(run_bot(bot, agent.contact))
        call = await calls.get()
        if method == "on_key":
            await call.send_keys("1", method="info")
        with pytest.raises(RuntimeError, match=f"{method} is broken"):
            await running
        assert await call.wait_ended() == "bye"
    assert bot.notes[-1] == "hangup"


@pytest.mark.parametrize("method", ["on_joined", "on_frame", "on_key", "on_hangup"])
def test_a_method_that_is_not_async_is_told_so(method: str, tmp_path: Path) -> None:
    bot = Noting()
    setattr(bot, method, lambda *_: None)

    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            async with Agent("sip:host@127.0.0.1", on_call=answer) as agent:
                with pytest.raises(TypeError, match=f"Noting.{method} is not async"):
                    await run_bot(bot, agent.contact, duration_s=1.0)
            assert bridge is not None

    async def answer(call: Call) -> None:
        await call.accept()
        await call.send_keys("1")

    run(scene())


def test_what_is_no_bot_is_refused_before_it_calls_and_one_bot_is_in_one_call(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            uri = bridge.uri(await bridge.conference())
            for wrong in (Noting, object(), None):
                with pytest.raises(TypeError, match="instance"):
                    await run_bot(wrong, uri)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="of its own"):
                await serve_bot(Noting())  # type: ignore[arg-type]
            bot = Noting()
            running = asyncio.create_task(run_bot(bot, uri, duration_s=5.0))
            while not bot.notes:
                await asyncio.sleep(0.1)
            with pytest.raises(RuntimeError, match="in a call"):
                await run_bot(bot, uri)
            assert await running == "hangup" and await run_bot(bot, uri, duration_s=1.0) == "hangup"

    run(scene())


def test_of_two_who_take_one_bot_at_once_one_has_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            uri = bridge.uri(await bridge.conference())
            bot = Noting()
            both = (run_bot(bot, uri, duration_s=1.0) for _ in range(2))
            one, other = await asyncio.gather(*both, return_exceptions=True)
            assert one == "hangup" and isinstance(other, RuntimeError)
            with pytest.raises(CallRefused):  # a call that does not come about gives it back
                await run_bot(bot, uri.replace("conf_", "conf_0"))
            assert await run_bot(bot, uri, duration_s=1.0) == "hangup"

    run(scene())


async def test_a_bot_stays_only_so_long() -> None:
    calls: asyncio.Queue[Call] = asyncio.Queue()
    bot = Noting()
    async with host(calls) as agent:
        assert await run_bot(bot, agent.contact, duration_s=0.3) == "hangup"
        assert await (await calls.get()).wait_ended() == "bye"
    assert bot.notes[-1] == "hangup"


async def test_a_bot_that_is_not_let_in_never_runs() -> None:
    bot = Noting()
    async with Agent() as deaf:
        with pytest.raises(CallRefused, match="480"):
            await run_bot(bot, deaf.contact)
    assert bot.notes == []


async def test_a_timeout_of_the_bots_own_is_its_own() -> None:
    class Impatient(Noting):
        async def on_joined(self) -> None:
            raise TimeoutError("its own")

    calls: asyncio.Queue[Call] = asyncio.Queue()
    async with host(calls) as agent:
        with pytest.raises(TimeoutError, match="its own"):
            await run_bot(Impatient(), agent.contact, duration_s=60.0)


async def test_cancelling_hangs_up() -> None:
    calls: asyncio.Queue[Call] = asyncio.Queue()
    bot = Noting()
    async with host(calls) as agent:
        running = asyncio.create_task(run_bot(bot, agent.contact))
        call = await calls.get()
        await anext(call.frames())
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await call.wait_ended() == "bye"
    assert bot.notes[-1] == "hangup"
