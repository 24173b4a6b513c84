"""Events in real time: server-sent events (HTML 9.2) and WebSocket (RFC 6455), resumed by the last id seen.

A stream is a request that lasts: when its token is revoked, replaced or expired, or the watcher may watch no more, it
ends within a keep-alive and says why, by an event ``ended`` or the code of the WebSocket's closing (4401, 4403, 4429).

A watcher that was away too long, or reads too slowly, is told how many events it has missed (null: the server was
restarted in between, and nobody knows), and goes on with the oldest that is kept. We hold nothing for a watcher but its
place: what it has not read stays in the feed.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import Header, Query, WebSocket
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from softphone.api.auth.tokens import extension_of
from softphone.api.context import ApiContext, ContextDep
from softphone.api.events.watching import Missed, StreamEnded, Watching
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import ApiError
from softphone.focus.feed import FeedEvent
from softphone.store.values import Extension

__all__ = ["doing", "reading"]

reading = queries("/api/v1/events", "events")
doing = commands("/api/v1/events", "events")

# A watcher that takes nothing for so long is gone.
STALLED_S = 60.0

# Bytes.
LONGEST_REASON = 123

LastId = Annotated[int | None, Query(ge=0, le=2**62, description="Go on after this event.")]
Session = Annotated[str | None, Query(max_length=64, description="Of this conference only.")]
Token = Annotated[str | None, Query(max_length=200, description="For browsers, which can send no header here.")]


def _asking(connection: HTTPConnection, context: ApiContext, token: str | None) -> Callable[[], Extension]:
    """Give what tells the watcher, or raises ApiError, now and as often as it is asked."""
    header = f"Bearer {token}" if token else connection.headers.get("authorization", "")
    return lambda: extension_of(header, context)


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
    ask = _asking(connection, context, access_token)
    since = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else last_id
    items = context.watching.follow(ask(), session, since, ask)
    return StreamingResponse(
        _lines(items, context.watching), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _lines(items: AsyncIterator[object], watching: Watching) -> AsyncIterator[str]:
    yield ": events\n\n"
    async for item in items:
        match item:
            case FeedEvent():
                yield f"id: {item.id}\nevent: {item.type.value}\ndata: {watching.json(item)}\n\n"
            case Missed():
                yield f'event: missed\ndata: {{"missed":{json.dumps(item.count)}}}\n\n'
            case StreamEnded():
                yield f"event: ended\ndata: {json.dumps({'code': item.code, 'reason': item.reason})}\n\n"
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
    context: ApiContext = socket.app.state.context
    ask = _asking(socket, context, access_token)
    try:
        items = context.watching.follow(ask(), session, last_id, ask)
    except ApiError as error:
        await socket.send_denial_response(error.response())
        return
    await socket.accept()
    sending = asyncio.create_task(_send(socket, items, context.watching))
    receiving = asyncio.create_task(_until_closed(socket))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _send(socket: WebSocket, items: AsyncIterator[object], watching: Watching) -> None:
    """Send what happens; a watcher that does not read is let go."""
    end = StreamEnded(1001, "the server stops")
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        async for item in items:
            if isinstance(item, StreamEnded):
                end = item
            elif (text := _text(item, watching)) is not None:
                async with asyncio.timeout(STALLED_S):
                    await socket.send_text(text)
        await socket.close(end.code, _close_reason(end.reason))


def _close_reason(text: str) -> str:
    """Cut to what a close frame holds (RFC 6455 section 5.5)."""
    return text.encode()[:LONGEST_REASON].decode(errors="ignore")


def _text(item: object, watching: Watching) -> str | None:
    match item:
        case FeedEvent():
            return watching.json(item)
        case Missed():
            return f'{{"type":"missed","missed":{json.dumps(item.count)}}}'
    return None


async def _until_closed(socket: WebSocket) -> None:
    """Read, and forget, whatever a watcher says, until it goes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
