from datetime import timedelta
from typing import Any

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.invite import Invitation, InviteError, Person, ics, invitation, text
from tests.invite.values import CREATED, START, spare, weekly

BEN = Person("ben@example.com", 'Ben "the ^" User; x: y, z')


def event_of(file: str) -> Any:
    """What a parser nobody here wrote reads."""
    calendar = icalendar.Calendar.from_ical(file)
    (event,) = calendar.walk("VEVENT")
    assert not calendar.errors
    assert not event.errors
    return event


def lines_of(file: str) -> list[bytes]:
    content = file.encode()
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")[:-1]
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    return lines


def test_a_calendar_reads_what_was_meant() -> None:
    event = event_of(ics(weekly(), BEN))
    assert event["SUMMARY"] == weekly().title
    assert event["DESCRIPTION"] == text(weekly())
    assert event["UID"] == "weekly-1@bridge.example.com"
    assert event["LOCATION"] == "+1 (650) 555-0100, code 128576"
    assert event["URL"] == weekly().web_url
    assert event["DTSTART"].dt == START
    assert event["DTEND"].dt == START + timedelta(minutes=45)
    assert event["DTSTAMP"].dt == CREATED
    assert event["ORGANIZER"] == "mailto:ada@example.com"
    assert event["ORGANIZER"].params["CN"] == "Ada '^, Admin"
    assert event["ATTENDEE"] == "mailto:ben@example.com"
    assert event["ATTENDEE"].params["CN"] == BEN.name
    assert event["ATTENDEE"].params["RSVP"] == "TRUE"


def test_what_means_something_in_a_calendar_file_is_escaped() -> None:
    odd = ics(weekly(r"a,b;c\d\n:e"), Person("x@y", 'A"B'))
    assert r"SUMMARY:a\,b\;c\\d\\n:e" in odd
    assert """ATTENDEE;CN=A^'B;""" in odd


def test_the_file_as_it_is_written() -> None:
    """Against RFC 5545 by eye: whoever reads below is the library that wrote."""
    unfolded = ics(weekly(), BEN).replace("\r\n ", "").split("\r\n")
    description = text(weekly()).replace(",", "\\,").replace(";", "\\;").replace("\n", "\\n")
    assert unfolded[:4] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//softphone//conference//EN", "METHOD:REQUEST"]
    assert unfolded[-3:] == ["END:VEVENT", "END:VCALENDAR", ""]
    assert sorted(unfolded[4:-3]) == [
        """ATTENDEE;CN="Ben ^'the ^^^' User; x: y, z";PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT;RSVP=TRUE"""
        ":mailto:ben@example.com",
        "BEGIN:VEVENT",
        "CONFERENCE;FEATURE=AUDIO;LABEL=Browser;VALUE=URI:https://bridge.example.com/j/abc?x=1,2;3",
        "CONFERENCE;FEATURE=AUDIO;LABEL=SIP;VALUE=URI:sip:201@bridge.example.com",
        "CONFERENCE;FEATURE=PHONE;LABEL=Phone;VALUE=URI:tel:+16505550100,,128576",
        f"DESCRIPTION:{description}",
        "DTEND:20261124T094500Z",
        "DTSTAMP:20261120T080000Z",
        "DTSTART:20261124T090000Z",
        r"LOCATION:+1 (650) 555-0100\, code 128576",
        """ORGANIZER;CN="Ada '^^, Admin":mailto:ada@example.com""",
        "STATUS:CONFIRMED",
        r"SUMMARY:Weekly\, with sales\; and Ümläut",
        "UID:weekly-1@bridge.example.com",
        "URL:https://bridge.example.com/j/abc?x=1,2;3",
    ]


def test_the_ways_to_join_are_uris() -> None:
    ways = {
        str(way.params["LABEL"]): (str(way.params["FEATURE"]), str(way))
        for way in event_of(ics(weekly()))["CONFERENCE"]
    }
    assert ways == {
        "SIP": ("AUDIO", "sip:201@bridge.example.com"),
        "Phone": ("PHONE", "tel:+16505550100,,128576"),
        "Browser": ("AUDIO", "https://bridge.example.com/j/abc?x=1,2;3"),
    }


def test_a_local_number_is_no_uri() -> None:
    local = invitation("x", "sip:a@b", created=CREATED, number="18559012575", code="12")
    file = ics(local)
    assert "tel:" not in file
    assert event_of(file)["LOCATION"] == "18559012575, code 12"


@pytest.mark.parametrize(
    ("invited", "attendee", "asked"),
    [(weekly(), BEN, "REQUEST"), (weekly(), None, None), (spare(), BEN, None), (spare(), None, None)],
)
def test_an_answer_is_asked_for_when_it_has_somewhere_to_go(
    invited: Invitation, attendee: Person | None, asked: str | None
) -> None:
    file = ics(invited, attendee)
    assert icalendar.Calendar.from_ical(file).get("METHOD") == asked
    # Nobody attends what nobody organizes (RFC 5545 section 3.8.4.1).
    assert ("ATTENDEE" in file) == (asked is not None)


def test_a_conference_without_a_start_is_now() -> None:
    event = event_of(ics(spare()))
    assert event["DTSTART"].dt == CREATED
    assert event["DTEND"].dt == CREATED + timedelta(hours=1)
    assert {"ORGANIZER", "ATTENDEE", "URL"}.isdisjoint(event)


def test_a_long_line_is_folded_between_characters() -> None:
    lines = lines_of(ics(weekly("ü€😀" * 60)))
    assert max(map(len, lines)) == 75
    for line in lines:
        line.decode()


@given(st.text(min_size=1, max_size=200))
def test_any_title_that_is_taken_comes_through(title: str) -> None:
    try:
        invited = weekly(title)
    except InviteError:
        return
    file = ics(invited, BEN)
    assert max(map(len, lines_of(file))) <= 75
    assert event_of(file)["SUMMARY"] == title.strip()
