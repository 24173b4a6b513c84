"""Conferences: create, show, change, end; and their recorder."""

from fastapi import Response

from softphone.api.auth.access import may_see
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import (
    ConferenceChange,
    ConferenceList,
    ConferenceView,
    ConferenceWish,
    RecordingChange,
    RecordingModel,
    Rules,
    conference_view,
)
from softphone.api.control.paths import ManagedDep, SeenDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import WholeDep, microseconds
from softphone.focus.errors import NotAllowed
from softphone.focus.room.recording import RecordingStatus
from softphone.focus.session import TelephonySession
from softphone.store.values import Extension

__all__ = ["OF_SESSIONS", "ROUTERS"]

reading = queries("/api/v1/conferences", "conferences")
doing = commands("/api/v1/conferences", "conferences")
recorder_reading = queries("/recording", "recordings")
recorder_doing = commands("/recording", "recordings")
ROUTERS = (reading, doing)
OF_SESSIONS = (recorder_reading, recorder_doing)


@doing.post("", status_code=201)
async def create_conference(
    caller: CallerDep, context: ContextDep, wish: ConferenceWish | None = None
) -> ConferenceView:
    """Make a conference; or open the room of an extension, which may be one that runs already."""
    wanted = wish or ConferenceWish()
    if wanted.extension is None:
        session = await context.control.create(caller, max_members=wanted.max_members)
    else:
        session = await _open(wanted.extension, caller, context)
    await _rule(session, wanted.rules, context)
    return conference_view(session, context)


async def _open(number: str, caller: Extension, context: ApiContext) -> TelephonySession:
    extension = context.accounts.find(number)
    if extension is None:
        raise not_found("extension")
    if not caller.admin and extension.id != caller.id:
        raise NotAllowed("This room is another extension's")
    return await context.control.open(number)


async def _rule(session: TelephonySession, rules: Rules | None, context: ApiContext) -> None:
    if rules is not None:
        await context.control.change_rules(session.id, rules.model_dump(exclude_unset=True))


@reading.get("")
async def list_conferences(caller: CallerDep, context: ContextDep, parts: WholeDep) -> ConferenceList:
    """List the running conferences that the caller may see."""
    sessions = [session for session in context.control.conferences() if may_see(session, caller)]
    found = parts.of("conferences", sessions, lambda session: (microseconds(session.created), session.id))
    return ConferenceList(conferences=[conference_view(each, context) for each in found.items], next=found.next)


@reading.get("/{id}")
async def read_conference(session: SeenDep, context: ContextDep) -> ConferenceView:
    """Show a conference."""
    return conference_view(session, context)


@doing.patch("/{id}")
async def change_conference(session: ManagedDep, change: ConferenceChange, context: ContextDep) -> ConferenceView:
    """Lock or unlock it, turn all microphones off or on, switch the notices, give it rules of its own."""
    if change.locked is not None:
        await context.control.lock(session.id, change.locked)
    if change.muted_all is not None:
        await context.control.mute_all(session.id, change.muted_all)
    if change.notices is not None:
        await context.control.notices(session.id, change.notices)
    await _rule(session, change.rules, context)
    return conference_view(session, context)


@doing.delete("/{id}", status_code=204)
async def end_conference(session: ManagedDep, context: ContextDep) -> Response:
    """End it: goodbye to all."""
    await context.control.end(session.id)
    return Response(status_code=204)


def _view(state: RecordingStatus, caller: Extension) -> RecordingModel:
    """Show it; where its file is on the server is for administrators."""
    path = state.path if caller.admin else ""
    return RecordingModel(active=state.active, path=path, seconds=state.seconds, id=state.id, paused=state.paused)


@recorder_reading.get("")
async def read_recorder(session: SeenDep, caller: CallerDep, context: ContextDep) -> RecordingModel:
    """Show the recording that is being made; 404 when there is none."""
    state = context.control.recording(session.id)
    if state is None:
        raise not_found("recording")
    return _view(state, caller)


@recorder_doing.post("")
async def start_recording(session: ManagedDep, caller: CallerDep, context: ContextDep) -> RecordingModel:
    """Record the conference into a file in the data folder; one that is recorded already goes on as it was."""
    return _view(await context.control.start_recording(session.id), caller)


@recorder_doing.patch("")
async def pause_recording(
    session: ManagedDep, change: RecordingChange, caller: CallerDep, context: ContextDep
) -> RecordingModel:
    """Leave silence in the recording, or go on with it."""
    pause, resume = context.control.pause_recording, context.control.resume_recording
    return _view(await (pause if change.paused else resume)(session.id), caller)


@recorder_doing.delete("")
async def stop_recording(session: ManagedDep, caller: CallerDep, context: ContextDep) -> RecordingModel:
    """Stop recording; the file is complete when the answer comes."""
    return _view(await context.control.stop_recording(session.id), caller)
