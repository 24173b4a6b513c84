"""Stored recordings: list, show, download, delete."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from softphone.api.auth.access import may_manage
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import ApiError, not_found
from softphone.api.http.pages import PartsDep, microseconds
from softphone.recordings.entry import Entry
from softphone.store.values import Extension

__all__ = ["WholeFile", "doing", "is_range", "reading"]

SPECIFICATION = re.compile(r"\s*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))\s*")

# Nobody needs more parts of a file at once.
MOST_PARTS = 16


class WholeFile(FileResponse):
    """A file, whatever the header Range says."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as if there were no such header."""
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def is_range(header: str | None, size: int) -> bool:
    """Tell whether a header is to be followed; one that is wrong, or of another unit, is ignored (section 14.2).

    Parameters
    ----------
    header
        ``Range``; None asks for all.
    size
        Of the file, in bytes.

    Raises
    ------
    ApiError
        416: the file has none of the parts.
    """
    unit, _, parts = (header or "").partition("=")
    found = [SPECIFICATION.fullmatch(part) for part in parts.split(",")]
    if unit.strip().lower() != "bytes" or len(found) > MOST_PARTS or not all(map(_is_right, found)):
        return False
    there = [_is_there(match, size) for match in found if match]
    if not any(there):
        raise ApiError(416, "CMN-101", "The file has no such part.", headers={"Content-Range": f"bytes */{size}"})
    return all(there)


def _is_right(match: re.Match[str] | None) -> bool:
    return match is not None and not (match["last"] and int(match["first"]) > int(match["last"]))


def _is_there(match: re.Match[str], size: int) -> bool:
    return int(match["suffix"] or 1) > 0 and int(match["first"] or 0) < max(size, 1)


PREFIX = "/api/v1/recordings"

reading = queries(PREFIX, "recordings", 409, 416)
doing = commands(PREFIX, "recordings")

RecordingId = Annotated[str, Path(alias="recording", max_length=100)]
FileName = Annotated[str, Path(alias="file", max_length=200)]

SOUND: dict[int | str, dict[str, Any]] = {
    status: {
        "description": words,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("audio/wav", "audio/flac", "audio/ogg", "multipart/byteranges")
        },
    }
    for status, words in ((200, "The file."), (206, "The parts that were asked for."))
}


class SpanView(BaseModel):
    """A stretch of time, in seconds since the start of the recording; without an end it goes on."""

    start_s: float
    end_s: float | None


class PartySpanView(SpanView):
    """A party was there."""

    party: str
    number: str
    name: str


class SpeechView(SpanView):
    """A party talked."""

    party: str


class RecordingView(BaseModel):
    """A recording."""

    id: str
    conference: str
    mailbox: Annotated[str, Field(description="Id of the extension that it is a message for; empty: it is none.")]
    state: str
    started: datetime
    ended: datetime | None
    seconds: float
    reason: str
    format: str
    mix: str
    tracks: dict[str, str]
    parties: list[PartySpanView]
    pauses: list[SpanView]
    size: int


class RecordingDetails(RecordingView):
    """A recording, with who spoke when."""

    speech: list[SpeechView]


class RecordingList(BaseModel):
    """Recordings, the newest first."""

    recordings: list[RecordingView]
    next: Annotated[str | None, Field(description="Give it back as `after`; null: this was the last part.")]


async def _entry(recording_id: RecordingId, caller: CallerDep, context: ContextDep) -> Entry:
    """Give a recording that the caller may have."""
    entry = await context.recordings.get(recording_id)
    if not await _theirs([entry], caller, context):
        # Whose a conference was may still wait to be written, the moment it is over.
        await context.settle()
        if not await _theirs([entry], caller, context):
            raise not_found("recording")
    return entry


async def _theirs(entries: Sequence[Entry], caller: Extension, context: ApiContext) -> list[Entry]:
    """Choose the recordings of conferences that the caller decides, or decided, about."""
    if caller.admin:
        return list(entries)
    recorded = {entry.conference for entry in entries}
    running = recorded & context.focus.rooms.keys()
    theirs = {each for each in running if may_manage(context.focus.session(each), caller)}
    theirs |= await context.store.archive.owned(caller.id, recorded - running)
    return [entry for entry in entries if entry.is_of(caller.id, theirs)]


EntryDep = Annotated[Entry, Depends(_entry)]


@reading.get("")
async def list_recordings(
    caller: CallerDep,
    context: ContextDep,
    parts: PartsDep,
    conference: Annotated[str | None, Query(max_length=64, description="Of this conference only.")] = None,
) -> RecordingList:
    """List the recordings of conferences that the caller decides about."""
    wanted = [entry for entry in context.recordings.entries if conference in (None, entry.conference)]
    theirs = await _theirs(wanted, caller, context)
    found = parts.of("recordings", theirs, lambda entry: (-microseconds(entry.started), entry.id))
    return RecordingList(recordings=[RecordingView(**_members(each)) for each in found.items], next=found.next)


def _members(entry: Entry) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(entry)
    return members


@reading.get("/{recording}")
async def read_recording(entry: EntryDep) -> RecordingDetails:
    """Show a recording, with who was there and who spoke when."""
    return RecordingDetails(**_members(entry))


@reading.get("/{recording}/files/{file}", response_class=FileResponse, responses=SOUND)
async def download_file(entry: EntryDep, name: FileName, request: Request, context: ContextDep) -> FileResponse:
    """Download the mix or a track, or parts of it (Range)."""
    file = context.recordings.file(entry.id, name)
    kind = FileResponse if is_range(request.headers.get("range"), file.path.stat().st_size) else WholeFile
    return kind(file.path, media_type=file.media_type, filename=file.filename)


@reading.get("/{recording}/audio", response_class=FileResponse, responses=SOUND)
async def download_recording(entry: EntryDep, request: Request, context: ContextDep) -> FileResponse:
    """Download the mix, or parts of it (Range)."""
    return await download_file(entry, entry.mix, request, context)


@doing.delete("/{recording}", status_code=204)
async def delete_recording(entry: EntryDep, context: ContextDep) -> Response:
    """Delete a finished recording with all its files."""
    await context.recordings.delete(entry.id)
    return Response(status_code=204)
