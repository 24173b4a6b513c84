"""Inviting to a conference, by whatever contract somebody asks for it: where it is, what is written, and mail."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from softphone import invite
from softphone.address import host_port
from softphone.api.context import ApiContext
from softphone.api.http.errors import ApiError
from softphone.focus.session import TelephonySession
from softphone.store.values import Extension
from softphone.store.values import InvitationRecord as Noted

__all__ = [
    "ConferenceAddress",
    "Occasion",
    "can_mail",
    "invitation_to",
    "mail_invitations",
    "place_of_extension",
    "place_of_session",
    "sip_uri",
    "uri_of",
]


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is invited to."""

    title: str = "Conference"
    start: datetime | None = None
    "With a time zone; None: it goes on now."
    minutes: int = 60
    organizer: str = ""
    uid: str = ""
    "The same again changes what is in a calendar."


@dataclass(frozen=True, slots=True)
class ConferenceAddress:
    """Where people are invited to."""

    sip_uri: str
    number: str = ""
    "That any telephone can call; empty: there is none."
    code: str = ""
    "That participants are asked for; never the host's."
    stands: bool = True
    "Whether it is there at any time; a conference behind a token ends when nobody is in it."


def place_of_session(session: TelephonySession, context: ApiContext) -> ConferenceAddress:
    """Say how a running conference is joined."""
    extension = context.accounts.find(session.extension) if session.extension else None
    if extension is None:
        return ConferenceAddress(sip_uri(session, context), stands=False)
    return place_of_extension(extension, context)


def place_of_extension(extension: Extension, context: ApiContext) -> ConferenceAddress:
    """Say how the room of an extension is joined, whether somebody is in it or not."""
    directory, main_number = context.accounts, context.accounts.main_number
    if extension.kind == "user":
        codes = directory.codes(extension.id)
        user = main_number or extension.number
        return ConferenceAddress(uri_of(user, context), main_number, codes.participant if codes else "")
    properties = directory.properties(extension.id)
    return ConferenceAddress(uri_of(extension.number, context), code=(properties.pin or "") if properties else "")


def sip_uri(session: TelephonySession, context: ApiContext) -> str:
    """Say what a telephone calls to join."""
    user = str(session.token) if session.token else session.extension or ""
    if session.kind.value == "bridge":
        user = context.accounts.main_number or user
    return uri_of(user, context)


def uri_of(user: str, context: ApiContext) -> str:
    """Write the URI of a user of this server."""
    host, port = context.focus.node
    return f"sip:{user}@{host_port(host, port)}"


def invitation_to(
    place: ConferenceAddress, occasion: Occasion, context: ApiContext, organizer: str = ""
) -> invite.Invitation:
    """Make an invitation; raises ApiError when the room will be gone, InviteError when a value is wrong."""
    now = datetime.now(UTC)
    kept_s = context.config.conference.claim_timeout_s
    if not place.stands and occasion.start is not None and occasion.start > now + timedelta(seconds=kept_s):
        raise ApiError(
            400,
            "CMN-101",
            f"A conference that nobody is in ends after {kept_s:g} s: for later, invite to the room of an extension",
            extra={"parameterName": "start"},
        )
    return invite.invitation(
        occasion.title,
        place.sip_uri,
        created=now,
        number=place.number,
        code=place.code,
        web_url=_web_url(place, context.config.invite.web_url),
        organizer=occasion.organizer or organizer,
        start=occasion.start,
        duration=timedelta(minutes=occasion.minutes),
        uid=occasion.uid,
    )


def _web_url(place: ConferenceAddress, url: str) -> str:
    """Give the link for browsers; one that needs a code that the room has not is none."""
    room = place.sip_uri.removeprefix("sip:").partition("@")[0]
    for name, value in {"code": place.code or ("" if place.stands else room), "room": room}.items():
        if f"{{{name}}}" in url and not value:
            return ""
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return url


def can_mail(context: ApiContext) -> bool:
    """Whether a mail server is configured."""
    return bool(context.config.mail.host and context.config.mail.sender)


async def mail_invitations(
    place: ConferenceAddress, occasion: Occasion, to: Sequence[str], by: str, context: ApiContext
) -> list[invite.Delivery]:
    """Send an invitation to each recipient, and write down what became of it.

    Parameters
    ----------
    by
        Id of the extension that answers for it.

    Raises
    ------
    ApiError
        409: no mail server is configured.
    InviteError, MailError
    """
    mail = context.config.mail
    if not can_mail(context):
        raise ApiError(409, "TAS-106", "No mail server is configured")
    invited = invitation_to(place, occasion, context, mail.sender)
    for each in to:
        invite.person(each)
    noted = [await context.store.shelf.add_invitation(by, each, "mail") for each in to]
    try:
        sent = await invite.send(invited, to, mail)
    except invite.MailError as error:
        await _note(context, noted, [str(error)] * len(noted))
        raise
    await _note(context, noted, [each.error for each in sent])
    return sent


async def _note(context: ApiContext, noted: Iterable[Noted], errors: Iterable[str]) -> None:
    """Write down what became of invitations."""
    for each, error in zip(noted, errors, strict=True):
        await context.store.shelf.set_invitation(each.id, "failed" if error else "sent", error)
