"""Numbers of reliable provisional responses: in order, each once, whatever a peer writes there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.message.message import Response, response
from softphone.sip.ua.provisional import (
    LARGEST,
    LARGEST_FIRST,
    Arrival,
    ProvisionalOrder,
    RAck,
    first_rseq,
    is_required,
    is_supported,
    rack_for,
)
from tests.sip.wire import invite


def ringing(rseq: str, require: str = "100rel") -> Response:
    headers = [("RSeq", rseq)] if rseq else []
    return response(invite(), 180, headers=[*headers, *([("Require", require)] if require else [])])


def test_each_is_taken_once_and_in_order() -> None:
    order = ProvisionalOrder()
    taken = [order.take(ringing(str(number))) for number in (7, 7, 9, 8, 7, 9, 9, 8)]
    assert [each is Arrival.NEXT for each in taken] == [True, False, False, True, False, True, False, False]
    assert order.take(ringing("")) is Arrival.PLAIN


@pytest.mark.parametrize("rseq", ["", "0", "-1", "one", "1.5", str(LARGEST + 1), "99999999999999999999", "1 2"])
def test_what_is_no_number_makes_it_an_ordinary_one(rseq: str) -> None:
    assert ProvisionalOrder().take(ringing(rseq)) is Arrival.PLAIN


def test_only_who_requires_it_is_reliable() -> None:
    assert ProvisionalOrder().take(ringing("1", "")) is Arrival.PLAIN
    assert ProvisionalOrder().take(ringing("1", "timer, 100REL")) is Arrival.NEXT
    assert ProvisionalOrder().take(ringing(str(LARGEST))) is Arrival.NEXT


def test_what_an_invite_says() -> None:
    asked = {"": (False, False), "timer": (False, False), "100rel": (True, False), "replaces, 100Rel": (True, False)}
    for supported, expected in asked.items():
        request = invite(Supported=supported)
        assert (is_supported(request), is_required(request)) == expected
    assert is_supported(invite(Require="100rel")) and is_required(invite(Require="100rel"))


def test_what_a_prack_is_for() -> None:
    assert rack_for(ringing("0017")) == [("RAck", "17 1 INVITE")]
    assert RAck.of(invite(RAck=" 17  1 INVITE ")) == RAck(17, 1, "INVITE")
    for text in ("", "17 1", "17 1 INVITE x", "a 1 INVITE", "17 -1 INVITE", "17, 1, INVITE"):
        assert RAck.of(invite(RAck=text)) is None


def test_the_first_number_leaves_room_and_is_not_guessed() -> None:
    drawn = {first_rseq() for _ in range(100)}
    assert len(drawn) > 90 and all(0 < each <= LARGEST_FIRST for each in drawn)


@given(st.integers(1, LARGEST - 50), st.lists(st.integers(0, 12), max_size=40))
def test_no_order_of_arrival_is_acknowledged_twice(first: int, places: list[int]) -> None:
    order, acknowledged = ProvisionalOrder(), []
    for place in (0, *places):
        if order.take(ringing(str(first + place))) is Arrival.NEXT:
            acknowledged.append(place)
    assert acknowledged == list(range(len(acknowledged)))
