"""Audio streams of a conference or call over WebSocket."""

from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import BaseModel, Field

from softphone.address import host_port
from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import PartyRef, Strict, Text
from softphone.api.control.paths import ManagedDep, party_of
from softphone.api.http.answers import commands, queries
from softphone.api.http.pages import Part, WholeDep
from softphone.focus.streams import Stream, StreamWish

__all__ = ["OF_SESSIONS"]

reading = queries("/streams", "streams", 403)
doing = commands("/streams", "streams")
OF_SESSIONS = (reading, doing)

StreamId = Annotated[int, Path(alias="stream", ge=0, le=2**53)]


class StreamOpening(Strict):
    """What is to be heard, and whether its client is heard."""

    party: Annotated[PartyRef | None, Field(description="It hears this one, and is heard by it alone; null: all.")] = (
        None
    )
    rate_hz: Literal[8000, 16000, 24000, 48000] = 16000
    encoding: Annotated[
        Literal["l16", "opus"], Field(description="Of binary messages: samples of 16 bits, or a packet of Opus.")
    ] = "l16"
    says: Annotated[bool, Field(description="Its client may speak: it is a party, and shown in the roster.")] = False
    name: Annotated[Text, Field(description="Of the party.")] = ""


class StreamView(BaseModel):
    """A stream; ``stream.started`` and ``stream.ended`` events tell of its client."""

    id: int
    url: str
    party: str | None
    rate_hz: int
    encoding: str
    says: bool
    speaker: Annotated[str | None, Field(description="The party that it is; null: it only listens.")]
    started: Annotated[bool, Field(description="Whether its client has come.")]


class OpenedStreamView(StreamView):
    """A stream that was just opened, with the key that its client brings, once, as a bearer token."""

    key: str


class StreamList(Part):
    """All of a conference or call, the oldest first."""

    streams: list[StreamView]


def _view(stream: Stream, context: ApiContext) -> dict[str, object]:
    scheme = "wss" if context.config.streams.tls else "ws"
    return {
        "id": stream.id,
        "url": f"{scheme}://{host_port(stream.host, stream.port)}/streams",
        "party": stream.wish.party,
        "rate_hz": stream.wish.rate_hz,
        "encoding": stream.wish.encoding,
        "says": stream.wish.says,
        "speaker": stream.speaker,
        "started": stream.started,
    }


@doing.post("", status_code=201)
async def open_stream(session: ManagedDep, wish: StreamOpening, context: ContextDep) -> OpenedStreamView:
    """Open a stream; its client has 38 s to come, by WebSocket, with the key."""
    if wish.party is not None:
        party_of(session, wish.party)
    wanted = StreamWish(wish.rate_hz, wish.says, wish.party, wish.name, wish.encoding)
    opened = await context.control.streams.open_stream(session.id, wanted)
    return OpenedStreamView.model_validate({**_view(opened.stream, context), "key": opened.key})


@reading.get("")
async def list_streams(session: ManagedDep, context: ContextDep, parts: WholeDep) -> StreamList:
    """List them."""
    found = parts.of("streams", context.control.streams.of(session.id), lambda stream: (stream.id, ""))
    shown = [StreamView.model_validate(_view(each, context)) for each in found.items]
    return StreamList(streams=shown, next=found.next)


@doing.delete("/{stream}", status_code=204)
async def close_stream(session: ManagedDep, stream: StreamId, context: ContextDep) -> Response:
    """End it; a party that it is leaves."""
    await context.control.streams.close_stream(session.id, stream)
    return Response(status_code=204)
