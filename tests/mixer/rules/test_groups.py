"""Breakout groups: who is sent where, who hears whom, and how all return."""

from typing import Any

import pytest

from mixer.rules.effects import Denied, Effect, Ended, GroupChanged, Music, PartyLeft, Say, TalksInVain, WhisperChanged
from mixer.rules.events import Join, Leave, Select, SetGroup, SetHeld, SetMuted, SetWhisper, SpokeMuted, Time
from mixer.rules.groups import WARN_S
from mixer.rules.roles import Selector
from mixer.rules.room_effects import GroupsChanged
from mixer.rules.room_events import EndGroups, OpenGroups
from mixer.rules.session import Conference
from mixer.rules.settings import EndWithHost
from tests.support.conference import no_keys, press, room

OPEN = OpenGroups(("red", ""))


def where(conference: Conference) -> dict[str, int]:
    return {party.name: party.group for party in conference.parties.values()}


def sent(effects: list[Effect]) -> list[tuple[str, int]]:
    return [(effect.party, effect.group) for effect in effects if isinstance(effect, GroupChanged)]


def said(effects: list[Effect]) -> list[Say]:
    return [effect for effect in effects if isinstance(effect, Say)]


def grouped(*members: str, **settings: Any) -> Conference:
    """A host and some others, dealt into two groups."""
    conference = room("host", *(members or ("a", "b", "c", "d-l")), **settings)
    conference.handle(OPEN, 1.0)
    return conference


def test_all_but_the_hosts_are_dealt_out_evenly() -> None:
    conference = room("host", "a", "b", "c", "d-l", "e")
    effects = conference.handle(OPEN, 1.0)
    assert effects[0] == GroupsChanged(("red", ""))
    assert where(conference) == {"host": 0, "a": 1, "b": 2, "c": 1, "d-l": 2, "e": 1}
    assert sent(effects) == [("a", 1), ("c", 1), ("e", 1), ("b", 2), ("d-l", 2)]


def test_who_is_named_goes_where_it_is_named() -> None:
    conference = room("host", "a", "b", "c")
    conference.handle(OpenGroups(("", "", ""), (("c",), (), ("host", "a"))), 1.0)
    assert where(conference) == {"host": 3, "a": 3, "b": 0, "c": 1}


def test_only_those_of_one_group_hear_one_another() -> None:
    conference = grouped()
    heard = {(ear, mouth) for ear in "abc" for mouth in "abc" if conference.hears(ear, mouth)}
    assert heard == {("a", "c"), ("c", "a")}
    assert not conference.hears("a", "host") and not conference.hears("host", "a")
    conference.handle(SetGroup("host", 1), 2.0)
    assert conference.hears("host", "a") and conference.hears("a", "host") and not conference.hears("b", "host")


def test_who_comes_later_is_in_the_main_room_and_told_to_it_alone() -> None:
    conference = grouped(entry_notices=True)
    effects = conference.handle(Join("late"), 2.0)
    assert where(conference)["late"] == 0
    assert said(effects) == [Say(None, ("confbridge-join",), True, group=0)]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (OPEN, "groups_open"),
        (SetGroup("a", 3), "no_group"),
        (SetGroup("a", -1), "no_group"),
        (SetGroup("a", 2, own=True), "may_not_return"),
    ],
)
def test_what_is_not_so_is_denied(event: Any, reason: str) -> None:
    conference = grouped()
    before = where(conference)
    assert [effect.reason for effect in conference.handle(event, 2.0) if isinstance(effect, Denied)] == [reason]
    assert where(conference) == before


def test_without_groups_there_is_nothing_to_end_or_to_go_to() -> None:
    conference = room("host", "a")
    assert conference.handle(EndGroups(), 1.0) == [Denied("", "no_groups")]
    assert conference.handle(SetGroup("a", 1), 1.0) == [Denied("a", "no_group")]
    assert conference.handle(OpenGroups(("",), (("gone",),)), 1.0) == [Denied("gone", "not_inside")]
    assert not conference.groups.names


def test_who_waits_is_in_no_group() -> None:
    conference = room("a", wait_for_host=True, hosted=True)
    assert conference.handle(OpenGroups(("",), (("a",),)), 1.0) == [Denied("a", "not_inside")]
    assert conference.handle(SetGroup("a", 0), 1.0) == [Denied("a", "not_inside")]


def test_the_way_back_by_a_key() -> None:
    conference = grouped()
    assert sent(press(conference, "a", "*3", 2.0)) == [("a", 0)]
    assert press(conference, "a", "*3", 3.0) == no_keys("a", "*3")
    strict = room("host", "a")
    strict.handle(OpenGroups(("",), (("a", "host"),), may_return=False), 1.0)
    assert press(strict, "a", "*3", 2.0) == [Denied("a", "may_not_return"), Say("a", ("beeperr",))]
    assert sent(press(strict, "host", "*3", 2.0)) == [("host", 0)], "a host goes where it likes"
    assert where(strict) == {"host": 0, "a": 1}


def test_a_host_visits_the_groups_by_keys() -> None:
    conference = grouped()
    assert sent(press(conference, "host", "*42#", 2.0)) == [("host", 2)]
    assert sent(press(conference, "host", "*40#", 3.0)) == [("host", 0)]
    assert press(conference, "host", "*47#", 4.0)[0] == Denied("host", "no_group")
    assert press(conference, "a", "*42#", 5.0)[-1] == Say("a", ("beeperr",)), "a participant has no such key"
    assert sent(press(conference, "host", "*96", 6.0)) == [("a", 0), ("b", 0), ("c", 0), ("d-l", 0)]
    assert press(conference, "host", "*96", 7.0) == no_keys("host", "*96")


