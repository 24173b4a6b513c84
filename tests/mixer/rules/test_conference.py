"""The rules of a room: every event in every state, the keys of each role, and what holds whatever happens."""

from typing import get_args

import pytest

from mixer.rules.conference import PLACES, RULES
from mixer.rules.effects import (
    Admitted,
    DeafChanged,
    Denied,
    Effect,
    Ended,
    HeldChanged,
    LabelsChanged,
    Music,
    MuteChanged,
    PartyLeft,
    Refused,
    RoleChanged,
    Selected,
    VolumeChanged,
    WhisperChanged,
)
from mixer.rules.events import (
    Admit,
    CancelInvite,
    End,
    Event,
    InviteAnswered,
    InviteFailed,
    Join,
    Keys,
    Kick,
    Leave,
    Park,
    PeerHeld,
    Reject,
    Select,
    SetDeaf,
    SetGroup,
    SetHeld,
    SetLabels,
    SetMuted,
    SetRole,
    SetVolume,
    SetWhisper,
    SpokeMuted,
    Talking,
    Time,
    WaitAlone,
)
from mixer.rules.keypad import KeypadError, Menu
from mixer.rules.roles import Place, RecordingState, Role, Selector
from mixer.rules.room_effects import (
    GroupsChanged,
    Invite,
    LockChanged,
    NoticesChanged,
    RecordingChanged,
    RestrictedChanged,
)
from mixer.rules.room_events import (
    Dial,
    EndGroups,
    Lock,
    MuteAll,
    NewSettings,
    OpenGroups,
    SetAllowed,
    SetNotices,
    SetRecording,
    Unban,
)
from mixer.rules.session import Conference
from mixer.rules.settings import Settings
from mixer.rules.state import Phase
from tests.support.conference import no_keys, press, room


def in_state(state: Phase) -> Conference:
    """A conference in `state` at the time 0, with 'a' inside where somebody is inside."""
    conference = room() if state is Phase.UNCLAIMED else room("a")
    if state is Phase.EMPTY:
        conference.handle(Leave("a"), 0.0)
    if state is Phase.ENDED:
        conference.handle(End(), 0.0)
    assert conference.state is state
    return conference


NEW, OPEN, EMPTY, ENDED = Phase.UNCLAIMED, Phase.OPEN, Phase.EMPTY, Phase.ENDED
RUNS = RecordingState.RUNNING
LISTENING = Menu({Role.MODERATOR: {"5": "listening_mode"}})
QUIET = Settings(record_notice=False)
# Every event: what follows and the state after it where nobody is, and where 'a' is inside. None: the same state.
TABLE: list[tuple[Event, list[Effect], Phase | None, list[Effect], Phase | None]] = [
    (Join("b"), [Admitted("b", False)], OPEN, [Admitted("b", False)], None),
    (Leave("a"), [], None, [PartyLeft("a")], EMPTY),
    (Keys("a", "1"), [], None, [], None),
    (Talking("a", True), [], None, [], None),
    (SpokeMuted("a"), [], None, [], None),
    (PeerHeld("a", True), [], None, [], None),
    (InviteAnswered(1, "b"), [Refused("b", "cancelled")], None, [Refused("b", "cancelled")], None),
    (InviteFailed(1), [], None, [], None),
    (CancelInvite(1), [], None, [], None),
    (SetMuted("a", True), [], None, [MuteChanged("a", True)], None),
    (SetDeaf("a", True), [], None, [DeafChanged("a", True)], None),
    (SetHeld("a", True), [], None, [HeldChanged("a", True), Music("a", True)], None),
    (SetVolume("a", 3.0), [], None, [VolumeChanged("a", 3.0, 0.0)], None),
    (SetRole("a", Role.MODERATOR), [], None, [RoleChanged("a", Role.MODERATOR)], None),
    (SetWhisper("a", ()), [], None, [WhisperChanged("a", ())], None),
    (Admit("a"), [], None, [Denied("a", "not_in_lobby")], None),
    (Park("a"), [], None, [Denied("a", "not_a_call")], None),
    (WaitAlone("a"), [], None, [Denied("a", "not_a_call")], None),
    (Reject("a"), [], None, [Denied("a", "not_in_lobby")], None),
    (Kick("a"), [], None, [PartyLeft("a", "kicked")], EMPTY),
    (SetLabels("a", {"desk": "4"}), [], None, [LabelsChanged("a", {"desk": "4"})], None),
    (
        Select(Selector.ALL, (SetDeaf("", True),)),
        [Selected(())],
        None,
        [Selected(("a",)), DeafChanged("a", True)],
        None,
    ),
    (Unban("x"), [], None, [], None),
    (SetAllowed(frozenset()), [RestrictedChanged(True)], None, [RestrictedChanged(True)], None),
    (Dial("102"), [Invite(1, "102")], None, [Invite(1, "102")], None),
    (MuteAll(True), [], None, [MuteChanged("a", True)], None),
    (Lock(True), [LockChanged(True)], None, [LockChanged(True)], None),
    (SetNotices(True), [NoticesChanged(True)], None, [NoticesChanged(True)], None),
    (SetRecording(RUNS), [Denied("", "nobody_inside")], None, [RecordingChanged(RUNS)], None),
    (NewSettings(QUIET), [], None, [], None),
    (OpenGroups(("",), ()), [GroupsChanged(("",))], None, [GroupsChanged(("",))], None),
    (EndGroups(), [Denied("", "no_groups")], None, [Denied("", "no_groups")], None),
    (SetGroup("a", 1), [], None, [Denied("a", "no_group")], None),
    (End(), [Ended("requested")], ENDED, [PartyLeft("a", "requested"), Ended("requested")], ENDED),
    (Time(), [], None, [], None),
]
REFUSALS: dict[type[Event], list[Effect]] = {
    Join: [Refused("b", "ended")],
    InviteAnswered: [Refused("b", "ended")],
}


