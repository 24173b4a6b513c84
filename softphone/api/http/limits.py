"""A request body has an end in bytes and in time; nobody may fill the memory or hold a connection open for ever."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softphone.api.http.errors import ApiError
from softphone.api.http.uploads import SPOOLED

__all__ = ["BodyLimit"]


class BodyLimit:
    """ASGI middleware: 413 for a body that is too long, 408 for one that takes too long.

    Parameters
    ----------
    app
        What it guards.
    max_bytes
        Longest body.
    timeout_s
        How long the whole body may take.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body first, then hand it on whole: the routes behind never see half of one."""
        if scope["type"] != "http" or SPOOLED in scope:
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.timeout_s):
                body = await _read(receive, self.max_bytes)
        except TimeoutError:
            await _refuse(408, "Request takes too long", scope)(scope, receive, send)
            return
        if body is None:
            await _refuse(413, "Request is too large", scope)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    """Give the whole body, or None when it is too long.

    What is too long is read to its end all the same, and thrown away: a connection closed on a client that still
    sends takes the answer with it. The time limit bounds that too.
    """
    body = bytearray()
    length = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        length += len(chunk)
        if length <= max_bytes:
            body += chunk
        if not message.get("more_body", False):
            return bytes(body) if length <= max_bytes else None


def _refuse(status: int, message: str, scope: Scope) -> ASGIApp:
    # The rest of the body is still on its way: the connection cannot be used for another request.
    return ApiError(status, "CMN-104", message, headers={"Connection": "close"}).response(scope["path"])


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
