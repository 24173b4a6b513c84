"""A session of the event gateway: numbers that rise, what is kept without a connection, and when it is over."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.ringcentral.gateway_session import ABSOLUTE_S, BUFFER, IDLE_S, QUEUE, RECOVERY_S, GatewaySession

DAY = datetime(2026, 2, 3, 10, 15, 24, tzinfo=UTC)


def session() -> GatewaySession:
    return GatewaySession("100101", "ep-1", 0.0)


def all_of(found: GatewaySession, now: float = 0.0) -> list[Any]:
    texts = iter(lambda: found.next(now), None)
    return [json.loads(text) for text in texts]


def uuids(messages: list[Any]) -> list[str]:
    return [head["messageId"] for head, *_ in messages if head["type"] == "ServerNotification"]


def test_what_a_client_is_told_first() -> None:
    head, body = json.loads(session().details(DAY))
    assert (head["type"], head["status"], head["wsc"]["sequence"]) == ("ConnectionDetails", 200, 1)
    assert head["headers"] == {"RCRequestId": head["messageId"]}
    assert body == {
        "creationTime": "2026-02-03T10:15:24.000Z",
        "maxConnectionsPerSession": 50,
        "recoveryBufferSize": 100,
        "recoveryTimeout": 180,
        "idleTimeout": 1800,
        "absoluteTimeout": 86400,
        "maxActiveRequests": 10,
    }


def test_numbers_rise_by_one_whatever_is_sent() -> None:
    found = session()
    first = json.loads(found.details(DAY))
    found.tell("1", {"uuid": "1"})
    found.answer("u", 204, {})
    found.tell("2", {"uuid": "2"})
    numbers = [head["wsc"]["sequence"] for head, *_ in [first, *all_of(found)]]
    assert sorted(numbers) == [1, 2, 3, 4]
    assert {head["wsc"]["token"] for head, *_ in [first]} == {found.token}


def test_what_happens_without_a_connection_comes_with_the_next_one() -> None:
    found = session()
    found.tell("before", {})
    all_of(found, 1.0)
    found.lose(10.0, arrived_until=5.0)
    assert not found.connected
    for each in "abc":
        assert found.tell(each, {})
    assert found.recover(100.0) and found.connected
    assert uuids(all_of(found)) == ["a", "b", "c"]


def test_what_may_not_have_arrived_is_sent_again_with_new_numbers() -> None:
    found = session()
    sent = []
    for at, each in enumerate("abc"):
        found.tell(each, {})
        sent += all_of(found, float(at))
    found.answer("u", 200, {}, {})
    found.tell("d", {})
    found.lose(10.0, arrived_until=1.0)
    assert found.recover(11.0)
    head = json.loads(found.details(DAY, recovered=True))[0]
    again = all_of(found)
    assert uuids(again) == ["b", "c", "d"]
    assert again[0][0]["wsc"]["sequence"] > head["wsc"]["sequence"] > sent[-1][0]["wsc"]["sequence"]


def test_of_too_much_nothing_is_kept_and_the_client_is_told() -> None:
    found = session()
    found.lose(0.0, 0.0)
    assert all(found.tell(str(n), {}) for n in range(BUFFER))
    assert not found.tell("one more", {})
    assert found.waiting == BUFFER
    assert not found.recover(1.0)
    assert json.loads(session().details(DAY, recovered=False))[1]["recoveryState"] == "Failed"


@pytest.mark.parametrize(("after", "goes_on"), [(0.0, True), (RECOVERY_S - 0.1, True), (float(RECOVERY_S), False)])
def test_how_long_a_client_may_be_away(after: float, goes_on: bool) -> None:
    found = session()
    found.lose(50.0, 50.0)
    assert found.patience_s(50.0) == RECOVERY_S
    assert found.recover(50.0 + after) is goes_on


def test_a_client_that_is_silent_and_a_day_that_is_over() -> None:
    found = session()
    assert not found.silent(IDLE_S - 1.0) and found.silent(float(IDLE_S))
    found.heard(1000.0)
    assert not found.silent(float(IDLE_S)) and found.patience_s(1000.0) == IDLE_S
    assert not found.over(ABSOLUTE_S - 1.0) and found.over(float(ABSOLUTE_S))


def test_a_client_that_reads_slowly_costs_no_more_than_its_queue() -> None:
    found = session()
    taken = sum(found.tell(str(n), {}) for n in range(10 * QUEUE))
    assert (taken, found.waiting) == (QUEUE, QUEUE)
    assert not found.say("[]")
    found.lose(1.0, 0.0)
    assert not found.recover(2.0)


@given(st.lists(st.sampled_from(["tell", "send", "lose", "recover"]), max_size=60), st.integers(0, 3))
def test_nothing_is_missing_and_all_is_in_order(steps: list[str], late: int) -> None:
    """Whatever is told arrives: what a lost connection has swallowed is sent again."""
    found, told, arrived, now = session(), 0, list[str](), 0.0
    in_flight: list[tuple[float, str]] = []
    for step in steps:
        now += 1.0
        match step:
            case "tell":
                found.tell(str(told), {})
                told += 1
            case "send" if found.connected:
                in_flight += [(now, each) for each in uuids(all_of(found, now))]
            case "lose" if found.connected:
                heard = now - late
                arrived += [each for at, each in in_flight if at < heard]
                in_flight.clear()
                found.lose(now, heard)
            case "recover" if not found.connected:
                assert found.recover(now)
    if not found.connected:
        assert found.recover(now)
    arrived += [each for _, each in in_flight] + uuids(all_of(found, now))
    assert arrived == [str(n) for n in range(told)]
