"""The latest SIP messages by call, for administrators: as JSON, or as a pcap file."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Path, Query, Response
from pydantic import BaseModel, Field

from softphone.address import host_port
from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import Part, PartsDep, microseconds
from softphone.traced import PCAP, TracedCall, TracedMessage, Tracing, pcap

__all__ = ["reading"]

reading = queries("/api/v1/trace", "trace", 403)

FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The messages.", "content": {PCAP: {"schema": {"type": "string", "format": "binary"}}}}
}


class TracedCallView(BaseModel):
    """What has one Call-ID: a call, a registration, a subscription, or a single request."""

    id: str
    number: Annotated[int, Field(description="Of its last message.")]
    call_id: str
    from_: Annotated[str, Field(alias="from")]
    to: str
    method: Annotated[str, Field(description="What it began with.")]
    status: Annotated[int | None, Field(description="Of the last response to that.")]
    running: bool
    first: datetime
    last: datetime
    count: int
    left_out: Annotated[int, Field(description="Messages that are not kept, between the first ones and the last ones.")]


class TraceList(Part):
    """Calls, by the time of their first message."""

    calls: list[TracedCallView]


class TracedMessageView(BaseModel):
    """A message as it passed; what is no UTF-8 in it is replaced."""

    number: int
    time: datetime
    direction: Literal["in", "out"]
    transport: Literal["udp", "tcp", "tls", "ws", "wss"]
    local: str
    remote: str
    line: str
    text: str


class CallTrace(TracedCallView):
    """All messages of a call, in order."""

    messages: list[TracedMessageView]


async def tracing(caller: CallerDep, context: ContextDep) -> Tracing | None:
    """Give the trace to who administers the account."""
    administrator(caller)
    return context.trace


async def file_wanted(
    format: Annotated[Literal["json", "pcap"], Query(description="pcap, like that media type in Accept.")] = "json",
    accept: Annotated[str, Header(max_length=1000)] = "",
) -> bool:
    """Say whether a file is asked for."""
    return format == "pcap" or PCAP in accept


TracingDep = Annotated[Tracing | None, Depends(tracing)]
FileDep = Annotated[bool, Depends(file_wanted)]


@reading.get("", response_model=TraceList, responses=FILE)
async def list_trace(trace: TracingDep, as_file: FileDep, parts: PartsDep) -> TraceList | Response:
    """List the calls whose SIP messages are kept; as a file: all messages of all of them."""
    if as_file:
        return await _file(trace.messages() if trace else iter(()))
    found = parts.of("trace", trace.calls() if trace else [], lambda call: (microseconds(call[0]), call[1]))
    shown = [call for _, name in found.items if trace and (call := trace.call(name))]
    return TraceList(calls=[TracedCallView.model_validate(_view(call)) for call in shown], next=found.next)


@reading.get("/{id:path}", response_model=CallTrace, responses=FILE)
async def read_trace(
    name: Annotated[str, Path(alias="id", max_length=8192, description="Its `id`, or its Call-ID.")],
    trace: TracingDep,
    as_file: FileDep,
) -> CallTrace | Response:
    """Show the SIP messages of a call, secrets blotted."""
    call = trace.call(name) if trace else None
    if trace is None or call is None:
        raise not_found("id")
    messages = trace.messages(name)
    if as_file:
        return await _file(messages)
    shown = await asyncio.to_thread(lambda: [_message(each) for each in messages])
    return CallTrace.model_validate(_view(call) | {"messages": shown})


async def _file(messages: Iterator[TracedMessage]) -> Response:
    # Thousands of messages take a second, in which calls are not to wait.
    return Response(await asyncio.to_thread(pcap, messages), media_type=PCAP)


def _view(call: TracedCall) -> dict[str, Any]:
    return {name: getattr(call, name) for name in call.__slots__} | {"from": call.caller, "to": call.callee}


def _message(message: TracedMessage) -> dict[str, Any]:
    return {
        "number": message.number,
        "time": message.time,
        "direction": "out" if message.sent else "in",
        "transport": message.transport,
        "local": host_port(*message.local),
        "remote": host_port(*message.remote),
        "line": message.line,
        "text": message.data.decode(errors="replace"),
    }
