"""The keys of a room, row by row, and what is said to whom."""

import re
from pathlib import Path

import pytest

from mixer.rules.effects import (
    Admitted,
    Denied,
    Effect,
    Ended,
    MuteChanged,
    PartyLeft,
    Refused,
    Say,
    Sound,
    UnknownKeys,
    VolumeChanged,
)
from mixer.rules.events import InviteAnswered, InviteFailed, Join, Keys, Leave, SetMuted, Time
from mixer.rules.keypad import KeypadError, Menu
from mixer.rules.roles import PartyKind, RecordingState, Role
from mixer.rules.room_effects import DropInvite, Invite, LockChanged, NoticesChanged, RecordingChanged
from mixer.rules.room_events import Dial, Lock
from mixer.rules.session import Conference
from mixer.rules.settings import EndWithHost, Settings
from softphone.focus.room.settings import load_menu
from tests.support.conference import no_keys, press, room

PARTIES = {
    "host": (Role.MODERATOR, PartyKind.INSIDE),
    "inside": (Role.PARTICIPANT, PartyKind.INSIDE),
    "token": (Role.PARTICIPANT, PartyKind.TOKEN),
    "outside": (Role.PARTICIPANT, PartyKind.OUTSIDE),
    "ear": (Role.LISTENER, PartyKind.INSIDE),
    "boss": (Role.MODERATOR, PartyKind.OUTSIDE),
}
EVERYBODY = {"host", "inside", "token", "outside", "ear", "boss"}
# Keys -> who has them, and what they do then (of the party itself where it says 'self').
ROWS: list[tuple[str, set[str], list[Effect]]] = [
    ("*1", {"host", "inside", "token", "boss"}, [MuteChanged("self", True)]),
    ("*8102#", {"host", "inside", "ear"}, [Invite(1, "102", "self")]),
    ("*91", {"host", "boss"}, [MuteChanged(name, True) for name in ("inside", "token", "outside")]),
    ("*92", {"host", "boss"}, [LockChanged(True)]),
    ("*95", {"host", "boss"}, [NoticesChanged(True)]),
]


def full_room(**settings: bool) -> Conference:
    conference = room(**settings)
    for name, (role, kind) in PARTIES.items():
        conference.handle(Join(name, role, kind), 0.0)
    return conference


def typed(conference: Conference, party: str, keys: str) -> list[Effect]:
    """With a pause at the end."""
    return [*press(conference, party, keys), *conference.handle(Time(), 10.0)]


def only(effects: list[Effect], *kinds: type[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kinds)]


def said(effects: list[Effect]) -> list[tuple[str | None, tuple[object, ...]]]:
    return [(effect.to, effect.prompts) for effect in effects if isinstance(effect, Say)]


def of(party: str, effects: list[Effect]) -> list[Effect]:
    """`effects` with the party put in for 'self'."""
    own: dict[Effect, Effect] = {
        MuteChanged("self", True): MuteChanged(party, True),
        Invite(1, "102", "self"): Invite(1, "102", party),
    }
    return [own.get(effect, effect) for effect in effects]


@pytest.mark.parametrize(("keys", "who", "does"), ROWS)
@pytest.mark.parametrize("party", PARTIES)
def test_who_has_which_keys(keys: str, who: set[str], does: list[Effect], party: str) -> None:
    effects = typed(full_room(), party, keys)
    if party in who:
        assert effects == of(party, does)
    else:
        keys_of = [effect.keys for effect in effects if isinstance(effect, UnknownKeys)]
        assert effects == [effect for keys in keys_of for effect in no_keys(party, keys)] != []


@pytest.mark.parametrize(
    ("on", "off", "effect"),
    [
        ("*91", "*90", MuteChanged("inside", False)),
        ("*92", "*93", LockChanged(False)),
        ("*95", "*94", NoticesChanged(False)),
    ],
)
def test_and_back(on: str, off: str, effect: Effect) -> None:
    conference = full_room()
    press(conference, "host", on)
    assert effect in press(conference, "host", off)


def test_mute_non_moderator() -> None:
    conference = full_room(mute_non_moderator=True)
    assert {name for name, muted in conference.muted.items() if not muted} == {"host", "boss"}
    assert typed(conference, "inside", "*1") == no_keys("inside", "*1")
    assert press(conference, "host", "*1") == [MuteChanged("host", True)]
    press(conference, "host", "*90")
    assert not conference.muted["inside"]
    assert typed(conference, "inside", "*1") == no_keys("inside", "*1"), "not off either"


