"""Calls of two extensions while they last: who talks with whom, and an end to it. What was is in the history."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Path, Response
from pydantic import BaseModel

from softphone.api.auth import access
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import Part, WholeDep, instant
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import PartyAddress

__all__ = ["doing", "reading"]

reading = queries("/api/v1/calls", "calls")
doing = commands("/api/v1/calls", "calls")


class EndView(BaseModel):
    """One of the two."""

    number: str
    name: str
    extension_id: str | None


class RunningCall(BaseModel):
    """A call that rings or is answered."""

    id: str
    created: datetime
    state: Literal["ringing", "answered"]
    caller: EndView
    callee: EndView


class RunningCalls(Part):
    """Calls, the oldest first."""

    calls: list[RunningCall]


def _view(room: CallRoom) -> RunningCall:
    party = next(iter(room.session.parties.values()))
    return RunningCall(
        id=room.session.id,
        created=room.session.created,
        state="answered" if room.answered else "ringing",
        caller=_end(party.caller),
        callee=_end(party.callee),
    )


def _end(address: PartyAddress) -> EndView:
    return EndView.model_validate(address, from_attributes=True)


def _running(context: ApiContext) -> list[CallRoom]:
    return [room for room in context.focus.calls.values() if room.session.parties]


async def running_call(
    session_id: Annotated[str, Path(alias="id", max_length=64)], caller: CallerDep, context: ContextDep
) -> CallRoom:
    """Give a call that the caller of the API is in, or administers; to others it does not exist."""
    for room in _running(context):
        if room.session.id == session_id and access.may_see(room.session, caller):
            return room
    raise not_found("id")


CallDep = Annotated[CallRoom, Depends(running_call)]


@reading.get("")
async def list_running_calls(caller: CallerDep, context: ContextDep, parts: WholeDep) -> RunningCalls:
    """List the calls of two extensions: an administrator's are all, others' their own."""
    seen = [room for room in _running(context) if access.may_see(room.session, caller)]
    found = parts.of("running calls", seen, lambda room: (instant(room.session.created), room.session.id))
    return RunningCalls(calls=[_view(room) for room in found.items], next=found.next)


@reading.get("/{id}")
async def read_running_call(room: CallDep) -> RunningCall:
    """Show a call."""
    return _view(room)


@doing.delete("/{id}", status_code=204)
async def end_call(room: CallDep, context: ContextDep) -> Response:
    """End a call, ringing or answered: either of the two may, and administrators."""
    await context.control.end(room.session.id)
    return Response(status_code=204)
