"""Headers of every answer below ``/restapi``: a request id, and the state of the rate limit."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softphone.api.http.errors import slow_down
from softphone.api.ringcentral.rates import Rates, Spent, group_of
from softphone.config import RatesConfig

__all__ = ["RATE_HEADERS", "Asker", "Traffic"]

RATE_HEADERS = ("X-Rate-Limit-Group", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window")
"""Of an answer: what the request counts as, how many may be made, how many are left, and in how many seconds."""

BELOW = "/restapi/"


@dataclass(frozen=True, slots=True)
class Asker:
    """Of whom a request says that it comes."""

    authorization: str
    address: str


class Traffic:
    """ASGI middleware.

    Parameters
    ----------
    app
        What answers.
    settings
        The limits.
    who
        Names whom a request is counted for.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: RatesConfig,
        who: Callable[[Asker], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self._window_s = settings.window_s
        self._rates = Rates(settings)
        self._who = who
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, and hand it on or refuse it."""
        if scope["type"] != "http" or not scope["path"].startswith(BELOW) or scope["method"] == "OPTIONS":
            await self.app(scope, receive, send)
            return
        group = group_of(scope["method"], scope["path"])
        asker = Asker(Headers(scope=scope).get("authorization", ""), scope["client"][0] if scope["client"] else "")
        spent = self._rates.spend(group, self._who(asker), self._clock())
        told = self._told(group, spent)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        app = self.app if spent is None or not spent.wait_s else slow_down(spent.wait_s).response(scope["path"])
        await app(scope, receive, marked)

    def _told(self, group: str, spent: Spent | None) -> dict[str, str]:
        request_id = {"RCRequestId": str(uuid.uuid4())}
        if spent is None:
            return request_id
        told = group, str(spent.limit), str(spent.remaining), f"{self._window_s:g}"
        return request_id | dict(zip(RATE_HEADERS, told, strict=True))
