"""Commands for many parties of a conference at once: all, the others, the last, those of a role."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel

from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import PartiesChange
from softphone.api.control.paths import ManagedDep, party_of
from softphone.api.http.answers import commands
from softphone.focus import words
from softphone.focus.session import TelephonySession

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


# Of each party: what the rules are told, a role first, for what it lets be done.
CHANGES: Mapping[str, Callable[[str, Any], words.Change]] = {
    "role": lambda party, role: words.SetRole(party, words.role_named(role)),
    "muted": words.SetMuted,
    "deaf": words.SetDeaf,
    "held": words.SetHeld,
    "labels": words.SetLabels,
    "group": words.SetGroup,
}


def _told(change: PartiesChange) -> Iterator[words.Change]:
    """Give changes as the rules are told."""
    for name, told in CHANGES.items():
        if (value := getattr(change, name)) is not None:
            yield told("", value)
    if change.volume_in_db is not None or change.volume_out_db is not None:
        yield words.SetVolume("", change.volume_in_db, change.volume_out_db)


class ManyView(BaseModel):
    """Ids of those of whom it is so now, and of those who were chosen, but to whom the rules do not let it be done."""

    parties: list[str]
    refused: list[str]


async def _do(
    session: TelephonySession, which: Who, by: str, changes: Iterable[words.Change], context: ApiContext
) -> ManyView:
    """Do some things to those who are chosen."""
    if by:
        party_of(session, by, "by")
    outcome = await context.control.rooms.select(session.id, words.selector_named(which), *changes, by=by)
    return ManyView(parties=list(outcome.parties), refused=list(outcome.refused))


@doing.patch("")
async def change_parties(
    session: ManagedDep, change: PartiesChange, context: ContextDep, which: Chosen, by: By = ""
) -> ManyView:
    """Change microphone, hearing, hold, volume, role, labels or breakout group of all who are chosen."""
    return await _do(session, which, by, _told(change), context)


@doing.delete("")
async def kick_parties(
    session: ManagedDep,
    context: ContextDep,
    which: Chosen,
    by: By = "",
    ban: Annotated[bool, Query(description="They do not get in again, but for who hides its number.")] = False,
) -> ManyView:
    """Send away all who are chosen."""
    return await _do(session, which, by, [words.Kick("", ban)], context)


@doing.post("/admit")
async def admit_parties(session: ManagedDep, context: ContextDep, which: Chosen) -> ManyView:
    """Let all who are chosen in from the lobby."""
    return await _do(session, which, "", [words.Admit("")], context)


@doing.post("/reject")
async def reject_parties(session: ManagedDep, context: ContextDep, which: Chosen) -> ManyView:
    """Send all who are chosen away from the lobby."""
    return await _do(session, which, "", [words.Reject("")], context)