def test_a_locked_room_declines_a_moderator_too() -> None:
    conference = full_room()
    press(conference, "host", "*92")
    assert conference.handle(Join("new", Role.MODERATOR), 1.0) == [Refused("new", "locked")]
    press(conference, "host", "*93")
    assert conference.handle(Join("new", Role.MODERATOR), 1.0) == [Admitted("new", False)]


def test_a_number_ends_with_a_pause_too() -> None:
    conference = room("host")
    assert press(conference, "host", "*8102") == []
    assert conference.handle(Time(), 4.0) == [Invite(1, "102", "host")]


def test_hash_hash_drops_the_own_last_invitation() -> None:
    conference = room("host", "a")
    for keys in ("*81#", "*82#"):
        press(conference, "host", keys)
    press(conference, "a", "*83#")
    conference.handle(InviteAnswered(2, "two"), 1.0)
    conference.handle(Keys("two", "1"), 1.0)
    assert press(conference, "host", "##") == [PartyLeft("two", "dropped")]
    assert press(conference, "host", "##") == [DropInvite(1)]
    assert press(conference, "host", "##") == [Denied("host", "no_invitation"), Say("host", ("beeperr",))]
    assert conference.ringing == (3,)


HOST_MENU = load_menu("host")


def hosted(*members: str, prompts: bool = True) -> Conference:
    return room("host", *members, menu=HOST_MENU, prompts=prompts)


def test_host_commands_count_and_help() -> None:
    conference = hosted("a", "b")
    assert said(press(conference, "host", "*#2")) == [("host", ("conf-thereare", 2, "conf-otherinparty"))]
    assert said(press(conference, "host", "*#4")) == [("host", ("conf-hostmenu",))]
    assert said(press(conference, "a", "*#4")) == [("a", ("conf-callermenu",))]


def test_host_commands_leave() -> None:
    assert press(hosted("a", prompts=False), "host", "*#3") == [PartyLeft("host", "left")]


def test_host_commands_go_through_the_listening_modes() -> None:
    conference = hosted("a", prompts=False)
    assert press(conference, "host", "*#5") == [MuteChanged("a", True)]
    assert press(conference, "a", "*#6") == [MuteChanged("a", False)], "muted, but may unmute itself"
    assert press(conference, "host", "*#5") == [MuteChanged("a", True)]
    assert press(conference, "a", "*#6") == no_keys("a", "*#6"), "listening only"
    assert press(conference, "host", "*#5") == [MuteChanged("a", False)]
    assert press(conference, "a", "*#6") == [MuteChanged("a", True)]


@pytest.mark.parametrize(
    ("keys", "once", "twice"),
    [
        ("*#6", MuteChanged("host", True), MuteChanged("host", False)),
        ("*#7", LockChanged(True), LockChanged(False)),
        ("*#8", NoticesChanged(True), NoticesChanged(False)),
        ("*#9", RecordingChanged(RecordingState.RUNNING), RecordingChanged(RecordingState.OFF)),
    ],
)
def test_host_commands_that_toggle(keys: str, once: Effect, twice: Effect) -> None:
    conference = hosted(prompts=False)
    assert press(conference, "host", keys) == [once]
    assert press(conference, "host", keys) == [twice]


OTHER = Menu(
    {
        "moderator": {"1": "kick_last", "2": "end", "3": "pause_recording", "4": "toggle_recording"},
        "participant": {"5": "louder", "6": "softer", "7": "speak_louder", "8": "speak_softer"},
    }
)


def test_other_commands() -> None:
    conference = room("host", "a", "b", menu=OTHER)
    assert press(conference, "a", "5") == [VolumeChanged("a", 0.0, 3.0)]
    assert press(conference, "a", "68") == [VolumeChanged("a", 0.0, 0.0), VolumeChanged("a", -3.0, 0.0)]
    assert press(conference, "host", "3") == [Denied("host", "not_recording"), Say("host", ("beeperr",))]
    press(conference, "host", "4")
    assert press(conference, "host", "3") == [RecordingChanged(RecordingState.PAUSED)]
    assert press(conference, "host", "3") == [RecordingChanged(RecordingState.RUNNING)]
    assert press(conference, "host", "1") == [PartyLeft("b", "kicked")]
    assert only(press(conference, "host", "11"), PartyLeft) == [PartyLeft("a", "kicked")], "and not itself"
    assert only(press(conference, "host", "2"), Ended) == [Ended("requested")]


def done(conference: Conference, party: str, keys: str) -> list[bool]:
    """Say of each command that a party types whether it counts as carried out."""
    conference.carried()
    press(conference, party, keys)
    return [each.done for each in conference.carried()]


