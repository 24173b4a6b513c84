"""RingCentral's own SDKs, unchanged, with a real server: what their programs do, told by the event gateway."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from softphone import Agent, Call, CallState
from softphone.config import DEV_PATH
from tests.support.peers import SDKS
from tests.support.processes import Program, ServerProcess
from tests.support.rest import Rest

pytestmark = [pytest.mark.peer("ringcentral"), pytest.mark.timeout(150)]

HERE = Path(__file__).with_name("ringcentral")
PATIENCE_S = 60.0
REFUSED = {"status": 403, "message": "Operation is not allowed"}


def token_of(number: str) -> str:
    """A JSON Web Token for an extension."""
    command = [sys.executable, "-m", "softphone", "jwt", number, "--config", str(DEV_PATH)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def agent(server: ServerProcess, number: str, **more: Any) -> Agent:
    home = f"127.0.0.1:{server.sip_address[1]}"
    return Agent(f"sip:{number}@{home}", password=f"dev-{number}", registrar=f"sip:{home}", **more)


@asynccontextmanager
async def talking(server: ServerProcess) -> AsyncIterator[tuple[Agent, Call]]:
    """101 in a call with 102: its telephone, and its call."""

    async def take(call: Call) -> None:
        await call.accept()

    async with agent(server, "102", on_call=take), agent(server, "101") as caller:
        yield caller, await caller.invite("102")


async def test_call_control_for_javascript(tmp_path: Path, server: ServerProcess) -> None:
    async with talking(server) as (phone, merged):
        command: list[str | Path] = ["node", HERE / "call_control.cjs", server.http_url, token_of("101")]
        with Program(command, tmp_path, pipe_out=True) as program:

            async def told(event: str) -> dict[str, Any]:
                return await asyncio.to_thread(program.expect, event, PATIENCE_S)

            subscribed = await told("subscribed")
            assert await told("recovered") == {"event": "recovered", "state": "Successful", "id": subscribed["id"]}
            conference = await told("conference")
            assert conference["early"] == REFUSED
            await phone.invite(str(conference["token"]))
            brought = await told("brought")
            assert brought["party"]["id"] == f"p-{str(conference['id'])[2:]}-2"
            assert await merged.wait_ended() == "bye"
            changed = await told("changed")
            assert changed == {"event": "changed", "muted": True, "unmuted": False, "held": "Hold"}
            assert await told("over") == {"event": "over", "number": "101", "missing": 404}
            removed = await told("removed")
            assert removed["removed"] == 204
            for name in ("again", "gone"):
                assert removed[name]["status"] == 404
            codes = [code for session, code in removed["codes"] if session == conference["id"]]
            assert codes[:3] == ["Setup", "Proceeding", "Answered"] and codes[-1] == "Disconnected"
            source = [code for session, code in removed["codes"] if session == brought["source"]]
            assert source == ["Gone", "Disconnected"]
            assert (await told("done"))["loggedIn"] is False
            assert await asyncio.to_thread(program.wait, PATIENCE_S) == 0, program.words()


async def test_the_sdk_for_python(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    async with talking(server) as (phone, call):
        assert call.state is CallState.CONNECTED
        presence = rest.http.get("/restapi/v1.0/account/~/extension/~/presence?detailedTelephonyState=true").json()
        (active,) = presence["activeCalls"]
        python = SDKS / "python" / "bin" / "python"
        program = [python, HERE / "events.py", server.http_url, active["telephonySessionId"], active["partyId"]]
        with Program(program, tmp_path, pipe_out=True) as sdk:

            async def told(event: str) -> dict[str, Any]:
                return await asyncio.to_thread(sdk.expect, event, PATIENCE_S)

            conference = await told("conference")
            assert conference["early"] == REFUSED
            subscribed = await told("subscribed")
            assert subscribed["info"]["deliveryMode"]["transportType"] == "WebSocket"
            await phone.invite(str(subscribed["token"]))
            notified = await told("told")
            assert set(notified["types"]) == {"ServerNotification"}
            bodies = [each["body"] for each in notified["notifications"]]
            assert {body["telephonySessionId"] for body in bodies} == {conference["id"]}
            codes = [body["parties"][0]["status"]["code"] for body in bodies]
            assert codes == ["Setup", "Proceeding", "Answered"]
            assert await told("done") == {"event": "done", "status": 204, "body": "", "logged_in": False}
            assert await asyncio.to_thread(sdk.wait, PATIENCE_S) == 0, sdk.words()
