"""An agent that is left while it calls: whoever waits for the call is told, whatever it had got to."""

import asyncio
from pathlib import Path

import pytest

from softphone import Agent, Call, CallEnded, MediaFull, SdpError
from softphone.testing import ConferenceBridge, run
from tests.support.callee import Callee


@pytest.mark.parametrize("steps", [*range(12), 20, 40])
def test_a_call_that_has_just_begun_ends_with_its_agent(tmp_path: Path, steps: int) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            uri = bridge.uri(await bridge.conference())
            async with Agent() as agent:
                calling = asyncio.create_task(agent.invite(uri))
                for _ in range(steps):
                    await asyncio.sleep(0)
            ended: Call | BaseException
            (ended,) = await asyncio.wait_for(asyncio.gather(calling, return_exceptions=True), 60)
            if isinstance(ended, Call):
                assert await ended.wait_ended() == "hangup"
            else:
                assert isinstance(ended, CallEnded), repr(ended)

    run(scene())


async def test_a_useless_answer_gives_its_place_back_once() -> None:
    """Of an agent with one place: the second call of three that fail has one, and no two at a time ever have."""
    async with Callee() as callee, Agent(host="127.0.0.1", max_calls=1) as agent:
        for _ in range(3):
            calling = asyncio.create_task(agent.invite(callee.uri))
            callee.answer(await callee.receive("INVITE"), "200 OK", body="v=0\r\n")
            callee.answer(await callee.receive("BYE"), "200 OK")
            with pytest.raises(SdpError):
                await calling
            while agent.calls:
                await asyncio.sleep(0.01)
        calling = asyncio.create_task(agent.invite(callee.uri))
        await callee.receive("INVITE")
        with pytest.raises(MediaFull):
            await agent.invite(callee.uri)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)


def test_an_agent_is_used_within_its_context_and_entered_once_at_a_time(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            uri = bridge.uri(await bridge.conference())
            agent = Agent()
            with pytest.raises(RuntimeError, match="async with"):
                await agent.invite(uri)
            with pytest.raises(RuntimeError, match="async with"):
                _ = agent.contact, agent.late_ticks
            for _ in range(2):
                async with agent:
                    call = await agent.invite(uri)
                    with pytest.raises(RuntimeError, match="already"):
                        await agent.__aenter__()
                    assert agent.calls == [call] and agent.contact.startswith("sip:")
            with pytest.raises(CallEnded):
                await agent.invite(uri)

    run(scene())


async def test_an_agent_that_could_not_be_entered_can_be_tried_again() -> None:
    async with Agent(host="127.0.0.1") as other:
        port = int(other.contact.rpartition(":")[2])
        agent = Agent(host="127.0.0.1", port=port)
        for _ in range(2):
            with pytest.raises(OSError, match=str(port)):
                await agent.__aenter__()
    async with agent:
        assert str(port) in agent.contact