@pytest.mark.parametrize(("event", "nobody", "nobody_after", "inside", "inside_after"), TABLE)
def test_every_event_in_every_state(
    event: Event,
    nobody: list[Effect],
    nobody_after: Phase | None,
    inside: list[Effect],
    inside_after: Phase | None,
) -> None:
    expected = {
        NEW: (nobody, nobody_after),
        OPEN: (inside, inside_after),
        EMPTY: (nobody, nobody_after),
        ENDED: (REFUSALS.get(type(event), []), None),
    }
    for state, (effects, after) in expected.items():
        conference = in_state(state)
        assert conference.handle(event, 0.0) == effects
        assert conference.state is (after or state)


def test_every_pair_is_decided() -> None:
    kinds = set(get_args(Event))
    assert {type(event) for event, *_ in TABLE} == kinds
    assert set(RULES) == set(Phase)
    assert all(set(rules) == kinds for rules in RULES.values())
    about_parties = {kind for kind in kinds if "party" in kind.__annotations__} - {Join, InviteAnswered}
    assert set(PLACES) == set(Place)
    assert all(set(rules) == about_parties for rules in PLACES.values())


INVITED, LOBBY, WAITING, JOINED, HELD = Place.INVITED, Place.LOBBY, Place.WAITING, Place.JOINED, Place.HELD
ANYWHERE: dict[type[Event], tuple[Event, list[Effect]]] = {
    Leave: (Leave("a"), [PartyLeft("a")]),
    Kick: (Kick("a"), [PartyLeft("a", "kicked")]),
    SetMuted: (SetMuted("a", True), [MuteChanged("a", True)]),
    SetVolume: (SetVolume("a", output_db=-3.0), [VolumeChanged("a", 0.0, -3.0)]),
    SetRole: (SetRole("a", Role.LISTENER), [RoleChanged("a", Role.LISTENER), MuteChanged("a", True)]),
    SetLabels: (SetLabels("a", {"x": ""}), [LabelsChanged("a", {"x": ""})]),
    Keys: (Keys("a", "1"), []),
    Talking: (Talking("a", True), []),
    SpokeMuted: (SpokeMuted("a"), []),
    PeerHeld: (PeerHeld("a", True), []),
    SetDeaf: (SetDeaf("a", True), [Denied("a", "not_inside")]),
    SetHeld: (SetHeld("a", True), [Denied("a", "not_inside")]),
    SetWhisper: (SetWhisper("a", ("b",)), [Denied("a", "not_inside")]),
    SetGroup: (SetGroup("a", 1), [Denied("a", "not_inside")]),
    Admit: (Admit("a"), [Denied("a", "not_in_lobby")]),
    Reject: (Reject("a"), [Denied("a", "not_in_lobby")]),
    **{type(each): (each, [Denied("a", "not_a_call")]) for each in (Park("a"), WaitAlone("a"))},
}
# Where it is otherwise, for a party 'a' beside the moderator 'b'.
OTHERWISE: dict[tuple[Place, type[Event]], list[Effect]] = {
    (INVITED, Keys): [Admitted("a", False)],
    (LOBBY, Admit): [Admitted("a", False), Music("a", False)],
    (LOBBY, Reject): [PartyLeft("a", "rejected")],
    (JOINED, SetDeaf): [DeafChanged("a", True)],
    (JOINED, SetHeld): [HeldChanged("a", True), Music("a", True)],
    (JOINED, SetWhisper): [WhisperChanged("a", ("b",))],
    (JOINED, SetGroup): [Denied("a", "no_group")],
    (HELD, SetGroup): [Denied("a", "no_group")],
    (HELD, SetDeaf): [DeafChanged("a", True)],
    (HELD, SetHeld): [],
    (HELD, SetWhisper): [WhisperChanged("a", ("b",))],
}


