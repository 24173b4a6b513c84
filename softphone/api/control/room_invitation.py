"""Invitations to the room of an extension, which stands whether somebody is in it or not."""

from typing import Annotated

from fastapi import Depends, Path

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.control.inviting import (
    ConferenceAddress,
    DeliveryList,
    InvitationView,
    InvitationWish,
    MailWish,
    invitation_to,
    invitation_view,
    mail_to,
    place_of_extension,
)
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.focus.errors import NotAllowed

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/extensions/{number}/invitation"

reading = queries(PREFIX, "invitations")
doing = commands(PREFIX, "invitations", 502)


async def room(
    caller: CallerDep, context: ContextDep, number: Annotated[str, Path(max_length=32)]
) -> ConferenceAddress:
    """Give the room of an extension: anybody's own, and any to an administrator."""
    extension = context.accounts.find(number)
    if extension is None:
        raise not_found("number")
    if not caller.admin and extension.id != caller.id:
        raise NotAllowed("This room is another extension's")
    if not extension.conferencing:
        raise NotAllowed(f"extension {number} may not hold conferences")
    return place_of_extension(extension, context)


RoomDep = Annotated[ConferenceAddress, Depends(room)]


@doing.post("")
async def write_room_invitation(place: RoomDep, wish: InvitationWish, context: ContextDep) -> InvitationView:
    """Write an invitation, as text for people and as a calendar file."""
    return invitation_view(invitation_to(place, wish, context))


@doing.post("/mail")
async def mail_room_invitation(place: RoomDep, wish: MailWish, caller: CallerDep, context: ContextDep) -> DeliveryList:
    """Send an invitation by mail, with the calendar file in it."""
    return await mail_to(place, wish, caller, context)
