"""Numbers that were sent away from a conference and do not get in again."""

from typing import Annotated

from fastapi import Path, Response

from softphone.api.context import ContextDep
from softphone.api.control.paths import ManagedDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.pages import Part, WholeDep

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/conferences/{id}/bans"

reading = queries(PREFIX, "parties", 403)
doing = commands(PREFIX, "parties")


class BanList(Part):
    """Who does not get in."""

    numbers: list[str]


@reading.get("")
async def list_bans(session: ManagedDep, context: ContextDep, parts: WholeDep) -> BanList:
    """List the numbers that do not get in while the conference lasts."""
    found = parts.of("bans", context.control.bans(session.id), lambda number: (0, number))
    return BanList(numbers=found.items, next=found.next)


@doing.delete("/{number}", status_code=204)
async def unban_number(
    session: ManagedDep, context: ContextDep, number: Annotated[str, Path(max_length=200)]
) -> Response:
    """Let a number in again."""
    await context.control.unban(session.id, number)
    return Response(status_code=204)
