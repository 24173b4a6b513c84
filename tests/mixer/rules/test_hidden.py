"""Hidden listeners: nothing in the room is otherwise because of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.rules.effects import Admitted, Denied, Effect, PartyLeft, Refused, Say
from mixer.rules.events import (
    End,
    Event,
    InviteAnswered,
    Join,
    Keys,
    Kick,
    Leave,
    Select,
    SetHeld,
    SetMuted,
    SetRole,
    SetWhisper,
    Talking,
    Time,
)
from mixer.rules.roles import Place, Role, Selector
from mixer.rules.room_effects import Invite
from mixer.rules.room_events import Dial, Lock, MuteAll
from mixer.rules.settings import EndWithHost
from mixer.rules.state import Phase
from tests.support.conference import press, room

SPOKEN: dict[str, Any] = dict.fromkeys(("prompts", "music", "entry_notices", "announce_caller_name"), True)
SPY = Join("spy", Role.MODERATOR, hidden=True)


def test_it_listens_and_is_nothing_else() -> None:
    conference = room("a")
    assert conference.handle(SPY, 0.0) == [Admitted("spy", True)]
    spy = conference.parties["spy"]
    assert (spy.role, spy.place, conference.size) == (Role.LISTENER, Place.JOINED, 1)
    assert conference.hears("spy", "a") and not conference.hears("a", "spy")
    assert conference.handle(SetRole("spy", Role.MODERATOR), 0.0) == [Denied("spy", "hidden")]
    assert conference.handle(SetMuted("spy", False), 0.0) == [Denied("spy", "listener")]
    assert conference.handle(Select(Selector.ALL, (Kick(""),)), 0.0)[1] == PartyLeft("a", "kicked")


def test_it_is_not_counted_in_what_is_said() -> None:
    conference = room("a", prompts=True)
    conference.handle(SPY, 0.0)
    told = conference.handle(Join("b"), 0.0)
    assert Say("b", ("conf-onlyone",), notice=True) in told
    assert conference.handle(Join("c"), 0.0)[1] == Say("c", ("conf-thereare", 2, "conf-otherinparty"), notice=True)


def test_it_takes_no_place_and_needs_none() -> None:
    conference = room("a", max_members=1)
    assert conference.handle(SPY, 0.0)[0] == Admitted("spy", True)
    conference.handle(Leave("a"), 0.0)
    assert conference.state is Phase.EMPTY and not conference.parties
    conference = room("a", max_members=2)
    conference.handle(SPY, 0.0)
    assert conference.handle(Join("b"), 0.0) == [Admitted("b", False)]


def test_where_nobody_is_there_is_nobody_to_listen_to() -> None:
    conference = room()
    assert conference.handle(SPY, 0.0) == [Refused("spy", "nobody_there")]
    assert conference.handle(Dial("102", hidden=True), 0.0) == [Denied("", "nobody_there")]
    assert conference.state is Phase.UNCLAIMED


def test_it_leaves_with_the_last() -> None:
    conference = room("a", "b")
    conference.handle(SPY, 0.0)
    assert conference.handle(Leave("a"), 0.0) == [PartyLeft("a")]
    assert conference.handle(Leave("b"), 0.0) == [PartyLeft("b"), PartyLeft("spy", "empty")]
    assert conference.state is Phase.EMPTY


@pytest.mark.parametrize("settings", [{"lobby": True}, {"wait_for_host": True}, {"hosted": False}])
def test_it_neither_waits_nor_lets_in(settings: dict[str, Any]) -> None:
    conference = room("a", **settings)
    before = conference.parties["a"].place
    conference.handle(SPY, 0.0)
    assert (conference.parties["spy"].place, conference.parties["a"].place) == (Place.JOINED, before)


def test_a_lock_keeps_it_out_and_there_are_few() -> None:
    conference = room("a")
    for number in range(10):
        assert conference.handle(Join(f"spy {number}", hidden=True), 0.0)[0] == Admitted(f"spy {number}", True)
    assert conference.handle(SPY, 0.0) == [Refused("spy", "full")]
    conference.handle(Leave("spy 0"), 0.0)
    conference.handle(Lock(True), 0.0)
    assert conference.handle(SPY, 0.0) == [Refused("spy", "locked")]


def test_it_is_called_in_without_pressing_1() -> None:
    conference = room("a")
    assert conference.handle(Dial("102", hidden=True), 0.0) == [Invite(1, "102", hidden=True)]
    assert conference.handle(InviteAnswered(1, "spy"), 0.0)[0] == Admitted("spy", True)
    assert conference.parties["spy"].hidden


NAMES = st.sampled_from(["host", "a", "b"])
ON = st.booleans()
EVENTS = st.one_of(
    st.builds(Join, NAMES, st.sampled_from(Role), name=st.just("sound")),
    st.builds(Leave, NAMES),
    st.builds(SetMuted, NAMES, ON),
    st.builds(SetHeld, NAMES, ON),
    st.builds(SetRole, NAMES, st.sampled_from(Role)),
    st.builds(SetWhisper, NAMES, st.none() | st.just(("a",))),
    st.builds(Talking, NAMES, ON),
    st.builds(MuteAll, ON),
    st.builds(Lock, ON),
    st.builds(Keys, NAMES, st.sampled_from("*19")),
    st.builds(Select, st.sampled_from(Selector), st.just((SetHeld("", True),))),
    st.just(Time()),
    st.just(End()),
)


@given(st.lists(EVENTS, max_size=25), st.lists(st.integers(0, 24), max_size=4), st.booleans())
def test_the_others_hear_and_are_told_the_same_with_and_without(
    events: list[Event], comings: list[int], spoken: bool
) -> None:
    limits: dict[str, Any] = {"silence_limit_s": 30.0, "end_with_host": EndWithHost.LAST, "max_members": 2}
    plain, watched = (room(**limits, **(SPOKEN if spoken else {})) for _ in range(2))
    for turn, event in enumerate(events):
        now = 7.0 * turn
        assert others(watched.handle(event, now)) == others(plain.handle(event, now))
        if turn in comings:
            watched.handle(Time(), now)
            watched.handle(Join(f"spy {turn}", hidden=True), now)
        assert (watched.state, watched.size, watched.locked) == (plain.state, plain.size, plain.locked)
    plain.carried(), watched.carried()
    press(watched, "spy", "1")


def others(effects: list[Effect]) -> list[Effect]:
    """What follows for everybody but hidden listeners."""
    return [each for each in effects if not str(getattr(each, "party", getattr(each, "to", ""))).startswith("spy")]
