"""Who commands over HTTP: said once for each request, so that the log of commands knows."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from softphone.focus.commanding import Actor, acting

__all__ = ["Acting"]


class Acting:
    """ASGI middleware.

    Parameters
    ----------
    app
        Does what is commanded.
    who
        Gives the extension or program whose token an ``Authorization`` header bears, and its API client; None: it bears
        none.
    """

    def __init__(self, app: ASGIApp, who: Callable[[str], tuple[str, str] | None]) -> None:
        self.app = app
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; who asks is known meanwhile."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        who = self._who(headers.get("authorization", ""))
        if who is None:
            await self.app(scope, receive, send)
            return
        with acting(Actor(who[0], "http", who[1], headers.get("user-agent", ""))):
            await self.app(scope, receive, send)
