"""Requests that come over the event gateway, answered by the same application as those over HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

from softphone.api.http.errors import coded
from softphone.api.ringcentral.envelopes import GatewayRequest
from softphone.api.ringcentral.traffic import RATE_HEADERS

__all__ = ["LONGEST_ANSWER", "TunnelAnswer", "through"]

log = structlog.get_logger()

# What may be asked for so: no tokens, and no streams.
BELOW = "/restapi/v1.0/"
NOT = ("/restapi/v1.0/ws",)

# Bytes of an answer: it is one message.
LONGEST_ANSWER = 1 << 20

# Headers of an answer that are told.
TOLD = {name.lower(): name for name in ("Content-Type", "Retry-After", *RATE_HEADERS)}


@dataclass(slots=True)
class TunnelAnswer:
    """What the application answers; itself where it sends that."""

    path: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    long: bool = False

    async def __call__(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            raw = Headers(raw=message.get("headers", []))
            self.headers = {told: raw[name] for name, told in TOLD.items() if name in raw}
        elif not self.long:
            self.body += message.get("body", b"")
            self.long = len(self.body) > LONGEST_ANSWER

    def content(self) -> object:
        """Give the body as it is told; None: there is none. What is neither JSON nor text is had over HTTP only."""
        kind = self.headers.get("Content-Type", "")
        if self.long or (self.body and "json" not in kind and not kind.startswith("text/")):
            refused = coded("CMN-202", why="ask for it over HTTP")
            self.status, self.headers = refused.status, {"Content-Type": "application/json"}
            return json.loads(bytes(refused.response(self.path).body))
        if not self.body:
            return None
        return json.loads(self.body) if "json" in kind else self.body.decode(errors="replace")


async def through(
    app: ASGIApp, request: GatewayRequest, connection: Scope, bearer: str, state: Mapping[str, Any]
) -> TunnelAnswer:
    """Have a request answered.

    Parameters
    ----------
    connection
        The scope of the WebSocket that it came over.
    bearer
        The access token that it is made with.
    state
        What routes find in ``request.state``.
    """
    path = unquote(request.path)
    answer = TunnelAnswer(path)
    app = app if path.startswith(BELOW) and path not in NOT else coded("CMN-120").response(path)
    parts = [request.body]

    async def receive() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    try:
        await app(_scope(request, path, connection, bearer, state), receive, answer)
    except Exception:
        # The application has told the client that it failed, and leaves the rest to the server, which we are here.
        log.exception("gateway_request_failed", method=request.method, path=path)
    return answer


def _scope(request: GatewayRequest, path: str, connection: Scope, bearer: str, state: Mapping[str, Any]) -> Scope:
    said = {
        **request.headers,
        "host": Headers(scope=connection).get("host", ""),
        "authorization": f"bearer {bearer}",
        "content-length": str(len(request.body)),
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https" if connection.get("scheme") == "wss" else "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in said.items()],
        "client": connection.get("client"),
        "server": connection.get("server"),
        "state": dict(state),
    }
