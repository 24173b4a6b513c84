"""Limits and checks of connections and requests, before anything else reads them.

How many connections there may be: nobody keeps others out by opening many, and by leaving them idle least of all. Of a
request whether there is room for it, and whether it is one. ``/healthz`` has a budget of its own: a load balancer has
to hear from a server that is busy, too. A target in absolute form (RFC 9112 section 3.2.2) is one of ours; HEAD is GET
without its body (RFC 9110 section 9.3.2), wherever there is a GET: load balancers and monitors ask so.
"""

import asyncio
import re
from collections import Counter
from typing import Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softphone.api.http.errors import ApiError, overloaded

__all__ = ["Head", "HttpConnection", "HttpConnections", "MAX_CONNECTIONS", "RequestGate", "SHARE", "in_origin_form"]

# At the same time; descriptors are raised to more at the start of the server.
MAX_CONNECTIONS = 1000

# Of these, and of requests at work, from one address: a reverse proxy, or an office behind one, has many users.
SHARE = MAX_CONNECTIONS // 2


class HttpConnection(Protocol):
    """One of a client."""

    @property
    def address(self) -> str:
        """Where it comes from."""

    @property
    def idle(self) -> bool:
        """Whether no request is at work on it."""

    def drop(self) -> None:
        """Close it at once."""


class HttpConnections:
    """Those that are open.

    Parameters
    ----------
    most
        In all.
    share
        From one address.
    """

    def __init__(self, most: int = MAX_CONNECTIONS, share: int = SHARE) -> None:
        self._most, self._share = most, share
        self._open: dict[HttpConnection, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: HttpConnection) -> None:
        """Note a new one; when it is one too many, the idle one goes that is the oldest of its address.

        That is the address of the new one when it has more than its share, else the one with the most.
        """
        address = connection.address
        self._open[connection] = address
        self._counts[address] += 1
        if self._counts[address] > self._share:
            self._drop_of(address, connection)
        elif len(self._open) > self._most:
            for each, _ in self._counts.most_common():
                if self._drop_of(each, connection):
                    return

    def closed(self, connection: HttpConnection) -> None:
        """Forget one."""
        if (address := self._open.pop(connection, None)) is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def _drop_of(self, address: str, newest: HttpConnection) -> bool:
        for each, its in self._open.items():
            if its == address and each is not newest and each.idle:
                self.closed(each)
                each.drop()
                return True
        return False


# What follows the authority is the path; where there is none, it is the root.
ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)


def in_origin_form(scope: Scope) -> Scope:
    """Give a request the path that its target has, and the Host; others stay as they are.

    A Host header that says something else does not count (RFC 9112 section 3.2.2).
    """
    match = ABSOLUTE.fullmatch(scope.get("raw_path") or b"")
    if match is None:
        return scope
    host, raw_path = match[1], match[2] or b"/"
    path = scope["path"].partition("://")[2].partition("/")[2]
    headers = [(b"host", host), *((name, value) for name, value in scope["headers"] if name != b"host")]
    return {**scope, "path": f"/{path}", "raw_path": raw_path, "headers": headers}


# What may be asked however many others ask.
ALWAYS = frozenset({"/healthz"})

# What anybody may see and keep; all else holds secrets, or says what is the case only now.
CACHED = ("/docs", "/openapi.json")


class RequestGate:
    """ASGI middleware, the outermost.

    Parameters
    ----------
    app
        What it guards.
    most
        Requests at work at the same time; streams are requests, too.
    share
        Of these from one address.
    """

    def __init__(self, app: ASGIApp, most: int = MAX_CONNECTIONS, share: int = SHARE) -> None:
        self.app = app
        self._most, self._share = most, share
        self._at_work: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope = in_origin_form(scope)
        send = _uncached(scope, send)
        client = scope["client"][0] if scope.get("client") else ""
        if (refusal := self._refusal(scope, client)) is not None:
            await refusal.response(scope["path"])(scope, receive, send)
            return
        self._at_work[client] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._at_work[client] -= 1
            if not self._at_work[client]:
                del self._at_work[client]

    def _refusal(self, scope: Scope, client: str) -> ApiError | None:
        if _is_ambiguous(scope):
            # Who reads it otherwise than we do would take the rest of it for another request (RFC 9112 section 6.3).
            message = "A request has either Content-Length or Transfer-Encoding"
            return ApiError(400, "CMN-104", message, headers={"Connection": "close"})
        if (encoding := _encoding(scope)) is not None:
            message = f"A body in Content-Encoding {encoding} is not taken: send it as it is"
            # What would be taken, as RFC 9110 section 15.5.16 has it said.
            return ApiError(415, "CMN-104", message, headers={"Accept-Encoding": "identity"})
        if scope["path"] in ALWAYS:
            return None
        if self._at_work[client] >= self._share or self._at_work.total() >= self._most:
            return overloaded("Too many requests are at work")
        return None


def _is_ambiguous(scope: Scope) -> bool:
    """Whether two headers say where the body ends, or one that HTTP/1.0 does not know (RFC 9112 section 6.1)."""
    names = {name for name, _ in scope["headers"]}
    if b"transfer-encoding" not in names:
        return False
    return b"content-length" in names or scope.get("http_version") == "1.0"


def _encoding(scope: Scope) -> str | None:
    """Name how the body of a request is encoded, when it has one that is."""
    headers = Headers(scope=scope)
    if "transfer-encoding" not in headers and headers.get("content-length", "0").strip("0") == "":
        return None
    encodings = [each.strip() for value in headers.getlist("content-encoding") for each in value.split(",")]
    return next((each for each in encodings if each.lower() not in ("", "identity")), None)


def _uncached(scope: Scope, send: Send) -> Send:
    """Keep answers out of caches (RFC 9111 section 5.2.2.5; RFC 6749 section 5.1), unless they say themselves."""
    if scope["path"].startswith(CACHED):
        return send

    async def mark(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "no-store")
            if "/oauth/" in scope["path"]:
                headers.setdefault("Pragma", "no-cache")
        await send(message)

    return mark


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
