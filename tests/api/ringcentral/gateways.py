"""A client of the event gateway, as programs in RingCentral's shape are."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.api.conftest import PATIENCE_S

A = "/restapi/v1.0/account"
SUBSCRIPTION = "/restapi/v1.0/subscription"
SESSIONS_OF_ALL = f"{A}/~/telephony/sessions"
OWN_SESSIONS = f"{A}/~/extension/~/telephony/sessions"


class GatewayClient:
    """One connection; what comes besides what is waited for is kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.kept: list[Any] = []
        self.details: Any = None

    async def next(self) -> Any:
        return json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))

    async def ask(self, method: str, path: str, body: object = None, **head: object) -> Any:
        """The answer to a request."""
        named = {"type": "ClientRequest", "messageId": str(uuid.uuid4()), "method": method, "path": path, **head}
        await self.socket.send(json.dumps([named] if body is None else [named, body]))
        while (message := await self.next())[0]["messageId"] != named["messageId"]:
            self.kept.append(message)
        return message

    async def subscribe(self, *filters: str) -> Any:
        """The subscription of a new one."""
        wish = {"eventFilters": filters, "deliveryMode": {"transportType": "WebSocket"}}
        head, body = await self.ask("POST", SUBSCRIPTION, wish)
        assert head["status"] == 200, body
        return body

    async def told(self) -> Any:
        """The next notification."""
        while (message := self.kept.pop(0) if self.kept else await self.next())[0]["type"] != "ServerNotification":
            pass
        return message[1]

    async def parties_told(self, session: str, count: int) -> list[tuple[str, str]]:
        """Of the next so many notifications of a session: the number of the party, and its status."""
        found: list[tuple[str, str]] = []
        while len(found) < count:
            body = (await self.told())["body"]
            if body["telephonySessionId"] == session:
                (party,) = body["parties"]
                found.append((party["id"].rpartition("-")[2], party["status"]["code"]))
        return found


async def ticket(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.post("/restapi/oauth/wstoken")).raise_for_status().json()
    return found


@asynccontextmanager
async def gateway(
    client: httpx.AsyncClient, wsc: str = "", token: dict[str, Any] | None = None
) -> AsyncIterator[GatewayClient]:
    made = token or await ticket(client)
    more = f"&wsc={wsc}" if wsc else ""
    async with connect(f"{made['uri']}?access_token={made['ws_access_token']}{more}", max_queue=None) as socket:
        found = GatewayClient(socket)
        found.details = await found.next()
        yield found
