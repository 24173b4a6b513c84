"""Phones that nobody here wrote, and how they answer: refusals, redirections, early media, parts, session timers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from softphone import Agent, CallRefused, CallState
from tests.peers.sipp import Sipp
from tests.support.processes import LOOPBACK, ServerProcess
from tests.support.rest import Rest

pytestmark = [pytest.mark.peer("sipp"), pytest.mark.timeout(120), pytest.mark.realtime]


@asynccontextmanager
async def phone(folder: Path, scenario: str, *options: str) -> AsyncIterator[str]:
    """A phone of SIPp, and its URI; at the end everything went as its scenario says."""
    with Sipp(folder, scenario, *options) as sipp:
        yield f"sip:sipp@{LOOPBACK}:{sipp.port}"
        await asyncio.to_thread(sipp.finish)


@pytest.mark.parametrize(("scenario", "status"), [("unknown", "404 Not Found"), ("declined", "603 Decline")])
async def test_a_refusal_comes_through_as_it_is(tmp_path: Path, scenario: str, status: str) -> None:
    async with phone(tmp_path, scenario, "-key", "elsewhere", "sip:nobody@127.0.0.1") as uri, Agent() as agent:
        with pytest.raises(CallRefused) as refused:
            await agent.invite(uri)
        assert f"{refused.value.status} {refused.value.reason}" == status
        assert agent.calls == []


async def test_a_redirection_is_followed_to_the_phone_it_names(tmp_path: Path) -> None:
    async with (
        phone(tmp_path / "there", "multipart") as there,
        phone(tmp_path / "here", "moved", "-key", "elsewhere", there) as here,
        Agent() as agent,
    ):
        with pytest.raises(CallRefused) as refused:
            await agent.invite(here, follow_redirects=False)
        assert (refused.value.status, refused.value.contacts) == (302, (there,))
        call = await agent.invite(refused.value.contacts[0])
        await call.hangup()


@pytest.mark.parametrize("scenario", ["progress", "multipart", "timer"])
async def test_an_answer_is_understood(tmp_path: Path, scenario: str) -> None:
    async with phone(tmp_path, scenario) as uri, Agent() as agent:
        call = await agent.invite(uri)
        assert call.state is CallState.CONNECTED
        ticks = call.frames()
        await anext(ticks)
        await call.hangup()


def test_a_caller_with_a_telephone_number_for_a_name(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    rows = [[rest.token(), "+15550123"]]
    with Sipp(tmp_path, "tel", remote=server.sip_address, rows=rows) as sipp:
        sipp.finish()
