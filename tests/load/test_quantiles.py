"""Percentiles are within 1 % of the values, and those of two runs merge into those of both."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.load.quantiles import Quantiles

MILLISECONDS = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=200)


@given(MILLISECONDS, st.sampled_from([0.01, 0.5, 0.9, 0.99, 0.999, 1.0]))
def test_a_percentile_is_a_value_within_a_hundredth(values: list[float], share: float) -> None:
    wanted = np.quantile(values, share, method="inverted_cdf")
    assert Quantiles.of(values).at(share) == pytest.approx(wanted, rel=0.0101)


@given(MILLISECONDS, MILLISECONDS)
def test_merged_they_say_what_one_says_that_saw_all(one: list[float], other: list[float]) -> None:
    merged = Quantiles.of(one)
    merged.merge(Quantiles.of(other))
    both = Quantiles.of(one + other)
    assert (merged.buckets, merged.count, merged.least, merged.most) == (
        both.buckets,
        both.count,
        both.least,
        both.most,
    )
    assert merged.total == pytest.approx(both.total)


def test_of_nothing_there_is_no_percentile() -> None:
    nothing = Quantiles()
    nothing.merge(Quantiles())
    assert (nothing.at(0.5), nothing.mean, nothing.summary()) == (None, None, {})


def test_they_go_through_json() -> None:
    made = Quantiles.of([0.0, 1.0, 20.0])
    assert msgspec.json.decode(msgspec.json.encode(made), type=Quantiles) == made
