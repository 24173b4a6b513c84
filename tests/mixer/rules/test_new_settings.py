"""Rules that change while a conference runs: in force at once, with the time as an argument."""

from typing import Any

import pytest

from mixer.rules.effects import Admitted, Ended, Music, PartyLeft, Waits
from mixer.rules.events import Join, Leave, Time
from mixer.rules.roles import Place, Role
from mixer.rules.room_events import Lock, NewSettings
from mixer.rules.session import Conference
from mixer.rules.settings import Settings
from tests.support.conference import room


def change(conference: Conference, now: float, **settings: Any) -> list[Any]:
    return conference.handle(NewSettings(Settings(record_notice=False, **settings)), now)


def test_silence_is_counted_from_the_limit_on() -> None:
    conference = room("a", "b")
    assert change(conference, 1000.0, silence_limit_s=60.0) == []
    assert conference.deadline == 1060.0
    change(conference, 1030.0, silence_limit_s=60.0, lobby=True)
    assert conference.deadline == 1060.0, "the limit is as it was"
    assert conference.handle(Time(), 1060.0)[-1] == Ended("silence")
    conference = room("a", "b", silence_limit_s=60.0)
    change(conference, 30.0)
    assert conference.deadline is None


def test_who_has_been_here_longer_than_a_new_limit_leaves() -> None:
    conference = room("a")
    conference.handle(Join("b"), 90.0)
    assert change(conference, 100.0, party_limit_s=50.0) == [PartyLeft("a", "time")]
    assert conference.deadline == 140.0
    change(conference, 120.0)
    assert conference.deadline is None


def test_a_conference_that_was_about_to_end_with_its_host_is_saved_by_another_rule() -> None:
    conference = room("host", "a", end_with_host="last", host_grace_s=30.0)
    conference.handle(Leave("host"), 10.0)
    assert conference.deadline == 40.0
    change(conference, 20.0)
    assert conference.deadline is None
    change(conference, 50.0, end_with_host="any", host_grace_s=5.0)
    assert conference.deadline is None, "no host has left since"
    conference.handle(Join("host", Role.MODERATOR), 60.0)
    conference.handle(Leave("host"), 61.0)
    assert conference.deadline == 66.0


def test_who_comes_after_the_change_waits_for_the_host() -> None:
    conference = room("a")
    change(conference, 1.0, wait_for_host=True)
    assert conference.handle(Join("b"), 2.0) == [Waits("b", Place.WAITING), Music("b", True)]
    assert conference.parties["a"].place is Place.JOINED


@pytest.mark.parametrize("wait_for_host", [False, True])
def test_who_is_in_the_lobby_gets_on_when_there_is_none_any_more(wait_for_host: bool) -> None:
    conference = room("a", lobby=True)
    assert conference.parties["a"].place is Place.LOBBY
    effects = change(conference, 1.0, wait_for_host=wait_for_host)
    assert (Admitted("a", False) in effects) is not wait_for_host
    assert conference.parties["a"].place is (Place.WAITING if wait_for_host else Place.JOINED)


def test_nobody_gets_from_the_lobby_into_a_locked_room() -> None:
    conference = room("a", lobby=True)
    conference.handle(Lock(True), 1.0)
    assert change(conference, 2.0) == []
    assert conference.parties["a"].place is Place.LOBBY
