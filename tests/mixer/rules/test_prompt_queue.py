from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.rules.effects import Prompt
from mixer.rules.events import Time
from mixer.rules.prompt_queue import (
    LATE_S,
    MOST_WAITING,
    NOTICE_EVERY_S,
    BargeIn,
    Close,
    PartyGone,
    PlaybackOver,
    PromptEffect,
    PromptEvent,
    PromptQueue,
    Said,
    Speak,
    Spoken,
    StartPlayback,
    Stop,
)
from softphone.focus.voice.prompts import SoundLibrary
from tests.support.work import instructions

BEEP = Speak(None, ("confbridge-join",), notice=True)


def one_second_each(prompts: Sequence[Prompt]) -> Spoken:
    """Stands for a library in which every prompt takes a second, and "gone" is missing."""
    there = [str(prompt) for prompt in prompts if prompt != "gone"]
    return Spoken(tuple(map(Path, there)), float(len(there)))


class Told:
    """A queue, and what became of the events it was told."""

    def __init__(self) -> None:
        self.queue = PromptQueue(one_second_each)
        self.now = 100.0

    def __call__(self, event: PromptEvent, after: float = 0.0) -> list[PromptEffect]:
        self.now += after
        return self.queue.handle(event, self.now)

    def wait(self) -> list[PromptEffect]:
        assert self.queue.deadline is not None
        return self(Time(), self.queue.deadline - self.now)


def play(playback: int, to: str | None, *names: str, recorded: bool = False) -> StartPlayback:
    return StartPlayback(playback, to, Spoken(tuple(map(Path, names)), float(len(names))), recorded)


@pytest.fixture
def tell() -> Told:
    return Told()


def test_a_prompt_begins_at_once_and_the_next_one_when_it_has_ended(tell: Told) -> None:
    assert tell(Speak("a", ("conf-muted",))) == [play(1, "a", "conf-muted")]
    assert tell(Speak("a", ("conf-unmuted", "beep"), recorded=True), 0.1) == []
    assert tell(PlaybackOver(1), 0.9) == [play(2, "a", "conf-unmuted", "beep", recorded=True)]
    assert tell(PlaybackOver(2), 2.0) == []
    assert tell.queue.deadline is None


def test_parties_and_the_room_do_not_wait_for_each_other(tell: Told) -> None:
    assert tell(Speak("a", ("x",))) == [play(1, "a", "x")]
    assert tell(Speak("b", ("x",))) == [play(2, "b", "x")]
    assert tell(Speak(None, ("y",))) == [play(3, None, "y")]
    assert tell(PlaybackOver(2)) == []
    assert tell(Speak("b", ("z",))) == [play(4, "b", "z")]


def test_a_line_goes_on_when_the_end_is_never_told(tell: Told) -> None:
    tell(Speak("a", ("x", "y"), tag="t"))
    tell(Speak("a", ("z",)))
    assert tell.queue.deadline == 100.0 + 2.0 + LATE_S
    assert tell(Time(), 2.0 + LATE_S - 0.01) == []
    assert tell(Time(), 0.01) == [Said("t", "a", True), play(2, "a", "z")]
    assert tell(PlaybackOver(1)) == []


def test_an_end_that_was_told_is_told_on(tell: Told) -> None:
    tell(Speak("a", ("vm-goodbye",), tag="hang up"))
    assert tell(PlaybackOver(1), 0.8) == [Said("hang up", "a", True)]


def test_what_cannot_be_found_is_over_at_once(tell: Told) -> None:
    assert tell(Speak("a", ("gone",), tag="hang up")) == [Said("hang up", "a", True)]
    assert tell(Speak("a", ("x",))) == [play(1, "a", "x")]
    assert tell(Speak("a", ("gone",))) == []
    assert tell(Speak("a", ("y",))) == []
    assert tell(PlaybackOver(1)) == [play(2, "a", "y")]


def test_a_key_cuts_off_what_asks_for_keys(tell: Told) -> None:
    tell(Speak("a", ("conf-invalidpin",), barge_in=True, tag="wrong"))
    tell(Speak("a", ("conf-getpin",), barge_in=True, tag="code"))
    tell(Speak("a", ("vm-goodbye",), tag="bye"))
    assert tell(BargeIn("b")) == []
    assert tell(BargeIn("a")) == [
        Stop(1),
        Said("wrong", "a", False),
        Said("code", "a", False),
        play(2, "a", "vm-goodbye"),
    ]
    assert tell(PlaybackOver(1)) == []
    assert tell(BargeIn("a")) == []
    assert tell(PlaybackOver(2)) == [Said("bye", "a", True)]


def test_a_key_does_not_cut_off_what_is_to_be_heard(tell: Told) -> None:
    tell(Speak("a", ("conf-now-recording",)))
    tell(Speak("a", ("conf-getpin",), barge_in=True))
    assert tell(BargeIn("a")) == []
    assert tell(PlaybackOver(1)) == [play(2, "a", "conf-getpin")]


