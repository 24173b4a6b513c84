"""Invitations to a conference as text, as a calendar file and by mail; and those that were sent."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Response
from pydantic import AwareDatetime, BaseModel, Field

from softphone import invite
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import Strict
from softphone.api.control.paths import ManagedDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import After, Limit
from softphone.api.inviting import (
    ConferenceAddress,
    Occasion,
    invitation_to,
    mail_invitations,
    place_of_extension,
    place_of_session,
)
from softphone.focus.errors import NotAllowed
from softphone.store.values import Extension

__all__ = ["ROUTERS"]

doing = commands("/api/v1/conferences/{id}/invitation", "invitations", 502)
room_doing = commands("/api/v1/extensions/{number}/invitation", "invitations", 502)
sent_reading = queries("/api/v1/invitations", "invitations")
ROUTERS = (doing, room_doing, sent_reading)

CALENDAR: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/calendar": {"schema": {"type": "string"}}}, "description": "A calendar file (RFC 5545)."}
}


LONGEST_MINUTES = 7 * 24 * 60


# JSON has no type for it, so its text is read.
ZonedTime = Annotated[AwareDatetime, Field(strict=False)]


class InvitationWish(Strict):
    """What an invitation says."""

    title: Annotated[str, Field(min_length=1, max_length=200)] = "Conference"
    start: Annotated[ZonedTime | None, Field(description="With a time zone; null: it goes on now.")] = None
    minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES, description="How long it is planned.")] = 60
    organizer: Annotated[
        str,
        Field(
            max_length=500,
            examples=["Ada <ada@example.com>"],
            description="Who invites, and gets the answers; empty: in a mail its sender, otherwise nobody.",
        ),
    ] = ""
    uid: Annotated[str, Field(max_length=200, description="The same again changes what is in a calendar.")] = ""

    @property
    def occasion(self) -> Occasion:
        """What is invited to."""
        return Occasion(self.title, self.start, self.minutes, self.organizer, self.uid)


class MailWish(InvitationWish):
    """An invitation, and who gets it."""

    to: Annotated[list[Annotated[str, Field(max_length=500)]], Field(min_length=1, max_length=100)]


class InvitationView(BaseModel):
    """An invitation, to be sent by any way."""

    uid: str
    text: str
    ics: Annotated[str, Field(description="A calendar file (RFC 5545).")]


class DeliveryView(BaseModel):
    """What became of one mail."""

    to: str
    error: Annotated[str, Field(description="Empty: the mail server took it.")]


class DeliveryList(BaseModel):
    """What became of all mails."""

    deliveries: list[DeliveryView]


def invitation_view(invited: invite.Invitation) -> InvitationView:
    """Show an invitation."""
    return InvitationView(uid=invited.uid, text=invite.text(invited), ics=invite.ics(invited))


async def mail_to(place: ConferenceAddress, wish: MailWish, caller: Extension, context: ApiContext) -> DeliveryList:
    """Send an invitation to each recipient, and write down what became of it."""
    sent = await mail_invitations(place, wish.occasion, wish.to, caller.id, context)
    return DeliveryList(deliveries=[DeliveryView(to=each.to, error=each.error) for each in sent])


@doing.post("")
async def write_invitation(session: ManagedDep, wish: InvitationWish, context: ContextDep) -> InvitationView:
    """Write an invitation, as text for people and as a calendar file."""
    return invitation_view(invitation_to(place_of_session(session, context), wish.occasion, context))


@doing.post("/calendar", response_class=Response, responses=CALENDAR)
async def write_calendar_file(session: ManagedDep, wish: InvitationWish, context: ContextDep) -> Response:
    """Write an invitation as a calendar file."""
    invited = invitation_to(place_of_session(session, context), wish.occasion, context)
    return Response(invite.ics(invited), media_type="text/calendar")


@doing.post("/mail")
async def mail_invitation(session: ManagedDep, wish: MailWish, caller: CallerDep, context: ContextDep) -> DeliveryList:
    """Send an invitation by mail, with the calendar file in it."""
    return await mail_to(place_of_session(session, context), wish, caller, context)


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


@room_doing.post("")
async def write_room_invitation(place: RoomDep, wish: InvitationWish, context: ContextDep) -> InvitationView:
    """Write an invitation, as text for people and as a calendar file."""
    return invitation_view(invitation_to(place, wish.occasion, context))


@room_doing.post("/mail")
async def mail_room_invitation(place: RoomDep, wish: MailWish, caller: CallerDep, context: ContextDep) -> DeliveryList:
    """Send an invitation by mail, with the calendar file in it."""
    return await mail_to(place, wish, caller, context)


class SentInvitation(BaseModel):
    """Somebody was invited."""

    id: str
    extension_id: str
    recipient: str
    channel: str
    state: Literal["made", "sent", "failed"]
    error: str
    created: datetime
    changed: datetime


class SentInvitations(BaseModel):
    """Invitations, the newest first."""

    invitations: list[SentInvitation]
    next: str | None


@sent_reading.get("")
async def list_invitations(
    caller: CallerDep,
    context: ContextDep,
    after: After = None,
    limit: Limit = 100,
) -> SentInvitations:
    """List sent invitations: an administrator's are all, others' their own."""
    page = await context.store.shelf.invitations(
        extension_id=None if caller.admin else caller.id, after=after, limit=limit
    )
    views = [SentInvitation.model_validate(each, from_attributes=True) for each in page.items]
    return SentInvitations(invitations=views, next=page.next)
