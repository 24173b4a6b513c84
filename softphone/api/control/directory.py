"""The extensions of the account."""

from typing import Literal

from pydantic import BaseModel

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import queries
from softphone.api.http.pages import Part, WholeDep

__all__ = ["reading"]

reading = queries("/api/v1/extensions", "extensions", 403)


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
