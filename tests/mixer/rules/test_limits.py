"""The limiter of failed attempts over its whole life, with the time as an argument."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mixer.rules.limits import Attempts

DAY_S = 86_400.0


def test_the_limit_closes_a_name_and_no_other() -> None:
    attempts = Attempts(3, 60.0)
    assert [attempts.failed("a", now) for now in (0.0, 1.0, 2.0)] == [False, False, True]
    assert (attempts.wait_s("a", 2.0), attempts.wait_s("a", 61.5), attempts.wait_s("b", 2.0)) == (60.0, 0.5, 0.0)


@pytest.mark.parametrize("later", [62.0, 62.001, 100.0, 214.0, 10 * DAY_S])
def test_it_opens_again_and_stays_open(later: float) -> None:
    attempts = Attempts(3, 60.0)
    for now in (0.0, 1.0, 2.0):
        attempts.failed("a", now)
    assert attempts.wait_s("a", later) == 0.0
    assert not attempts.failed("a", later), "the first of a new window"
    assert attempts.wait_s("a", later) == 0.0


def test_slow_failures_close_nothing() -> None:
    attempts = Attempts(3, 10.0)
    assert not any(attempts.failed("a", 5.0 * number) for number in range(100))


def test_failures_of_a_closed_name_do_not_keep_it_closed() -> None:
    attempts = Attempts(2, 10.0)
    for now in (0.0, 1.0, 5.0, 10.9):
        attempts.failed("a", now)
    assert attempts.wait_s("a", 11.0) == 0.0


def test_closures_double_and_less_is_borne_each_time() -> None:
    attempts, now, borne, waits = Attempts(8, 10.0, longest_s=100.0), 0.0, [], []
    for _ in range(6):
        failures = 1
        while not attempts.failed("a", now):
            failures += 1
        borne.append(failures)
        waits.append(attempts.wait_s("a", now))
        now += waits[-1]
    assert borne == [8, 4, 2, 1, 1, 1]
    assert waits == [10.0, 20.0, 40.0, 80.0, 100.0, 100.0]
    assert not attempts.failed("a", now + 200.0), "after a rest all is as in the beginning"


def test_success_and_forgiveness_open_it() -> None:
    attempts = Attempts(1, 10.0)
    for name in ("a", "b", "c"):
        attempts.failed(name, 0.0)
    attempts.forget("a")
    attempts.forget("nobody")
    assert [attempts.wait_s(name, 0.0) > 0 for name in ("a", "b", "c")] == [False, True, True]
    attempts.clear()
    assert attempts.wait_s("b", 0.0) == 0.0 and len(attempts) == 0


def test_a_flood_of_names_takes_bounded_memory_and_opens_no_closed_one() -> None:
    attempts = Attempts(2, 10.0, max_names=50)
    for _ in range(2):
        attempts.failed("offender", 0.0)
    for number in range(1000):
        attempts.failed(str(number), 1.0)
    assert len(attempts) <= 50
    assert attempts.wait_s("offender", 1.0) == 9.0


@pytest.mark.parametrize("letter", ["x", "\udcff", "\U0001f600"])
def test_names_of_any_length_are_told_apart_and_take_bounded_memory(letter: str) -> None:
    attempts = Attempts(1, 10.0, max_names=50)
    names = [f"{letter * 10_000}{number}" for number in range(50)]
    tracemalloc.start()
    for name in names:
        assert attempts.failed(name[:] + "", 0.0)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 50 * 1000
    assert all(attempts.wait_s(name, 0.0) for name in names) and not attempts.wait_s(letter * 10_000, 0.0)
    attempts.forget(names[0])
    assert [attempts.wait_s(name, 0.0) for name in names[:2]] == [0.0, 10.0]


def test_closed_names_are_bounded_too() -> None:
    attempts = Attempts(1, 10.0, max_names=5)
    for number in range(9):
        attempts.failed(str(number), 0.0)
    assert [attempts.wait_s(str(number), 0.0) > 0 for number in range(9)] == [False] * 4 + [True] * 5


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"window_s": 0.0}, {"max_names": -1}, {"longest_s": 1.0}])
def test_numbers_must_make_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Attempts(**{"limit": 1, "window_s": 2.0, **wrong})  # type: ignore[arg-type]


# Quarters of seconds: a sum of any fractions is rounded, and the end of a window is where one looks.
@given(st.lists(st.integers(0, 120).map(lambda quarters: quarters / 4), max_size=60))
def test_whoever_may_try_tries_less_than_twice_the_limit_in_a_window(waits: list[float]) -> None:
    attempts, now, tried = Attempts(4, 10.0), 0.0, list[float]()
    for wait in waits:
        now += wait
        if not attempts.wait_s("a", now):
            attempts.failed("a", now)
            tried.append(now)
    assert all(sum(then - 10.0 < other <= then for other in tried) < 8 for then in tried)


class Life(RuleBasedStateMachine):
    """Any order of failures, successes and pauses, of several names."""

    NAMES = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.attempts = Attempts(3, 10.0, longest_s=80.0)
        self.now = 0.0
        self.failures = dict.fromkeys(self.NAMES, 0)

    @rule(name=st.sampled_from(NAMES), times=st.integers(1, 5))
    def fail(self, name: str, times: int) -> None:
        others = {other: self.attempts.wait_s(other, self.now) for other in self.NAMES if other != name}
        for _ in range(times):
            before = self.attempts.wait_s(name, self.now)
            closed = self.attempts.failed(name, self.now)
            assert not (before and closed)
            assert closed == (not before and self.attempts.wait_s(name, self.now) > 0)
            self.failures[name] += 1
        assert others == {other: self.attempts.wait_s(other, self.now) for other in others}, "no neighbour pays"

    @rule(name=st.sampled_from(NAMES))
    def succeed(self, name: str) -> None:
        self.attempts.forget(name)
        assert self.attempts.wait_s(name, self.now) == 0.0

    @rule(quarters=st.integers(0, 2000))
    def wait(self, quarters: int) -> None:
        self.now += quarters / 4

    @rule(name=st.sampled_from(NAMES))
    def wait_until_it_opens(self, name: str) -> None:
        self.now += self.attempts.wait_s(name, self.now)
        assert self.attempts.wait_s(name, self.now) == 0.0, "what it said is true: it opens then"

    @invariant()
    def the_wait_is_a_time(self) -> None:
        for name in self.NAMES:
            assert 0.0 <= self.attempts.wait_s(name, self.now) <= 80.0
            assert self.attempts.wait_s(name, self.now + 80.0) == 0.0, "it always opens again"
            assert self.failures[name] or not self.attempts.wait_s(name, self.now)
        assert len(self.attempts) <= len(self.NAMES)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
