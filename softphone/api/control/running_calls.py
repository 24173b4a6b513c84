"""Running two-party calls: parties, transfer, parking, end. Past calls are in the history."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Path, Response
from pydantic import BaseModel, Field

from softphone.api.auth import access
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import invalid, not_found
from softphone.api.http.pages import Part, WholeDep, microseconds
from softphone.focus.errors import NotAllowed
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import PartyAddress
from softphone.store.values import Extension

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
    state: Literal["ringing", "answered", "parked"]
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
        state="parked" if room.parked else "answered" if room.answered else "ringing",
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
    """Give a call that the caller of the API is in, administers, or may pick up; to others it does not exist."""
    for room in _running(context):
        if room.session.id == session_id and _may_see(room, caller):
            return room
    raise not_found("id")


def _may_see(room: CallRoom, caller: Extension) -> bool:
    """Whether a call is shown: who is parked is there for everybody of the account."""
    return room.parked is not None or access.may_see(room.session, caller)


CallDep = Annotated[CallRoom, Depends(running_call)]


@reading.get("")
async def list_running_calls(caller: CallerDep, context: ContextDep, parts: WholeDep) -> RunningCalls:
    """List the calls of two: an administrator's are all, others' their own and those that are parked."""
    seen = [room for room in _running(context) if _may_see(room, caller)]
    found = parts.of("running calls", seen, lambda room: (microseconds(room.session.created), room.session.id))
    return RunningCalls(calls=[_view(room) for room in found.items], next=found.next)


@reading.get("/{id}")
async def read_running_call(room: CallDep) -> RunningCall:
    """Show a call."""
    return _view(room)


class TransferWish(BaseModel):
    """Who takes the party's place: a number, or who the party talks with in its other call."""

    to: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    call: Annotated[str, Field(max_length=64, description="Id of the other call, which ends.")] | None = None


class PickupWish(BaseModel):
    """Who is rung; the caller's own number if nothing is said."""

    number: Annotated[str, Field(min_length=1, max_length=200)] | None = None


PartyId = Annotated[str, Path(max_length=64)]


@doing.post("/{id}/parties/{party}/transfer")
async def transfer_call(
    room: CallDep, party: PartyId, wish: TransferWish, caller: CallerDep, context: ContextDep
) -> RunningCall:
    """Let somebody else take a party's place; answered when that has happened."""
    access.own_or_manageable(room.session.id, party, caller, context)
    if (wish.to is None) == (wish.call is None):
        raise invalid("to", "either a number, or the id of another call, is wanted")
    if wish.to is not None:
        await context.control.calls.transfer(room.session.id, party, wish.to)
    elif wish.call is not None:
        await context.control.calls.connect(
            room.session.id, party, (await running_call(wish.call, caller, context)).session.id
        )
    return _view(room)


@doing.post("/{id}/parties/{party}/park")
async def park_call(room: CallDep, party: PartyId, caller: CallerDep, context: ContextDep) -> RunningCall:
    """Let a party leave, and the other wait with music; any extension may pick the call up."""
    access.own_or_manageable(room.session.id, party, caller, context)
    await context.control.calls.park(room.session.id, party)
    return _view(room)


class AnswerWish(BaseModel):
    """At which telephones."""

    browser: Annotated[bool | None, Field(description="Those that speak WebRTC, or those that do not; null: all.")] = (
        None
    )


class TurnAwayWish(BaseModel):
    """What becomes of a call that rings: where it goes on, or else that it is declined, or counts as not answered."""

    to: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    as_: Annotated[Literal["declined", "no answer"], Field(alias="as")] = "declined"


def _own(room: CallRoom, party: str, caller: Extension) -> None:
    """Let a party that rings decide for itself alone."""
    found = room.session.parties.get(party)
    if found is None:
        raise not_found("party")
    if found.extension_id != caller.id:
        raise NotAllowed


@doing.post("/{id}/parties/{party}/answer")
async def answer_call(
    room: CallDep, party: PartyId, wish: AnswerWish, caller: CallerDep, context: ContextDep
) -> RunningCall:
    """Let the own telephones that ring answer by themselves, as far as they can; answered when one has, or 409."""
    _own(room, party, caller)
    await context.control.calls.ringing.answer(room.session.id, party, wish.browser)
    return _view(room)


@doing.post("/{id}/parties/{party}/turn-away", status_code=204)
async def turn_call_away(
    room: CallDep, party: PartyId, wish: TurnAwayWish, caller: CallerDep, context: ContextDep
) -> Response:
    """Take a call away from the own telephones, while it rings."""
    _own(room, party, caller)
    await context.control.calls.ringing.turn_away(room.session.id, party, wish.as_, to=wish.to or "")
    return Response(status_code=204)


@doing.post("/{id}/pickup")
async def pick_up_call(room: CallDep, wish: PickupWish, caller: CallerDep, context: ContextDep) -> RunningCall:
    """Ring the caller's telephones, or a number, and connect who answers with who is parked; answered then."""
    await context.control.calls.pick_up(room.session.id, wish.number or caller.number, by=caller)
    return _view(room)


@doing.delete("/{id}", status_code=204)
async def end_call(room: CallDep, caller: CallerDep, context: ContextDep) -> Response:
    """End a call, ringing, answered or parked: either of the two may, and administrators."""
    access.visible(room.session.id, caller, context)
    await context.control.end(room.session.id)
    return Response(status_code=204)
