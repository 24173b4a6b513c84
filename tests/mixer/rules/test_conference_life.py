"""The life of a room: hosts, lobby, bans, hold, whisper, invitations, silence, time limits, recording."""

import pytest

from mixer.rules.effects import (
    Admitted,
    Denied,
    Ended,
    HeldChanged,
    Music,
    MuteChanged,
    PartyLeft,
    Refused,
    RoleChanged,
    VolumeChanged,
    Waits,
    WhisperChanged,
)
from mixer.rules.events import (
    Admit,
    CancelInvite,
    InviteAnswered,
    InviteFailed,
    Join,
    Keys,
    Kick,
    Leave,
    SetHeld,
    SetMuted,
    SetRole,
    SetVolume,
    SetWhisper,
    Talking,
    Time,
)
from mixer.rules.keypad import Menu
from mixer.rules.roles import Place, RecordingState, Role
from mixer.rules.room_effects import DropInvite, Invite, LockChanged, RecordingChanged
from mixer.rules.room_events import Dial, Lock, MuteAll, NewSettings, Unban
from mixer.rules.session import Conference
from mixer.rules.settings import VOLUME_DB, EndWithHost, Settings
from mixer.rules.state import Phase
from tests.support.conference import invite, press, room

RUNS, PAUSED, OFF = RecordingState.RUNNING, RecordingState.PAUSED, RecordingState.OFF
HOST = Join("host", Role.MODERATOR)


def reasons(conference: Conference, now: float) -> list[str]:
    """Why the conference ended, or else why somebody was sent away."""
    effects = conference.handle(Time(), now)
    ended = [effect.reason for effect in effects if isinstance(effect, Ended)]
    return ended or [effect.reason for effect in effects if isinstance(effect, PartyLeft)]


def test_who_comes_before_the_host_waits_with_music_and_comes_in_with_it() -> None:
    conference = room("early", wait_for_host=True)
    assert conference.parties["early"].place is Place.WAITING
    assert conference.handle(Join("second"), 1.0) == [Waits("second", Place.WAITING), Music("second", True)]
    assert conference.handle(HOST, 2.0) == [
        Admitted("host", False),
        Admitted("early", False),
        Admitted("second", False),
        Music("early", False),
        Music("second", False),
    ]
    conference.handle(Leave("host"), 3.0)
    assert conference.handle(Join("late"), 4.0) == [Admitted("late", False)], "it has begun"


def test_nobody_waits_where_nobody_can_be_host() -> None:
    assert room("a", wait_for_host=True, hosted=False).parties["a"].place is Place.JOINED


def test_an_emptied_room_waits_for_its_host_again() -> None:
    conference = room("host", wait_for_host=True)
    conference.handle(Leave("host"), 1.0)
    assert conference.handle(Join("a"), 2.0)[0] == Waits("a", Place.WAITING)


def test_those_who_wait_leave_the_host_its_place() -> None:
    conference = room("a", wait_for_host=True, max_members=2)
    assert conference.handle(Join("b"), 1.0) == [Refused("b", "full")]
    assert conference.handle(HOST, 1.0)[0] == Admitted("host", False)
    assert conference.handle(Join("host2", Role.MODERATOR), 1.0) == [Refused("host2", "full")]


def test_who_is_made_host_lets_the_others_in() -> None:
    conference = room("a", "b", wait_for_host=True)
    effects = conference.handle(SetRole("b", Role.MODERATOR), 1.0)
    assert effects[:3] == [RoleChanged("b", Role.MODERATOR), Admitted("b", False), Admitted("a", False)]


def test_a_lock_keeps_those_who_wait_waiting_even_if_one_becomes_host() -> None:
    conference = room("a", "b", wait_for_host=True)
    conference.handle(Lock(True), 1.0)
    assert conference.handle(SetRole("b", Role.MODERATOR), 1.0) == [RoleChanged("b", Role.MODERATOR)]
    effects = conference.handle(Lock(False), 2.0)
    assert effects[:3] == [LockChanged(False), Admitted("b", False), Admitted("a", False)]


@pytest.mark.parametrize(
    ("rule", "leaving", "ends"),
    [
        (EndWithHost.NEVER, ["host", "host2"], False),
        (EndWithHost.LAST, ["host"], False),
        (EndWithHost.LAST, ["host", "host2"], True),
        (EndWithHost.ANY, ["a"], False),
        (EndWithHost.ANY, ["host"], True),
    ],
)
def test_the_end_with_the_host(rule: EndWithHost, leaving: list[str], ends: bool) -> None:
    conference = room("host", "host2", "a", "b", end_with_host=rule, host_grace_s=10.0)
    for name in leaving:
        conference.handle(Leave(name), 5.0)
    assert conference.deadline == (15.0 if ends else None)
    assert reasons(conference, 15.0) == (["host_left"] if ends else [])


