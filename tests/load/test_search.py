"""The search for the largest number of parties."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.load.search import find_limit, trial_of
from softphone.load.trials import LimitFound, Trial
from tests.load.reports import ECHO, report


def search(limit: int, first: int, most: int, policy: int | None = None, void_from: int | None = None) -> LimitFound:
    """Search at a service that carries so many, and lets so many in."""

    async def attempt(parties: int) -> Trial:
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
