"""The E-model's figures, against those that the recommendation and others publish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.quality import BEST_R, mos, rating


def test_a_line_without_delay_and_loss_has_the_default_rating() -> None:
    assert rating(0, 0) == BEST_R == 93.2
    assert mos(0, 0) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("delay_ms", "impairment"), [(100, 0.0), (200, 3.1), (300, 14.6), (400, 24.0), (500, 30.0)])
def test_delay_costs_what_figure_and_tables_of_the_recommendation_have(delay_ms: float, impairment: float) -> None:
    assert BEST_R - rating(delay_ms, 0) == pytest.approx(impairment, abs=1.2)


@pytest.mark.parametrize(("loss", "wanted"), [(1, 3.64), (3, 10.14), (5, 15.78), (20, 42.13)])
def test_loss_costs_by_the_robustness_of_the_codec(loss: float, wanted: float) -> None:
    assert BEST_R - rating(0, loss) == pytest.approx(wanted, abs=0.01)  # 95 * P / (P + 25.1)


@given(st.floats(-10, 10_000), st.floats(-1, 101), st.floats(0, 500), st.floats(0, 20))
def test_worse_is_never_better_and_all_is_on_the_scale(delay: float, loss: float, later: float, more: float) -> None:
    assert 1.0 <= mos(delay + later, loss + more) <= mos(delay, loss) + 1e-9 <= 4.5


def test_who_hears_nothing_has_the_worst_score() -> None:
    assert mos(1000, 100) == 1.0
