"""The allow list of a conference, and its bans."""

from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, Field

from softphone.api.context import ContextDep
from softphone.api.control.models import Strict, Text
from softphone.api.control.paths import ManagedDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found

__all__ = ["ROUTERS"]

reading = queries("/api/v1/conferences/{id}/allowed", "parties", 403)
doing = commands("/api/v1/conferences/{id}/allowed", "parties")
ROUTERS = (reading, doing)

# More than any room holds.
LONGEST = 10_000


class AllowedList(Strict):
    """Numbers of extensions, or from outside as their calls name them."""

    numbers: Annotated[list[Annotated[Text, Field(min_length=1)]], Field(max_length=LONGEST)]


class AllowedView(BaseModel):
    """Who comes in, besides hosts, those who are called or moved in, and those with a pass."""

    numbers: list[str]


@reading.get("")
async def read_allowed(session: ManagedDep, context: ContextDep) -> AllowedView:
    """Show the list; 404 while everybody may come."""
    numbers = context.control.rooms.allowed(session.id)
    if numbers is None:
        raise not_found("allowed")
    return AllowedView(numbers=numbers)


@doing.put("")
async def set_allowed(session: ManagedDep, wish: AllowedList, context: ContextDep) -> AllowedView:
    """Let in nobody else from now on; who is there stays."""
    await context.control.rooms.allow(session.id, wish.numbers)
    return AllowedView(numbers=context.control.rooms.allowed(session.id) or [])


@doing.delete("", status_code=204)
async def allow_all(session: ManagedDep, context: ContextDep) -> Response:
    """Let everybody in again, but who is banned."""
    await context.control.rooms.allow(session.id, None)
    return Response(status_code=204)