def at_place(place: Place) -> Conference:
    """A conference with 'a' at `place` and, but for those who wait for one, a moderator 'b' in the room."""
    conference = room(wait_for_host=place is WAITING, lobby=place is LOBBY)
    if place is not WAITING:
        conference.handle(Join("b", Role.MODERATOR), 0.0)
    if place is INVITED:
        conference.handle(Dial("102"), 0.0)
        conference.handle(InviteAnswered(1, "a"), 0.0)
    else:
        conference.handle(Join("a"), 0.0)
    if place is HELD:
        conference.handle(SetHeld("a", True), 0.0)
    assert conference.parties["a"].place is place
    return conference


@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("kind", ANYWHERE)
def test_every_event_at_every_place(place: Place, kind: type[Event]) -> None:
    event, usual = ANYWHERE[kind]
    assert at_place(place).handle(event, 0.0) == OTHERWISE.get((place, kind), usual)


@pytest.mark.parametrize("place", Place)
def test_only_who_has_joined_hears_and_is_heard(place: Place) -> None:
    conference = at_place(place)
    conference.handle(Join("c", Role.MODERATOR), 0.0)
    heard = conference.parties["a"].place is JOINED
    assert heard == (place in {JOINED, WAITING}), "the moderator brought in who waited"
    assert conference.hears("c", "a") == conference.hears("a", "c") == heard


def test_unclaimed_ends_after_its_time_and_not_before() -> None:
    conference = Conference(Settings(), 100.0)
    assert conference.deadline == 138.0
    assert conference.handle(Time(), 137.999) == []
    assert conference.handle(Time(), 138.0) == [Ended("unclaimed")]
    assert conference.deadline is None


def test_a_join_too_late_finds_the_end_even_if_nobody_told_the_time() -> None:
    conference = Conference(Settings(claim_timeout_s=5.0), 0.0)
    assert conference.handle(Join("a"), 5.0) == [Ended("unclaimed"), Refused("a", "ended")]


def test_an_open_room_waits_for_nothing() -> None:
    conference = room("a")
    assert conference.deadline is None
    assert conference.handle(Time(), 1e9) == []


def test_an_empty_room_waits_for_somebody_to_come_back() -> None:
    conference = room("a", empty_timeout_s=10.0)
    conference.handle(Leave("a"), 50.0)
    assert conference.deadline == 60.0
    assert conference.handle(Join("a"), 59.0) == [Admitted("a", False)]
    conference.handle(Leave("a"), 70.0)
    assert conference.handle(Time(), 80.0) == [Ended("empty")]


def test_full_and_room_again() -> None:
    conference = room("a", "b", max_members=2)
    assert conference.handle(Join("c", Role.MODERATOR), 0.0) == [Refused("c", "full")]
    conference.handle(Leave("a"), 0.0)
    assert conference.handle(Join("c"), 0.0) == [Admitted("c", False)]


def test_locked_for_a_moderator_too() -> None:
    conference = room("a")
    conference.handle(Lock(True), 0.0)
    assert conference.handle(Join("host", Role.MODERATOR), 0.0) == [Refused("host", "locked")]
    conference.handle(Lock(False), 0.0)
    assert conference.handle(Join("host", Role.MODERATOR), 0.0) == [Admitted("host", False)]


def test_joining_twice_is_joining_once() -> None:
    conference = room("a", max_members=1)
    assert conference.handle(Join("a"), 0.0) == []
    assert conference.handle(Leave("a"), 0.0) == [PartyLeft("a")]


@pytest.mark.parametrize("who", ["host", "a"])
def test_star_one_turns_ones_own_microphone(who: str) -> None:
    conference = room("host", "a", "b")
    assert press(conference, who, "*1") == [MuteChanged(who, True)]
    assert press(conference, who, "*1") == [MuteChanged(who, False)]


