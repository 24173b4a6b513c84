"""What is decided of a request before anything else looks at it: whether there is room for it, and whether it is one.

``/healthz`` has a budget of its own: a load balancer has to hear from a server that is busy, too.
"""

from collections import Counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softphone.api.http.connections import MAX_CONNECTIONS, SHARE
from softphone.api.http.errors import ApiError, overloaded
from softphone.api.http.target import in_origin_form

__all__ = ["RequestGate"]

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
