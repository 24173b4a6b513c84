"""A bare SIP phone without sound, and the bridge it calls, for tests of the focus."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from softphone.commands.serve import with_options
from softphone.config import DEV_PATH, load
from softphone.focus.session import TelephonySession
from softphone.server import Server
from softphone.sip.dispatcher import OnRequest
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension
from softphone.testing.bridge import offer
from tests.support.membership import astray

FREE_PORTS: dict[str, dict[str, Any]] = {"sip": {"port": 0}, "http": {"port": 0}, "media": {"rtp_port": 0}}


@asynccontextmanager
async def bridge(data: Path, whole: dict[str, Any] | None = None, **sections: dict[str, Any]) -> AsyncIterator[Server]:
    """A server with the development extensions on free ports; `sections` change its settings, `whole` ones replace."""
    named = {name: FREE_PORTS.get(name, {}) | sections.get(name, {}) for name in {*FREE_PORTS, *sections}}
    # Goodbyes that nobody answers are not waited for as long as in earnest.
    named["server"] = {"data": str(data), "drain_s": 1.0, **sections.get("server", {})}
    config = msgspec.structs.replace(with_options(load(DEV_PATH), **named), **(whole or {}))
    async with Server(config) as server:
        yield server
        assert astray(server.focus) == []


def extension(server: Server, number: str) -> Extension:
    return server.accounts.extensions[number]


async def conference(server: Server, owner: str = "101", **options: Any) -> TelephonySession:
    return await server.focus.create_conference(extension(server, owner), **options)


class Phone:
    """Extension `number` with its development password, or a guest when the number is none of ours."""

    def __init__(self, server: Server, number: str = "guest", password: str | None = None) -> None:
        self.server = server
        self.number = number
        known = number in server.accounts.extensions
        self.credentials = Credentials(number, password or f"dev-{number}") if known or password else None
        self.stack = Stack(StackSettings(), on_invite=self._rung, on_request={"NOTIFY": self._notified})
        self.behaviour: Callable[[InviteSession], Awaitable[None]] | None = None
        self.told: OnRequest | None = None
        self.progress: list[Response] = []
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        await self.stack.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stack.stop()

    async def _rung(self, call: InviteSession) -> None:
        """Treat a call as it was told, or as a telephone where nobody is."""
        if self.behaviour is None:
            call.reject(480)
        else:
            await self.behaviour(call)

    async def _notified(self, request: Request, source: Hop) -> Response | None:
        return None if self.told is None else await self.told(request, source)

    async def call(
        self, user: object, sdp: str | None = None, known_as: str = "127.0.0.1", headers: Headers = ()
    ) -> InviteSession:
        """INVITE a user of the server, by this name of it; raises CallRefused."""
        call = await self.stack.invite(
            f"sip:{user}@{known_as}:{self.server.stack.port}",
            sdp if sdp is not None else offer(),
            from_uri=f"sip:{self.number}@softphone.local",
            credentials=self.credentials,
            on_progress=self.progress.append,
            headers=headers,
        )
        call.on_ended = self.ended.put_nowait
        return call

    async def hung_up(self) -> str:
        """Wait for the other side's BYE."""
        return await asyncio.wait_for(self.ended.get(), 30)

    async def keys(self, call: InviteSession, keys: str) -> None:
        for key in keys:
            assert await call.info("application/dtmf-relay", f"Signal={key}\r\nDuration=100\r\n") == 200

    async def register(self) -> None:
        uri = f"sip:127.0.0.1:{self.server.stack.port}"
        await self.stack.register(uri, f"sip:{self.number}@softphone.local", credentials=self.credentials)
