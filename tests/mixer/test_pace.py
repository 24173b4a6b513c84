"""What the pace remembers of packets that came too late."""

import numpy as np

from mixer.pace import Pace

ROW, NONE = np.array([0]), np.array([], np.int64)


def steps(waits: list[tuple[int, bool, bool]]) -> int:
    """Observe packets, each with its wait, whether it begins anew and whether it can be played; the step after them."""
    pace = Pace(1, 8000)
    for wait, anew, usable in waits:
        pace.observe(ROW, np.array([wait]), np.array([anew]), np.array([usable]))
    return int(pace.steps(np.array([0]), np.array([0]), NONE)[0])


def test_a_second_late_packet_slows_the_row() -> None:
    assert steps([(160, True, True), (-800, False, False)]) == 0
    assert steps([(160, True, True), (-800, False, False), (-800, False, False)]) < 0


def test_a_late_packet_of_before_a_row_began_anew_is_forgotten() -> None:
    assert steps([(160, True, True), (-800, False, False), (160, True, True), (-800, False, False)]) == 0