@pytest.mark.parametrize("prompts", [False, True])
def test_a_command_with_nothing_left_to_do_is_done(prompts: bool) -> None:
    conference = room("host", prompts=prompts)
    for keys in ("*91", "*91", "*90", "*90", "*92", "*92", "*93", "*93", "*94", "*94", "*95", "*95"):
        assert done(conference, "host", keys) == [True]
    others = room("host", "a", prompts=prompts, menu=OTHER)
    assert done(others, "host", "4433") == [True, True, False, False], "started, stopped; there is none to pause"


@pytest.mark.parametrize("prompts", [False, True])
def test_a_command_that_is_refused_is_not_done(prompts: bool) -> None:
    conference = room("host", "ear-l", prompts=prompts, menu=Menu({Role.LISTENER: {"*1": "toggle_own_mute"}}))
    assert done(conference, "ear-l", "*1") == [False]
    locked = room("host", prompts=prompts)
    press(locked, "host", "*92")
    assert done(locked, "host", "*8102#") == [False]
    assert done(locked, "host", "##") == [False], "nobody was invited"
    assert done(room("host", prompts=prompts, menu=OTHER), "host", "1") == [False], "a moderator is not sent away"


# What is said.


def test_a_speaking_room_greets_and_confirms() -> None:
    conference = room(prompts=True)
    assert said(conference.handle(Join("host", Role.MODERATOR), 0.0)) == [("host", ("conf-onlyperson",))]
    assert said(conference.handle(Join("a"), 0.0)) == [("a", ("conf-onlyone",))]
    greeting = conference.handle(Join("b-l", Role.LISTENER), 0.0)
    assert said(greeting) == [("b-l", ("conf-thereare", 2, "conf-otherinparty", "conf-muted"))]
    assert [effect.notice for effect in greeting if isinstance(effect, Say)] == [True], "may be left out in a storm"
    for party, keys, to, prompt in [
        ("a", "*1", "a", "conf-muted"),
        ("a", "*1", "a", "conf-unmuted"),
        ("host", "*91", None, "conf-now-muted"),
        ("host", "*90", None, "conf-now-unmuted"),
        ("host", "*92", "host", "conf-lockednow"),
        ("host", "*93", "host", "conf-unlockednow"),
        ("host", "*94", "host", "conf-notices-off"),
        ("host", "*95", "host", "conf-notices-on"),
        ("host", "*8102#", "host", "pls-wait-connect-call"),
    ]:
        assert said(press(conference, party, keys)) == [(to, (prompt,))]
    assert said(typed(conference, "a", "*77")) == [("a", ("conf-errormenu",))]
    assert said(conference.handle(InviteFailed(1), 11.0)) == [("host", ("vm-nobodyavail",))]


def test_a_silent_room_says_nothing_but_what_must_be_known() -> None:
    conference = room("host", record_notice=True, prompts=False)
    assert said(typed(conference, "host", "*1*92*93*8102#")) == []
    assert said(typed(conference, "host", "*77")) == [("host", ("beeperr",))]
    assert said(press(conference, "host", "##")) == [], "that was its invitation"
    assert said(press(conference, "host", "##")) == [("host", ("beeperr",))]
    press(conference, "host", "*8102#")
    invited = conference.handle(InviteAnswered(2, "guest"), 11.0)
    assert said(invited) == [("guest", ("conf-invited",))]


def test_names_are_said_on_coming_and_leaving() -> None:
    conference = room("a", entry_notices=True, announce_caller_name=True, enter_sound="7")
    came = conference.handle(Join("b", name="n1"), 1.0)
    assert came[1:] == [Say(None, (Sound("7"), Sound("n1"), "conf-hasjoin"), notice=True)]
    assert conference.handle(Leave("b"), 2.0)[1:] == [Say(None, (Sound("n1"), "conf-hasleft"), notice=True)]


@pytest.mark.parametrize("announce", [True, False])
def test_without_names_there_are_tones(announce: bool) -> None:
    conference = room(entry_notices=True, announce_caller_name=announce)
    name = "" if announce else "n1"
    assert said(conference.handle(Join("a", name=name), 1.0)) == [], "nobody else to hear it"
    assert said(conference.handle(Join("b", name=name), 1.0)) == [(None, ("confbridge-join",))]
    assert said(conference.handle(Leave("b"), 1.0)) == [(None, ("confbridge-leave",))]
    press(conference, "a", "*1")
    assert said(conference.handle(Leave("a"), 1.0)) == []


def test_star_94_stops_notices() -> None:
    conference = room("host", entry_notices=True, enter_sound="7")
    press(conference, "host", "*94")
    assert said(conference.handle(Join("a"), 1.0)) == []
    press(conference, "host", "*95")
    assert said(conference.handle(Join("b"), 1.0)) == [(None, (Sound("7"),))]


