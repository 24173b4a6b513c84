"""Talkers that pause: how long, when, and the same in all processes."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.load.duty import DutyCycles


class Heard:
    """Notes who talks."""

    def __init__(self) -> None:
        self.talking: dict[int, bool] = {}
        self.said: set[str | None] = set()

    def talk(self, bots: Sequence[int], on: bool, speech: str | None) -> None:
        self.talking |= dict.fromkeys(bots, on)
        self.said.add(speech)


def course(first: int, bots: Sequence[int], duty: float, every_s: float) -> list[dict[int, bool]]:
    """Who of all talks in each tick of three turns, by their numbers among all."""
    heard = Heard()
    cycles = DutyCycles(heard.talk, first)
    cycles.begin(bots, duty=duty, every_s=every_s, speech="a.wav", now_s=100.0)
    found = []
    for tick in range(round(3 * every_s / 0.02)):
        cycles.look(100.0 + 0.02 * tick)
        found.append({first + bot: on for bot, on in heard.talking.items()})
    assert heard.said == {"a.wav"}
    return found


@given(duty=st.floats(0.1, 0.9), every_s=st.floats(1.0, 8.0))
def test_each_talks_for_its_share_of_the_time(duty: float, every_s: float) -> None:
    ticks = course(0, range(5), duty, every_s)
    for bot in range(5):
        talks = [tick[bot] for tick in ticks]
        assert sum(talks) / len(talks) == pytest.approx(duty, abs=0.1 / every_s)
        changes = sum(one != other for one, other in itertools.pairwise(talks))
        assert 5 <= changes <= 6, "it begins and ceases once in each turn"
    assert len({tuple(tick[bot] for tick in ticks) for bot in range(5)}) == 5, "each at a time of its own"


@pytest.mark.parametrize("first", [0, 4, 8])
def test_who_talks_when_is_the_same_in_all_processes(first: int) -> None:
    whole, share = course(0, range(12), 0.4, 5.0), course(first, range(4), 0.4, 5.0)
    assert share == [{number: tick[number] for number in range(first, first + 4)} for tick in whole]


def test_who_has_ended_its_turns_stays_as_it_is() -> None:
    heard = Heard()
    cycles = DutyCycles(heard.talk, 0)
    cycles.begin([0, 1], duty=0.5, every_s=1.0, speech=None, now_s=0.0)
    cycles.end([0])
    was = heard.talking[0]
    seen = set()
    for tick in range(100):
        cycles.look(0.02 * tick)
        assert heard.talking[0] is was
        seen.add(heard.talking[1])
    assert seen == {False, True}
