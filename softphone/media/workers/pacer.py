"""When ticks are due, and how late they were: absolute deadlines, a histogram, and what to do after a stall."""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from mixer.frame import TICK_S

__all__ = ["RECENT", "Histogram", "Pacer"]

BOUNDS_MS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
# After a stall up to so many ticks are made up for at once: what the peers' buffers hold (and ours: 100 ms). What is
# older would be heard as a burst of stale sound, so it is left out.
CATCH_UP_TICKS = 5
# Recent ticks whose duration is remembered: 80 s.
RECENT = 4096


@dataclass(slots=True)
class Histogram:
    """Counts per bucket; `counts` has one more entry than `bounds`, for what is above them."""

    bounds: tuple[float, ...] = BOUNDS_MS
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Pacer:
    """The deadlines of ticks, and of the drains between them.

    Attributes
    ----------
    deadline
        When the next tick is due, in seconds; None while none is.
    ticks, late_ticks, skipped_ticks
        Done; begun more than a tick late; left out.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.lateness = Histogram()
        self.ticks = self.late_ticks = self.skipped_ticks = 0
        self._recent_ms = np.zeros(RECENT)

    def start(self, now: float) -> None:
        """Begin: the first tick is due a tick from now. Does nothing while running."""
        if self.deadline is None:
            self.deadline = now + TICK_S

    def stop(self) -> None:
        """Let no tick be due."""
        self.deadline = None

    def wake(self, now: float, drains: int) -> float:
        """Give when to wake up next, for a drain or the tick (whose deadline this must be called before)."""
        if self.deadline is None:
            return float("inf")
        step = TICK_S / drains
        return self.deadline - step * max(0, int((self.deadline - now) / step - 1e-6))

    def begin(self, began: float) -> tuple[float, int]:
        """Take note of a tick that begins; give its deadline, and how many before it cannot be made up for any more."""
        due = began if self.deadline is None else self.deadline
        late_s = max(0.0, began - due)
        self.lateness.add(1000 * late_s)
        self.late_ticks += late_s > TICK_S
        behind = int(late_s / TICK_S)
        skipped = behind if behind > CATCH_UP_TICKS else 0
        self.skipped_ticks += skipped
        self.deadline = due + skipped * TICK_S
        return self.deadline, skipped

    def done(self, began: float, ended: float) -> None:
        """Take note of a tick that is over."""
        self._recent_ms[self.ticks % RECENT] = 1000 * (ended - began)
        self.ticks += 1
        if self.deadline is not None:
            self.deadline += TICK_S

    def durations_ms(self, most: int = RECENT) -> tuple[float, float, float]:
        """Give median, 99th percentile and maximum of the durations of the last `most` ticks, as far as remembered."""
        count = min(self.ticks, most, RECENT)
        if count <= 0:
            return 0.0, 0.0, 0.0
        recent = self._recent_ms[np.arange(self.ticks - count, self.ticks) % RECENT]
        p50, p99 = np.percentile(recent, (50, 99))
        return float(p50), float(p99), float(recent.max())
