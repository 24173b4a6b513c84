"""Faults that somebody has planted in a bridge are found, and in one without fault none."""

import itertools

import numpy as np
import pytest

from softphone.load.faults import Fault
from softphone.load.media.speakers import STEPS
from softphone.load.media.tally import FULL, settle
from softphone.load.plan import LoadPlan
from softphone.load.seating import Seating
from tests.load.paper import TICK_S, Table


def kinds(faults: list[Fault]) -> set[tuple[str, int, int]]:
    return {(fault.kind, fault.listener, fault.talker) for fault in faults}


@pytest.mark.parametrize(("count", "talkers"), [(4, [0, 1, 2]), (2, [0, 1]), (12, [*range(12)]), (3, [2])])
def test_a_bridge_without_fault_has_none(count: int, talkers: list[int]) -> None:
    table = Table(count, talkers, level_dbov=-15 - 10 * np.log10(count))
    assert table.run(8.2) == []
    share = table.truth.heard / np.maximum(table.truth.heard + table.truth.silent, 1)
    assert (share == table.truth.expected).all()
    assert (table.truth.unknown == 0).all()


@pytest.mark.parametrize("delay_ms", [20.0, 43.5, 180.0, 700.0])
def test_the_delay_of_a_pair_is_measured_to_two_milliseconds(delay_ms: float) -> None:
    table = Table(3, [0, 1])
    table.bridge.delay_s = lambda at_s: delay_ms / 1000
    table.run(8.2)
    heard = table.truth.delay_ms[table.truth.expected]
    # What bot k says leaves k quarters of a tick after the tick, and a mix leaves a frame after its own.
    sent = np.array([0.0, 5.0, 10.0, 15.0])
    wanted = np.array([20 + delay_ms - sent[talker % 4] for i, talker in np.argwhere(table.truth.expected)])
    assert heard == pytest.approx(wanted, abs=2.0)


def test_a_party_that_hears_itself() -> None:
    table = Table(4, [0, 1, 2])
    table.bridge.gain[1, 1] = 0.3
    assert kinds(table.run(8.2)) == {("echo", 1, 1)}


@pytest.mark.parametrize("decibels", [-40.0, -20.0, 0.0])
def test_a_muted_party_that_leaks(decibels: float) -> None:
    table = Table(5, [0, 1, 2])
    table.truth.expect(False, 2, 0.0)
    table.bridge.gain[:, 2] = 10 ** (decibels / 20)
    table.bridge.gain[2, 2] = 0.0
    faults = table.run(8.2)
    assert kinds(faults) == {("leak", listener, 2) for listener in (0, 1, 3, 4)}
    assert all(fault.value == pytest.approx(-22.0 + decibels, abs=2.0) for fault in faults)


def test_who_is_brought_into_another_conference_hears_those_there_and_nobody_else() -> None:
    table = Table(5, [0, 1, 2])
    plan = LoadPlan(uri=("sip:a@h",), parties=5)
    seating = Seating(plan, table.truth)
    assert table.run(8.2) == []
    there = np.isin(np.arange(5), [2, 3])
    seating.together([2, 3], table.now_s)
    assert kinds(table.run(8.2)) == {("leak", i, k) for i, k in itertools.permutations(range(5), 2) if k < 3} - {
        ("leak", i, k) for i in range(5) for k in range(3) if there[i] == there[k]
    }
    table.bridge.gain[there[:, None] != there] = 0.0
    table.truth.forget()
    assert table.run(8.2) == []
    seating.together([4], table.now_s, "sip:b@h")
    before = table.truth.since_s.copy()
    seating.together([4], table.now_s + 5.0, "sip:b@h")
    assert (table.truth.since_s == before).all(), "nothing has changed"


def test_a_muted_party_that_is_silent_is_no_fault() -> None:
    table = Table(4, [0, 1, 2])
    table.truth.expect(False, 2, 0.0)
    table.bridge.gain[:, 2] = 0.0
    assert table.run(8.2) == []


