"""Wrong codes: when a room closes, when it opens, and that memory has an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.guesses import Guesses


def test_one_more_than_the_limit_closes_the_room() -> None:
    guesses = Guesses(limit=20, window_s=600.0)
    assert [guesses.wrong("a", float(second)) for second in range(21)] == [False] * 20 + [True]
    assert guesses.closed("a", 21.0)
    assert not guesses.closed("b", 21.0), "another room"


def test_slow_guesses_do_not_close_it() -> None:
    guesses = Guesses(limit=2, window_s=10.0)
    assert not any(guesses.wrong("a", 5.0 * number) for number in range(100))


def test_it_opens_after_a_window_and_counts_anew() -> None:
    guesses = Guesses(limit=1, window_s=10.0)
    assert [guesses.wrong("a", now) for now in (0.0, 9.0)] == [False, True]
    assert guesses.closed("a", 18.9)
    assert not guesses.closed("a", 19.0)
    assert [guesses.wrong("a", now) for now in (19.0, 20.0)] == [False, True]


def test_guesses_at_a_closed_room_do_not_keep_it_closed() -> None:
    guesses = Guesses(limit=1, window_s=10.0)
    for now in (0.0, 1.0, 5.0, 10.0):
        guesses.wrong("a", now)
    assert not guesses.closed("a", 11.0)


def test_forgiven() -> None:
    guesses = Guesses(limit=1, window_s=10.0)
    for _ in range(2):
        guesses.wrong("a", 0.0)
    guesses.forgive()
    assert not guesses.closed("a", 0.0)
    assert not guesses.wrong("a", 1.0)


def test_the_room_left_alone_longest_is_forgotten_first() -> None:
    guesses = Guesses(limit=1, window_s=10.0, max_names=2)
    for room in ("a", "b", "a", "c"):
        guesses.wrong(room, 0.0)
    assert len(guesses) == 2
    assert guesses.closed("a", 1.0)
    assert not guesses.wrong("b", 1.0), "its first one is forgotten"


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"window_s": 0.0}, {"max_names": -1}])
def test_numbers_must_make_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Guesses(**wrong)


# Quarters of seconds: a sum of any fractions is rounded, and the end of a window is where one looks.
WAITS_S = st.integers(0, 120).map(lambda quarters: quarters / 4)


@given(st.lists(WAITS_S, max_size=60))
def test_never_more_than_the_limit_and_one_in_a_window(waits: list[float]) -> None:
    """However it is tried: codes looked at in any window are few."""
    guesses, now, looked_at = Guesses(limit=3, window_s=10.0), 0.0, list[float]()
    for wait in waits:
        now += wait
        if not guesses.closed("a", now):
            guesses.wrong("a", now)
            looked_at.append(now)
    assert all(sum(then - 10.0 < other <= then for other in looked_at) <= 4 for then in looked_at)
