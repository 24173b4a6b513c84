"""Who is chosen by all, others, last and role, and what follows for each."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.rules.attendance import MOST_LABELS
from mixer.rules.effects import Admitted, DeafChanged, Denied, Effect, LabelsChanged, MuteChanged, PartyLeft, Selected
from mixer.rules.events import Admit, Join, Kick, Reject, Select, SetDeaf, SetHeld, SetLabels, SetMuted, SetRole
from mixer.rules.keypad import Menu
from mixer.rules.roles import Role, Selector
from mixer.rules.session import Conference, TwoPartyCall
from mixer.rules.state import Phase
from tests.support.conference import press, room

CHOSEN: list[tuple[Selector, str, list[str]]] = [
    (Selector.ALL, "", ["host", "a", "b-l", "host2", "c"]),
    (Selector.ALL, "a", ["host", "a", "b-l", "host2", "c"]),
    (Selector.OTHERS, "", ["a", "b-l", "c"]),
    (Selector.OTHERS, "a", ["b-l", "c"]),
    (Selector.OTHERS, "host", ["a", "b-l", "c"]),
    (Selector.LAST, "", ["c"]),
    (Selector.MODERATOR, "", ["host", "host2"]),
    (Selector.PARTICIPANT, "", ["a", "c"]),
    (Selector.LISTENER, "", ["b-l"]),
]


def full(**settings: Any) -> Conference:
    return room("host", "a", "b-l", "host2", "c", **settings)


def chosen(effects: list[Effect]) -> list[str]:
    return [name for effect in effects if isinstance(effect, Selected) for name in effect.parties]


@pytest.mark.parametrize(("which", "by", "expected"), CHOSEN)
def test_who_is_chosen(which: Selector, by: str, expected: list[str]) -> None:
    effects = full().handle(Select(which, (SetDeaf("", True),), by), 1.0)
    assert effects == [Selected(tuple(expected)), *(DeafChanged(name, True) for name in expected)]


def test_what_is_denied_to_one_is_done_to_the_others() -> None:
    effects = full().handle(Select(Selector.ALL, (SetMuted("", False), SetMuted("", True))), 1.0)
    assert effects[1:] == [
        *(MuteChanged("host", True), MuteChanged("a", True), Denied("b-l", "listener")),
        *(MuteChanged("host2", True), MuteChanged("c", True)),
    ]


def test_all_are_sent_away_and_the_room_is_empty() -> None:
    conference = full()
    effects = conference.handle(Select(Selector.ALL, (Kick(""),)), 1.0)
    assert [each for each in effects if isinstance(each, PartyLeft)] == [
        PartyLeft(name, "kicked") for name in ("host", "a", "b-l", "host2", "c")
    ]
    assert conference.state is Phase.EMPTY
    assert conference.handle(Select(Selector.ALL, (Kick(""),)), 1.0) == [Selected(())]
    assert Admitted("d", False) in conference.handle(Join("d"), 2.0), "the next comes in"


def test_the_last_in_the_lobby_is_another_than_the_last_in_the_room() -> None:
    conference = room("a", "b", "c", lobby=True)
    conference.handle(Admit("b"), 1.0)
    assert chosen(conference.handle(Select(Selector.LAST, (SetDeaf("", True),)), 1.0)) == ["b"]
    assert chosen(conference.handle(Select(Selector.LAST, (Admit(""),)), 1.0)) == ["c"]
    assert chosen(conference.handle(Select(Selector.ALL, (Reject(""),)), 1.0)) == ["a"]
    assert chosen(conference.handle(Select(Selector.LAST, (Reject(""),)), 1.0)) == []
    assert list(conference.parties) == ["b", "c"]


def test_a_change_of_role_chooses_once() -> None:
    conference = full()
    both = (SetRole("", Role.PARTICIPANT), SetMuted("", False), SetHeld("", True))
    assert chosen(conference.handle(Select(Selector.LISTENER, both), 1.0)) == ["b-l"]
    assert not conference.muted["b-l"]
    assert chosen(conference.handle(Select(Selector.LISTENER, both), 1.0)) == []


MENU = Menu({"moderator": {"1": "mute_others", "2": "unmute_others", "3": "kick_participant", "4": "deafen_last"}})


def test_by_keys_no_moderator_is_chosen() -> None:
    conference = room("host", "a", "b-l", "host2", menu=MENU)
    assert press(conference, "host", "1") == [MuteChanged("a", True)]
    assert press(conference, "host", "2") == [MuteChanged("a", False)]
    assert Denied("host", "not_allowed") in press(conference, "host", "4"), "the last is a moderator"
    assert press(conference, "host", "3") == [PartyLeft("a", "kicked")]
    assert Denied("host", "not_allowed") in press(conference, "host", "3"), "there is none any more"


def test_a_call_of_two_has_nobody_to_choose_among() -> None:
    call = TwoPartyCall()
    call.handle(Join("alice"), 0.0)
    assert call.handle(Select(Selector.ALL, (Kick(""),)), 1.0) == [Denied("", "no_conference")]


NAMES = st.sampled_from([f"l{number}" for number in range(MOST_LABELS + 4)])


@given(st.lists(st.dictionaries(NAMES, st.none() | st.text(max_size=3), max_size=MOST_LABELS), max_size=8))
def test_labels_are_written_taken_off_and_never_too_many(changes: list[dict[str, str | None]]) -> None:
    conference, borne = room("a"), dict[str, str]()
    for change in changes:
        wanted = {name: text for name, text in (borne | change).items() if text is not None}
        effects = conference.handle(SetLabels("a", change), 1.0)
        if len(wanted) > MOST_LABELS:
            assert effects == [Denied("a", "too_many_labels")]
        else:
            assert effects == ([] if wanted == borne else [LabelsChanged("a", wanted)])
            borne = wanted
        assert conference.parties["a"].labels == borne


def test_labels_come_along() -> None:
    assert LabelsChanged("a", {"desk": "4"}) in room().handle(Join("a", labels={"desk": "4"}), 1.0)
