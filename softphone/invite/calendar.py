"""An invitation as a calendar file (RFC 5545), with the ways to join as RFC 7986 section 5.11 has them."""

from datetime import UTC

import icalendar
from icalendar.prop import vCalAddress, vUri

from softphone.invite.invitation import Invitation, Person, text

__all__ = ["ics", "method"]

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
    calendar = icalendar.Calendar({"version": "2.0", "prodid": PRODUCT})
    event = icalendar.Event(uid=invited.uid, summary=invited.title, description=text(invited), status="CONFIRMED")
    event.add("dtstamp", invited.created.astimezone(UTC))
    event.add("dtstart", invited.begins.astimezone(UTC))
    event.add("dtend", (invited.begins + invited.duration).astimezone(UTC))
    event.add("location", _location(invited))
    if invited.web_url:
        event.add("url", invited.web_url)
    if invited.organizer is not None:
        event.add("organizer", _address(invited.organizer))
    if (asked := method(invited, attendee)) and attendee is not None:
        calendar.add("method", asked)
        answer = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"}
        event.add("attendee", _address(attendee), answer)
    for feature, label, uri in _ways(invited):
        event.add("conference", vUri(uri), {"VALUE": "URI", "FEATURE": feature, "LABEL": label})
    calendar.add_component(event)
    return bytes(calendar.to_ical()).decode()


def _ways(invited: Invitation) -> list[tuple[str, str, str]]:
    """List what a calendar may offer as a button; a `tel:` URI needs a global number (RFC 3966 section 5.1.4)."""
    ways = [("AUDIO", "SIP", invited.sip_uri)]
    if invited.number.startswith("+"):
        digits = "".join(character for character in invited.number if character.isdigit())
        pause = f",,{invited.code}" if invited.code else ""
        ways.append(("PHONE", "Phone", f"tel:+{digits}{pause}"))
    if invited.web_url:
        ways.append(("AUDIO", "Browser", invited.web_url))
    return ways


def _location(invited: Invitation) -> str:
    where = invited.number or invited.sip_uri
    return f"{where}, code {invited.code}" if invited.code else where


def _address(person: Person) -> vCalAddress:
    address = vCalAddress(f"mailto:{person.address}")
    if person.name:
        address.params["CN"] = person.name
    return address
