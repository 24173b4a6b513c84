"""The way in: every event at every step, codes however they are typed, tries, names, and codes that never show."""

import pickle
from typing import get_args

import pytest

from mixer.rules.entrance import (
    MAX_CODE,
    RULES,
    Ask,
    Begin,
    Check,
    Checked,
    Code,
    CodeVerdict,
    Digit,
    Effect,
    EndNameRecording,
    Entrance,
    EntranceSettings,
    EntranceStep,
    Event,
    Gone,
    NameRecorded,
    Passed,
    RecordName,
    TurnedAway,
)
from mixer.rules.events import Time

RIGHT, WRONG, CLOSED = Checked(CodeVerdict.RIGHT), Checked(CodeVerdict.WRONG), Checked(CodeVerdict.CLOSED)
ASK = Ask(("conf-getpin",))
AGAIN = Ask(("conf-invalidpin", "conf-getpin"))
GOODBYE = TurnedAway("codes", ("conf-invalidpin", "vm-goodbye"))
NAME = RecordName(("vm-rec-name", "beep"), 5.0)


def entrance(**settings: object) -> Entrance:
    """An entrance that has begun at the time 0."""
    made = Entrance(EntranceSettings(**settings))  # type: ignore[arg-type]
    made.handle(Begin(), 0.0)
    return made


def typed(way: Entrance, keys: str, now: float = 1.0) -> list[Effect]:
    return [effect for key in keys for effect in way.handle(Digit(key), now)]


def at(step: EntranceStep) -> Entrance:
    if step is EntranceStep.START:
        return Entrance(EntranceSettings())
    way = entrance(ask_name=step is EntranceStep.NAME)
    if step is not EntranceStep.CODE:
        typed(way, "12#")
    if step in {EntranceStep.NAME, EntranceStep.OVER}:
        way.handle(RIGHT, 1.0)
    assert way.step is step
    return way


START, CODE, CHECK, NAMING, OVER = (
    EntranceStep.START,
    EntranceStep.CODE,
    EntranceStep.CHECK,
    EntranceStep.NAME,
    EntranceStep.OVER,
)
# What follows, and the step after it; whatever is not here does nothing and leads nowhere.
TABLE: dict[tuple[EntranceStep, Event], tuple[list[Effect], EntranceStep]] = {
    (START, Begin()): ([ASK], CODE),
    (CODE, Digit("#")): ([AGAIN], CODE),
    (CHECK, RIGHT): ([Passed()], OVER),
    (CHECK, WRONG): ([AGAIN], CODE),
    (CHECK, CLOSED): ([TurnedAway("closed", ("conf-toomanycodes", "vm-goodbye"))], OVER),
    (CHECK, Checked(CodeVerdict.RIGHT, ask_name=True)): ([NAME], NAMING),
    (NAMING, Digit("#")): ([EndNameRecording()], NAMING),
    (NAMING, NameRecorded("n1")): ([Passed("n1")], OVER),
    **{(step, Gone()): ([], OVER) for step in EntranceStep},
}
EVENTS: list[Event] = [
    *(Begin(), Digit("#"), RIGHT, WRONG, CLOSED, Checked(CodeVerdict.RIGHT, ask_name=True), NameRecorded("n1")),
    *(Gone(), Time()),
]


@pytest.mark.parametrize("step", EntranceStep)
@pytest.mark.parametrize("event", EVENTS, ids=str)
def test_every_event_at_every_step(step: EntranceStep, event: Event) -> None:
    way = at(step)
    effects, after = TABLE.get((step, event), ([], step))
    assert way.handle(event, 1.0) == effects
    assert way.step is after
    assert (way.deadline is not None) == (after in {CODE, NAMING}), "only who is asked is waited for"


def test_every_pair_is_decided() -> None:
    assert {step: set(rules) for step, rules in RULES.items()} == {step: set(get_args(Event)) for step in EntranceStep}
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize(
    ("keys", "code"),
    [("4711#", "4711"), ("*4711#", "4711"), ("99*4711#", "4711"), ("4A7B1C1D#", "4711"), ("0#", "0")],
)
def test_a_code_ends_with_the_hash_key(keys: str, code: str) -> None:
    assert typed(entrance(), keys) == [Check(Code(code))]


def test_a_code_ends_at_its_length() -> None:
    assert typed(entrance(length=4), "4711") == [Check(Code("4711"))]
    assert typed(entrance(), "1" * 100) == [Check(Code("1" * MAX_CODE))]


def test_a_code_ends_with_a_pause() -> None:
    way = entrance(pause_s=5.0)
    typed(way, "47", now=10.0)
    assert way.deadline == 15.0
    assert way.handle(Time(), 14.9) == []
    assert way.handle(Time(), 15.0) == [Check(Code("47"))]


def test_a_late_key_finds_the_pause_over() -> None:
    way = entrance(pause_s=5.0)
    typed(way, "47", now=10.0)
    assert typed(way, "1", now=15.0) == [Check(Code("47"))]


def test_saying_nothing_is_a_wrong_code() -> None:
    way = entrance(first_key_s=20.0, tries=2)
    assert way.deadline == 20.0
    assert way.handle(Time(), 20.0) == [AGAIN]
    assert way.handle(Time(), 40.0) == [GOODBYE]
    assert way.deadline is None


def test_three_tries_then_goodbye() -> None:
    way = entrance()
    for answer in (AGAIN, AGAIN, GOODBYE):
        assert typed(way, "1#") == [Check(Code("1"))]
        assert way.handle(WRONG, 1.0) == [answer]
    assert typed(way, "1#") == []


def test_the_third_may_be_right() -> None:
    way = entrance()
    for verdict in (WRONG, WRONG):
        typed(way, "1#")
        way.handle(verdict, 1.0)
    typed(way, "1#")
    assert way.handle(RIGHT, 1.0) == [Passed()]


def test_a_code_does_not_begin_with_what_was_left_of_another() -> None:
    way = entrance()
    typed(way, "12#")
    typed(way, "34")
    way.handle(WRONG, 1.0)
    assert typed(way, "56#") == [Check(Code("56"))]


def test_a_bridge_number_asks_in_its_own_words() -> None:
    assert Entrance(EntranceSettings(prompt="conf-getconfno")).handle(Begin(), 0.0) == [Ask(("conf-getconfno",))]


def test_nothing_asked_is_nothing_to_wait_for() -> None:
    assert Entrance(EntranceSettings(ask_code=False)).handle(Begin(), 0.0) == [Passed()]
    assert Entrance(EntranceSettings(ask_code=False, ask_name=True)).handle(Begin(), 0.0) == [NAME]


def test_a_name_that_never_comes_is_gone_without() -> None:
    way = at(NAMING)
    assert way.deadline == 31.0
    assert way.handle(Time(), 30.9) == []
    assert way.handle(Time(), 31.0) == [EndNameRecording(), Passed()]
    assert way.handle(NameRecorded("late"), 32.0) == []


def test_codes_do_not_show() -> None:
    way = entrance()
    [check] = typed(way, "4711#")
    assert isinstance(check, Check)
    assert check.code.digits == "4711"
    for shown in (repr(check), str(check), f"{check.code}", f"{check.code!r}", repr(way)):
        assert "4711" not in shown
    assert Code("4711") == Code("4711") != Code("4712")
    assert pickle.loads(pickle.dumps(check)) == check