def test_no_grace_ends_at_once() -> None:
    conference = room("host", "a", end_with_host=EndWithHost.LAST)
    assert conference.handle(Leave("host"), 5.0) == [PartyLeft("host"), PartyLeft("a", "host_left"), Ended("host_left")]


def test_a_host_who_is_none_any_more_ends_it_as_well() -> None:
    conference = room("host", "a", end_with_host=EndWithHost.LAST)
    assert conference.handle(SetRole("host", Role.PARTICIPANT), 5.0)[-1] == Ended("host_left")


def test_a_host_within_the_grace_time_saves_it() -> None:
    conference = room("host", "a", end_with_host=EndWithHost.LAST, host_grace_s=10.0)
    conference.handle(Leave("host"), 5.0)
    conference.handle(Join("host2", Role.MODERATOR), 14.0)
    assert conference.deadline is None
    assert conference.state is Phase.OPEN


def test_a_lobby_is_for_all_but_moderators() -> None:
    conference = room("host", lobby=True)
    assert conference.handle(Join("a"), 1.0) == [Waits("a", Place.LOBBY), Music("a", True)]
    assert conference.handle(Admit("a"), 2.0) == [Admitted("a", False), Music("a", False)]


def test_from_the_lobby_one_may_go_on_waiting_for_the_host() -> None:
    conference = room("a", lobby=True, wait_for_host=True)
    assert conference.handle(Admit("a"), 1.0) == [Waits("a", Place.WAITING)]
    assert conference.handle(HOST, 2.0)[:2] == [Admitted("host", False), Admitted("a", False)]


def test_nobody_is_admitted_to_a_locked_room() -> None:
    conference = room("host", "a", lobby=True)
    conference.handle(Lock(True), 1.0)
    assert conference.handle(Admit("a"), 1.0) == [Denied("a", "locked")]
    assert conference.parties["a"].place is Place.LOBBY


@pytest.mark.parametrize("strict", [False, True])
def test_who_comes_back_to_an_empty_conference_finds_it_as_at_the_beginning(strict: bool) -> None:
    conference = room("host", menu=Menu({Role.MODERATOR: {"5": "listening_mode"}}), mute_non_moderator=strict)
    press(conference, "host", "5" if strict else "55")
    conference.handle(MuteAll(True), 1.0)
    conference.handle(Lock(True), 1.0)
    assert conference.handle(Leave("host"), 2.0) == [PartyLeft("host"), LockChanged(False)]
    assert conference.handle(Join("a"), 3.0) == [Admitted("a", strict)]
    assert conference.handle(SetMuted("a", False, own=True), 3.0) == ([Denied("a", "not_allowed")] if strict else [])


def test_a_kick_and_a_ban() -> None:
    conference = room("host")
    for name, ban, reason in [("a", False, "kicked"), ("b", True, "banned")]:
        conference.handle(Join(name, identity="+491"), 1.0)
        assert conference.handle(Kick(name, ban), 1.0) == [PartyLeft(name, reason)]
    assert conference.handle(Join("c", identity="+491"), 2.0) == [Refused("c", "banned")]
    assert conference.handle(Join("d", identity="+492"), 2.0) == [Admitted("d", False)]
    conference.handle(Unban("+491"), 3.0)
    assert conference.handle(Join("c", identity="+491"), 3.0) == [Admitted("c", False)]


def test_somebody_unknown_can_be_kicked_but_not_banned() -> None:
    conference = room("host", "a")
    assert conference.handle(Kick("a", ban=True), 1.0)[0] == PartyLeft("a", "kicked")
    assert conference.handle(Join("b"), 1.0) == [Admitted("b", False)]


def test_hold_is_silence_both_ways_with_music_and_ends_as_it_was() -> None:
    conference = room("a", "b")
    assert conference.handle(SetHeld("a", True), 1.0) == [HeldChanged("a", True), Music("a", True)]
    assert not conference.hears("a", "b")
    assert not conference.hears("b", "a")
    assert conference.handle(SetMuted("a", True), 2.0) == [MuteChanged("a", True)]
    assert conference.handle(SetHeld("a", False), 3.0) == [HeldChanged("a", False), Music("a", False)]
    assert conference.hears("a", "b")
    assert not conference.hears("b", "a"), "muted meanwhile"


def test_a_whisper_is_for_one_alone() -> None:
    conference = room("coach", "agent", "caller")
    assert conference.handle(SetWhisper("coach", ("agent", "nobody")), 1.0) == [WhisperChanged("coach", ("agent",))]
    assert conference.hears("agent", "coach")
    assert not conference.hears("caller", "coach")
    assert conference.hears("coach", "caller")
    assert conference.handle(SetWhisper("coach", None), 2.0) == [WhisperChanged("coach", None)]
    assert conference.hears("caller", "coach")