def test_a_pair_that_is_deaf() -> None:
    table = Table(5, [0, 1, 2])
    table.bridge.gain[3, 1] = 0.0
    faults = table.run(8.2)
    assert kinds(faults) == {("deaf", 3, 1)}
    assert str(faults[0]) == "3 does not hear 1"


def test_two_that_have_each_others_sound() -> None:
    table = Table(4, [0, 1, 2])
    table.bridge.gain[[0, 1]] = table.bridge.gain[[1, 0]]
    assert kinds(table.run(8.2)) == {("swapped", 0, 1)}


def test_one_that_returns_to_each_what_it_says_is_no_swap() -> None:
    table = Table(3, [0, 1])
    table.bridge.gain = np.eye(3)
    deaf = {("deaf", 0, 1), ("deaf", 1, 0), ("deaf", 2, 0), ("deaf", 2, 1)}
    assert kinds(table.run(8.2)) == {("echo", 0, 0), ("echo", 1, 1)} | deaf


def test_a_mute_that_lasts_until_the_next_offer_only() -> None:
    table = Table(4, [0, 1, 2])
    table.truth.expect(False, 2, 0.0)
    table.bridge.gain[:, 2] = 0.0
    assert table.run(8.0) == []
    table.bridge.gain[:2, 2] = 1.0  # a re-INVITE, and it is forgotten that the party is muted
    assert kinds(table.run(10.0)) == {("leak", 0, 2), ("leak", 1, 2)}


@pytest.mark.parametrize("percent", [1, 5])
def test_loss_is_exact(percent: int) -> None:
    table = Table(4, [0, 1, 2])
    lost = np.random.default_rng(percent).random((4, 2000)) < percent / 100
    lost[:, :2] = False  # what nobody ever saw is missed by nobody
    table.bridge.is_lost = lambda bot, tick: bool(lost[bot, tick])
    table.run(20.0)
    table.bridge.is_lost = lambda bot, tick: False
    table.run(0.1)
    expected, missing = np.zeros(4, np.int64), np.zeros(4, np.int64)
    settle(table.plane.bots, expected, missing)
    assert missing.tolist() == table.bridge.dropped.tolist()
    assert (table.plane.bots["received"] + missing == expected).all()
    assert missing.sum() > 5 * percent


def test_a_stall_every_ten_seconds_is_a_gap_of_each_bot() -> None:
    table = Table(3, [0, 1])
    table.bridge.late_s = lambda at_s: max(0.06 - at_s % 10.0, 0.0) if at_s > 1 else 0.0
    table.run(29.0)
    assert table.plane.bots["gaps"].tolist() == [2, 2, 2]
    assert table.plane.bots["gap_s"] == pytest.approx(0.06, abs=0.006)


def test_a_delay_that_creeps() -> None:
    table = Table(3, [0, 1])
    table.bridge.delay_s = lambda at_s: 0.05 + 0.005 * at_s
    faults = table.run(25.0)
    assert {fault.kind for fault in faults} == {"creep"}
    assert [fault.value for fault in faults] == pytest.approx([5.0] * 4, abs=0.5)


@pytest.mark.parametrize("slope", [0.0, -0.002])
def test_a_delay_that_stays_or_shrinks_does_not_creep(slope: float) -> None:
    table = Table(3, [0, 1])
    table.bridge.delay_s = lambda at_s: 0.15 + slope * at_s
    assert table.run(25.0) == []


@pytest.mark.parametrize("at_s", [4.0, 7.0, 12.0, 17.0])
@pytest.mark.parametrize("seconds", [11.0, 20.0])
def test_a_delay_that_leaps_does_not_creep(at_s: float, seconds: float) -> None:
    table = Table(3, [0, 1])
    table.bridge.delay_s = lambda now_s: 0.05 if now_s < at_s else 0.09
    assert table.run(seconds) == []


