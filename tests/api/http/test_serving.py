"""What the HTTP server does while nobody asks it for anything: nothing."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from softphone.api.http.serving import HttpServer

LOCAL = "127.0.0.1"


class Watched(asyncio.SelectorEventLoop):
    """A loop that remembers what it was asked to wake for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[asyncio.TimerHandle] = []

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, **named: Any
    ) -> asyncio.TimerHandle:
        self.asked.append(timer := super().call_at(when, callback, *args, **named))
        return timer


async def answer(scope: Any, receive: Any, send: Any) -> None:
    assert Request(scope).url.path == "/here"
    await PlainTextResponse("yes")(scope, receive, send)


async def serve_one() -> tuple[list[asyncio.TimerHandle], httpx.Response]:
    """The timers that are left once it listens, and what it answers then."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Watched)
    server = HttpServer(answer, [LOCAL], 0, head_s=10.0)
    await server.start()
    waiting = [timer for timer in loop.asked if not timer.cancelled() and timer.when() > loop.time()]
    async with httpx.AsyncClient() as client:
        found = await client.get(f"http://{LOCAL}:{server.port}/here")
    await asyncio.wait_for(server.stop(), 10.0)
    return waiting, found


def test_it_wakes_for_connections_alone_and_an_answer_has_the_time() -> None:
    with asyncio.Runner(loop_factory=Watched) as runner:
        waiting, found = runner.run(serve_one())
    assert waiting == []
    assert (found.status_code, found.text) == (200, "yes")
    age = datetime.now(UTC) - parsedate_to_datetime(found.headers["date"])
    assert age.total_seconds() < 60 and len(found.headers.get_list("date")) == 1
