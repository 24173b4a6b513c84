"""An agent and telephones that want our offer: theirs comes in the ACK, or does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from softphone import Agent, Call, SdpError
from softphone.sip.uri import Uri
from tests.support.processes import LOOPBACK
from tests.support.raw import RawPhone, offer


@asynccontextmanager
async def called() -> AsyncIterator[tuple[RawPhone, "asyncio.Queue[Call | BaseException]", Agent]]:
    """A telephone, an agent that answers it, and what became of that."""
    outcome: asyncio.Queue[Call | BaseException] = asyncio.Queue()

    async def answer(call: Call) -> None:
        try:
            await call.accept()
            outcome.put_nowait(call)
        except SdpError as error:
            outcome.put_nowait(error)

    async with Agent("sip:agent@127.0.0.1", on_call=answer) as agent:
        with RawPhone((LOOPBACK, Uri.parse(agent.contact).port or 0), "agent") as phone:
            yield phone, outcome, agent


@pytest.mark.parametrize("answer", ["", "nonsense"])
async def test_a_late_answer_that_is_none_ends_the_call(answer: str) -> None:
    async with called() as (phone, outcome, agent):
        await asyncio.to_thread(phone.invite, ack=answer)
        assert isinstance(await outcome.get(), SdpError)
        phone.answer(await asyncio.to_thread(phone.receive, "BYE"))
        async with asyncio.timeout(5):
            while agent.calls:
                await asyncio.sleep(0.01)


async def test_a_late_answer_is_applied() -> None:
    async with called() as (phone, outcome, _):
        await asyncio.to_thread(phone.invite, ack=offer())
        call = await outcome.get()
        assert isinstance(call, Call)
        before = (await call.stats()).packets_sent
        await asyncio.to_thread(phone.invite, ack=offer("inactive"))
        async with asyncio.timeout(5):
            while (sent := (await call.stats()).packets_sent) != before:
                before = sent
                await asyncio.sleep(0.1)
        ending = asyncio.create_task(call.hangup())
        phone.answer(await asyncio.to_thread(phone.receive, "BYE"))
        await ending
