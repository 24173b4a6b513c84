"""An agent and offers that cross."""

import asyncio

from softphone import CallState
from tests.agent.test_agent import conversation


async def test_holds_that_cross_both_come_about() -> None:
    async with conversation() as (caller, callee):
        await asyncio.gather(caller.hold(), callee.hold())
        assert caller.held and callee.held
        await asyncio.gather(callee.unhold(), caller.unhold())
        assert not caller.held and not callee.held
        assert caller.state is callee.state is CallState.CONNECTED
