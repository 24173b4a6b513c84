"""The rules of a call of two parties."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.rules.call import CALL, RULES
from mixer.rules.effects import (
    Admitted,
    DeafChanged,
    Denied,
    Effect,
    Ended,
    HeldChanged,
    KeyPassed,
    Music,
    MuteChanged,
    PartyLeft,
    Refused,
    VolumeChanged,
)
from mixer.rules.events import (
    Admit,
    End,
    Event,
    Join,
    Keys,
    Kick,
    Leave,
    Park,
    PeerHeld,
    SetDeaf,
    SetHeld,
    SetMuted,
    SetRole,
    SetVolume,
    SetWhisper,
    Talking,
    Time,
    WaitAlone,
)
from mixer.rules.roles import RecordingState, Role
from mixer.rules.room_effects import RecordingChanged
from mixer.rules.room_events import Dial, Lock, MuteAll, SetNotices, SetRecording
from mixer.rules.session import TwoPartyCall
from mixer.rules.state import Phase


def connected() -> TwoPartyCall:
    call = TwoPartyCall()
    assert call.handle(Join("ada"), 0.0) == [Admitted("ada", False)]
    assert call.handle(Join("bob"), 1.0) == [Admitted("bob", False)]
    return call


def test_a_parked_call_waits_with_music_for_whoever_comes() -> None:
    call = connected()
    call.handle(PeerHeld("ada", True), 2.0)
    assert call.handle(Park("ada"), 3.0) == [PartyLeft("ada", "parked")]
    assert call.parties["bob"].left_alone and call.state is Phase.OPEN
    assert call.handle(Park("bob"), 4.0) == [Denied("bob", "nobody_waits")]
    assert call.handle(Join("cid"), 5.0) == [Admitted("cid", False), Music("bob", False, "")]
    assert Music("cid", True, "") in call.handle(Park("bob"), 6.0)
    assert only(call.handle(Leave("cid"), 7.0), Ended)


def test_who_is_alone_waits_with_music_and_of_two_nobody_does() -> None:
    call = TwoPartyCall()
    call.handle(Join("ada"), 0.0)
    assert call.handle(WaitAlone("ada"), 1.0) == [Music("ada", True, "")]
    assert call.handle(Join("bob"), 2.0) == [Admitted("bob", False), Music("ada", False, "")]
    assert call.handle(WaitAlone("ada"), 3.0) == [Denied("ada", "nobody_waits")]
    # Or without, where somebody else speaks to who is left.
    assert call.handle(Park("bob", "transferred", music=False), 4.0) == [PartyLeft("bob", "transferred")]


def only(effects: list[Effect], kind: type[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def test_every_event_has_a_rule_in_every_state() -> None:
    assert {state: set(rules) for state, rules in RULES.items()} == {state: set(get_args(Event)) for state in Phase}


def test_who_leaves_ends_the_call_for_both() -> None:
    call = connected()
    gone, other, over = call.handle(Leave("ada", "bye"), 2.0)
    assert (gone, other, over) == (PartyLeft("ada", "bye"), PartyLeft("bob", "hung up"), Ended("hung up"))
    assert call.state is Phase.ENDED
    assert call.deadline is None


def test_a_caller_that_leaves_before_the_answer_has_cancelled() -> None:
    call = TwoPartyCall()
    call.handle(Join("ada"), 0.0)
    assert call.handle(Leave("ada", "bye"), 2.0) == [PartyLeft("ada", "bye"), Ended("cancelled")]


def test_who_goes_elsewhere_alone_has_not_cancelled() -> None:
    call = TwoPartyCall()
    call.handle(Join("ada"), 0.0)
    assert call.handle(Leave("ada", "moved"), 2.0) == [PartyLeft("ada", "moved"), Ended("moved")]


def test_a_call_that_rings_waits_for_ever_by_these_rules() -> None:
    call = TwoPartyCall()
    call.handle(Join("ada"), 0.0)
    assert call.deadline is None


def test_a_third_is_refused_and_after_the_end_everybody() -> None:
    call = connected()
    assert call.handle(Join("eve"), 2.0) == [Refused("eve", "full")]
    call.handle(End("requested"), 3.0)
    assert call.handle(Join("eve"), 4.0) == [Refused("eve", "ended")]


def test_a_key_goes_to_the_other_end() -> None:
    call = connected()
    assert call.handle(Keys("ada", "*"), 2.0) == [KeyPassed("bob", "*")]
    assert call.handle(Keys("bob", "1"), 2.0) == [KeyPassed("ada", "1")]
    assert call.handle(Keys("eve", "1"), 2.0) == []


def test_a_key_pressed_while_it_rings_is_nobodys() -> None:
    call = TwoPartyCall()
    call.handle(Join("ada"), 0.0)
    assert call.handle(Keys("ada", "5"), 1.0) == []


@pytest.mark.parametrize(
    ("event", "effect"),
    [
        (SetMuted("bob", True), MuteChanged("bob", True)),
        (SetDeaf("bob", True), DeafChanged("bob", True)),
        (SetVolume("bob", 3.0, None), VolumeChanged("bob", 3.0, 0.0)),
        (SetVolume("bob", levelled=True), VolumeChanged("bob", 0.0, 0.0, True)),
        (SetHeld("bob", True), HeldChanged("bob", True)),
    ],
)
def test_what_is_done_to_a_party_is_done_as_in_a_conference(event: Event, effect: Effect) -> None:
    call = connected()
    assert effect in call.handle(event, 2.0)
    assert call.handle(event, 3.0) == []


def test_a_party_that_is_held_hears_music_until_it_is_taken_back() -> None:
    call = connected()
    assert Music("bob", True, "") in call.handle(SetHeld("bob", True), 2.0)
    assert Music("bob", False, "") in call.handle(SetHeld("bob", False), 3.0)


def test_the_other_end_of_a_phone_that_holds_hears_music() -> None:
    call = connected()
    assert call.handle(PeerHeld("ada", True), 2.0) == [Music("bob", True, "")]
    assert call.handle(PeerHeld("ada", True), 3.0) == []
    assert call.handle(PeerHeld("ada", False), 4.0) == [Music("bob", False, "")]


@pytest.mark.parametrize(
    "event",
    [
        Lock(True),
        MuteAll(True),
        SetNotices(True),
        Dial("103"),
        SetRole("ada", Role.MODERATOR),
        SetWhisper("ada", ("bob",)),
        Admit("ada"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_only_a_conference_has_is_denied(event: Event) -> None:
    call = connected()
    (denied,) = call.handle(event, 2.0)
    assert isinstance(denied, Denied)
    assert denied.reason == "no_conference"


def test_a_recording_starts_pauses_and_stops() -> None:
    call = connected()
    running, paused, off = RecordingState.RUNNING, RecordingState.PAUSED, RecordingState.OFF
    assert call.handle(SetRecording(paused), 2.0) == [Denied("", "not_recording")]
    assert RecordingChanged(running) in call.handle(SetRecording(running), 2.0)
    assert RecordingChanged(paused) in call.handle(SetRecording(paused), 3.0)
    assert RecordingChanged(off) in call.handle(Leave("ada"), 4.0)
    assert call.recording is off


def test_nobody_there_is_not_recorded() -> None:
    assert TwoPartyCall().handle(SetRecording(RecordingState.RUNNING), 0.0) == [Denied("", "nobody_inside")]


NAMES = st.sampled_from(["ada", "bob", "eve"])
ON = st.booleans()
EVENTS = st.one_of(
    st.builds(Join, NAMES),
    st.builds(Leave, NAMES),
    st.builds(Kick, NAMES),
    st.builds(Keys, NAMES, st.sampled_from("0123456789*#ABCD")),
    st.builds(SetMuted, NAMES, ON),
    st.builds(SetDeaf, NAMES, ON),
    st.builds(SetHeld, NAMES, ON),
    st.builds(PeerHeld, NAMES, ON),
    st.builds(Park, NAMES, st.just("parked"), ON),
    st.builds(WaitAlone, NAMES),
    st.builds(Talking, NAMES, ON),
    st.builds(SetRecording, st.sampled_from(RecordingState)),
    st.builds(End),
    st.just(Time()),
)


@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_each_that_came_leaves_once_and_music_ends_with_its_cause(happened: list[Event]) -> None:
    call = TwoPartyCall()
    effects = [effect for k, event in enumerate(happened) for effect in call.handle(event, float(k))]
    came = [effect.party for effect in effects if isinstance(effect, Admitted)]
    left = [effect.party for effect in effects if isinstance(effect, PartyLeft)]
    assert len(call.parties) <= CALL.max_members
    assert sorted(came) == sorted([*left, *call.parties])
    assert len(only(effects, Ended)) == (call.state is Phase.ENDED)
    music: dict[str, bool] = {}
    for effect in effects:
        if isinstance(effect, Music):
            assert music.get(effect.party, False) is not effect.on
            music[effect.party] = effect.on
        elif isinstance(effect, PartyLeft):
            music.pop(effect.party, None)
    assert {name for name, on in music.items() if on} <= set(call.parties)
