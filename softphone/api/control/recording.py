"""The recorder of a conference: run, shown, paused, stopped."""

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.control.models import RecordingChange, RecordingModel
from softphone.api.control.paths import ManagedDep, SeenDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.focus.accounts import Extension
from softphone.focus.room.recording import RecordingState

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/conferences/{id}/recording"

reading = queries(PREFIX, "recordings")
doing = commands(PREFIX, "recordings")


def _view(state: RecordingState, caller: Extension) -> RecordingModel:
    """Show it; where its file is on the server is for administrators."""
    path = state.path if caller.admin else ""
    return RecordingModel(active=state.active, path=path, seconds=state.seconds, id=state.id, paused=state.paused)


@reading.get("")
async def read_recorder(session: SeenDep, caller: CallerDep, context: ContextDep) -> RecordingModel:
    """Show the recording that is being made; 404 when there is none."""
    state = context.control.recording(session.id)
    if state is None:
        raise not_found("recording")
    return _view(state, caller)


@doing.post("")
async def start_recording(session: ManagedDep, caller: CallerDep, context: ContextDep) -> RecordingModel:
    """Record the conference into a file in the data folder; one that is recorded already goes on as it was."""
    return _view(await context.control.start_recording(session.id), caller)


@doing.patch("")
async def pause_recording(
    session: ManagedDep, change: RecordingChange, caller: CallerDep, context: ContextDep
) -> RecordingModel:
    """Leave silence in the recording, or go on with it."""
    pause, resume = context.control.pause_recording, context.control.resume_recording
    return _view(await (pause if change.paused else resume)(session.id), caller)


@doing.delete("")
async def stop_recording(session: ManagedDep, caller: CallerDep, context: ContextDep) -> RecordingModel:
    """Stop recording; the file is complete when the answer comes."""
    return _view(await context.control.stop_recording(session.id), caller)
