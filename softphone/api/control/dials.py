"""People called into a conference."""

from typing import Annotated

from fastapi import Path

from softphone.api.context import ContextDep
from softphone.api.control.models import DialList, DialView, DialWish
from softphone.api.control.paths import ManagedDep, SeenDep, party_of
from softphone.api.control.views import dial_view
from softphone.api.http.answers import commands, queries
from softphone.api.http.pages import WholeDep
from softphone.focus.words import role_named

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/conferences/{id}/dials"

reading = queries(PREFIX, "dials")
doing = commands(PREFIX, "dials")

DialId = Annotated[int, Path(alias="dial", ge=0, le=2**31 - 1)]


@doing.post("", status_code=202)
async def dial(session: ManagedDep, wish: DialWish, context: ContextDep) -> DialView:
    """Call somebody; events tell what becomes of it."""
    if wish.by:
        party_of(session, wish.by)
    called = await context.control.dial(
        session.id, wish.number, by=wish.by, role=role_named(wish.role), confirm=wish.confirm
    )
    return dial_view(called)


@reading.get("")
async def list_dials(session: SeenDep, context: ContextDep, parts: WholeDep) -> DialList:
    """List all who were called, whatever became of it."""
    found = parts.of("dials", context.control.invitations(session.id), lambda called: (called.id, ""))
    return DialList(dials=[dial_view(each) for each in found.items], next=found.next)


@doing.delete("/{dial}")
async def cancel_dial(session: ManagedDep, number: DialId, context: ContextDep) -> DialView:
    """Let it ring no more."""
    return dial_view(await context.control.cancel_dial(session.id, number))
