"""What a leg has seen, as loss, jitter, round trip and a score; and how often which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.focus.measured import Distribution, Measured, Measurements
from softphone.media.contract.leg import LegStats

GOOD = LegStats(packets_received=1000, packets_sent=900, jitter_ms=1.234, rtt_ms=40.0, delay_ms=30.0)


def test_a_good_leg() -> None:
    measured = Measured.of(GOOD)
    assert (measured.loss_percent, measured.jitter_ms, measured.rtt_ms, measured.delay_ms) == (0.0, 1.23, 40.0, 90.0)
    assert measured.mos == pytest.approx(4.41, abs=0.01)
    assert measured.remote_mos is None, "it has reported nothing"


def test_what_came_late_was_not_heard() -> None:
    measured = Measured.of(LegStats(packets_received=950, lost=50, late=50, remote_loss_percent=25.0))
    assert measured.loss_percent == 10.0
    assert measured.mos is not None and measured.remote_mos is not None
    assert measured.remote_mos < measured.mos < 3.5


def test_a_leg_that_nothing_came_of_tells_nothing() -> None:
    measured = Measured.of(LegStats(packets_sent=5))
    assert (measured.mos, measured.quality, measured.loss_percent) == (None, None, 0.0)
    noted = Measurements()
    noted.note(measured)
    assert noted.mos.buckets[-1] == ("+Inf", 0.0)


@given(
    lost=st.integers(-5, 1000),
    late=st.integers(0, 1000),
    delay=st.floats(0, 2000),
    rtt=st.none() | st.floats(0, 5000),
)
def test_whatever_a_leg_has_seen_is_a_score(lost: int, late: int, delay: float, rtt: float | None) -> None:
    seen = LegStats(packets_received=1000, lost=lost, late=late, delay_ms=delay, rtt_ms=rtt)
    measured, clean = Measured.of(seen), Measured.of(LegStats(packets_received=1000, delay_ms=delay, rtt_ms=rtt))
    assert 0 <= measured.loss_percent <= 100
    assert measured.mos is not None and clean.mos is not None and 1.0 <= measured.mos <= clean.mos <= 4.5


def test_values_fall_into_buckets_at_most_so_large() -> None:
    found = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 7.0):
        found.note(value)
    assert (found.buckets, found.sum) == ([("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)], 10.0)
