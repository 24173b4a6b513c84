"""What is said on the event gateway: arrays of one or two, what it is about and what it says. Values only.

::

    [{"type": "ClientRequest", "messageId": "u1", "method": "GET", "path": "/restapi/v1.0/..."}]
    [{"type": "ServerNotification", "messageId": "...", "status": 200, ...}, {...}]
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

__all__ = [
    "BadEnvelope",
    "GatewayRequest",
    "Heartbeat",
    "answer",
    "details",
    "failure",
    "heartbeat",
    "notification",
    "read",
]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LONGEST_ID = 256

JSON = "application/json"

# What a client may say in a request over the gateway; who it is, and where it goes, it cannot.
HEADERS = frozenset({"accept", "accept-language", "client-id", "content-type", "user-agent", "x-user-agent"})


class BadEnvelope(ValueError):
    """A message that is none; `message_id` is its own where it has one."""

    def __init__(self, why: str, message_id: str = "") -> None:
        super().__init__(why)
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A client asks whether we are there."""

    message_id: str


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """A request of our REST API."""

    message_id: str
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    "Lower-case names."
    body: bytes = b""


def read(text: str) -> GatewayRequest | Heartbeat:
    """Read what a client sends; raises BadEnvelope."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        raise BadEnvelope("It is not JSON") from None
    if not isinstance(parts, list) or not 1 <= len(parts) <= 2 or not isinstance(parts[0], dict):
        raise BadEnvelope("It is not an array of what it is about, and of what it says")
    head = parts[0]
    message_id = head.get("messageId")
    if not isinstance(message_id, str) or not 0 < len(message_id) <= LONGEST_ID:
        raise BadEnvelope("It has no messageId")
    match head.get("type"):
        case "Heartbeat":
            return Heartbeat(message_id)
        case "ClientRequest":
            return _request(message_id, head, parts[1:])
    raise BadEnvelope("Its type is neither ClientRequest nor Heartbeat", message_id)


def _request(message_id: str, head: dict[str, Any], rest: list[Any]) -> GatewayRequest:
    method, path = head.get("method"), head.get("path")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise BadEnvelope(f"Its method is none of {', '.join(METHODS)}", message_id)
    if not isinstance(path, str) or not path.startswith("/"):
        raise BadEnvelope("Its path does not begin with /", message_id)
    path, _, query = path.partition("?")
    try:
        query = "&".join(filter(None, (query, _query(head.get("query"), message_id))))
        f"{path}?{query}".encode()
    except (UnicodeEncodeError, RecursionError):  # JSON can spell what is no text: half of a surrogate pair
        raise BadEnvelope("Its path or its query is no text", message_id) from None
    body = json.dumps(rest[0]).encode() if rest and rest[0] is not None else b""
    headers = _headers(head.get("headers"), message_id)
    if body:
        headers.setdefault("content-type", JSON)
    return GatewayRequest(message_id, method.upper(), path, query, headers, body)


def _query(said: object, message_id: str) -> str:
    """Write what a request asks for, which may come as text or as an object."""
    if said is None:
        return ""
    if isinstance(said, str):
        return said.removeprefix("?")
    if not isinstance(said, dict):
        raise BadEnvelope("Its query is no object", message_id)
    return urlencode({name: _words(value) for name, value in said.items() if value is not None}, doseq=True)


def _words(value: object) -> list[str]:
    """Give a value as a query spells it: ``true`` and not ``True``."""
    each = value if isinstance(value, list) else [value]
    return [one if isinstance(one, str) else json.dumps(one) for one in each]


def _headers(said: object, message_id: str) -> dict[str, str]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise BadEnvelope("Its headers are no object", message_id)
    return {
        name.lower(): value
        for name, value in said.items()
        if name.lower() in HEADERS and isinstance(value, str) and value.isascii() and value.isprintable()
    }


def details(message_id: str, wsc: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """Write what a client is told first."""
    head = {"type": "ConnectionDetails", "messageId": message_id, "status": 200, "wsc": wsc}
    return _written({**head, "headers": {"RCRequestId": message_id}}, body)


def answer(
    message_id: str, status: int, headers: Mapping[str, str], wsc: Mapping[str, Any], body: object = None
) -> str:
    """Write the answer to a request; without a body it is one element long."""
    return _written(
        {"type": "ClientRequest", "messageId": message_id, "status": status, "headers": headers, "wsc": wsc}, body
    )


def notification(message_id: str, wsc: Mapping[str, Any], body: object) -> str:
    """Write what a subscription tells."""
    head = {"type": "ServerNotification", "messageId": message_id, "status": 200, "headers": {}, "wsc": wsc}
    return _written(head, body)


def failure(message_id: str, status: int, body: Mapping[str, Any]) -> str:
    """Write that something is wrong which is no request."""
    return _written({"type": "Error", "messageId": message_id, "status": status, "headers": {}}, body)


def heartbeat(message_id: str) -> str:
    """Write the answer to a heartbeat: the same."""
    return _written({"type": "Heartbeat", "messageId": message_id})


def _written(head: Mapping[str, Any], body: object = None) -> str:
    return json.dumps([head] if body is None else [head, body], separators=(",", ":"))
