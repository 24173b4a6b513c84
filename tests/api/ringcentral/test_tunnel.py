"""Requests over the gateway, put to an application."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from softphone.api.ringcentral.envelopes import GatewayRequest
from softphone.api.ringcentral.tunnel import through

REQUEST = GatewayRequest("u1", "GET", "/restapi/v1.0/here")


async def broken(_request: Request) -> JSONResponse:
    raise ValueError("a mistake of ours")


async def told(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"errorCode": "CMN-203"}, 500)


async def silent(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ValueError("a mistake of ours")


@pytest.mark.parametrize(
    ("app", "body"),
    [
        (
            Starlette(routes=[Route(REQUEST.path, broken)], exception_handlers={Exception: told}),
            {"errorCode": "CMN-203"},
        ),
        (silent, None),
    ],
)
async def test_a_failure_is_answered_and_logged_once(app: Starlette, body: object) -> None:
    with capture_logs() as lines:
        answer = await through(app, REQUEST, {"type": "websocket", "headers": []}, "token", {})
    assert (answer.status, answer.content()) == (500, body)
    assert [(line["event"], line["path"]) for line in lines] == [("gateway_request_failed", REQUEST.path)]
    assert "token" not in str(lines)


async def test_what_is_neither_json_nor_text_is_had_over_http_only() -> None:
    async def sound(_request: Request) -> Response:
        return Response(b"RIFF", media_type="audio/wav")

    app = Starlette(routes=[Route(REQUEST.path, sound)])
    answer = await through(app, REQUEST, {"type": "websocket", "headers": []}, "token", {})
    told = answer.content()
    assert isinstance(told, dict)
    assert (answer.status, told["errorCode"]) == (501, "CMN-202")
