"""What clients send to the event gateway, and what they get."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.ringcentral import envelopes
from softphone.api.ringcentral.envelopes import BadEnvelope, GatewayRequest, Heartbeat, read

WSC = {"token": "w-1", "sequence": 2}


def request(**more: object) -> str:
    head = {"type": "ClientRequest", "messageId": "u1", "method": "POST", "path": "/restapi/v1.0/subscription"}
    return json.dumps([head | more])


def test_a_request_with_a_body() -> None:
    head = {"type": "ClientRequest", "messageId": "u1", "method": "post", "path": "/restapi/v1.0/subscription/"}
    found = read(json.dumps([head, {"eventFilters": ["é"]}]))
    assert isinstance(found, GatewayRequest)
    assert (found.method, found.path, json.loads(found.body)) == ("POST", head["path"], {"eventFilters": ["é"]})
    assert found.headers == {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/a", None, ""),
        ("/a?b=1", None, "b=1"),
        ("/a?b=1", {"c": 2}, "b=1&c=2"),
        ("/a", {"detailedTelephonyState": True, "page": 3, "none": None, "many": ["x", "y z"]},
         "detailedTelephonyState=true&page=3&many=x&many=y+z"),
        ("/a", "?c=d", "c=d"),
        ("/a", {}, ""),
    ],
)  # fmt: skip
def test_what_a_request_asks_for(path: str, query: object, expected: str) -> None:
    found = read(request(path=path, query=query))
    assert isinstance(found, GatewayRequest)
    assert (found.path, found.query) == ("/a", expected)


def test_who_it_is_a_request_does_not_say() -> None:
    said = {"Authorization": "bearer x", "Host": "evil", "Content-Length": "9", "X-User-Agent": "app/1", "accept": 5}
    found = read(request(headers=said))
    assert isinstance(found, GatewayRequest)
    assert found.headers == {"x-user-agent": "app/1"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "[1]",
        "[[]]",
        "[{}]",
        "[" * 100_000,
        request(messageId=5),
        request(messageId=""),
        request(messageId="x" * 300),
        request(type="ServerNotification"),
        request(type=None),
        request(method="TRACE"),
        request(method=None),
        request(path="restapi"),
        request(path=None),
        request(query=[1]),
        request(path="/restapi/\ud800"),
        request(path="/restapi/v1.0/x?a=\udfff"),
        request(query="a=\ud800"),
        request(query={"a": "\ud800"}),
        request(query={"\udc00": ["b"]}),
        request(headers="x"),
        json.dumps([{"type": "Heartbeat", "messageId": "h"}, {}, {}]),
    ],
)
def test_what_is_no_message(text: str) -> None:
    with pytest.raises(BadEnvelope):
        read(text)


def test_a_message_that_is_wrong_is_named_where_it_has_a_name() -> None:
    with pytest.raises(BadEnvelope) as caught:
        read(request(method="TRACE"))
    assert caught.value.message_id == "u1"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_a_message_or_refused(value: object) -> None:
    whole = [json.dumps(each) for each in (value, [value], [{}, value])]
    for text in [*whole, request(headers=value), request(query=value), request(path=value)]:
        with contextlib.suppress(BadEnvelope):
            read(text)


def test_a_heartbeat_is_answered_by_the_same() -> None:
    text = '[{"type":"Heartbeat","messageId":"h1"}]'
    assert read(text) == Heartbeat("h1")
    assert json.loads(envelopes.heartbeat("h1")) == json.loads(text)


def test_answers_notifications_and_failures() -> None:
    assert json.loads(envelopes.answer("u1", 204, {"RCRequestId": "r"}, WSC)) == [
        {"type": "ClientRequest", "messageId": "u1", "status": 204, "headers": {"RCRequestId": "r"}, "wsc": WSC}
    ]
    assert json.loads(envelopes.answer("u1", 200, {}, WSC, {"id": "9"}))[1] == {"id": "9"}
    assert json.loads(envelopes.notification("8", WSC, {"uuid": "8"})) == [
        {"type": "ServerNotification", "messageId": "8", "status": 200, "headers": {}, "wsc": WSC},
        {"uuid": "8"},
    ]
    head, body = json.loads(envelopes.failure("m", 401, {"errorCode": "OAU-129", "message": "no"}))
    assert (head["type"], head["status"], body["errorCode"]) == ("Error", 401, "OAU-129")
