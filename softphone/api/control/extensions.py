"""The properties of conference extensions."""

from typing import Annotated

from fastapi import Depends, Path, Request

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.bodies import described
from softphone.api.http.errors import not_found
from softphone.api.http.properties import Properties, PropertiesChange, changes_of
from softphone.store.properties import ConferenceProperties

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/extensions/{number}/properties"

reading = queries(PREFIX, "extensions", 403)
doing = commands(PREFIX, "extensions")


async def conference_extension(
    caller: CallerDep, context: ContextDep, number: Annotated[str, Path(max_length=32)]
) -> tuple[str, ConferenceProperties]:
    """Give the id and the properties of a conference extension, to an administrator."""
    administrator(caller)
    extension = context.accounts.find(number)
    properties = context.accounts.directory.properties(extension.id) if extension else None
    if extension is None or properties is None:
        raise not_found("number")
    return extension.id, properties


RoomDep = Annotated[tuple[str, ConferenceProperties], Depends(conference_extension)]


@reading.get("")
async def read_room_properties(room: RoomDep) -> Properties:
    """Show all properties of the conference extension with this number."""
    return Properties.of(room[1])


@doing.put("", openapi_extra=described(PropertiesChange))
async def change_room_properties(room: RoomDep, request: Request, context: ContextDep) -> Properties:
    """Change some properties; a conference that runs goes on by the new ones."""
    return Properties.of(await context.store.set_properties(room[0], await changes_of(request)))
