"""Restcomm's spellings as values: sids, paths, dates, XML, and the numbers of pages."""

import json
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.http.errors import ApiError
from softphone.api.restcomm import sids
from softphone.api.restcomm.filters import like
from softphone.api.restcomm.paging import MOST, Paging
from softphone.api.restcomm.rendering import Listing, Resource, date, rendered
from softphone.api.restcomm.representation import JSON, XML, spelled
from softphone.store.accounts import Accounts
from softphone.store.seed import Seedling
from softphone.store.values import Account, Extension

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
LIST = "/2012-04-24/Accounts/AC1/Conferences"


# Sids.


@given(HEX)
def test_a_conference_keeps_its_digits(digits: str) -> None:
    sid = sids.conference_sid(f"s-{digits}")
    assert sid == f"CF{digits}" and sids.session_id(sid) == f"s-{digits}"


@pytest.mark.parametrize("sid", ["", "CF", "CF1", "CA" + "0" * 32, "CF" + "G" * 32, "CF" + "0" * 33, "s-" + "0" * 32])
def test_what_is_no_sid_of_a_conference(sid: str) -> None:
    assert sids.session_id(sid) is None


@given(HEX, st.integers(0, 10**9 - 1), HEX)
def test_a_call_leads_back_to_its_party(digits: str, number: int, other: str) -> None:
    call = f"p-{digits}-{number}" if number else f"s-{digits}"
    sid = sids.call_sid(call)
    assert sids.call_id(sid, f"s-{digits}") == call
    assert len(sid) == 34 and sids.session_start(sid) == digits[:24]
    if other[:24] != digits[:24]:
        assert sids.call_id(sid, f"s-{other}") is None


@given(HEX, st.sets(st.integers(0, 10**9 - 1), min_size=2, max_size=20))
def test_no_two_calls_of_a_session_have_one_sid(digits: str, numbers: set[int]) -> None:
    assert len({sids.call_sid(f"p-{digits}-{number}") for number in numbers}) == len(numbers)


def test_accounts_by_number_and_otherwise() -> None:
    known = [Extension(id, number, "", "user") for id, number in (("100101", "101"), ("x-7", "7"), ("007", "8"))]
    room = Extension("100201", "201", "", "conference")
    accounts = Accounts(Account("1", ""), "softphone.local", map(Seedling, [*known, room]))
    assert sids.account_sid(known[0]) == "AC00000000000000000000000000100101"
    for each in known:
        assert sids.account_of(sids.account_sid(each), accounts) == each
    for sid in ("", "AC", "AC" + "0" * 32, sids.account_sid(room), "101"):
        assert sids.account_of(sid, accounts) is None


# Paths.

SEGMENT = st.from_regex(r"\A[A-Za-z0-9]{1,12}\Z")


@given(st.lists(SEGMENT, max_size=5), st.data())
def test_a_suffix_on_any_segment_is_the_same_path_in_json(segments: list[str], data: st.DataObject) -> None:
    whole = ["2012-04-24", *segments]
    glued = data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole)))
    path = "/".join(each + ".json" * on for each, on in zip(whole, glued, strict=True))
    prefix = data.draw(st.sampled_from(["/", "/restcomm/"]))
    slash = data.draw(st.sampled_from(["", "/"]))
    wanted = "/".join([JSON if any(glued) else XML, *segments])
    assert spelled(prefix + path + slash) == wanted
    assert spelled(wanted) == wanted
    assert spelled(prefix + path, "text/html, application/JSON;q=0.3") == "/".join([JSON, *segments])


@pytest.mark.parametrize("path", ["/", "/api/v1/2012-04-24", "/restcomm", "/2012-04-25/Accounts", "/healthz.json"])
def test_paths_of_others_stay(path: str) -> None:
    assert spelled(path, "application/json") == path


# Pages.


def test_the_page_that_the_document_shows() -> None:
    told = Paging.of({"PageSize": "1"}).told(LIST, 1, 1, {})
    assert json.loads(json.dumps(told)) == {
        "page": 0,
        "num_pages": 0,
        "page_size": 1,
        "total": 1,
        "limit": 10000,
        "start": "0",
        "end": "1",
        "uri": LIST,
        "first_page_uri": f"{LIST}?Page=0&PageSize=1&Limit=10000",
        "previous_page_uri": "null",
        "next_page_uri": "null",
        "last_page_uri": f"{LIST}?Page=0&PageSize=1&Limit=10000",
    }


