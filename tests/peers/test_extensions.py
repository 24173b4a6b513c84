"""Phones that nobody here wrote, and extensions: session timers (RFC 4028), Replaces (3891), Path (3327)."""

import asyncio
from pathlib import Path

import pytest

from softphone import Agent, Call, CallState
from softphone.sip.dialog.replaces import Replaces
from tests.peers.sipp import Sipp
from tests.peers.test_foreign_answers import phone
from tests.support.processes import ServerProcess
from tests.support.rest import Rest

pytestmark = [pytest.mark.peer("sipp"), pytest.mark.timeout(120), pytest.mark.realtime]


def agent(server: ServerProcess, number: str, calls: "asyncio.Queue[Call] | None" = None) -> Agent:
    """The telephone of an extension."""
    home = f"127.0.0.1:{server.sip_address[1]}"
    return Agent(
        f"sip:{number}@{home}",
        password=f"dev-{number}",
        registrar=f"sip:{home}",
        on_call=calls.put if calls is not None else None,
    )


async def take(folder: Path, server: ServerProcess, place: Call, more: str = "") -> None:
    """Have SIPp, as extension 103, take the place of the bridge's peer in a call, and hang up after a while."""
    extra = f"Replaces: {Replaces.naming(place._control.sip.dialog)}{more}"
    options = ("-au", "103", "-ap", "dev-103", "-d", "300", "-key", "extra", extra)
    with Sipp(folder, "digest", *options, remote=server.sip_address, rows=[["101", "103"]]) as sipp:
        await asyncio.to_thread(sipp.finish)


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_caller_that_refreshes_its_session(tmp_path: Path, server: ServerProcess, rest: Rest, transport: str) -> None:
    rows = [[rest.token()]]
    with Sipp(tmp_path, "timer_caller", "-t", transport, remote=server.sip_address, rows=rows) as sipp:
        sipp.finish()


async def test_a_phone_picks_up_what_rings_at_another(tmp_path: Path, server: ServerProcess) -> None:
    ringing: asyncio.Queue[Call] = asyncio.Queue()
    async with agent(server, "102", ringing), agent(server, "101") as caller:
        calling = asyncio.create_task(caller.invite("102"))
        theirs = await ringing.get()
        picking = asyncio.create_task(take(tmp_path, server, theirs, ";early-only"))
        call = await calling
        assert await theirs.wait_ended() == "cancelled"
        await picking
        assert await call.wait_ended() == "bye"


async def test_a_phone_goes_on_with_a_call_of_another(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    async with agent(server, "101") as host:
        first = await host.invite(rest.token())
        await take(tmp_path, server, first)
        assert await first.wait_ended() == "bye"


async def test_a_phone_behind_a_proxy_is_called_through_it(tmp_path: Path, server: ServerProcess) -> None:
    async with phone(tmp_path, "behind_path") as proxy, agent(server, "101") as caller:
        options = ("-au", "104", "-ap", "dev-104", "-key", "proxy", proxy.replace("sipp@", ""))
        with Sipp(tmp_path, "path", *options, remote=server.sip_address, rows=[["104"]]) as sipp:
            await asyncio.to_thread(sipp.finish)
        call = await caller.invite("104")
        assert call.state is CallState.CONNECTED
        await call.hangup()