@pytest.mark.parametrize(("every", "heard"), [(4, [0, 1]), (2, [])])
def test_what_holes_hide_is_not_known(every: int, heard: list[int]) -> None:
    table = Table(3, [0, 1])
    table.bridge.gain[2, 1] = 0.5
    table.bridge.is_lost = lambda bot, tick: bot > 0 and tick % every == every - 1
    assert table.run(8.2) == []
    assert (table.truth.silent[1:] == 0).all()
    assert np.flatnonzero(table.truth.heard[2]).tolist() == heard
    assert table.truth.unknown[1, 1] > 0 == table.truth.heard[1, 1]


def test_what_cannot_be_judged_yet_is_listened_to_for_longer() -> None:
    table = Table(4, [0, 1])
    table.bridge.gain[3, 1] = 0.0
    table.bridge.is_lost = lambda bot, tick: bot == 2 and tick % 2 == 1 and tick < 500
    table.run(1.0)
    assert table.listening.is_undecided()
    table.run(8.2)
    assert np.argwhere(table.truth.undecided()).tolist() == [[2, 0], [2, 1]]
    table.run(8.2)
    assert not table.listening.is_undecided()
    table.truth.away(2)
    table.truth.forget()
    assert not table.truth.undecided()[2].any(), "nobody waits for who is not there"


def test_who_is_sent_nothing_yet_may_have_been_held_up() -> None:
    table = Table(3, [0, 1])
    assert table.listening.is_undecided(), "not a tick has been"
    table.bridge.is_lost = lambda bot, tick: True
    table.run(4.0)
    assert table.listening.is_undecided()
    table.run(1.2)
    assert not table.listening.is_undecided(), "nothing comes"
    table.listening.forget()
    assert table.listening.is_undecided()


def test_who_is_held_up_itself_blames_nobody() -> None:
    """Bots that said nothing for a while were not heard; a bridge that takes their sound away is told as before."""
    table = Table(3, [0, 1], 80.0)
    for _ in range(3):
        table.run(4.0)
        while table.plane.bots["window"].any():  # the next one has nothing but what was not said
            table.run(TICK_S / STEPS)
        table.plane.skip(round(3.0 / TICK_S) * STEPS)
    assert table.run(8.2) == []
    assert (table.truth.silent[table.truth.expected] == 0).all()
    for on in (0.0, 1.0):
        table.bridge.gain[2, 1] = on
        table.run(9.0)
    assert kinds(table.truth.faults()) == {("partly deaf", 2, 1)}


def test_what_was_not_judged_before_it_changed_is_not_known() -> None:
    table = Table(4, [0, 1])
    table.run(8.2)
    assert not table.truth.not_known().any()
    table.truth.expect(False, 1, table.now_s)
    table.bridge.gain[:, 1] = 0.0
    assert table.listening.is_undecided(), "that it was heard before says nothing of now"
    table.run(2.0)
    table.truth.expect(True, 1, table.now_s)
    table.bridge.gain[:, 1] = [1.0, 0.0, 1.0, 1.0]
    table.run(8.2)
    assert table.truth.faults() == []
    assert not table.listening.is_undecided()
    assert np.argwhere(table.truth.not_known()).tolist() == [[0, 1], [1, 1], [2, 1], [3, 1]]
    table.truth.forget()
    table.run(8.2)
    assert not table.truth.not_known().any()


def test_no_step_waits_for_many_pairs_and_all_are_judged() -> None:
    table = Table(100, [*range(100)], level_dbov=-40.0)
    table.run(1.0)
    table.plane.bots["window"] = FULL
    left = []
    for _ in range(20):
        table.listening.look()
        left.append(int((table.plane.bots["window"] == FULL).sum()))
    assert left == [max(0, 90 - 10 * k) for k in range(20)]


def test_a_talker_that_begins_in_a_window_is_not_judged_by_it() -> None:
    table = Table(3, [0, 1])
    table.plane.talk(1, False)
    table.truth.talking(1, False, 0.0)
    assert table.run(6.3) == []
    table.plane.talk(1, True)
    table.truth.talking(1, True, table.now_s)
    assert table.run(10.0) == []
    assert table.truth.heard[0, 1] > 0
