"""Who returns what it is sent, by levels alone: found within seconds, and talkers who answer each other are not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer.echo import NO_ROWS, OVER, REACH, SURE, EchoFinder, judge, write_down
from mixer.kernel import COMPILED

Levels = NDArray[np.float64]
S = 50
FLOOR = -65.0
# Sixteen ticks of hangover, as a voice gate has it.
GATE_DBOV, HANGOVER = -45.0, 15


def syllables(random: np.random.Generator, ticks: int) -> Levels:
    """A stretch of speech in dBov: syllables of 60 to 240 ms, each of its own loudness, with breaks between words."""
    levels, at = np.full(ticks, FLOOR), 0
    while at < ticks:
        length = int(random.integers(3, 13))
        shape = random.uniform(-38, -14) + 20 * np.log10(np.sin(np.pi * (np.arange(length) + 0.5) / length) + 0.02)
        levels[at : at + length] = shape[: ticks - at]
        at += length + int(random.choice([0, 1, 2, 5, 12]))
    return levels


def with_noise(random: np.random.Generator, levels: Levels) -> Levels:
    """The same with the noise of a room."""
    power = 10 ** (levels / 10) + 10 ** ((FLOOR + random.normal(0, 1.5, len(levels))) / 10)
    return np.asarray(10 * np.log10(power))


def dialogue(random: np.random.Generator, ticks: int) -> tuple[Levels, Levels]:
    """Two who answer each other after 60 to 600 ms, now with a word and now with many."""
    lines, at, who = np.full((2, ticks), FLOOR), 0, 0
    while at < ticks:
        length = int(random.choice([10, 25, 60, 150]))
        lines[who, at : at + length] = syllables(random, length)[: ticks - at]
        at, who = at + length + int(random.integers(3, 31)), 1 - who
    return with_noise(random, lines[0]), with_noise(random, lines[1])


def echo_of(random: np.random.Generator, sent: Levels, delay: int, loss_db: float) -> Levels:
    """What a microphone near a loudspeaker picks up of it, a little smeared by the room."""
    power = np.convolve(10 ** (sent / 10), (0.6, 0.3, 0.1))[: len(sent)]
    late = np.concatenate((np.full(delay, 1e-9), power))[: len(sent)]
    return with_noise(random, 10 * np.log10(late) - loss_db + random.normal(0, 0.7, len(sent)))


def gated(levels: Levels) -> NDArray[np.bool_]:
    """When a voice gate is open."""
    loud = np.concatenate((np.zeros(HANGOVER, np.bool_), levels > GATE_DBOV))
    return np.asarray(np.lib.stride_tricks.sliding_window_view(loud, HANGOVER + 1).any(axis=1))


def note(
    finder: EchoFinder, level_dbov: NDArray[np.float32], heard: NDArray[np.bool_], room: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Write down a tick, and look if there is anything to look at, as the engine does."""
    moved = write_down(finder.arrays, level_dbov, heard, room, count)
    return finder.look(moved) if moved or finder.due else NO_ROWS


