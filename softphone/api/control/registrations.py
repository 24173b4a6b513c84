"""Telephones that are registered: administrators see where users are reached, and take a registration away."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Response
from pydantic import BaseModel

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import Part, WholeDep

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/registrations"

reading = queries(PREFIX, "registrations", 403)
doing = commands(PREFIX, "registrations")

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


@reading.get("")
async def list_registrations(caller: CallerDep, context: ContextDep, parts: WholeDep) -> RegistrationList:
    """List the telephones that are registered, and where calls for them go."""
    administrator(caller)
    found = parts.of("registrations", context.registrations.all(), lambda each: (0, f"{each.number} {each.id}"))
    views = [RegistrationView.model_validate(each, from_attributes=True) for each in found.items]
    return RegistrationList(registrations=views, next=found.next)


@doing.delete("/{id}", status_code=204)
async def remove_registration(id: RegistrationId, caller: CallerDep, context: ContextDep) -> Response:
    """Forget a telephone; it comes back when it registers again."""
    administrator(caller)
    if not context.registrations.remove(id):
        raise not_found("id")
    return Response(status_code=204)
