"""The event gateway: one WebSocket (RFC 6455) for notifications, and for requests of the API."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from softphone.api.auth.grants import Grant
from softphone.api.auth.oauth import GATEWAY
from softphone.api.context import ApiContext
from softphone.api.http.errors import ApiError, coded
from softphone.api.ringcentral import envelopes
from softphone.api.ringcentral.envelopes import BadEnvelope, GatewayRequest, Heartbeat
from softphone.api.ringcentral.errors import listed
from softphone.api.ringcentral.gateway import SLOW, STOPS, Closing, GatewayConnection
from softphone.api.ringcentral.gateway_session import MOST_REQUESTS
from softphone.api.ringcentral.service import notifications_of
from softphone.api.ringcentral.tunnel import through

__all__ = ["router"]

router = APIRouter(tags=["subscriptions"])

# A client that takes nothing for so long is gone.
STALLED_S = 60.0

REFUSED = Closing(4401, "the token is not valid")
SILENT = Closing(1000, "nothing was said for too long")
A_DAY = Closing(1000, "the session has lasted long enough")

SUBSCRIPTION = "/restapi/v1.0/subscription"


@router.websocket(GATEWAY)
async def gateway(
    socket: WebSocket,
    access_token: Annotated[str, Query(max_length=200)] = "",
    wsc: Annotated[str, Query(max_length=200)] = "",
) -> None:
    """Serve a client until one of the two leaves."""
    context: ApiContext = socket.app.state.context
    await socket.accept()
    grant = context.grants.ticket_grant(access_token, time.monotonic())
    if grant is None or context.accounts.by_id(grant.extension_id) is None:
        await _refuse(socket)
        return
    gateways = notifications_of(socket).gateways
    connection = gateways.enter(grant.extension_id, grant.endpoint, wsc, lambda: _heard_until(socket))
    bearer = context.grants.lend(grant)
    whole = False
    try:
        whole = await _Serving(socket, context, grant, connection, bearer).run()
    finally:
        gateways.leave(connection, whole=whole)
        context.grants.take_back(bearer)


def _heard_until(socket: WebSocket) -> float:
    """Give when the last ping was sent that was answered: what was sent before it has arrived."""
    return float(socket.scope.get("state", {}).get("heard_until", 0.0))


async def _refuse(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_text(_failure(coded("OAU-129")))
        await socket.close(REFUSED.code, REFUSED.reason)


def _failure(error: ApiError, message_id: str = "") -> str:
    return envelopes.failure(message_id, error.status, {"errorCode": error.code, "message": error.message})


class _Serving:
    """One connection at work."""

    def __init__(
        self, socket: WebSocket, context: ApiContext, grant: Grant, connection: GatewayConnection, bearer: str
    ) -> None:
        self._socket, self._context, self._grant, self._bearer = socket, context, grant, bearer
        self._connection, self._session = connection, connection.session
        self._gateways = notifications_of(socket).gateways
        self._active = 0

    async def run(self) -> bool:
        """Serve to the end; whether the connection was closed, and not cut off."""
        first = self._session.details(datetime.now(UTC), self._connection.recovered)
        tasks = [asyncio.create_task(self._send(first)), asyncio.create_task(self._receive())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        failed = [end for end in ends if isinstance(end, Exception) and not isinstance(end, asyncio.CancelledError)]
        for failure in failed:
            if not isinstance(failure, WebSocketDisconnect | TimeoutError):
                raise failure
        if self._connection.closing is not None:
            await self._close(self._connection.closing)
        return not failed and all(task.result() for task in done)

    async def _close(self, why: Closing) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(1.0):
                if why is REFUSED:
                    await _refuse(self._socket)
                else:
                    await self._socket.close(why.code, why.reason)

    async def _send(self, first: str) -> bool:
        """Send what there is, and wait for more, until the connection is to be closed."""
        text: str | None = first
        while text is not None or not self._done():
            if text is not None:
                async with asyncio.timeout(STALLED_S):
                    await self._socket.send_text(text)
            else:
                await self._connection.news.wait()
            self._connection.news.clear()
            text = self._next()
        return False

    def _next(self) -> str | None:
        now = self._gateways.clock()
        if self._session.waiting and not self._context.grants.stands(self._grant, now):
            self._connection.close(REFUSED)
        return None if self._done() else self._session.next(now)

    def _done(self) -> bool:
        """Whether nothing more is to be sent; at a stop of the server, what waits is."""
        closing = self._connection.closing
        return closing is not None and (closing is not STOPS or not self._session.waiting)

    async def _receive(self) -> bool:
        """Read what the client says until it goes; whether it has said so."""
        while True:
            now = self._gateways.clock()
            try:
                async with asyncio.timeout(self._session.patience_s(now)):
                    message = await self._socket.receive()
            except TimeoutError:
                now = self._gateways.clock()
                if self._session.over(now) or self._session.silent(now):
                    self._connection.close(A_DAY if self._session.over(now) else SILENT)
                    return True
                continue
            if message["type"] == "websocket.disconnect":
                return message.get("code") != 1006
            self._session.heard(self._gateways.clock())
            self._hear(message)

    def _hear(self, message: Message) -> None:
        """Take what a client says."""
        if not self._context.grants.stands(self._grant, self._gateways.clock()):
            self._connection.close(REFUSED)
            return
        try:
            said = envelopes.read(message.get("text") or "")
        except BadEnvelope as error:
            self._say(_failure(coded("CMN-104", why=str(error)), error.message_id))
            return
        match said:
            case Heartbeat():
                self._say(envelopes.heartbeat(said.message_id))
            case GatewayRequest() if self._active < MOST_REQUESTS:
                self._start(said)
            case GatewayRequest():
                self._too_many(said)

    def _say(self, text: str) -> None:
        if not self._session.say(text):
            self._connection.close(SLOW)
        self._connection.wake()

    def _too_many(self, request: GatewayRequest) -> None:
        refused = coded("CMN-301")
        headers = {"Content-Type": "application/json", "RCRequestId": request.message_id}
        self._session.answer(request.message_id, refused.status, headers, listed(refused))
        self._connection.wake()

    def _start(self, request: GatewayRequest) -> None:
        self._active += 1
        task = asyncio.create_task(self._ask(request), name="gateway request")
        self._gateways.requests.add(task)
        task.add_done_callback(self._gateways.requests.discard)

    async def _ask(self, request: GatewayRequest) -> None:
        """Have a request answered; it goes on to its end, whether or not its client is still there."""
        try:
            state = {"gateway": self._session}
            answer = await through(self._socket.app, request, self._socket.scope, self._bearer, state)
        finally:
            self._active -= 1
        body = answer.content()
        headers = answer.headers | {"RCRequestId": request.message_id}
        if request.method == "POST" and answer.path.rstrip("/") == SUBSCRIPTION and isinstance(body, dict):
            headers |= {"WSG-SubscriptionId": str(body["id"])} if "id" in body else {}
        if self._connection.closing is None and not self._session.answer(
            request.message_id, answer.status, headers, body
        ):
            self._connection.close(SLOW)
        self._connection.wake()
