"""What the pace remembers of packets that came too late."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer import Bridge, pace
from tests.mixer.rows import RATE, seated
from tests.support.packets import packets_of, play

TICKS = 150


def steps(waits: list[tuple[int, bool, bool]]) -> int:
    """Observe packets, each with its wait, whether it begins anew and whether it can be played; the step after them."""
    parties, _ = seated([0])
    parties[0].grain = RATE.samples
    for wait, anew, usable in waits:
        pace.observe(parties[0], wait, anew, usable)
    return int(pace.step(RATE, pace.excess(parties[0], RATE), False))


def test_a_second_late_packet_slows_the_row() -> None:
    assert steps([(160, True, True), (-800, False, False)]) == 0
    assert steps([(160, True, True), (-800, False, False), (-800, False, False)]) < 0


def test_a_late_packet_of_before_a_row_began_anew_is_forgotten() -> None:
    assert steps([(160, True, True), (-800, False, False), (160, True, True), (-800, False, False)]) == 0


def said(late_s: dict[int, float], rate_hz: int = 8000, max_delay_s: float = 0.1) -> NDArray[np.int16]:
    """Tell what a row says whose sender is steady but for some packets that come so late; infinity: never."""
    bridge = Bridge(1, rate_hz, gate=None, max_delay_s=max_delay_s)
    bridge.add_party(bridge.roster.add_room())
    wave = np.rint(8000 * np.sin(2 * np.pi * 440 / rate_hz * np.arange(TICKS * rate_hz // 50))).astype(np.int16)
    sent = packets_of(wave, rate_hz // 50, rate_hz=rate_hz, delay_s=lambda k: late_s.get(k, 0.0))
    return play(bridge, [p for p in sent if p.at_s < np.inf], TICKS)


def slows(late_s: dict[int, float], rate_hz: int = 8000, max_delay_s: float = 0.1) -> bool:
    """Tell whether a row is played otherwise than if these packets had been lost."""
    lost = dict.fromkeys(late_s, np.inf)
    return not np.array_equal(said(late_s, rate_hz, max_delay_s), said(lost, rate_hz, max_delay_s))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_what_no_delay_that_is_permitted_would_have_saved_slows_nobody(rate_hz: int) -> None:
    assert not slows({40: 0.135, 45: 0.135}, rate_hz)
    assert not slows({40: 0.15, 42: 0.2, 44: 0.5, 46: 0.15, 48: 1.0}, rate_hz)


def test_what_a_delay_that_is_permitted_would_have_saved_slows_the_row_once_it_comes_again() -> None:
    assert slows({40: 0.08, 45: 0.08})
    assert not slows({40: 0.08})
    assert slows({40: 0.135, 45: 0.135}, max_delay_s=0.2)
    assert not slows({40: 0.235, 45: 0.235}, max_delay_s=0.2)


def test_nor_does_it_make_the_first_that_could_have_been_saved_count() -> None:
    assert not slows({40: 0.15, 45: 0.08})
    assert not slows({40: 0.08, 45: 0.15})
    assert slows({40: 0.08, 42: 0.15, 45: 0.08})


# 135 ms, and 20 more: a row that loses packets again and again is played a tick later.
@given(st.dictionaries(st.integers(10, 45), st.integers(156, 1500), min_size=2, max_size=8))
@settings(max_examples=15)
def test_packets_that_come_too_late_for_any_delay_are_as_if_lost(late_ms: dict[int, int]) -> None:
    assert not slows({2 * k: late / 1000 for k, late in late_ms.items()})
