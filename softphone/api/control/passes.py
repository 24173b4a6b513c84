"""Passes, which admit one person to a conference: create, list, revoke."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import BaseModel, Field

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import RoleName, Strict, Text
from softphone.api.control.paths import ManagedDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.pages import Part, WholeDep, microseconds
from softphone.api.inviting import uri_of
from softphone.focus.words import role_named
from softphone.store.passes import PassRecord

__all__ = ["ROUTERS"]

reading = queries("/api/v1/conferences/{id}/passes", "invitations", 403, 503)
doing = commands("/api/v1/conferences/{id}/passes", "invitations", 503)
ROUTERS = (reading, doing)


class PassWish(Strict):
    """As what somebody is to come in, and until when."""

    role: RoleName = "participant"
    name: Annotated[Text, Field(description="Under which it is shown; empty: its own.")] = ""
    expires_in_s: Annotated[float, Field(ge=1, le=31_536_000)] = 86_400.0
    one_use: Annotated[bool, Field(description="Good for one call; false: for any until it expires.")] = True
    hidden: Annotated[bool, Field(description="For a hidden listener; only administrators may ask for it.")] = False


class PassView(BaseModel):
    """A pass."""

    id: str
    number: Annotated[str, Field(description="Whoever dials it comes in.")]
    sip_uri: str
    role: Literal["host", "participant", "listener"]
    name: str
    one_use: bool
    hidden: bool
    state: Literal["valid", "used", "expired", "revoked"]
    created: datetime
    expires: datetime
    used: Annotated[datetime | None, Field(description="The last time.")]


class PassList(Part):
    """The passes into a conference, the oldest first."""

    passes: list[PassView]


def _view(record: PassRecord, context: ApiContext) -> PassView:
    number = context.passes.number(record.id)
    return PassView.model_validate(
        {
            "id": record.id,
            "number": number,
            "sip_uri": uri_of(number, context),
            "role": "host" if record.role == "moderator" else record.role,
            "name": record.name,
            "one_use": record.one_use,
            "hidden": record.hidden,
            "state": record.state(datetime.now(UTC)),
            "created": record.created,
            "expires": record.expires,
            "used": record.used,
        }
    )


@doing.post("", status_code=201)
async def make_pass(
    session: ManagedDep, caller: CallerDep, context: ContextDep, wish: PassWish | None = None
) -> PassView:
    """Make a pass; into the room of an extension it is good whenever that is open, or opens it."""
    wanted = wish or PassWish()
    if wanted.hidden:
        administrator(caller)
    made = await context.passes.make_pass(
        session.id,
        caller,
        role=role_named(wanted.role).value,
        name=wanted.name,
        expires_in_s=wanted.expires_in_s,
        one_use=wanted.one_use,
        hidden=wanted.hidden,
    )
    return _view(made, context)


@reading.get("")
async def list_passes(session: ManagedDep, caller: CallerDep, context: ContextDep, parts: WholeDep) -> PassList:
    """List the passes into a conference; they are forgotten a day after they expire."""
    known = [each for each in await context.passes.of_conference(session.id) if caller.admin or not each.hidden]
    found = parts.of("passes", known, lambda each: (microseconds(each.created), each.id))
    return PassList(passes=[_view(each, context) for each in found.items], next=found.next)


@doing.delete("/{pass}", status_code=204)
async def revoke_pass(
    session: ManagedDep, context: ContextDep, identity: Annotated[str, Path(alias="pass", max_length=40)]
) -> Response:
    """Let a pass open nothing any more; who came in by it stays."""
    await context.passes.revoke_pass(session.id, identity)
    return Response(status_code=204)
