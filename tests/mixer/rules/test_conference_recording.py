"""When the recording of a room begins, pauses and ends."""

import pytest

from mixer.rules.effects import Denied, PartyLeft
from mixer.rules.events import Join, Keys, Leave
from mixer.rules.roles import PartyKind, RecordingState, Role
from mixer.rules.room_effects import RecordingChanged
from mixer.rules.room_events import NewSettings, SetRecording
from mixer.rules.settings import Settings
from tests.support.conference import invite, room

RUNS, PAUSED, OFF = RecordingState.RUNNING, RecordingState.PAUSED, RecordingState.OFF


@pytest.mark.parametrize(
    ("settings", "joins", "begins_with"),
    [
        ({}, ["a", "host"], "host"),
        ({"wait_for_host": True}, ["a", "host"], "host"),
        ({"hosted": False}, ["a", "b"], "a"),
    ],
)
def test_the_recording_begins_with_the_host(settings: dict[str, bool], joins: list[str], begins_with: str) -> None:
    conference = room(record_enabled=True, **settings)
    for name in joins:
        role = Role.MODERATOR if name == "host" else Role.PARTICIPANT
        began = RecordingChanged(RUNS) in conference.handle(Join(name, role), 1.0)
        assert began == (name == begins_with)


@pytest.mark.parametrize(("kind", "recorded"), [(PartyKind.OUTSIDE, True), (PartyKind.INSIDE, False)])
def test_the_recording_begins_with_somebody_invited_from_outside(kind: PartyKind, recorded: bool) -> None:
    conference = room("a", record_enabled=True)
    invite(conference, by="a", kind=kind)
    conference.handle(Keys("guest", "1"), 3.0)
    assert conference.recording is (RUNS if recorded else OFF)


def test_a_recording_that_was_stopped_is_not_started_by_the_next_host() -> None:
    conference = room("host", record_enabled=True)
    assert conference.handle(SetRecording(OFF), 1.0) == [RecordingChanged(OFF)]
    conference.handle(Join("host2", Role.MODERATOR), 2.0)
    assert conference.recording is OFF


def test_a_recording_pauses_and_ends_with_the_last() -> None:
    conference = room("a")
    assert conference.handle(SetRecording(PAUSED), 1.0) == [Denied("", "not_recording")]
    for state in (RUNS, PAUSED, RUNS):
        assert conference.handle(SetRecording(state), 1.0) == [RecordingChanged(state)]
    assert conference.handle(Leave("a"), 2.0) == [PartyLeft("a"), RecordingChanged(OFF)]


ON_AGAIN = NewSettings(Settings(record_enabled=True, record_notice=False))
SWITCHED_OFF = NewSettings(Settings(record_notice=False))


def test_the_setting_ends_what_it_began() -> None:
    conference = room("host", record_enabled=True)
    conference.handle(SetRecording(PAUSED), 1.0)
    assert conference.handle(SWITCHED_OFF, 2.0) == [RecordingChanged(OFF)]
    assert conference.handle(ON_AGAIN, 3.0) == [RecordingChanged(RUNS)]
    assert conference.handle(SWITCHED_OFF, 4.0) == [RecordingChanged(OFF)]


def test_the_setting_does_not_end_what_somebody_began() -> None:
    by_hand = room("a", record_enabled=True)
    by_hand.handle(SetRecording(RUNS), 1.0)
    by_hand.handle(Join("host", Role.MODERATOR), 1.0)
    again = room("host", record_enabled=True)
    for state in (OFF, RUNS):
        again.handle(SetRecording(state), 1.0)
    for conference in (by_hand, again):
        assert conference.handle(SWITCHED_OFF, 2.0) == []
        assert conference.recording is RUNS
