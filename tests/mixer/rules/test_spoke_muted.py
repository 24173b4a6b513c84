"""Who talks with the microphone off is told so, once in a while, and nobody who does not care."""

from typing import Any

import pytest

from mixer.rules.effects import Effect, Say, TalksInVain
from mixer.rules.events import Event, Join, Leave, SetDeaf, SetHeld, SetMuted, SpokeMuted
from mixer.rules.parties import WARN_AGAIN_S
from mixer.rules.session import Conference, TwoPartyCall
from tests.support.conference import room

VAIN, SAID = TalksInVain("a"), Say("a", ("conf-muted",))


def muted(*others: str, **settings: Any) -> Conference:
    conference = room("a", *others, **settings)
    conference.handle(SetMuted("a", True), 0.0)
    return conference


def spoke(conference: Conference, now: float = 1.0) -> list[Effect]:
    return conference.handle(SpokeMuted("a"), now)


def test_it_is_told_and_said_once_in_half_a_minute() -> None:
    conference = muted("b", prompts=True)
    assert spoke(conference, 1.0) == [VAIN, SAID]
    assert spoke(conference, 0.9 + WARN_AGAIN_S) == []
    assert spoke(conference, 1.0 + WARN_AGAIN_S) == [VAIN, SAID]


@pytest.mark.parametrize("settings", [{"prompts": False}, {"prompts": True, "muted_notice": False}])
def test_without_the_prompt_it_is_told_all_the_same(settings: dict[str, bool]) -> None:
    assert spoke(muted("b", **settings)) == [VAIN]


@pytest.mark.parametrize(
    "event", [SetMuted("a", False), SetDeaf("a", True), SetHeld("a", True), Leave("b"), Leave("a")]
)
def test_nobody_is_told_who_is_heard_deaf_held_alone_or_gone(event: Event) -> None:
    conference = muted("b", prompts=True)
    conference.handle(event, 1.0)
    assert spoke(conference, 2.0) == []


def test_who_waits_is_not_told() -> None:
    conference = room("b", lobby=True, prompts=True)
    conference.handle(Join("a", muted=True), 0.0)
    conference.handle(SetMuted("a", True), 0.0)
    assert spoke(conference) == []


def test_a_listener_is_not_told_what_it_cannot_change_and_a_hidden_one_nothing() -> None:
    conference = room("b", "a-l", prompts=True)
    assert conference.handle(SpokeMuted("a-l"), 1.0) == [TalksInVain("a-l")]
    conference.handle(Join("spy", hidden=True), 1.0)
    assert conference.handle(SpokeMuted("spy"), 1.0) == []


def test_in_a_call_of_two_as_well() -> None:
    call = TwoPartyCall()
    for name in "ab":
        call.handle(Join(name), 0.0)
    call.handle(SetMuted("a", True), 0.0)
    assert call.handle(SpokeMuted("a"), 1.0) == [VAIN]
