"""A bot that announces who is talking.

A mixed conference sounds the same whoever speaks, so the bot asks the bridge: the roster of the session says of each
party whether it is talking. The session is written in the conf_ token that the bot calls.

python examples/who_is_talking_bot.py sip:conf_...@127.0.0.1:5060 http://127.0.0.1:8080
"""

import asyncio
import base64
import json
import os
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from softphone import Bot, run_bot

POLL_S = 0.25


class WhoIsTalkingBot(Bot):
    """Says a line whenever the set of talkers changes; give it the log-in of an extension that may see the session."""

    def __init__(
        self,
        http_url: str = os.environ.get("SOFTPHONE_HTTP", "http://127.0.0.1:8080"),
        extension: str = "101",
        password: str = os.environ.get("SOFTPHONE_PASSWORD", "dev-101"),
        announce: Callable[[str], None] = print,
    ) -> None:
        self.http_url = http_url
        self.login = {"grant_type": "password", "username": extension, "password": password}
        self.announce = announce
        self._watching: asyncio.Task[None] | None = None

    async def on_joined(self) -> None:
        """Watch the roster beside the call."""
        self._watching = asyncio.create_task(self._watch(session_of(self.call.remote_uri)))

    async def on_hangup(self, reason: str) -> None:
        """Stop watching."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self, session: str) -> None:
        client = base64.b64encode(b"dev-client:dev-secret").decode()
        token = (await self._ask("/restapi/oauth/token", f"Basic {client}", self.login))["access_token"]
        path = f"/restapi/v1.0/account/~/telephony/sessions/{session}"
        talking: list[str] = []
        while True:
            parties = (await self._ask(path, f"Bearer {token}"))["parties"]
            before, talking = talking, [name_of(party) for party in parties if party["talking"]]
            if talking != before:
                self.announce(f"talking: {', '.join(talking) or 'nobody'}")
            await asyncio.sleep(POLL_S)

    async def _ask(self, path: str, authorization: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        body = urlencode(form).encode() if form else None
        request = urllib.request.Request(self.http_url + path, body, {"Authorization": authorization})

        def read() -> dict[str, Any]:
            with urllib.request.urlopen(request, timeout=5) as response:
                answer: dict[str, Any] = json.load(response)
                return answer

        return await asyncio.to_thread(read)


def session_of(uri: str) -> str:
    """``sip:conf_<hex of s-...@host:port>@bridge`` -> ``s-...``."""
    token = uri.partition(":")[2].partition("@")[0]
    return bytes.fromhex(token.removeprefix("conf_")).decode().partition("@")[0]


def name_of(party: dict[str, Any]) -> str:
    """Return the best name that the roster has for a party."""
    caller = party["from"]
    return str(caller.get("name") or caller["phoneNumber"])


if __name__ == "__main__":
    uri, http_url = sys.argv[1:]
    asyncio.run(run_bot(WhoIsTalkingBot(http_url), uri))
