"""Extensions: the list, properties of conference extensions, codes of users, registered telephones, wrong codes."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Path, Request, Response
from pydantic import BaseModel

from softphone.api.auth.access import administrator, bridge_codes
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.bodies import described
from softphone.api.http.errors import not_found
from softphone.api.http.pages import Part, WholeDep
from softphone.api.http.properties import Properties, PropertiesChange, changes_of
from softphone.store.properties import ConferenceProperties

__all__ = ["ROUTERS"]

reading = queries("/api/v1/extensions", "extensions", 403)
property_reading = queries("/api/v1/extensions/{number}/properties", "extensions", 403)
property_doing = commands("/api/v1/extensions/{number}/properties", "extensions")
code_reading = queries("/api/v1/extensions/{number}/codes", "extensions", 403)
registration_reading = queries("/api/v1/registrations", "registrations", 403)
registration_doing = commands("/api/v1/registrations", "registrations")
wrong_code_doing = commands("/api/v1/wrong-codes", "extensions")
ROUTERS = (
    reading,
    property_reading,
    property_doing,
    code_reading,
    registration_reading,
    registration_doing,
    wrong_code_doing,
)


class ExtensionView(BaseModel):
    """An extension: a user, or a room."""

    id: str
    number: str
    name: str
    kind: Literal["user", "conference"]
    admin: bool
    conferencing: bool


class ExtensionList(Part):
    """All extensions, by number."""

    extensions: list[ExtensionView]


@reading.get("")
async def list_extensions(caller: CallerDep, context: ContextDep, parts: WholeDep) -> ExtensionList:
    """List all extensions, for administrators."""
    administrator(caller)
    found = parts.of("extensions", context.accounts.extensions.values(), lambda extension: (0, extension.number))
    views = [ExtensionView.model_validate(each, from_attributes=True) for each in found.items]
    return ExtensionList(extensions=views, next=found.next)


async def conference_extension(
    caller: CallerDep, context: ContextDep, number: Annotated[str, Path(max_length=32)]
) -> tuple[str, ConferenceProperties]:
    """Give the id and the properties of a conference extension, to an administrator."""
    administrator(caller)
    extension = context.accounts.find(number)
    properties = context.accounts.properties(extension.id) if extension else None
    if extension is None or properties is None:
        raise not_found("number")
    return extension.id, properties


RoomDep = Annotated[tuple[str, ConferenceProperties], Depends(conference_extension)]


@property_reading.get("")
async def read_room_properties(room: RoomDep) -> Properties:
    """Show all properties of the conference extension with this number."""
    return Properties.of(room[1])


@property_doing.put("", openapi_extra=described(PropertiesChange))
async def change_room_properties(room: RoomDep, request: Request, context: ContextDep) -> Properties:
    """Change some properties; a conference that runs goes on by the new ones."""
    return Properties.of(await context.store.set_properties(room[0], await changes_of(request)))


class CodesView(BaseModel):
    """The number to call, and what to type: who types the host's code is the host."""

    phone_number: str
    host_code: str
    participant_code: str


@code_reading.get("")
async def read_codes(
    caller: CallerDep,
    context: ContextDep,
    number: Annotated[str, Path(max_length=32, description="Of a user; `~`: the caller's own.")],
) -> CodesView:
    """Tell the bridge number and a user's codes, to itself or to an administrator."""
    extension = caller if number == "~" else context.accounts.find(number)
    if extension is None:
        raise not_found("number")
    codes = bridge_codes(extension, caller, context)
    return CodesView(
        phone_number=context.accounts.main_number, host_code=codes.host, participant_code=codes.participant
    )


RegistrationId = Annotated[str, Path(alias="id", max_length=64)]


class RegistrationView(BaseModel):
    """A telephone that is registered."""

    id: str
    number: str
    contact: str
    address: str
    transport: str
    behind_nat: bool
    refreshed: datetime
    expires: datetime


class RegistrationList(Part):
    """Telephones, by number."""

    registrations: list[RegistrationView]


@registration_reading.get("")
async def list_registrations(caller: CallerDep, context: ContextDep, parts: WholeDep) -> RegistrationList:
    """List the telephones that are registered, and where calls for them go."""
    administrator(caller)
    found = parts.of("registrations", context.registrations.all(), lambda each: (0, f"{each.number} {each.id}"))
    views = [RegistrationView.model_validate(each, from_attributes=True) for each in found.items]
    return RegistrationList(registrations=views, next=found.next)


@registration_doing.delete("/{id}", status_code=204)
async def remove_registration(id: RegistrationId, caller: CallerDep, context: ContextDep) -> Response:
    """Forget a telephone; it comes back when it registers again."""
    administrator(caller)
    if not context.registrations.remove(id):
        raise not_found("id")
    return Response(status_code=204)


@wrong_code_doing.delete("", status_code=204)
async def forget_wrong_codes(caller: CallerDep, context: ContextDep) -> Response:
    """Forget them all: every room takes codes again."""
    administrator(caller)
    context.codes.forgive()
    return Response(status_code=204)