def test_nothing_is_said_to_who_has_gone(tell: Told) -> None:
    tell(Speak("a", ("x",), tag="t"))
    tell(Speak("a", ("y",), tag="u"))
    assert tell(PartyGone("a")) == [Stop(1)]
    assert tell(PlaybackOver(1)) == []
    assert tell(PartyGone("a")) == []
    assert tell.queue.deadline is None


def test_closing_silences_everybody_and_goodbyes_may_follow(tell: Told) -> None:
    tell(Speak("a", ("x",)))
    tell(Speak(None, ("y",)))
    tell(BEEP)
    assert tell(Close()) == [Stop(1), Stop(2)]
    assert tell.queue.deadline is None
    assert tell(Speak("a", ("vm-goodbye",))) == [play(3, "a", "vm-goodbye")]


def test_of_too_many_the_oldest_are_left_out_but_not_what_must_be_said(tell: Told) -> None:
    tell(Speak("a", ("first",)))
    tell(Speak("a", ("must",), must=True))
    tell(Speak("a", ("tagged",), tag="t"))
    for index in range(8):
        tell(Speak("a", (f"n{index}",)))
    said = [tell(PlaybackOver(playback))[-1] for playback in range(1, MOST_WAITING + 1)]
    assert said == [play(2, "a", "must"), play(3, "a", "tagged"), play(4, "a", "n6"), play(5, "a", "n7")]
    assert tell(PlaybackOver(5)) == []


def test_what_must_be_said_is_never_left_out(tell: Told) -> None:
    for index in range(3 * MOST_WAITING):
        tell(Speak(None, (str(index),), must=True))
    heard = [tell(PlaybackOver(playback)) for playback in range(1, 3 * MOST_WAITING)]
    assert heard == [[play(k + 1, None, str(k))] for k in range(1, 3 * MOST_WAITING)]


def test_one_newcomer_is_told_at_once_and_many_are_one_tone(tell: Told) -> None:
    assert tell(BEEP) == [play(1, None, "confbridge-join")]
    assert tell(PlaybackOver(1), 0.5) == []
    for _ in range(50):
        assert tell(BEEP, 0.01) == []
    assert tell.queue.deadline == pytest.approx(100.0 + NOTICE_EVERY_S)
    assert tell.wait() == [play(2, None, "confbridge-join")]
    assert tell(PlaybackOver(2), 0.5) == []
    assert tell.queue.deadline is None
    assert tell(BEEP, NOTICE_EVERY_S) == [play(3, None, "confbridge-join")]


def test_many_names_become_a_count(tell: Told) -> None:
    tell(Speak(None, ("ada", "conf-hasjoin"), notice=True))
    tell(PlaybackOver(1), 1.0)
    for name in ("ben", "cai", "dot"):
        tell(Speak(None, (name, "conf-hasjoin"), notice=True))
    tell(Speak(None, ("ben", "conf-hasleft"), notice=True))
    assert tell.wait() == [play(2, None, "3", "conf-people-joined", "ben", "conf-hasleft")]


def test_tones_of_both_kinds_are_heard_once_each(tell: Told) -> None:
    tell(Speak(None, ("x",)))
    for _ in range(5):
        tell(BEEP)
        tell(Speak(None, ("confbridge-leave",), notice=True))
    assert tell(PlaybackOver(1), 1.0) == [play(2, None, "confbridge-join", "confbridge-leave")]


def test_a_notice_waits_for_everything_else_in_the_room(tell: Told) -> None:
    tell(Speak(None, ("conf-lockednow",)))
    tell(BEEP, 0.1)
    tell(Speak(None, ("conf-now-recording",)), 0.1)
    assert tell(PlaybackOver(1), 0.8) == [play(2, None, "conf-now-recording")]
    assert tell(PlaybackOver(2), 0.8) == [play(3, None, "confbridge-join")]


def test_a_notice_to_a_party_is_not_for_the_room(tell: Told) -> None:
    assert tell(Speak("a", ("conf-onlyperson",), notice=True)) == [play(1, "a", "conf-onlyperson")]
    assert tell(Speak("b", ("conf-onlyone",), notice=True)) == [play(2, "b", "conf-onlyone")]
    assert tell(BEEP) == [play(3, None, "confbridge-join")]


def test_a_merged_notice_is_recorded_only_if_all_are(tell: Told) -> None:
    tell(Speak(None, ("x",)))
    tell(Speak(None, ("ada", "conf-hasjoin"), notice=True, recorded=True))
    tell(Speak(None, ("ben", "conf-hasjoin"), notice=True, recorded=True))
    assert tell(PlaybackOver(1)) == [play(2, None, "2", "conf-people-joined", recorded=True)]
    tell(Speak(None, ("cai", "conf-hasjoin"), notice=True, recorded=True))
    tell(Speak(None, ("dot", "conf-hasjoin"), notice=True))
    tell(PlaybackOver(2), 1.0)
    assert tell.wait() == [play(3, None, "2", "conf-people-joined")]