def test_star_91_and_90_are_for_all_but_moderators() -> None:
    conference = room("host", "a", "b", "c-l")
    assert press(conference, "host", "*91") == [MuteChanged("a", True), MuteChanged("b", True)]
    assert conference.muted == {"host": False, "a": True, "b": True, "c-l": True}
    assert press(conference, "host", "*90") == [MuteChanged("a", False), MuteChanged("b", False)]
    assert conference.muted == {"host": False, "a": False, "b": False, "c-l": True}


def test_late_joiners_inherit_the_mute() -> None:
    conference = room("host")
    press(conference, "host", "*91")
    assert conference.handle(Join("late"), 1.0) == [Admitted("late", True)]
    assert conference.handle(Join("second", Role.MODERATOR), 1.0) == [Admitted("second", False)]
    press(conference, "host", "*90")
    assert conference.handle(Join("later"), 1.0) == [Admitted("later", False)]


def test_a_muted_participant_may_turn_its_microphone_on() -> None:
    conference = room("host", "a")
    press(conference, "host", "*91")
    assert press(conference, "a", "*1") == [MuteChanged("a", False)]


def test_unmuting_all_turns_on_what_its_owner_turned_off() -> None:
    conference = room("host", "a")
    press(conference, "a", "*1")
    assert press(conference, "host", "*91") == []
    assert press(conference, "host", "*90") == [MuteChanged("a", False)]


def test_control_mutes_like_keys() -> None:
    conference = room("host", "a")
    assert conference.handle(MuteAll(True), 1.0) == [MuteChanged("a", True)]
    assert conference.handle(SetMuted("a", True), 1.0) == []
    assert conference.handle(SetMuted("a", False), 1.0) == [MuteChanged("a", False)]
    assert conference.handle(SetMuted("nobody", True), 1.0) == []


def test_who_may_not_unmute_itself_may_by_no_way_but_others_may() -> None:
    strict = room("host", "a", mute_non_moderator=True)
    listening = room("host", "a", menu=LISTENING)
    press(listening, "host", "55")
    for conference in (strict, listening):
        assert conference.muted == {"host": False, "a": True}
        assert conference.handle(SetMuted("a", False, own=True), 1.0) == [Denied("a", "not_allowed")]
        assert conference.handle(SetMuted("a", False), 1.0) == [MuteChanged("a", False)]
        assert conference.handle(SetMuted("a", True, own=True), 1.0) == [MuteChanged("a", True)]
        for on in (True, False):
            assert conference.handle(SetMuted("host", on, own=True), 1.0) == [MuteChanged("host", on)]


def test_a_listener_is_never_unmuted() -> None:
    conference = room("host", "ear-l")
    assert conference.handle(SetMuted("ear-l", False), 1.0) == [Denied("ear-l", "listener")]
    assert press(conference, "ear-l", "*1") == []
    press(conference, "host", "*91*90")
    assert conference.muted["ear-l"]


def test_a_participant_has_no_moderator_keys() -> None:
    conference = room("host", "a")
    assert press(conference, "a", "*91") == []
    assert conference.deadline == 4.0
    assert conference.handle(Time(), 4.0) == no_keys("a", "*91")
    assert not any(conference.muted.values())


def test_parties_type_at_the_same_time() -> None:
    conference = room("host", "a")
    effects = []
    for party, key in [("host", "*"), ("a", "*"), ("host", "9"), ("a", "1"), ("host", "1")]:
        effects += conference.handle(Keys(party, key), 1.0)
    assert effects == [MuteChanged("a", True)]
    assert conference.muted_all


def test_half_a_sequence_is_forgotten_when_its_party_leaves() -> None:
    conference = room("host", "a")
    press(conference, "a", "*")
    conference.handle(Leave("a"), 1.0)
    assert conference.deadline is None
    conference.handle(Join("a"), 1.0)
    assert press(conference, "a", "1") == []


def test_two_pauses_end_in_the_order_of_time() -> None:
    conference = room("a", "b")
    press(conference, "b", "5", now=1.0)
    press(conference, "a", "7", now=2.0)
    assert conference.handle(Time(), 60.0) == no_keys("b", "5") + no_keys("a", "7")


def test_a_menu_may_only_ask_for_what_the_rules_can_do() -> None:
    with pytest.raises(KeypadError, match="no command 'dance', 'sing' in a conference"):
        Conference(Settings(menu=Menu({"moderator": {"*1": "sing", "*2": "dance", "*3": "mute_all"}})), 0.0)