@given(st.integers(0, 300), st.integers(1, 60), st.integers(0, 400))
def test_pages_together_are_the_list(matches: int, size: int, limit: int) -> None:
    seen: list[int] = []
    items, links = list(range(matches)), [f"{LIST}?Page=0&PageSize={size}&Limit={limit}"]
    page = 0
    while links[-1] != "null":
        paging = Paging.of({"Page": str(page), "PageSize": str(size), "Limit": str(limit)})
        some = items[paging.offset :][: paging.most()]
        told = paging.told(LIST, matches, len(some), {})
        assert told["first_page_uri"] == links[0] and told["page"] == page
        assert told["previous_page_uri"] == (links[-2] if page else "null")
        assert told["start"] == str(page * size)
        last = told["next_page_uri"] == "null"
        assert told["end"] == str(len(seen) + len(some) - (not last))
        seen += some
        links.append(told["next_page_uri"])
        page += 1
    assert seen == items[:limit] and told["last_page_uri"] == links[-2]
    assert told["total"] == len(seen) and told["num_pages"] == page - 1
    with pytest.raises(ApiError) as refused:
        Paging(page, size, limit).told(LIST, matches, 0, {})
    assert (refused.value.status, refused.value.message) == (400, "")


@pytest.mark.parametrize("name", ["Page", "PageSize", "Limit"])
@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "٣", "9" * 10, " 1", "+1"])
def test_what_is_no_number(name: str, text: str) -> None:
    with pytest.raises(ApiError):
        Paging.of({name: text})


def test_a_page_of_nothing_and_one_of_too_much() -> None:
    with pytest.raises(ApiError):
        Paging.of({"PageSize": "0"})
    assert Paging.of({"PageSize": "999999"}).page_size == MOST
    assert Paging.of({}) == Paging(0, 50, 10_000)


def test_other_pages_are_of_the_same_filter() -> None:
    told = Paging(0, 1, 7).told(LIST, 2, 1, {"FriendlyName": "a&b"})
    assert told["next_page_uri"] == f"{LIST}?Page=1&PageSize=1&Limit=7&FriendlyName=a%26b"


# What is written.


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 2, 3, 10, 15, 20, tzinfo=UTC), "Tue, 3 Feb 2026 10:15:20 +0000"),
        (datetime(2016, 5, 31, 16, 15, 51, tzinfo=timezone(timedelta(hours=3))), "Tue, 31 May 2016 13:15:51 +0000"),
        (datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "Fri, 31 Dec 1999 23:59:59 +0000"),
        (None, None),
    ],
)
def test_dates(moment: datetime | None, text: str | None) -> None:
    assert date(moment) == text


def test_one_model_is_json_and_xml() -> None:
    one = Resource(
        "Conference", {"sid": "CF1", "muted": True, "none": None, "subresource_uris": {"participants": "/P"}}
    )
    assert json.loads(bytes(rendered(one, as_json=True).body)) == dict(one.members)
    answer = rendered(one, as_json=False)
    assert answer.media_type == "application/xml"
    assert bytes(answer.body).decode() == (
        "<RestcommResponse><Conference><Sid>CF1</Sid><Muted>true</Muted><None />"
        "<SubresourceUris><Participants>/P</Participants></SubresourceUris></Conference></RestcommResponse>"
    )
    listing = Listing("Conferences", "conferences", {"num_pages": 0, "first_page_uri": "/x?a=1&b=2"}, [one])
    root = ElementTree.fromstring(bytes(rendered(listing, as_json=False).body))
    assert root[0].attrib == {"numpages": "0", "firstpageuri": "/x?a=1&b=2"} and root[0][0].tag == "Conference"
    assert list(json.loads(bytes(rendered(listing, as_json=True).body))) == [
        "num_pages",
        "first_page_uri",
        "conferences",
    ]


@given(st.text())
def test_xml_holds_any_text(text: str) -> None:
    answer = rendered(Resource("Conference", {"friendly_name": text}), as_json=False)
    written = ElementTree.fromstring(bytes(answer.body)).findtext("Conference/FriendlyName")
    assert written is not None and len(written) <= len(text)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("COMPLETED", 1),
        ("completed", 0),
        ("RUNNING%", 2),
        ("%", 3),
        ("", 0),
        ("%PRESENT", 1),
        ("C_MPLETED", 1),
        (".*", 0),
        ("*", 0),
        ("[CR]%", 0),
        # Compared by trying out what each wildcard stands for these would take for ever.
        ("%" * 60 + "x", 0),
        ("%_" * 12 + "%x", 0),
        ("%_" * 8 + "%D", 1),
    ],
)
def test_patterns_of_statuses(pattern: str, fits: int) -> None:
    statuses = ("RUNNING_MODERATOR_PRESENT", "RUNNING_MODERATOR_ABSENT", "COMPLETED")
    assert sum(like(each, pattern) for each in statuses) == fits
