"""Commands for many parties of a conference at once: all, the others, the last, those of a role."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel

from softphone.api.context import ContextDep
from softphone.api.control.models import PartiesChange
from softphone.api.control.paths import ManagedDep, party_of
from softphone.api.http.answers import commands
from softphone.focus.room_commands import ManyOutcome

__all__ = ["ROUTERS"]

doing = commands("/api/v1/conferences/{id}/parties", "parties")
ROUTERS = (doing,)

Who = Literal["all", "others", "last", "host", "moderator", "participant", "listener"]
WHO = (
    "Who is meant: all; the others, who are all but the moderators and `by`; who came last into the room, or into the "
    "lobby where the command is about that; those of a role."
)
Chosen = Annotated[Who, Query(alias="select", description=WHO)]
By = Annotated[str, Query(max_length=80, description="Party that commands, which is none of the others.")]


class ManyView(BaseModel):
    """Ids of those of whom it is so now, and of those who were chosen, but to whom the rules do not let it be done."""

    parties: list[str]
    refused: list[str]


def _view(outcome: ManyOutcome) -> ManyView:
    return ManyView(parties=list(outcome.parties), refused=list(outcome.refused))


def _commanding(session: ManagedDep, by: By = "") -> str:
    """Give the party that commands, who is there; empty: nobody."""
    return party_of(session, by, "by").id if by else ""


ByDep = Annotated[str, Depends(_commanding)]


@doing.patch("")
async def change_parties(
    session: ManagedDep, change: PartiesChange, context: ContextDep, which: Chosen, by: ByDep
) -> ManyView:
    """Change microphone, hearing, hold, volume, role, labels or breakout group of all who are chosen."""
    changes = change.model_dump(exclude_none=True)
    return _view(await context.control.rooms.change_many(session.id, which, changes, by))


@doing.delete("")
async def kick_parties(
    session: ManagedDep,
    context: ContextDep,
    which: Chosen,
    by: ByDep,
    ban: Annotated[bool, Query(description="They do not get in again, but for who hides its number.")] = False,
) -> ManyView:
    """Send away all who are chosen."""
    return _view(await context.control.rooms.kick_many(session.id, which, ban=ban, by=by))


@doing.post("/admit")
async def admit_parties(session: ManagedDep, context: ContextDep, which: Chosen) -> ManyView:
    """Let all who are chosen in from the lobby."""
    return _view(await context.control.rooms.admit_many(session.id, which))


@doing.post("/reject")
async def reject_parties(session: ManagedDep, context: ContextDep, which: Chosen) -> ManyView:
    """Send all who are chosen away from the lobby."""
    return _view(await context.control.rooms.reject_many(session.id, which))