def test_a_late_time_does_what_was_due_first(tell: Told) -> None:
    tell(BEEP)
    tell(Speak("a", ("x",), tag="t"))
    tell(BEEP)
    assert tell(Speak("a", ("y",)), 60.0) == [
        Said("t", "a", True),
        play(3, None, "confbridge-join"),
        play(4, "a", "y"),
    ]


def test_two_hundred_joins_in_five_seconds_are_three_short_notices(tell: Told) -> None:
    played = [tell(Speak(None, (f"name{k}", "conf-hasjoin"), notice=True), 0.025) for k in range(200)]
    plays = [effect for effects in played for effect in effects if isinstance(effect, StartPlayback)]
    while tell.queue.deadline is not None:
        plays += [effect for effect in tell.wait() if isinstance(effect, StartPlayback)]
    assert len(plays) <= 4
    counts = [int(path.name) for each in plays for path in each.spoken.paths if path.name.isdigit()]
    assert sum(counts) + 1 == 200


def test_it_speaks_with_the_real_library() -> None:
    queue = PromptQueue(SoundLibrary().resolve)
    (begun,) = queue.handle(Speak("a", ("conf-thereare", 3, "conf-otherinparty")), 0.0)
    assert isinstance(begun, StartPlayback)
    assert [path.stem for path in begun.spoken.paths] == ["conf-thereare", "3", "conf-otherinparty"]
    assert queue.deadline == pytest.approx(begun.spoken.seconds + LATE_S)


PARTIES = st.sampled_from(["a", "b", "c"])
SPEAKS = st.builds(
    Speak,
    st.one_of(st.none(), PARTIES),
    st.lists(st.sampled_from(["x", "y", "gone", "conf-hasjoin", "conf-hasleft"]), max_size=3).map(tuple),
    notice=st.booleans(),
    barge_in=st.booleans(),
    must=st.booleans(),
    tag=st.sampled_from(["", "t"]),
)
EVENTS = st.one_of(
    SPEAKS.filter(lambda speak: not (speak.notice and speak.tag)),
    st.builds(BargeIn, PARTIES),
    st.builds(PartyGone, PARTIES),
    st.builds(PlaybackOver, st.integers(1, 30)),
    st.builds(Close),
    st.builds(Time),
)


class Ears:
    """Carries out what the queue says, and finds out when two things are said at a time."""

    def __init__(self) -> None:
        self.tell = Told()
        self.heard: dict[str | None, tuple[int, float]] = {}

    def handle(self, event: PromptEvent, after: float) -> None:
        effects = self.tell(event, after)
        ended = event.playback if isinstance(event, PlaybackOver) else 0
        self.heard = {to: (n, ends) for to, (n, ends) in self.heard.items() if n != ended and ends > self.tell.now}
        for effect in effects:
            self.carry_out(effect)

    def carry_out(self, effect: PromptEffect) -> None:
        if isinstance(effect, Stop):
            lines = [to for to, (playback, _) in self.heard.items() if playback == effect.playback]
            assert len(lines) == 1, "stopped what does not sound"
            del self.heard[lines[0]]
        elif isinstance(effect, StartPlayback):
            assert effect.to not in self.heard, "two at a time"
            assert effect.spoken.paths
            self.heard[effect.to] = (effect.playback, self.tell.now + effect.spoken.seconds + LATE_S)


@given(st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.1, 1.0, 4.0])), max_size=30))
def test_whatever_happens_one_thing_is_said_at_a_time_and_it_ends(story: list[tuple[PromptEvent, float]]) -> None:
    ears = Ears()
    for event, after in story:
        ears.handle(event, after)
        if isinstance(event, PartyGone):
            assert event.party not in ears.heard
        if isinstance(event, Close):
            assert not ears.heard
    for _ in range(100):
        due = ears.tell.queue.deadline
        if due is None:
            return
        ears.handle(Time(), due - ears.tell.now)
    pytest.fail("it never comes to an end")


def test_what_is_said_to_one_costs_the_same_among_3_and_among_3000() -> None:
    taken = set()
    for size in (3, 3000):
        tell = Told()
        for number in range(size):
            tell(Speak(f"p{number}", ("x", "y")))

        def one_more(tell: Told = tell) -> None:
            tell(Speak("new", ("x",), barge_in=True))
            tell(Speak("p1", ("z",)))
            tell(PlaybackOver(2))
            tell(BargeIn("new"))
            tell(PartyGone("p0"))
            assert tell.queue.deadline is not None

        taken.add(instructions(one_more))
    assert len(taken) == 1


def test_what_was_cut_off_is_forgotten_when_its_time_is_over() -> None:
    tell = Told()
    for number in range(100):
        tell(Speak(f"p{number}", ("x",)), 0.1)
        tell(PartyGone(f"p{number}"))
    tell(Time(), 2.0)
    assert not any((tell.queue._ends, tell.queue._playing, tell.queue._lines)) and tell.queue.deadline is None
