"""Phones that nobody here wrote, with reliable responses (RFC 3262) and UPDATE before the answer (RFC 3311)."""

from pathlib import Path

import pytest

from softphone import Agent, CallState
from tests.peers.sipp import Sipp
from tests.peers.test_foreign_answers import phone
from tests.support.processes import ServerProcess
from tests.support.rest import Rest

pytestmark = [pytest.mark.peer("sipp"), pytest.mark.timeout(120), pytest.mark.realtime]


@pytest.mark.parametrize("scenario", ["reliable", "reliable_late", "reliable_cancel"])
def test_a_caller_that_wants_it(tmp_path: Path, server: ServerProcess, rest: Rest, scenario: str) -> None:
    """By TCP: a stranger by UDP is sent no more than it has sent, so no 183."""
    rows = [[rest.token()]]
    with Sipp(tmp_path, scenario, "-d", "200", "-t", "t1", remote=server.sip_address, rows=rows) as sipp:
        sipp.finish()


async def test_a_phone_that_answers_so(tmp_path: Path) -> None:
    async with phone(tmp_path, "reliable_answer") as uri, Agent() as agent:
        call = await agent.invite(uri)
        assert call.state is CallState.CONNECTED
        await call.hangup()
