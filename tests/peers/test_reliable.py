"""Phones that nobody here wrote, with reliable responses (RFC 3262) and UPDATE before the answer (RFC 3311)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from softphone import Agent, CallState
from tests.peers.sipp import Sipp
from tests.peers.test_foreign_answers import phone
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import sounding_server

pytestmark = [pytest.mark.peer("sipp"), pytest.mark.timeout(120), pytest.mark.realtime]


SCENARIOS = pytest.mark.parametrize("scenario", ["reliable", "reliable_late", "reliable_cancel"])


@SCENARIOS
def test_a_caller_that_wants_it(tmp_path: Path, server: ServerProcess, rest: Rest, scenario: str) -> None:
    """A stranger, by TCP: by UDP, where it may be anywhere, it is sent no 183."""
    rows = [[rest.token()]]
    with Sipp(tmp_path, scenario, "-d", "200", "-t", "t1", remote=server.sip_address, rows=rows) as sipp:
        sipp.finish()


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that has its telephones behind a proxy on this machine."""
    with sounding_server(tmp_path_factory.mktemp("trusting"), sip={"trusted_peers": ["127.0.0.1"]}) as running:
        yield running


@SCENARIOS
def test_a_caller_behind_a_proxy_of_ours_that_wants_it(tmp_path: Path, trusting: ServerProcess, scenario: str) -> None:
    with Rest(trusting.http_url) as rest:
        rows = [[rest.token()]]
    with Sipp(tmp_path, scenario, "-d", "200", "-t", "u1", remote=trusting.sip_address, rows=rows) as sipp:
        sipp.finish()


async def test_a_phone_that_answers_so(tmp_path: Path) -> None:
    async with phone(tmp_path, "reliable_answer") as uri, Agent() as agent:
        call = await agent.invite(uri)
        assert call.state is CallState.CONNECTED
        await call.hangup()