def test_a_whisper_does_not_spill_into_the_room_when_its_listener_is_gone() -> None:
    conference = room("coach", "agent", "caller")
    conference.handle(SetWhisper("coach", ("agent",)), 1.0)
    assert WhisperChanged("coach", ()) in conference.handle(SetHeld("agent", True), 2.0)
    assert WhisperChanged("coach", ("agent",)) in conference.handle(SetHeld("agent", False), 3.0)
    assert WhisperChanged("coach", ()) in conference.handle(Leave("agent"), 4.0)
    assert not conference.hears("caller", "coach")


def test_volumes_have_limits() -> None:
    conference = room("a")
    softest, loudest = VOLUME_DB
    assert conference.handle(SetVolume("a", 99.0, -99.0), 1.0) == [VolumeChanged("a", loudest, softest)]
    assert conference.handle(SetVolume("a", output_db=0.0), 1.0) == [VolumeChanged("a", loudest, 0.0)]
    assert conference.handle(SetVolume("a", 99.0), 1.0) == []


def test_music_while_alone() -> None:
    conference = room(music=True, music_on_hold_sound="7")
    assert conference.handle(Join("a"), 1.0) == [Admitted("a", False), Music("a", True, "7")]
    assert conference.handle(Join("b"), 2.0) == [Admitted("b", False), Music("a", False)]
    assert conference.handle(Leave("a"), 3.0) == [PartyLeft("a"), Music("b", True, "7")]
    changed = Settings(music=True, music_on_hold_sound="8")
    assert conference.handle(NewSettings(changed), 4.0) == [Music("b", True, "8")]


def test_a_party_has_its_time() -> None:
    conference = room("a", party_limit_s=100.0)
    conference.handle(Join("b"), 30.0)
    assert conference.deadline == 100.0
    assert conference.handle(Time(), 100.0) == [PartyLeft("a", "time")]
    assert conference.deadline == 130.0


def test_long_silence_ends_it() -> None:
    conference = room("a", "b", silence_limit_s=60.0)
    conference.handle(Talking("a", True), 10.0)
    assert conference.deadline is None, "somebody talks"
    conference.handle(Talking("a", False), 50.0)
    assert reasons(conference, 109.0) == []
    assert reasons(conference, 110.0) == ["silence"]


def test_talking_to_a_muted_microphone_is_silence() -> None:
    conference = room("a", "b", silence_limit_s=60.0)
    conference.handle(Talking("a", True), 10.0)
    conference.handle(SetMuted("a", True), 20.0)
    assert conference.deadline == 80.0
    conference.handle(SetMuted("a", False), 30.0)
    assert conference.deadline is None


def test_silence_is_not_counted_while_all_wait() -> None:
    conference = room("a", wait_for_host=True, silence_limit_s=60.0)
    assert conference.deadline is None


def test_who_was_invited_joins_by_pressing_one() -> None:
    conference = room("host")
    assert conference.handle(Dial("102", "host"), 1.0) == [Invite(1, "102", "host")]
    effects = conference.handle(InviteAnswered(1, "guest"), 2.0)
    assert effects[0] == Waits("guest", Place.INVITED)
    assert not conference.hears("host", "guest")
    assert conference.handle(Keys("guest", "5"), 3.0) == []
    assert conference.handle(Keys("guest", "1"), 3.0) == [Admitted("guest", False)]
    assert conference.hears("host", "guest")


def test_an_answering_machine_is_hung_up() -> None:
    conference = room("host", confirm_timeout_s=20.0)
    invite(conference)
    assert conference.deadline == 22.0
    assert conference.handle(Time(), 22.0) == [PartyLeft("guest", "unconfirmed")]


def test_without_asking_it_joins_when_it_answers() -> None:
    conference = room("host")
    conference.handle(Dial("102", role=Role.LISTENER, confirm=False), 1.0)
    assert conference.handle(InviteAnswered(1, "guest"), 2.0) == [Admitted("guest", True)]


def test_no_use_in_inviting_into_a_full_or_locked_room() -> None:
    conference = room("host", max_members=2)
    assert conference.handle(Dial("1"), 1.0) == [Invite(1, "1")]
    assert conference.handle(Dial("2"), 1.0) == [Denied("", "full")], "the one who rings will take the last place"
    conference.handle(CancelInvite(1), 1.0)
    conference.handle(Lock(True), 1.0)
    assert conference.handle(Dial("3"), 1.0) == [Denied("", "locked")]


def test_not_too_many_at_a_time() -> None:
    conference = room("host", max_members=100, max_invited=2)
    rings = [conference.handle(Dial(str(number)), 1.0) for number in range(3)]
    assert rings == [[Invite(1, "0")], [Invite(2, "1")], [Denied("", "full")]]
    conference.handle(InviteFailed(1), 2.0)
    assert conference.handle(Dial("9"), 3.0) == [Invite(3, "9")]


