"""What begins from so many parties on: the recording, and the count that is told to the room."""

import pytest

from mixer.rules.effects import Effect, Say
from mixer.rules.events import Join, Kick, Leave, SetHeld
from mixer.rules.roles import RecordingState, Role
from mixer.rules.room_effects import RecordingChanged
from mixer.rules.room_events import NewSettings, SetRecording
from mixer.rules.session import Conference
from mixer.rules.settings import Settings
from tests.support.conference import room

RUNS, OFF = RecordingChanged(RecordingState.RUNNING), RecordingChanged(RecordingState.OFF)


def begins(conference: Conference, *names: str) -> list[bool]:
    """Whether the recording begins as each comes."""
    return [RUNS in conference.handle(Join(name), 1.0) for name in names]


@pytest.mark.parametrize("least", [1, 2, 3])
def test_the_recording_begins_with_so_many_and_once(least: int) -> None:
    conference = room(record_from=least)
    assert begins(conference, "a", "b", "c", "d") == [number == least for number in range(1, 5)]
    conference.handle(SetRecording(RecordingState.OFF), 2.0)
    assert begins(conference, "e") == [False], "somebody has stopped it"


def test_who_waits_or_listens_unseen_does_not_count_and_who_is_held_does() -> None:
    conference = room("a", "b", record_from=3)
    conference.handle(Join("spy", hidden=True), 1.0)
    conference.handle(SetHeld("a", True), 1.0)
    assert conference.recording is RecordingState.OFF
    assert begins(conference, "c") == [True]
    waiting = room("a", "b", record_from=2, wait_for_host=True)
    assert waiting.recording is RecordingState.OFF
    assert RUNS in waiting.handle(Join("host", Role.MODERATOR), 1.0)


def test_it_begins_anew_when_the_room_was_empty() -> None:
    conference = room("a", "b", record_from=2)
    conference.handle(Leave("a"), 1.0)
    assert conference.recording is RecordingState.RUNNING
    assert OFF in conference.handle(Leave("b"), 1.0)
    assert begins(conference, "c", "d") == [False, True]


def test_the_setting_holds_at_once_and_what_it_began_ends_with_it() -> None:
    conference = room("a", "b")
    assert RUNS in conference.handle(NewSettings(Settings(record_from=2, record_notice=False)), 1.0)
    assert OFF in conference.handle(NewSettings(Settings(record_notice=False)), 1.0)
    conference.handle(SetRecording(RecordingState.RUNNING), 1.0)
    assert conference.handle(NewSettings(Settings(record_from=5, record_notice=False)), 1.0) == []


def said(effects: list[Effect]) -> list[Say]:
    return [each for each in effects if isinstance(each, Say)]


def test_the_room_is_told_how_many_there_are_from_so_many_on() -> None:
    conference = room("a", "b", prompts=True, count_from=4)
    assert said(conference.handle(Join("c"), 1.0)) == [
        Say("c", ("conf-thereare", 2, "conf-otherinparty"), notice=True)
    ], "as ever"
    assert said(conference.handle(Join("d"), 1.0)) == [
        Say(None, ("conf-thereare", 3, "conf-otherinparty"), notice=True)
    ], "all, and the newcomer not twice"
    assert said(conference.handle(Join("e-l", Role.LISTENER), 1.0)) == [
        Say("e-l", ("conf-muted",), notice=True),
        Say(None, ("conf-thereare", 4, "conf-otherinparty"), notice=True),
    ]
    assert said(conference.handle(Kick("a"), 1.0)) == [], "who goes is not counted aloud"
    assert said(conference.handle(Join("spy", hidden=True), 1.0))[0].to == "spy"


@pytest.mark.parametrize("settings", [{"prompts": False, "count_from": 1}, {"prompts": True, "count_from": 0}])
def test_a_silent_room_counts_nobody_aloud(settings: dict[str, int]) -> None:
    conference = room("a", "b", **settings)
    assert all(each.to == "c" for each in said(conference.handle(Join("c"), 1.0)))
