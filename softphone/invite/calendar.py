"""An invitation as a calendar file (RFC 5545), with the ways to join as RFC 7986 section 5.11 has them."""

from datetime import UTC, datetime

from softphone.invite.invitation import Invitation, Person, text

__all__ = ["ics", "method"]

# RFC 5545 section 3.1: octets of a line, without its end.
LINE_OCTETS = 75

PRODUCT = "-//softphone//conference//EN"


def method(invited: Invitation, attendee: Person | None) -> str:
    """Tell what the file asks of a calendar (RFC 5546): ``REQUEST`` an answer, or (empty) nothing.

    An answer needs somebody to go to and somebody to come from; without a question the file names no attendee (RFC 5545
    section 3.8.4.1).
    """
    return "REQUEST" if invited.organizer is not None and attendee is not None else ""


def ics(invited: Invitation, attendee: Person | None = None) -> str:
    """Write an invitation as a calendar file.

    Parameters
    ----------
    invited
        What to.
    attendee
        Whom it is for: whose calendar asks whether it comes, and answers the organizer, if there is one.

    Returns
    -------
    str
        Content lines that end with CR LF, none longer than 75 octets in UTF-8.
    """
    asked = method(invited, attendee)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        *([f"METHOD:{asked}"] if asked else []),
        "BEGIN:VEVENT",
        f"UID:{_escaped(invited.uid)}",
        f"DTSTAMP:{_utc(invited.created)}",
        f"DTSTART:{_utc(invited.begins)}",
        f"DTEND:{_utc(invited.begins + invited.duration)}",
        f"SUMMARY:{_escaped(invited.title)}",
        f"LOCATION:{_escaped(_location(invited))}",
        f"DESCRIPTION:{_escaped(text(invited))}",
        *([f"URL:{invited.web_url}"] if invited.web_url else []),
        *_people(invited, attendee),
        *_ways(invited),
        "STATUS:CONFIRMED",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(_folded(line) for line in lines)


def _people(invited: Invitation, attendee: Person | None) -> list[str]:
    lines = []
    if invited.organizer is not None:
        lines.append(f"ORGANIZER{_common_name(invited.organizer)}:mailto:{invited.organizer.address}")
    if method(invited, attendee) and attendee is not None:
        asked = ";ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
        lines.append(f"ATTENDEE{_common_name(attendee)}{asked}:mailto:{attendee.address}")
    return lines


def _ways(invited: Invitation) -> list[str]:
    """List what a calendar may offer as a button; a `tel:` URI needs a global number (RFC 3966 section 5.1.4)."""
    ways = [f"CONFERENCE;VALUE=URI;FEATURE=AUDIO;LABEL=SIP:{invited.sip_uri}"]
    if invited.number.startswith("+"):
        digits = "".join(character for character in invited.number if character.isdigit())
        pause = f",,{invited.code}" if invited.code else ""
        ways.append(f"CONFERENCE;VALUE=URI;FEATURE=PHONE;LABEL=Phone:tel:+{digits}{pause}")
    if invited.web_url:
        ways.append(f"CONFERENCE;VALUE=URI;FEATURE=AUDIO;LABEL=Browser:{invited.web_url}")
    return ways


def _location(invited: Invitation) -> str:
    where = invited.number or invited.sip_uri
    return f"{where}, code {invited.code}" if invited.code else where


def _common_name(person: Person) -> str:
    """Write the CN parameter, in which quotes and carets are written as RFC 6868 says."""
    if not person.name:
        return ""
    name = person.name.replace("^", "^^").replace('"', "^'")
    return f';CN="{name}"'


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(value: str) -> str:
    """Write a TEXT value (RFC 5545 section 3.3.11)."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return value


def _folded(line: str) -> str:
    """Break a content line into pieces of at most 75 octets, never within a character."""
    pieces, piece, octets = [], "", 0
    for character in line:
        size = len(character.encode())
        if octets + size > LINE_OCTETS:
            pieces.append(piece)
            piece, octets = " ", 1
        piece, octets = piece + character, octets + size
    return "\r\n".join([*pieces, piece]) + "\r\n"
