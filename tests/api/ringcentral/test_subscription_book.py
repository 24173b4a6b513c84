"""Subscriptions as values: who is told of what, how many, and until when."""

import pytest

from softphone.api.ringcentral.filters import EventFilter, EventKind
from softphone.api.ringcentral.subscriptions import (
    LONGEST_S,
    MOST_OF_ONE,
    USUAL_S,
    EventSubscription,
    Subscriptions,
    lifetime_s,
)

A = "/restapi/v1.0/account"
OWN = EventFilter.parse(f"{A}/~/extension/~/telephony/sessions")
PRESENCE = EventFilter.parse(f"{A}/~/extension/~/presence")
ALL = EventFilter.parse(f"{A}/~/telephony/sessions").of("1", None)


def made(
    owner: str, *filters: EventFilter, created: float = 0.0, session: str = "", lasts: int = 100
) -> EventSubscription:
    own = filters or (OWN.of("1", owner),)
    return EventSubscription(owner, "app", own, "WebSocket" if session else "WebHook", created, lasts, session=session)


def wanted(book: Subscriptions, kind: EventKind, *extensions: str) -> set[str]:
    return {each.owner_id for each, _ in book.wanting(kind, extensions, 0.0)}


def test_who_is_told_of_what() -> None:
    book = Subscriptions()
    for each in (made("ada"), made("ben"), made("root", ALL), made("cleo", PRESENCE.of("1", "cleo"))):
        assert book.add(each, 0.0)
    assert wanted(book, EventKind.SESSIONS, "ada", "cleo") == {"ada", "root"}
    assert wanted(book, EventKind.SESSIONS) == {"root"}
    assert wanted(book, EventKind.PRESENCE, "ada", "cleo") == {"cleo"}
    assert book.meant("ada") and not book.meant("dora")


def test_a_subscription_with_two_filters_that_fit_is_told_once() -> None:
    book = Subscriptions()
    book.add(made("root", ALL, OWN.of("1", "root")), 0.0)
    ((_, filters),) = book.wanting(EventKind.SESSIONS, ["root"], 0.0)
    assert len(filters) == 2


def test_another_sees_none_of_them() -> None:
    book = Subscriptions()
    mine = made("ada")
    book.add(mine, 0.0)
    assert book.find(mine.id, "ada", 0.0) is mine
    assert book.find(mine.id, "ben", 0.0) is None and book.of("ben", 0.0) == []


def test_one_ends_with_its_time_and_is_known_for_a_while() -> None:
    book = Subscriptions()
    first, second = made("ada", lasts=10), made("ada", lasts=50)
    book.add(first, 0.0)
    book.add(second, 0.0)
    assert book.of("ada", 9.9) == [first, second]
    book.renew(first, 9.0)
    assert book.of("ada", 15.0) == [first, second]
    assert book.of("ada", 19.0) == [second]
    assert book.expired(first.id, 20.0) and not book.expired(second.id, 20.0) and not book.expired("other", 20.0)
    assert not book.expired(first.id, 10_000.0)
    assert wanted(book, EventKind.SESSIONS, "ada") == {"ada"}


@pytest.mark.parametrize("wish_s", [1, 20, 999])
def test_one_that_wants_to_end_sooner_does(wish_s: int) -> None:
    book = Subscriptions()
    mine, other = made("ada", lasts=1000), made("ben", lasts=5000)
    book.add(mine, 0.0)
    book.add(other, 0.0)
    book.renew(mine, 10.0, wish_s)
    assert book.of("ada", 9.9 + wish_s) == [mine]
    assert book.of("ada", 10.0 + wish_s) == [] and book.expired(mine.id, 10.0 + wish_s)
    assert book.of("ben", 4999.0) == [other]


def test_nobody_has_more_than_so_many_and_each_session_has_its_own() -> None:
    book = Subscriptions()
    assert all(book.add(made("ada", created=n), 0.0) for n in range(MOST_OF_ONE))
    assert not book.add(made("ada"), 0.0)
    assert book.add(made("ben"), 0.0)
    assert book.add(made("ada", session="w-1"), 0.0)
    book.remove_session("w-1")
    assert len(book) == MOST_OF_ONE + 1
    book.remove(book.of("ada", 0.0)[0].id)
    assert book.add(made("ada"), 0.0)
    assert book.remove("unknown") is None


def test_what_one_tells_of_is_changed() -> None:
    book = Subscriptions()
    mine = made("ada")
    book.add(mine, 0.0)
    book.change(mine, [PRESENCE.of("1", "ben")])
    assert wanted(book, EventKind.SESSIONS, "ada") == set()
    assert wanted(book, EventKind.PRESENCE, "ben") == {"ada"}


def test_how_long_one_lasts() -> None:
    assert (lifetime_s(None), lifetime_s(3600), lifetime_s(10**12)) == (USUAL_S, 3600, LONGEST_S)


def test_many_that_come_and_go_leave_nothing() -> None:
    book = Subscriptions()
    for n in range(1000):
        book.add(made("ada", session=f"w-{n}"), 0.0)
        book.remove_session(f"w-{n}")
    assert len(book) == 0 and not book._of and not book._shares
