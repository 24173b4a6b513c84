"""Recordings of the account's conferences, and of one call's: listed, shown, and the sound itself."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import FileResponse

from softphone.api.context import ApiContext, ContextDep
from softphone.api.restcomm.accounts import PATH, AccountDep, RestcommAccount
from softphone.api.restcomm.calls import CallsDep
from softphone.api.restcomm.errors import failure, unknown
from softphone.api.restcomm.paging import Paging
from softphone.api.restcomm.rendering import Listing, Resource, date
from softphone.api.restcomm.representation import VERSION
from softphone.api.restcomm.running import Calls
from softphone.api.restcomm.sids import call_sid, recording_sid
from softphone.recordings.entry import Entry

__all__ = ["router"]

router = APIRouter(prefix=PATH, include_in_schema=False)

# Of the file, which is asked for by the same sid.
SOUNDS = (".wav", ".flac", ".ogg")


async def theirs(account: AccountDep, context: ContextDep) -> list[Entry]:
    """List the recordings of the account's conferences, the newest first."""
    entries = context.recordings.entries
    if account.sees_all:
        return list(entries)
    await context.settle()
    owned = await context.store.archive.owned(account.owner.id, {entry.conference for entry in entries})
    return [entry for entry in entries if entry.is_of(account.owner.id, owned)]


TheirsDep = Annotated[list[Entry], Depends(theirs)]


@router.get("/Recordings")
async def list_recordings(recordings: TheirsDep, account: AccountDep, request: Request, calls: CallsDep) -> Response:
    """List recordings, or those that a call is on."""
    sid = request.query_params.get("CallSid")
    found = recordings if sid is None else _of_call(sid, recordings, calls)
    return _page(found, account, request, account.uri("Recordings"), {} if sid is None else {"CallSid": sid})


@router.get("/Calls/{call_sid}/Recordings")
async def list_recordings_of_call(
    recordings: TheirsDep,
    account: AccountDep,
    request: Request,
    calls: CallsDep,
    sid: Annotated[str, Path(alias="call_sid", max_length=100)],
) -> Response:
    """List the recordings that a call is on."""
    found = _of_call(sid, recordings, calls)
    return _page(found, account, request, account.uri("Calls", sid, "Recordings"), {})


def _of_call(sid: str, recordings: Sequence[Entry], calls: Calls) -> list[Entry]:
    made = calls.find(sid)
    been = {sid} if made is None else set(map(call_sid, made.call.parties))
    return [each for each in recordings if not been.isdisjoint(map(call_sid, _calls(each)))]


def _page(
    found: Sequence[Entry], account: RestcommAccount, request: Request, uri: str, wanted: dict[str, str]
) -> Response:
    paging = Paging.of(request.query_params)
    some = found[paging.offset :][: paging.most()]
    page = paging.told(uri, len(found), len(some), wanted)
    return account.answer(Listing("Recordings", "recordings", page, [_view(each, account) for each in some]))


def _calls(entry: Entry) -> list[str]:
    """List whose calls are on a recording, in the order they came."""
    return list(dict.fromkeys(span.party for span in entry.parties))


@router.get("/Recordings/{recording_sid}")
async def read_recording(
    recordings: TheirsDep,
    account: AccountDep,
    context: ContextDep,
    named: Annotated[str, Path(alias="recording_sid", max_length=100)],
) -> Response:
    """Show a recording, or give its sound where the path ends like a file of it."""
    sid, dot, kind = named.partition(".")
    found = next((each for each in recordings if recording_sid(each.id) == sid), None)
    if found is None or (dot and dot + kind not in SOUNDS):
        raise unknown()
    return _sound(found, context) if dot else account.answer(_view(found, account))


def _sound(entry: Entry, context: ApiContext) -> Response:
    if entry.state != "ready":
        raise failure(409, "The recording is not ready yet.")
    file = context.recordings.file(entry.id, entry.mix)
    return FileResponse(file.path, media_type=file.media_type, filename=file.filename)


def _view(entry: Entry, account: RestcommAccount) -> Resource:
    sid = recording_sid(entry.id)
    uri = account.uri("Recordings", sid)
    first = next(iter(_calls(entry)), entry.conference)
    return Resource(
        "Recording",
        {
            "sid": sid,
            "date_created": date(entry.started),
            "date_updated": date(entry.ended or entry.started),
            "account_sid": account.sid,
            "call_sid": call_sid(first),
            "duration": round(entry.seconds, 1),
            "api_version": VERSION,
            "uri": uri + account.suffix,
            "file_uri": f"{uri}.{entry.mix.rpartition('.')[2]}",
        },
    )