def test_all_return_when_the_time_is_over_and_are_told_a_while_before() -> None:
    conference = room("host", "a", "b", prompts=True)
    conference.handle(OpenGroups(("", ""), ends_in_s=300.0), 10.0)
    assert conference.deadline == 310.0 - WARN_S
    assert conference.handle(Time(), 250.0) == [Say(None, ("conf-groups-end-in", 60, "seconds"))]
    assert conference.deadline == 310.0
    effects = conference.handle(Time(), 310.0)
    assert sent(effects) == [("a", 0), ("b", 0)]
    assert effects[-1] == GroupsChanged(()) or GroupsChanged(()) in effects
    assert set(where(conference).values()) == {0}
    assert conference.deadline is None


def test_an_end_that_is_announced_takes_the_place_of_another() -> None:
    conference = room("host", "a", "b", prompts=True)
    conference.handle(OpenGroups(("", ""), ends_in_s=300.0), 10.0)
    effects = conference.handle(EndGroups(20.0), 20.0)
    assert effects == [GroupsChanged(("", ""), 20.0), Say(None, ("conf-groups-end-in", 20, "seconds"))]
    assert conference.deadline == 40.0, "nobody is told a minute before that is over"
    assert sent(conference.handle(Time(), 40.0)) == [("a", 0), ("b", 0)]


def test_music_for_who_is_alone_in_a_group() -> None:
    conference = room("host", "a", "b", music=True)
    effects = conference.handle(OpenGroups(("", ""), (("a",), ("b",))), 1.0)
    assert {effect.party for effect in effects if isinstance(effect, Music) and effect.on} == {"host", "a", "b"}
    effects = conference.handle(SetGroup("b", 1), 2.0)
    assert {effect.party for effect in effects if isinstance(effect, Music) and not effect.on} == {"a", "b"}


def test_who_talks_muted_alone_in_its_group_is_not_told() -> None:
    conference = room("host", "a", "b")
    conference.handle(SetMuted("a", True), 0.0)
    conference.handle(OpenGroups(("", ""), (("a",), ("b",))), 1.0)
    assert conference.handle(SpokeMuted("a"), 2.0) == []
    conference.handle(SetGroup("b", 1), 3.0)
    assert TalksInVain("a") in conference.handle(SpokeMuted("a"), 4.0)


def test_a_whisper_ends_where_its_party_goes_elsewhere() -> None:
    conference = room("host", "a", "b")
    conference.handle(SetWhisper("host", ("a",)), 1.0)
    assert WhisperChanged("host", ()) in conference.handle(OpenGroups(("",), (("a",),)), 2.0)
    assert WhisperChanged("host", None) in conference.handle(SetGroup("host", 1), 3.0)


def test_comings_and_goings_between_groups_are_told_on_both_sides() -> None:
    conference = grouped(entry_notices=True)
    conference.handle(Join("late"), 2.0)
    effects = conference.handle(SetGroup("late", 1), 3.0)
    assert said(effects)[1:] == [
        Say(None, ("confbridge-leave",), True, group=0),
        Say(None, ("confbridge-join",), True, group=1),
    ]
    assert said(conference.handle(Leave("late"), 4.0)) == [Say(None, ("confbridge-leave",), True, group=1)]


def test_many_are_sent_at_once() -> None:
    conference = grouped()
    conference.handle(Select(Selector.OTHERS, (SetGroup("", 2),)), 2.0)
    assert where(conference) == {"host": 0, "a": 2, "b": 2, "c": 2, "d-l": 2}


def test_who_is_held_goes_along() -> None:
    conference = room("host", "a", "b")
    conference.handle(SetHeld("a", True), 0.5)
    conference.handle(OPEN, 1.0)
    assert where(conference) == {"host": 0, "a": 1, "b": 2}
    conference.handle(SetGroup("host", 1), 2.0)
    assert not conference.hears("a", "host")
    conference.handle(SetHeld("a", False), 3.0)
    assert conference.hears("a", "host")


def test_a_host_in_a_group_is_still_the_host() -> None:
    conference = grouped(end_with_host=EndWithHost.LAST, hosted=True)
    conference.handle(SetGroup("host", 1), 2.0)
    effects = conference.handle(Leave("host"), 3.0)
    assert Ended("host_left") in [*effects, *conference.handle(Time(), 1000.0)]


def test_the_conference_goes_on_while_all_are_in_groups_and_ends_with_the_last() -> None:
    conference = room("a", "b", empty_timeout_s=38.0)
    conference.handle(OPEN, 1.0)
    assert conference.deadline is None
    conference.handle(Leave("a"), 2.0)
    assert GroupsChanged(()) in conference.handle(Leave("b"), 3.0)
    assert conference.deadline == 41.0
    conference.handle(Join("c"), 4.0)
    assert where(conference) == {"c": 0}


def test_the_end_of_the_conference_is_that_of_its_groups() -> None:
    conference = room("host", "a", "b", party_limit_s=50.0)
    conference.handle(OpenGroups(("", ""), ends_in_s=300.0), 1.0)
    effects = press(conference, "host", "*96", 2.0)
    conference.handle(OpenGroups(("", ""), ends_in_s=300.0), 3.0)
    effects = conference.handle(Time(), 50.0)
    assert [effect.party for effect in effects if isinstance(effect, PartyLeft)] == ["host", "a", "b"]
    assert GroupsChanged(()) in effects and not conference.groups.names
