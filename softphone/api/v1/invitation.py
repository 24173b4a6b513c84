"""Invitations to a conference: as text, as a calendar file, and by mail."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Response
from pydantic import AwareDatetime, BaseModel, Field

from softphone import invite
from softphone.api.answers import commands, queries
from softphone.api.auth import CallerDep
from softphone.api.context import Context, ContextDep
from softphone.api.errors import ApiError
from softphone.api.v1.models import Strict
from softphone.api.v1.paths import ManagedDep
from softphone.api.v1.views import sip_uri
from softphone.focus.session import RoomKind, TelephonySession
from softphone.store.values import Invitation as Noted

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/conferences/{id}/invitation"

reading = queries(PREFIX, "invitations")
doing = commands(PREFIX, "invitations", 502)

CALENDAR: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/calendar": {"schema": {"type": "string"}}}, "description": "A calendar file (RFC 5545)."}
}

LONGEST_MINUTES = 7 * 24 * 60


class InvitationWish(Strict):
    """What an invitation says."""

    title: Annotated[str, Field(min_length=1, max_length=200)] = "Conference"
    start: Annotated[AwareDatetime | None, Field(description="With a time zone; null: it goes on now.")] = None
    minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES, description="How long it is planned.")] = 60
    organizer: Annotated[str, Field(max_length=500, examples=["Ada <ada@example.com>"])] = ""
    uid: Annotated[str, Field(max_length=200, description="The same again changes what is in a calendar.")] = ""


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


def _invitation(session: TelephonySession, wish: InvitationWish, context: Context) -> invite.Invitation:
    return invite.invitation(
        wish.title,
        sip_uri(session, context),
        created=datetime.now(UTC),
        number=_number(session, context),
        code=_code(session, context),
        web_url=_web_url(session, context),
        organizer=wish.organizer,
        start=wish.start,
        duration=timedelta(minutes=wish.minutes),
        uid=wish.uid,
    )


def _number(session: TelephonySession, context: Context) -> str:
    """Give the number that any telephone can call: the bridge has one."""
    return context.accounts.main_number if session.kind is RoomKind.BRIDGE else ""


def _code(session: TelephonySession, context: Context) -> str:
    """Give the code that participants are asked for; never the host's."""
    directory, extension_id = context.accounts.directory, session.extension_id or ""
    if session.kind is RoomKind.BRIDGE:
        codes = directory.codes(extension_id)
        return codes.participant if codes else ""
    properties = directory.properties(extension_id)
    return (properties.pin or "") if properties else ""


def _web_url(session: TelephonySession, context: Context) -> str:
    """Give the link for browsers; one that needs a code that the room has not is none."""
    url = context.config.invite.web_url
    room = sip_uri(session, context).removeprefix("sip:").partition("@")[0]
    values = {"code": _code(session, context) or str(session.token or ""), "room": room}
    for name, value in values.items():
        if f"{{{name}}}" in url and not value:
            return ""
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return url


@doing.post("")
async def write_invitation(session: ManagedDep, wish: InvitationWish, context: ContextDep) -> InvitationView:
    """Write an invitation, as text for people and as a calendar file."""
    invited = _invitation(session, wish, context)
    return InvitationView(uid=invited.uid, text=invite.text(invited), ics=invite.ics(invited))


@doing.post("/calendar", response_class=Response, responses=CALENDAR)
async def write_calendar_file(session: ManagedDep, wish: InvitationWish, context: ContextDep) -> Response:
    """Write an invitation as a calendar file."""
    return Response(invite.ics(_invitation(session, wish, context)), media_type="text/calendar")


@doing.post("/mail")
async def mail_invitation(session: ManagedDep, wish: MailWish, caller: CallerDep, context: ContextDep) -> DeliveryList:
    """Send an invitation by mail, with the calendar file in it."""
    mail = context.config.mail
    if not mail.host or not mail.sender:
        raise ApiError(409, "TAS-106", "No mail server is configured")
    invited = _invitation(session, wish, context)
    for each in wish.to:
        invite.person(each)
    noted = [await context.store.add_invitation(caller.id, each, "mail") for each in wish.to]
    try:
        sent = await invite.send(invited, wish.to, mail)
    except invite.MailError as error:
        await _note(context, noted, [str(error)] * len(noted))
        raise
    await _note(context, noted, [each.error for each in sent])
    return DeliveryList(deliveries=[DeliveryView(to=each.to, error=each.error) for each in sent])


async def _note(context: Context, noted: Iterable[Noted], errors: Iterable[str]) -> None:
    """Write down what became of invitations."""
    for each, error in zip(noted, errors, strict=True):
        await context.store.set_invitation(each.id, "failed" if error else "sent", error)
