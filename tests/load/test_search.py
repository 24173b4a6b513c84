"""The search for the largest number of parties."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.load.search import find_limit, trial_of
from softphone.load.trials import LimitFound, Trial
from tests.load.reports import ECHO, report


def search(
    limit: int,
    first: int,
    most: int,
    policy: int | None = None,
    void_from: int | None = None,
    trouble: Sequence[bool] = (),
) -> LimitFound:
    """Search at a service that carries so many, and lets so many in; `trouble`: which trials something else spoils."""
    spoilt = iter(trouble)

    async def attempt(parties: int) -> Trial:
        if next(spoilt, False):
            return Trial(parties=parties, broke=("max_delay_ms",))
        refused = policy if policy is not None and parties > policy else None
        there = min(parties, policy or parties)
        broke = ("max_loss",) if there > limit else ()
        return Trial(
            parties=parties, broke=broke, policy_limit=refused, void=void_from is not None and parties >= void_from
        )

    return asyncio.run(find_limit(attempt, first=first, most=most))


@given(limit=st.integers(1, 3000), first=st.integers(1, 100), most=st.integers(1, 3000))
def test_the_limit_is_found_within_a_twentieth(limit: int, first: int, most: int) -> None:
    found = search(limit, first, most)
    wanted = min(limit, most)
    assert found.parties <= wanted
    assert wanted - found.parties <= max(1, 0.05 * (found.broke_at or wanted))
    assert found.why == ("most" if limit >= most else "objective")
    assert len(found.trials) <= 30
    assert [trial.parties for trial in found.trials] == sorted({trial.parties for trial in found.trials})


@given(
    limit=st.integers(20, 3000),
    kinds=st.lists(st.lists(st.integers(0, 5), min_size=40, max_size=40), min_size=3, max_size=3),
)
def test_three_searches_agree_though_a_trial_is_spoilt_now_and_then(limit: int, kinds: list[list[int]]) -> None:
    """A spoilt trial is followed by one that is not."""
    found = []
    for kind in kinds:
        trouble = [each == 0 and before != 0 for before, each in zip([1, *kind], kind, strict=False)]
        found.append(search(limit, 10, 3000, trouble=trouble))
    assert max(each.parties for each in found) <= 1.1 * min(each.parties for each in found)


def test_a_search_that_could_end_otherwise_says_so() -> None:
    found = search(100, 10, 80, trouble=[True])
    assert (found.parties, found.why, [trial.parties for trial in found.trials if trial.shaky]) == (80, "most", [10])
    assert "with 10 the second trial ended otherwise" in str(found)
    assert "otherwise" not in str(search(100, 10, 200))


@pytest.mark.parametrize("policy", [1, 3, 10, 11, 57])
def test_a_limit_of_policy_is_found_exactly_and_called_so(policy: int) -> None:
    found = search(1000, 4, 500, policy=policy)
    assert (found.parties, found.why) == (policy, "policy")
    assert "policy" in str(found)


def test_what_breaks_below_the_policy_is_no_policy() -> None:
    found = search(20, 4, 500, policy=100)
    assert (found.why, found.broke) == ("objective", ("max_loss",))
    assert 19 <= found.parties <= 20


def test_a_generator_that_is_too_slow_ends_it_and_is_blamed() -> None:
    found = search(1000, 10, 1000, void_from=300)
    assert found.why == "generator"
    assert 280 <= found.parties < 300


def test_where_nothing_holds_the_limit_is_none() -> None:
    assert search(0, 10, 100).parties == 0


def test_a_report_is_a_trial() -> None:
    assert trial_of(report(3)).held
    assert trial_of(report(3, faults=[ECHO])).broke == ("hearing",)
    assert not trial_of(report(3, policy_limit=2, failures={"486 Busy Here": 1})).held