@pytest.mark.parametrize(("event", "reason"), [(Lock(True), "locked"), (Join("last"), "full")])
def test_too_late_to_press_one(event: Lock | Join, reason: str) -> None:
    conference = room("host", max_members=2)
    invite(conference)
    conference.handle(event, 3.0)
    assert conference.handle(Keys("guest", "1"), 3.0) == [PartyLeft("guest", reason)]


def test_an_invitation_is_taken_back_wherever_it_is() -> None:
    conference = room("host")
    conference.handle(Dial("102", "host"), 1.0)
    assert conference.handle(CancelInvite(1), 1.0) == [DropInvite(1)]
    assert conference.handle(InviteAnswered(1, "guest"), 2.0) == [Refused("guest", "cancelled")]
    conference.handle(Dial("102", "host"), 3.0)
    conference.handle(InviteAnswered(2, "guest"), 3.0)
    assert conference.handle(CancelInvite(2), 4.0) == [PartyLeft("guest", "dropped")]


def test_who_hangs_up_has_nobody_invited_any_more() -> None:
    conference = room("host")
    conference.handle(Dial("102", "host"), 1.0)
    assert conference.handle(Leave("host"), 2.0) == [PartyLeft("host"), DropInvite(1)]


def test_a_room_that_rings_is_not_unclaimed() -> None:
    conference = room(claim_timeout_s=38.0)
    conference.handle(Dial("102"), 30.0)
    assert reasons(conference, 60.0) == []
    effects = conference.handle(InviteFailed(1, "no answer"), 90.0)
    assert effects == [Ended("unclaimed")]


def test_new_settings_are_in_force_at_once() -> None:
    conference = room("host", "a", "b")
    changed = Settings(mute_non_moderator=True, record_enabled=True, record_notice=False, max_members=3)
    assert conference.handle(NewSettings(changed), 1.0) == [
        MuteChanged("a", True),
        MuteChanged("b", True),
        RecordingChanged(RUNS),
    ]
    assert conference.handle(Join("c"), 1.0) == [Refused("c", "full")]
    back = conference.handle(NewSettings(Settings(wait_for_host=True)), 2.0)
    assert back == [MuteChanged("a", False), MuteChanged("b", False), RecordingChanged(OFF)]


def test_new_settings_can_end_the_waiting() -> None:
    conference = room("a", wait_for_host=True)
    assert conference.handle(NewSettings(Settings()), 1.0) == [Admitted("a", False), Music("a", False)]


def test_a_talker_who_leaves_is_not_heard_any_more() -> None:
    conference = room("a", "b", silence_limit_s=60.0)
    conference.handle(Talking("a", True), 10.0)
    conference.handle(Leave("a"), 20.0)
    assert conference.deadline == 80.0


def test_a_listener_who_becomes_a_participant_may_speak() -> None:
    conference = room("ear-l")
    effects = conference.handle(SetRole("ear-l", Role.PARTICIPANT), 1.0)
    assert effects == [RoleChanged("ear-l", Role.PARTICIPANT), MuteChanged("ear-l", False)]


def test_an_invitation_is_answered_once() -> None:
    conference = room("host")
    invite(conference)
    assert conference.handle(InviteAnswered(1, "other"), 3.0) == [Refused("other", "cancelled")]


def test_who_may_unmute_itself_is_the_same_by_key_and_by_command() -> None:
    for on in (True, False):
        conference = room("host", "a", menu=Menu({Role.MODERATOR: {"5": "listening_mode"}}))
        press(conference, "host", "55")
        assert conference.handle(SetMuted("a", False, own=True), 1.0) == [Denied("a", "not_allowed")]
        conference.handle(MuteAll(on), 1.0)
        conference.handle(SetMuted("a", True), 2.0)
        assert conference.handle(SetMuted("a", False, own=True), 3.0) == [MuteChanged("a", False)]


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.PARTICIPANT])
@pytest.mark.parametrize("going", [Leave("host"), Kick("host", False)])
def test_it_ends_with_a_party_of_which_that_was_said(role: Role, going: Leave | Kick) -> None:
    conference = room("host", "a", "b")
    conference.handle(SetRole("host", role, ends=True), 1.0)
    conference.handle(SetRole("b", Role.PARTICIPANT, ends=True), 1.0)
    conference.handle(SetRole("b", Role.PARTICIPANT), 1.0)
    assert not any(isinstance(each, Ended) for each in conference.handle(Leave("b"), 2.0))
    effects = conference.handle(going, 3.0)
    assert [each for each in effects if isinstance(each, Ended)] == [Ended("host_left")]
    assert [each.party for each in effects if isinstance(each, PartyLeft)] == ["host", "a"]
