"""Invitations to a running conference: as text, as a calendar file, and by mail."""

from fastapi import Response

from softphone import invite
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.control.inviting import (
    CALENDAR,
    DeliveryList,
    InvitationView,
    InvitationWish,
    MailWish,
    invitation_to,
    invitation_view,
    mail_to,
    place_of_session,
)
from softphone.api.control.paths import ManagedDep
from softphone.api.http.answers import commands, queries

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/conferences/{id}/invitation"

reading = queries(PREFIX, "invitations")
doing = commands(PREFIX, "invitations", 502)


@doing.post("")
async def write_invitation(session: ManagedDep, wish: InvitationWish, context: ContextDep) -> InvitationView:
    """Write an invitation, as text for people and as a calendar file."""
    return invitation_view(invitation_to(place_of_session(session, context), wish, context))


@doing.post("/calendar", response_class=Response, responses=CALENDAR)
async def write_calendar_file(session: ManagedDep, wish: InvitationWish, context: ContextDep) -> Response:
    """Write an invitation as a calendar file."""
    invited = invitation_to(place_of_session(session, context), wish, context)
    return Response(invite.ics(invited), media_type="text/calendar")


@doing.post("/mail")
async def mail_invitation(session: ManagedDep, wish: MailWish, caller: CallerDep, context: ContextDep) -> DeliveryList:
    """Send an invitation by mail, with the calendar file in it."""
    return await mail_to(place_of_session(session, context), wish, caller, context)
