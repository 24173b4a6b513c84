"""A tick in one call is the tick of its stages one after the other: the same frames, and nothing else is remembered."""

from typing import Any

import numpy as np
import pytest

from mixer.bridge import Bridge

TICK_S, SAMPLES, PARTIES = 0.02, 160, 9


class Twins:
    """Two bridges to which the same happens; the second does each stage for itself."""

    def __init__(self) -> None:
        self.both, self._random = (Bridge(16), Bridge(16)), np.random.default_rng(1)
        for bridge in self.both:
            rooms = [bridge.roster.add_room() for _ in range(2)]
            for i in range(PARTIES):
                bridge.add_party(rooms[i % 2])

    def tick(self, k: int) -> None:
        """Let everybody say something, louder and softer, some of it lost, and do a tick."""
        rows = np.flatnonzero(self._random.random(PARTIES) > 0.1)
        pcm = (self._random.normal(0, 1, (len(rows), SAMPLES)) * 10.0 ** self._random.uniform(0, 4.4)).clip(
            -32767, 32767
        )
        seq, timestamp = np.full(len(rows), k, np.uint16), np.full(len(rows), k * SAMPLES, np.uint32)
        ssrc, marker, came_s = rows.astype(np.uint32) + 1, np.zeros(len(rows), np.bool_), np.full(len(rows), k * TICK_S)
        for bridge in self.both:
            bridge.receive(rows, seq, timestamp, ssrc, marker, pcm.astype(np.int16), came_s - 0.005, k * TICK_S)
        self.both[1].stages._alone = self.both[1].lanes[1]  # where nobody is
        for bridge in self.both:
            bridge.tick(k * TICK_S)

    def compare(self) -> None:
        """See that both have made and remember the same."""
        one, other = ((each.parties.tobytes(), *self._heard(each)) for each in self.both)
        for mine, theirs in zip(one, other, strict=True):
            assert np.array_equal(mine, theirs)

    def _heard(self, bridge: Bridge) -> list[Any]:
        tick, lane = bridge.outcome, bridge.lanes[0]
        recorded = [tick.recorded_frame(room).copy() for room in range(2)]
        return [tick.frame_of_row.copy(), lane.frames.copy(), lane.silence_at[0] == len(lane.frames) - 1, *recorded]


@pytest.mark.parametrize("taped", [{}, {0: 1}, {0: 1, 1: 1}])
def test_a_tick_in_one_call_is_that_of_its_stages(taped: dict[int, int]) -> None:
    twins = Twins()
    for bridge in twins.both:
        bridge.roster.tape(taped)
    for k in range(1, 120):
        for bridge in twins.both:
            roster, row = bridge.roster, k % PARTIES
            roster.set_muted(row, k % 3 == 0)
            roster.set_gain_out(row, 1.0 + k % 2)
            roster.set_recorded(row, k % 5 > 0)
            if k % 7 == 0:
                roster.move(row, k % 2)
        twins.tick(k)
        twins.compare()
    assert any(frame.any() for frame in twins.both[0].lanes[0].frames)
    looked = [bridge.stages._used for bridge in twins.both]
    assert looked[0] < 0 < looked[1], "the first has never looked which lanes there are, all was one call"