def test_who_waits_is_told_so_and_who_is_let_in_too() -> None:
    conference = room("a", wait_for_host=True, prompts=True)
    assert said(conference.handle(Join("b"), 1.0)) == [("b", ("conf-waitforleader",))]
    came = said(conference.handle(Join("host", Role.MODERATOR), 1.0))
    assert ("a", ("conf-placeintoconf",)) in came
    assert ("b", ("conf-placeintoconf",)) in came
    assert said(room("x", prompts=True, lobby=True).handle(Join("y"), 1.0)) == [("y", ("one-moment-please",))]


@pytest.mark.parametrize(("prompts", "notice"), [(True, "conf-now-recording"), (False, "recording-tone")])
def test_a_recording_is_told_to_all_and_to_late_joiners(prompts: bool, notice: str) -> None:
    conference = room("host", record_notice=True, prompts=prompts, record_enabled=False, menu=HOST_MENU)
    assert (None, (notice,)) in said(press(conference, "host", "*#9"))
    assert ("a", (notice,)) in said(conference.handle(Join("a"), 1.0))


def test_prompts_are_in_recordings_only_if_asked_for() -> None:
    for asked in (False, True):
        effects = room("a", prompts=True, record_prompts=asked).handle(SetMuted("a", True), 1.0)
        assert [effect.recorded for effect in effects if isinstance(effect, Say)] == [asked]


def test_who_is_sent_away_hears_why() -> None:
    conference = room("host", prompts=True, max_members=1)
    assert conference.handle(Join("a"), 1.0) == [Refused("a", "full", ("conf-full", "vm-goodbye"))]
    conference.handle(Lock(True), 1.0)
    assert conference.handle(Join("a"), 1.0) == [Refused("a", "locked", ("conf-locked", "vm-goodbye"))]
    ending = room("host", "a", prompts=True, end_with_host=EndWithHost.LAST, host_grace_s=9.0)
    assert said(ending.handle(Leave("host"), 1.0)) == [(None, ("conf-leaderhasleft",))]
    last = PartyLeft("a", "host_left", ("conf-leaderhasleft", "vm-goodbye"))
    assert ending.handle(Time(), 10.0)[-2:] == [last, Ended("host_left")]


def test_no_use_is_told_to_who_invites() -> None:
    conference = room("host", prompts=True)
    conference.handle(Lock(True), 1.0)
    assert said(press(conference, "host", "*8102#")) == [("host", ("conf-locked",))]
    assert conference.handle(Dial("102"), 1.0) == [Denied("", "locked")]


def test_every_prompt_has_a_sound() -> None:
    """Prompts named in the rules and in the menus are in the set that comes with the program."""
    sources = [
        *Path("mixer/rules").glob("*.py"),
        Path("mixer/rules/entrance.py"),
        *Path("mixer/rules/menus").glob("*.toml"),
    ]
    text = "".join(path.read_text() for path in sources)
    names = set(re.findall(r'"((?:conf|confbridge|vm|pls)-[a-z-]+|beep|sorry|cancelled|one-moment-please)"', text))
    assert len(names) > 25
    ours = {path.stem for path in Path("softphone/sounds").rglob("*.flac")}
    assert names <= ours, sorted(names - ours)


def test_keys_after_the_last_command_are_nobodys() -> None:
    menu = Menu({"participant": {"*3": "leave", "*34": "count", "#": "toggle_own_mute"}})
    conference = room("a", "b", menu=menu)
    assert press(conference, "a", "*3#") == [PartyLeft("a", "left")]
    assert conference.deadline is None


@pytest.mark.parametrize("kind", PartyKind)
def test_host_commands_pause_the_recording_and_go_on(kind: PartyKind) -> None:
    conference = room("a", menu=HOST_MENU)
    conference.handle(Join("boss", Role.MODERATOR, kind), 1.0)
    for keys, state in (
        ("*#9", RecordingState.RUNNING),
        ("*#0", RecordingState.PAUSED),
        ("*#0", RecordingState.RUNNING),
    ):
        assert RecordingChanged(state) in press(conference, "boss", keys), kind
    assert not any(isinstance(effect, RecordingChanged) for effect in press(conference, "a", "*#0"))


def test_another_menu() -> None:
    conference = Conference(Settings(menu=Menu({"participant": {"*#5": "mute_all"}})), 0.0)
    conference.handle(Join("a"), 0.0)
    assert press(conference, "a", "*#5") == [MuteChanged("a", True)]


def test_not_a_key() -> None:
    with pytest.raises(KeypadError, match="not a key"):
        room("a").handle(Keys("a", "x"), 0.0)
