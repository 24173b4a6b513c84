from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.invite import InviteError, Person, invitation, person, text
from tests.invite.values import CREATED, START, spare, weekly


def test_the_text_says_how_and_when_to_join() -> None:
    assert text(weekly()).splitlines() == [
        "You are invited to a conference: Weekly, with sales; and Ümläut",
        "",
        "From:     Ada '^, Admin",
        "When:     Tuesday, 24 November 2026, 10:00 to 10:45 (UTC+01:00)",
        "Phone:    +1 (650) 555-0100",
        "Code:     128576",
        "SIP:      sip:201@bridge.example.com",
        "Browser:  https://bridge.example.com/j/abc?x=1,2;3",
    ]


def test_what_is_not_known_is_not_said() -> None:
    assert text(spare()) == "You are invited to a conference: Now\n\nSIP:      sip:conf_0a1b@127.0.0.1:5060\n"


def test_a_conference_over_midnight_names_both_days() -> None:
    late = invitation("x", "sip:a@b", created=CREATED, start=START, duration=timedelta(hours=20))
    assert "24 November 2026, 10:00 to Wednesday, 25 November 2026, 06:00" in text(late)


def test_two_invitations_are_two_in_a_calendar() -> None:
    assert spare().uid != spare().uid


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "x\r\nBcc: all@example.com"}, "title"),
        ({"title": "x\u2028y"}, "title"),
        ({"title": "x\x00"}, "title"),
        ({"title": "=?utf-8?q?x=0D=0ABcc:_all@example.com?="}, "title"),
        ({"organizer": "=?utf-8?q?x=0D=0ABcc:_c@d?= <a@b>"}, "mail address"),
        ({"title": "x\ud800"}, "title"),
        ({"sip_uri": "http://x"}, "sip_uri"),
        ({"sip_uri": "sip:a@b\r\nX: y"}, "sip_uri"),
        ({"sip_uri": "sip:"}, "sip_uri"),
        ({"number": "call me"}, "number"),
        ({"number": "+1650\n"}, "number"),
        ({"code": "12 34"}, "code"),
        ({"code": "1234\n"}, "code"),
        ({"web_url": "javascript:alert(1)"}, "web_url"),
        ({"web_url": "https://a b"}, "web_url"),
        ({"organizer": "nobody"}, "nobody"),
        ({"organizer": "A <a@b>\r\nBcc: c@d"}, "mail address"),
        ({"start": datetime(2026, 1, 1)}, "start"),
        ({"created": datetime(2026, 1, 1)}, "created"),
        ({"duration": timedelta(0)}, "duration"),
        ({"duration": timedelta(days=8)}, "duration"),
        ({"uid": "a\nb"}, "uid"),
    ],
)
def test_what_cannot_be_in_an_invitation_is_named(wrong: dict[str, Any], named: str) -> None:
    right: dict[str, Any] = {"title": "x", "sip_uri": "sip:a@b", "created": CREATED}
    with pytest.raises(InviteError, match=named):
        invitation(**(right | wrong))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ada@example.com", Person("ada@example.com")),
        (" ada@example.com ", Person("ada@example.com")),
        ("Ada Admin <ada@example.com>", Person("ada@example.com", "Ada Admin")),
        ('"Admin, Ada" <ada+x@mail.example.com>', Person("ada+x@mail.example.com", "Admin, Ada")),
        ("Jürgen <j@localhost>", Person("j@localhost", "Jürgen")),
        ("<ada@example.com>", Person("ada@example.com")),
    ],
)
def test_a_mail_address_is_read(written: str, read: Person) -> None:
    assert person(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a@b@c",
        "a@b, c@d",
        "A <a@b> <c@d>",
        "a b@example.com",
        ".a@b",
        "a..b@c",
        "ä@example.com",
        "a@exämple.com",
        "a@b\n",
        "x" * 250 + "@example.com",
    ],
)
def test_what_is_no_mail_address_is_refused(written: str) -> None:
    with pytest.raises(InviteError, match="mail address"):
        person(written)


@given(st.text(max_size=60))
def test_whatever_is_written_an_address_is_one_line_of_ascii_or_refused(written: str) -> None:
    try:
        read = person(written)
    except InviteError:
        return
    assert read.address.isascii()
    assert len(f"{read.name}{read.address}x".splitlines()) == 1
