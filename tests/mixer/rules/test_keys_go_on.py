"""Keys that go further than the menu: told to whoever watches, and pressed on the telephones of the others."""

import pytest

from mixer.rules.effects import Effect, KeyPassed, KeysTold, MuteChanged, Say, UnknownKeys
from mixer.rules.events import Keys, SetHeld, Time
from mixer.rules.room_events import NewSettings, OpenGroups
from mixer.rules.session import Conference
from mixer.rules.settings import KeyScope, Settings
from tests.support.conference import no_keys, press, room


def told(effects: list[Effect]) -> str:
    return " ".join(effect.keys for effect in effects if isinstance(effect, KeysTold))


def passed(effects: list[Effect]) -> list[tuple[str, str]]:
    return [(effect.party, effect.digit) for effect in effects if isinstance(effect, KeyPassed)]


@pytest.mark.parametrize(
    ("scope", "typed", "expected"),
    [
        (KeyScope.UNKNOWN, "5", "5"),
        (KeyScope.UNKNOWN, "42", "4 2"),
        (KeyScope.UNKNOWN, "*1", ""),
        (KeyScope.UNKNOWN, "7*1*7", "7 *7"),
        (KeyScope.UNKNOWN, "#", "#"),
        (KeyScope.ALL, "7*1", "7 * 1"),
        (KeyScope.NONE, "7*1", ""),
    ],
)
def test_which_keys_are_told(scope: KeyScope, typed: str, expected: str) -> None:
    conference = room("a-l", "host", tell_keys=scope)
    effects = press(conference, "host", typed)
    effects += conference.handle(Time(), 10.0)
    assert told(effects) == expected
    assert any(isinstance(effect, MuteChanged) for effect in effects) is ("*1" in typed), "the menu goes on"
    if scope is not KeyScope.NONE:
        assert not [effect for effect in effects if isinstance(effect, UnknownKeys | Say)], "somebody listens"


def test_half_a_command_waits_for_its_pause() -> None:
    conference = room("host", tell_keys=KeyScope.UNKNOWN)
    assert press(conference, "host", "*9", 1.0) == []
    assert told(conference.handle(Time(), 4.0)) == "*9"


def test_keys_are_pressed_on_the_telephones_of_those_who_hear_the_party() -> None:
    conference = room("host", "a", "b", "c", pass_keys=KeyScope.UNKNOWN)
    conference.handle(SetHeld("c", True), 0.5)
    assert passed(press(conference, "a", "12")) == [("host", "1"), ("b", "1"), ("host", "2"), ("b", "2")]
    assert passed(press(conference, "c", "1")) == [], "who is held is not heard"
    conference.handle(OpenGroups(("",), (("a", "b"),)), 2.0)
    assert passed(press(conference, "a", "1", 3.0)) == [("b", "1")]


def test_each_way_has_a_scope_of_its_own() -> None:
    conference = room("host", "a", tell_keys=KeyScope.UNKNOWN, pass_keys=KeyScope.ALL)
    effects = press(conference, "a", "*17")
    assert (told(effects), passed(effects)) == ("7", [("host", digit) for digit in "*17"])


def test_it_begins_and_ends_with_the_rules() -> None:
    conference = room("host", "a")
    conference.handle(Keys("a", "7"), 0.0)
    conference.handle(NewSettings(Settings(tell_keys=KeyScope.UNKNOWN, record_notice=False)), 1.0)
    assert told(press(conference, "a", "8", 2.0)) == "8"
    conference.handle(NewSettings(Settings(record_notice=False)), 3.0)
    assert press(conference, "a", "8", 4.0) + conference.handle(Time(), 9.0) == no_keys("a", "8")


def test_who_waits_types_for_nobody_else() -> None:
    conference = room("a", hosted=True, wait_for_host=True, tell_keys=KeyScope.ALL)
    assert isinstance(conference, Conference) and press(conference, "a", "1") == []
