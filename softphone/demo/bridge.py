"""The bridge of the demonstration: ``softphone serve`` in a process of its own, and its REST face."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softphone.config import DEV_PATH, load
from softphone.errors import SoftphoneError
from softphone.programs import python

if TYPE_CHECKING:
    import httpx

__all__ = ["DemoServer", "BridgeFailed", "running_bridge", "stop"]

# A cold start is three seconds of work, on a machine that may be busy with the last writes of an installation or with
# others. A bridge that fails says so at once; this is for one that hangs.
START_S = 120.0

# It has to hang up on everybody and close the recording; then it is told off.
STOP_S = 10.0

REQUEST_S = 10.0


class BridgeFailed(SoftphoneError):
    """The bridge did not start, or did not answer as it should."""


@dataclass(frozen=True)
class DemoServer:
    """A running bridge as its ``ready`` line describes it, a client of its REST API, an extension's access token."""

    sip: str
    http: str
    client: "httpx.AsyncClient"
    token: str = ""

    async def log_in(self, extension: str, password: str) -> "DemoServer":
        """Return the same bridge with the bearer token of an extension (OAuth 2.0 password grant)."""
        client = load(DEV_PATH).clients[0]
        form = {"grant_type": "password", "username": extension, "password": password}
        answer = await self._ask("POST", "/restapi/oauth/token", data=form, auth=(client.id, client.secret))
        return replace(self, token=answer["access_token"])

    async def request(self, method: str, path: str) -> dict[str, Any]:
        """Ask the bridge over REST as the extension that logged in.

        Raises
        ------
        BridgeFailed
            The answer is an error, or there is none.
        """
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return await self._ask(method, path, headers=headers)

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        import httpx

        try:
            response = (await self.client.request(method, path, **request)).raise_for_status()
            answer: dict[str, Any] = response.json() if response.content else {}
            return answer
        except (httpx.HTTPError, ValueError) as error:
            detail = error.response.text if isinstance(error, httpx.HTTPStatusError) else ""
            raise BridgeFailed(f"{method} {path}: {error} {detail}".rstrip()) from error

    async def create_conference(self) -> dict[str, Any]:
        """Make a conference; returns its session (``id``, ``voiceCallToken``, ``parties`` ...)."""
        answer = await self.request("POST", "/restapi/v1.0/account/~/telephony/conference")
        session: dict[str, Any] = answer["session"]
        return session

    async def roster(self, session: str) -> list[dict[str, Any]]:
        """Return the parties of a conference."""
        answer = await self.request("GET", f"/restapi/v1.0/account/~/telephony/sessions/{session}")
        parties: list[dict[str, Any]] = answer["parties"]
        return parties

    async def record(self, session: str, *, on: bool) -> dict[str, Any]:
        """Start or stop the recording of a conference; returns its ``path`` and ``seconds``."""
        return await self.request("POST" if on else "DELETE", f"/api/v1/conferences/{session}/recording")


@asynccontextmanager
async def running_bridge(data: Path, *options: str) -> AsyncIterator[DemoServer]:
    """Start ``softphone serve`` with the development configuration on free loopback ports, and end it at exit.

    Parameters
    ----------
    data
        The folder for its recordings; its log is written to ``serve.log`` there.
    options
        Further options of the command line.

    Raises
    ------
    BridgeFailed
        It did not get ready; the message holds the last line of its log.
    """
    import httpx  # not at the top: it would be a fifth of the time that any command takes to start

    ports = ("--sip-port", "0", "--http-port", "0", "--rtp-port", "0")
    command = python("-m", "softphone", "serve", "--config", str(DEV_PATH), "--data", str(data), *ports)
    log = data / "serve.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, *options, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    try:
        ready = await _ready(process, log)
        # One for all requests: to make one reads certificates for 20 ms, in which the parties of this loop are silent.
        async with httpx.AsyncClient(base_url=ready["http"], timeout=REQUEST_S, trust_env=False) as client:
            yield DemoServer(ready["sip"], ready["http"], client)
    finally:
        await stop(process)


async def _ready(process: asyncio.subprocess.Process, log: Path) -> dict[str, str]:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
    except TimeoutError:
        line = b""
    if not line:
        last = (log.read_text().splitlines() or ["it said nothing"])[-1]
        raise BridgeFailed(f"the bridge did not start: {last}")
    ready: dict[str, str] = json.loads(line)
    return ready


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a bridge and wait for it; one that is gone already is no error."""
    # One that has ended by itself may be gone before the loop has heard of it.
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
