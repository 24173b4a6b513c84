"""HEAD is GET without its body (RFC 9110 section 9.3.2), wherever there is a GET.

Load balancers and monitors ask so.
"""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Head"]


class Head:
    """ASGI middleware that answers HEAD by what GET would be answered.

    Parameters
    ----------
    app
        What answers GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HEAD, or hand on."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for GET, give its head, and let nobody make a body that nobody gets: a stream has no end."""
        answered = asyncio.Event()

        async def head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not answered.is_set():
                answered.set()
                await send({"type": "http.response.body", "body": b""})

        working = asyncio.ensure_future(self.app(_as_get(scope), receive, head))
        telling = asyncio.create_task(answered.wait())
        try:
            await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            if not working.done():
                working.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        if answered.is_set():
            await asyncio.gather(working, return_exceptions=True)
        else:
            await working


def _as_get(scope: Scope) -> dict[str, Any]:
    # Parts are for GET alone (RFC 9110 section 14.2).
    headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
    return {**scope, "method": "GET", "headers": headers}
