"""What an event costs does not depend on how many are there, and what is counted is what is there."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.rules.attendance import IN_ROOM, Attendance, Participant
from mixer.rules.events import (
    Admit,
    Event,
    InviteAnswered,
    Join,
    Keys,
    Kick,
    Leave,
    Select,
    SetHeld,
    SetLabels,
    SetMuted,
    SetRole,
    SetWhisper,
    Talking,
    Time,
)
from mixer.rules.invitations import DialOuts
from mixer.rules.keypad import Keypad, Menu
from mixer.rules.menus import DEFAULT_MENU
from mixer.rules.roles import PartyKind, Place, Role, Selector
from mixer.rules.room_events import Dial, Lock
from mixer.rules.session import Conference
from mixer.rules.settings import EndWithHost, Settings
from tests.support.work import instructions

MENU = Menu({role: {**keys, "*6": "kick_last", "*#7": "count"} for role, keys in DEFAULT_MENU.roles.items()})
SPOKEN: dict[str, Any] = dict.fromkeys(("prompts", "music", "entry_notices", "announce_caller_name"), True)
LIMITS: dict[str, Any] = {"silence_limit_s": 900.0, "party_limit_s": 7200.0, "end_with_host": EndWithHost.LAST}


def typed(keys: str) -> list[Event]:
    return [Keys("host", key) for key in keys]


# What happens in a room that is settled, and how it was filled.
EVENTS: dict[str, Sequence[Event]] = {
    "join": [Join("new", name="sound")],
    "leave": [Leave("new")],
    "host": [Join("another", Role.MODERATOR), SetRole("another", Role.PARTICIPANT), Leave("another")],
    "mute": [SetMuted("p1", True), SetMuted("p1", False, own=True)],
    "talk": [Talking("p2", True), Talking("p2", False)],
    "hold": [SetHeld("p1", True), SetHeld("p1", False)],
    "whisper": [SetWhisper("p1", ("p2", "nobody")), SetHeld("p2", True), SetHeld("p2", False), SetWhisper("p1", None)],
    "key": [*typed("*1"), Time(), *typed("*1"), *typed("*#7")],
    "lock": [*typed("*92"), *typed("*93")],
    "kick": [Join("last"), *typed("*6"), Join("banned", identity="x"), Kick("banned", ban=True)],
    "labels": [SetLabels("p1", {"desk": "4"}), SetLabels("p1", {"desk": None})],
    "select": [Join("last"), Select(Selector.LAST, (SetMuted("", True), Kick("")))],
    "hidden": [Join("spy", hidden=True), Leave("spy")],
    "dial": [Dial("102", "host"), *typed("##")],
}


def joined(conference: Conference, size: int) -> None:
    for number in range(size):
        conference.handle(Join(f"p{number}", identity=f"{number}"), 0.0)


def dialled(conference: Conference, size: int) -> None:
    """Have all come by invitation."""
    for number in range(size):
        conference.handle(Dial(f"{number}", "host", confirm=False), 0.0)
        conference.handle(InviteAnswered(number + 1, f"p{number}", PartyKind.OUTSIDE), 0.0)


def talking(conference: Conference, size: int) -> None:
    """Have all talk who cannot be heard, and all but the first type."""
    joined(conference, size)
    for number in range(size):
        conference.handle(SetMuted(f"p{number}", True), 0.0)
        conference.handle(Talking(f"p{number}", True), 0.0)
        if number:
            conference.handle(Keys(f"p{number}", "*"), 0.0)


def whispering(conference: Conference, size: int) -> None:
    """Have each whisper to the next."""
    joined(conference, size)
    for number in range(3, size):
        conference.handle(SetWhisper(f"p{number}", (f"p{(number + 1) % size}",)), 0.0)


def waiting(conference: Conference, size: int) -> None:
    """Let in the first of those in the lobby; the others, who came last, wait there."""
    joined(conference, size)
    for number in range(3):
        conference.handle(Admit(f"p{number}"), 0.0)


def costs(fill: Callable[[Conference, int], None], size: int, **settings: Any) -> dict[str, int]:
    """Give what each of the events costs in a room of a size."""
    conference = Conference(Settings(max_members=10_000, max_invited=10_000, menu=MENU, **settings), 0.0)
    conference.handle(Join("host", Role.MODERATOR), 0.0)
    fill(conference, size)
    conference.handle(Keys("host", "*"), 0.0)
    conference.handle(Keys("host", "1"), 0.0)

    def run(events: Sequence[Event]) -> None:
        for event in events:
            conference.handle(event, 1.0)
            conference.carried()
            assert conference.deadline is None or conference.deadline > 1.0

    return {name: instructions(lambda events=events: run(events)) for name, events in EVENTS.items()}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fill", "settings"),
    [
        (joined, {}),
        (joined, SPOKEN | LIMITS),
        (dialled, SPOKEN | LIMITS),
        (talking, LIMITS),
        (whispering, SPOKEN),
        (waiting, SPOKEN | LIMITS | {"lobby": True}),
        (joined, SPOKEN | LIMITS | {"wait_for_host": True, "record_enabled": True}),
    ],
)
def test_what_happens_costs_the_same_among_3_and_among_3000(
    fill: Callable[[Conference, int], None], settings: dict[str, Any]
) -> None:
    assert costs(fill, 3000, **settings) == costs(fill, 3, **settings)


@pytest.mark.parametrize("event", [Join("new"), Leave("p1"), SetMuted("p1", True), Lock(True), Talking("p1", True)])
def test_what_happens_before_a_host_comes_costs_the_same_too(event: Event) -> None:
    taken = set()
    for size in (3, 3000):
        conference = Conference(Settings(max_members=10_000, wait_for_host=True, **SPOKEN), 0.0)
        joined(conference, size)
        taken.add(instructions(lambda told=conference: told.handle(event, 1.0)))  # type: ignore[misc]
    assert len(taken) == 1


CHANGES = st.one_of(
    st.tuples(st.sampled_from(["add", "hide"]), st.sampled_from(Place), st.sampled_from(Role)),
    st.tuples(st.just("remove"), st.none(), st.none()),
    st.tuples(st.just("move"), st.sampled_from(Place), st.none()),
    st.tuples(st.just("give_role"), st.sampled_from(Role), st.none()),
    st.tuples(st.sampled_from(["mute", "talks"]), st.booleans(), st.none()),
    st.tuples(st.just("whisper"), st.none() | st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple), st.none()),
)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), CHANGES), max_size=60))
def test_what_is_counted_is_what_is_there(changes: list[tuple[str, tuple[str, Any, Any]]]) -> None:
    attendance, talking = Attendance(), set[str]()
    for name, (change, value, role) in changes:
        party = attendance.get(name)
        if (party is None) != (change in ("add", "hide")):
            continue
        if party is None:
            keypad = Keypad({})
            hidden = change == "hide"
            attendance.add(Participant(name, role, PartyKind.INSIDE, "", "", keypad, hidden, 0.0, value, hidden=hidden))
        elif change == "remove":
            attendance.remove(party)
            talking.discard(name)
        else:
            getattr(attendance, change)(party, value)
            if change == "talks":
                (talking.add if value else talking.discard)(name)
        agree(attendance, talking)


def agree(attendance: Attendance, talking: set[str]) -> None:
    """Count all anew."""
    there = [party for party in attendance.values() if not party.hidden]
    assert attendance.visible == len(there)
    assert sorted(party.name for party in attendance.hidden) == sorted(set(attendance) - {each.name for each in there})
    joined = [party for party in there if party.place is Place.JOINED]
    inside = [party for party in there if party.place in IN_ROOM]
    for place in Place:
        assert attendance.at(place) == [party for party in there if party.place is place]
        assert attendance.count(place) == len(attendance.at(place))
    assert attendance.at(Place.WAITING, Role.MODERATOR) == [
        party for party in there if (party.place, party.role) == (Place.WAITING, Role.MODERATOR)
    ]
    assert attendance.alone() is (joined[0] if len(joined) == 1 else None)
    assert attendance.inside == inside
    assert attendance.last_inside is (inside[-1] if inside else None)
    assert attendance.oldest is next(iter(attendance.values()), None)
    assert attendance.has_host == any(party.role is Role.MODERATOR for party in inside)
    assert attendance.anybody_heard == any(party.audible for party in attendance.values() if party.name in talking)


def test_nothing_is_kept_of_who_has_left() -> None:
    conference = Conference(Settings(max_members=9, menu=MENU, **SPOKEN), 0.0)
    for turn in range(100):
        stay: list[Event] = [
            Join("host", Role.MODERATOR),
            Dial("102", "host", confirm=False),
            InviteAnswered(turn + 1, "p"),
            SetWhisper("host", ("p", f"other {turn}")),
            Talking("p", True),
            Keys("p", "*"),
            Leave("p"),
            Leave("host"),
        ]
        for event in stay:
            conference.handle(event, 0.0)
    state = conference._state
    attendance = state.parties
    kept = (attendance._talking, attendance._heard, attendance._whispering, attendance._inside, attendance._unsettled)
    assert not any((*kept, state.typing, state.invitations, state.invitations._by))


@given(st.lists(st.tuples(st.sampled_from(["add", "answer", "remove"]), st.integers(1, 20), st.sampled_from("ab"))))
def test_invitations_are_found_by_who_made_them(changes: list[tuple[str, int, str]]) -> None:
    made = DialOuts()
    for change, number, by in changes:
        found = made.get(number)
        if change == "add":
            made.add(by, Role.PARTICIPANT, True)
        elif change == "remove":
            made.remove(number)
        elif found is not None and not found.party:
            made.answer(found, "p")
        assert made.ringing == tuple(one for one in made.values() if not one.party)
        for each in "ab":
            own = [one for one in made.values() if one.by == each]
            assert made.last_by(each) is (own[-1] if own else None)
