"""An invitation as a value, and as text for people.

Whatever users may write is checked here, once: nothing that could end a line or a header gets into an invitation.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from softphone.errors import SoftphoneError
from softphone.text import misleads

__all__ = ["Invitation", "InviteError", "MailError", "Person", "invitation", "person", "text"]

# A subject line that people can read.
LONGEST_LINE = 200

LONGEST = timedelta(days=7)

NUMBER = re.compile(r"\A\+?[0-9][0-9 ().-]{1,30}\Z")
CODE = re.compile(r"\A[0-9]{1,32}\Z")
# Only what an URI is made of (RFC 3986), so that it may stand anywhere.
SIP_URI = re.compile(r"\Asips?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,500}\Z")
WEB_URL = re.compile(r"\Ahttps?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,2000}\Z")

# What mail servers take everywhere (the dot-atom of RFC 5322 section 3.4.1); other scripts only as IDNA.
ADDRESS = re.compile(
    r"\A[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z"
)
LONGEST_ADDRESS = 254
NAMED = re.compile(r"\A(?P<name>[^<>]*)<(?P<address>[^<>]*)>\Z")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a mail address."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """How and when to join a conference. Made by `invitation`, which checks it.

    Parameters
    ----------
    title
        What it is about; one line.
    sip_uri
        Joins it with a SIP phone.
    number
        Joins it with any phone; empty: cannot be called so.
    code
        Asked for after the call is answered; empty: none.
    web_url
        Joins it in a browser; empty: cannot be joined so.
    organizer
        Who invites, and gets the answers.
    start
        When it begins, with a time zone; None: it is going on.
    duration
        How long it is planned to take.
    created
        When the invitation was made, with a time zone.
    uid
        What a calendar knows it by (RFC 7986 section 5.3).
    """

    title: str
    sip_uri: str
    number: str
    code: str
    web_url: str
    organizer: Person | None
    start: datetime | None
    duration: timedelta
    created: datetime
    uid: str

    @property
    def begins(self) -> datetime:
        """When it begins; when the invitation was made, if it is going on."""
        return self.start or self.created


def invitation(
    title: str,
    sip_uri: str,
    *,
    created: datetime,
    number: str = "",
    code: str = "",
    web_url: str = "",
    organizer: str = "",
    start: datetime | None = None,
    duration: timedelta = timedelta(hours=1),
    uid: str = "",
) -> Invitation:
    """Make an invitation.

    Parameters
    ----------
    organizer
        ``name@example.com`` or ``Name <name@example.com>``; empty: nobody.
    uid
        Empty: a new one. The same one again changes what is in the calendar.

    Others are as in `Invitation`.

    Raises
    ------
    InviteError
        A value is wrong; the message names it.
    """
    _require(bool(title.strip()) and len(title) <= LONGEST_LINE, "title", f"1 to {LONGEST_LINE} characters")
    _one_line("title", title)
    _require(SIP_URI.match(sip_uri), "sip_uri", "a SIP URI")
    _require(not number or NUMBER.match(number), "number", "a telephone number")
    _require(not code or CODE.match(code), "code", "digits")
    _require(not web_url or WEB_URL.match(web_url), "web_url", "an http or https URL")
    _require(timedelta(0) < duration <= LONGEST, "duration", f"more than nothing and at most {LONGEST.days} days")
    for name, moment in (("start", start), ("created", created)):
        _require(moment is None or moment.tzinfo is not None, name, "a time with a time zone")
    _require(len(uid) <= LONGEST_LINE, "uid", f"at most {LONGEST_LINE} characters")
    _one_line("uid", uid)
    return Invitation(
        title=title.strip(),
        sip_uri=sip_uri,
        number=number,
        code=code,
        web_url=web_url,
        organizer=person(organizer) if organizer else None,
        start=start,
        duration=duration,
        created=created,
        uid=uid or str(uuid.uuid4()),
    )


def person(written: str) -> Person:
    """Read ``name@example.com`` or ``Name <name@example.com>``.

    Raises
    ------
    InviteError
        It is no mail address, or one with letters outside ASCII.
    """
    _one_line("mail address", written)
    named = NAMED.match(written.strip())
    name, address = named.group("name", "address") if named else ("", written.strip())
    if len(address) > LONGEST_ADDRESS or not ADDRESS.match(address):
        raise InviteError(f"{written!r} is no mail address")
    name = name.strip().removeprefix('"').removesuffix('"')
    _require(len(name) <= LONGEST_LINE, "mail address", f"a name of at most {LONGEST_LINE} characters")
    return Person(address, name)


def text(invited: Invitation) -> str:
    """Write an invitation for people, in lines that end with a line feed."""
    ways = {
        "Phone": invited.number,
        "Code": invited.code,
        "SIP": invited.sip_uri,
        "Browser": invited.web_url,
    }
    lines = [f"You are invited to a conference: {invited.title}", ""]
    if invited.organizer is not None:
        lines.append(f"{'From:':<10}{invited.organizer.name or invited.organizer.address}")
    if invited.start is not None:
        lines.append(f"{'When:':<10}{_when(invited.start, invited.duration)}")
    lines += [f"{way + ':':<10}{value}" for way, value in ways.items() if value]
    return "\n".join(lines) + "\n"


def _when(start: datetime, duration: timedelta) -> str:
    end = start + duration
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%A, %d %B %Y, %H:%M}"
    return f"{start:%A, %d %B %Y, %H:%M} to {until} (UTC{start.isoformat()[-6:]})"


def _require(right: object, name: str, what: str) -> None:
    if not right:
        raise InviteError(f"{name} must be {what}")


def _one_line(name: str, value: str) -> None:
    """Refuse what ends lines and headers or misleads readers, and the encoded words of RFC 2047, in which both hide."""
    if "=?" in value or misleads(value):
        raise InviteError(f"{name} must be one line of readable characters, without =?")


class InviteError(SoftphoneError):
    """A value cannot be in an invitation; the message names it."""


class MailError(SoftphoneError):
    """No mail server is configured, or it cannot be reached or refuses to work for us."""
