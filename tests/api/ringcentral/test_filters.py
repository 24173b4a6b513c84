"""Event filters: which are known, what they are of, and how they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.ringcentral.filters import BadFilter, EventFilter, EventKind, Meant

A = "/restapi/v1.0/account"


@pytest.mark.parametrize(
    ("text", "kind", "account", "extension"),
    [
        (f"{A}/~/extension/~/telephony/sessions", EventKind.SESSIONS, "~", "~"),
        (f"{A}/~/telephony/sessions", EventKind.SESSIONS, "~", None),
        (f"{A}/5/extension/9/presence?detailedTelephonyState=true&sipData=true", EventKind.PRESENCE, "5", "9"),
        (f"{A}/~/presence", EventKind.PRESENCE, "~", None),
        (f"{A}/~/extension/101/telephony/sessions/?direction=inbound", EventKind.SESSIONS, "~", "101"),
    ],
)  # fmt: skip
def test_those_that_are_known(text: str, kind: EventKind, account: str, extension: str | None) -> None:
    found = EventFilter.parse(text)
    assert (found.kind, found.meant) == (kind, Meant(account, extension))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        f"{A}/~/extension/~/message-store",
        f"{A}/~/extension/~/telephony",
        f"{A}/~/extension//telephony/sessions",
        f"{A}/~/extension/~/telephony/sessions?what=1",
        f"{A}/~/extension/~/telephony/sessions?direction=sideways",
        f"{A}/~/extension/~/presence?direction=Inbound",
        f"{A}/~/presence?detailedTelephonyState=yes",
        f"{A}/~/presence?sipData",
        f"https://example.test{A}/~/presence",
        f"{A}/~/telephony/sessions?" + "&".join(["direction=Inbound"] * 100),
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(BadFilter):
        EventFilter.parse(text)


def test_words_of_the_query_are_spelled_our_way_and_mean_what_they_say() -> None:
    found = EventFilter.parse(f"{A}/~/extension/~/presence?detailedTelephonyState=TRUE&sipData=False").of("1", "2")
    assert str(found) == f"{A}/1/extension/2/presence?detailedTelephonyState=true&sipData=false"
    assert (found.path, found.detailed, found.sip_data) == (f"{A}/1/extension/2/presence", True, False)


@pytest.mark.parametrize(
    ("query", "direction", "status", "takes"),
    [
        ("", "Inbound", "Setup", True),
        ("?direction=Inbound", "Inbound", "Setup", True),
        ("?direction=Inbound", "Outbound", "Setup", False),
        ("?statusCode=Answered", "Inbound", "Setup", False),
        ("?statusCode=Answered&statusCode=Setup", "Inbound", "Setup", True),
        ("?statusCode=Answered&direction=Outbound", "Inbound", "Answered", False),
        ("?sipData=true", "Outbound", "Gone", True),
    ],
)
def test_which_changes_are_wanted(query: str, direction: str, status: str, takes: bool) -> None:
    wanted = EventFilter.parse(f"{A}/~/telephony/sessions{query}")
    assert wanted.takes({"direction": direction, "status": {"code": status}}) is takes


@given(st.text(max_size=60) | st.from_regex(r"/restapi/v1\.0/account/[^/]+/extension/[^/]+/presence(\?.*)?"))
def test_whatever_is_sent_is_a_filter_that_is_written_as_itself_or_none(text: str) -> None:
    try:
        found = EventFilter.parse(text)
    except BadFilter:
        return
    assert EventFilter.parse(str(found)).of("1", None) == found.of("1", None)
