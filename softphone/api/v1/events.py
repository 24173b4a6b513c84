"""What happens, as it happens: server-sent events (HTML 9.2) and WebSocket (RFC 6455), resumed by the last id seen.

A watcher that was away too long, or reads too slowly, is told how many events it has missed (null: the server was
restarted in between, and nobody knows), and goes on with the oldest that is kept. We hold nothing for a watcher but its
place: what it has not read stays in the feed.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Query, WebSocket
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from softphone.api.answers import commands, queries
from softphone.api.auth import extension_of
from softphone.api.context import Context, ContextDep
from softphone.api.errors import ApiError
from softphone.api.happenings import event_view
from softphone.api.watching import Missed
from softphone.focus.accounts import Extension
from softphone.focus.feed import FeedEvent

__all__ = ["doing", "reading"]

reading = queries("/api/v1/events", "events")
doing = commands("/api/v1/events", "events")

# A watcher that takes nothing for so long is gone.
STALLED_S = 60.0

LastId = Annotated[int | None, Query(ge=0, le=2**62, description="Go on after this event.")]
Session = Annotated[str | None, Query(max_length=64, description="Of this conference only.")]
Token = Annotated[str | None, Query(max_length=200, description="For browsers, which can send no header here.")]


def _watcher(connection: HTTPConnection, context: Context, token: str | None) -> Extension:
    header = f"Bearer {token}" if token else connection.headers.get("authorization", "")
    return extension_of(header, context)


@reading.get(
    "",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The stream."}},
)
async def watch_events(
    connection: HTTPConnection,
    context: ContextDep,
    last_id: LastId = None,
    session: Session = None,
    access_token: Token = None,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> StreamingResponse:
    """Stream events, each with its id, its type and its JSON; ``missed`` tells how many were lost to the watcher."""
    watcher = _watcher(connection, context, access_token)
    since = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else last_id
    items = context.watching.follow(watcher, session, since)
    return StreamingResponse(_lines(items), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _lines(items: AsyncIterator[object]) -> AsyncIterator[str]:
    yield ": events\n\n"
    async for item in items:
        match item:
            case FeedEvent():
                yield f"id: {item.id}\nevent: {item.type.value}\ndata: {event_view(item).model_dump_json()}\n\n"
            case Missed():
                yield f'event: missed\ndata: {{"missed":{json.dumps(item.count)}}}\n\n'
            case _:
                yield ": nothing new\n\n"


@reading.websocket("")
async def watch_events_by_websocket(
    socket: WebSocket,
    last_id: LastId = None,
    session: Session = None,
    access_token: Token = None,
) -> None:
    """Send events as JSON texts; ``{"type": "missed", "missed": n}`` tells how many were lost to the watcher."""
    context: Context = socket.app.state.context
    try:
        watcher = _watcher(socket, context, access_token)
    except ApiError as error:
        await socket.send_denial_response(error.response())
        return
    await socket.accept()
    sending = asyncio.create_task(_send(socket, context.watching.follow(watcher, session, last_id)))
    receiving = asyncio.create_task(_until_closed(socket))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _send(socket: WebSocket, items: AsyncIterator[object]) -> None:
    """Send what happens; a watcher that does not read is let go."""
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        async for item in items:
            if (text := _text(item)) is not None:
                async with asyncio.timeout(STALLED_S):
                    await socket.send_text(text)
        await socket.close(1001, "the server stops")


def _text(item: object) -> str | None:
    match item:
        case FeedEvent():
            return event_view(item).model_dump_json()
        case Missed():
            return f'{{"type":"missed","missed":{json.dumps(item.count)}}}'
    return None


async def _until_closed(socket: WebSocket) -> None:
    """Read, and forget, what a watcher says."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_bytes()