def followed(rows: list[Levels], rooms: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
    """Which rows are found in each tick, shape (rows, ticks)."""
    levels, opened = np.array(rows, np.float32), np.array([gated(row) for row in rows])
    room = np.zeros(len(rows), np.int64) if rooms is None else rooms
    finder, told = EchoFinder(len(rows) + 3), np.zeros(levels.shape, np.bool_)
    now = np.zeros(len(rows) + 3, np.bool_)
    for tick in range(levels.shape[1]):
        changed = note(finder, levels[:, tick], opened[:, tick], room, len(room))
        now[changed] = ~now[changed]
        assert np.array_equal(now, finder.echoing), "each change is told once"
        told[:, tick] = now[: len(rows)]
    return told


@pytest.mark.parametrize("delay", [3, 8, 17, 30])
@pytest.mark.parametrize("loss_db", [0.0, 8.0, 15.0])
def test_who_returns_what_it_is_sent_is_found_within_seconds(delay: int, loss_db: float) -> None:
    random = np.random.default_rng(delay)
    talker = with_noise(random, syllables(random, 20 * S))
    found = followed([talker, echo_of(random, talker, delay, loss_db), np.full(20 * S, FLOOR)])
    assert not found[[0, 2]].any() and found[1, 10 * S :].all()


def test_of_many_talkers_the_one_is_found_and_in_its_room_only() -> None:
    random = np.random.default_rng(7)
    (a, b), (c, d) = dialogue(random, 30 * S), dialogue(random, 30 * S)
    sent = np.maximum(np.where(gated(a), a, FLOOR), np.where(gated(b), b, FLOOR))
    found = followed([a, b, echo_of(random, sent, 11, 10.0), c, d], np.array([0, 0, 0, 1, 1]))
    assert np.flatnonzero(found.any(axis=1)).tolist() == [2]


def test_an_echo_that_ends_is_over() -> None:
    random = np.random.default_rng(3)
    talker, own = dialogue(random, 60 * S)
    echo = echo_of(random, talker, 9, 6.0)
    half = 30 * S
    rows = [talker, np.concatenate((np.maximum(echo[:half], own[:half] - 40), own[half:]))]
    found = followed(rows)
    assert found[1, half - 5 * S : half].all() and not found[1, -5 * S :].any()
    assert SURE < OVER


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_talkers_who_answer_each_other_return_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    assert not followed([*dialogue(random, 40 * S), *dialogue(random, 40 * S)]).any()


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_nor_do_those_who_talk_at_the_same_time(seed: int) -> None:
    random = np.random.default_rng(seed)
    assert not followed([with_noise(random, syllables(random, 30 * S)) for _ in range(3)]).any()


@pytest.mark.parametrize("level", [-20.0, -40.0])
def test_what_has_no_shape_is_no_echo(level: float) -> None:
    """Music on hold, a fan, a tone."""
    random = np.random.default_rng(1)
    steady = [level + random.normal(0, 1.0, 20 * S) for _ in range(2)]
    assert not followed(steady).any()
    assert not followed([np.full(20 * S, level), np.full(20 * S, level)]).any()


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_no_number_of_rows_has_anything_compiled_in_a_tick() -> None:
    finder, levels = EchoFinder(8), np.full(8, -20.0, np.float32)
    compiled: Any = judge
    finder.rehearse()
    kinds = list(compiled.signatures)
    for rows in (2, 3, 7):
        for _ in range(REACH + 60):
            note(finder, levels[:rows], np.ones(rows, np.bool_), np.zeros(rows, np.int64), rows)
    assert list(compiled.signatures) == kinds


def test_who_moves_or_leaves_begins_anew() -> None:
    random = np.random.default_rng(5)
    talker = with_noise(random, syllables(random, 30 * S))
    levels = np.array([talker, echo_of(random, talker, 6, 6.0)], np.float32)
    finder, here = EchoFinder(4), np.array([0, 0])
    for tick in range(12 * S):
        note(finder, levels[:, tick], np.ones(2, np.bool_), here, 2)
    assert finder.echoing.tolist() == [False, True, False, False]
    assert note(finder, levels[:, 0], np.ones(2, np.bool_), np.array([0, 1]), 2).tolist() == [1]
    assert not finder.echoing.any()
    for tick in range(12 * S, 12 * S + REACH - 1):
        note(finder, levels[:, tick], np.ones(2, np.bool_), here, 2)
    assert not finder.echoing.any(), "of what was said elsewhere nothing counts"
    for tick in range(12 * S + REACH, 28 * S):
        note(finder, levels[:, tick], np.ones(2, np.bool_), here, 2)
    assert finder.echoing[1]
    assert note(finder, levels[:1, 0], np.ones(1, np.bool_), here[:1], 1).tolist() == [1], "the row is given up"
