"""The quality of a leg over its life: loss, jitter, round trip, and the estimate of ITU-T G.107."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from mixer.frame import TICK_S
from softphone.media.contract.leg import LegStats
from softphone.quality import mos
from softphone.store.values import CallQuality

__all__ = ["Distribution", "Measured", "Measurements"]

# From a mouth into a packet, and from the bridge into one: a frame each.
FRAMES_MS = 2 * TICK_S * 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one leg, from its beginning to now."""

    packets_received: int
    packets_sent: int
    loss_percent: float
    "Of the packets of the peer: those that came never, or too late to be heard."
    remote_loss_percent: float | None
    "Of our packets, as the peer reports; None: it does not."
    jitter_ms: float
    rtt_ms: float | None
    "None: the peer does not report."
    delay_ms: float
    "From its mouth to the bridge: half the round trip, where that is known, playout buffer and packets."
    mos: float | None
    "How the bridge hears it, 1 to 4.5; None: nothing has come yet."
    remote_mos: float | None
    "How it hears the bridge, as far as its reports tell."

    @classmethod
    def of(cls, stats: LegStats) -> Self:
        """Read what a leg has seen."""
        came, missed = stats.packets_received, max(stats.lost, 0) + stats.late
        loss = 100.0 * missed / (came + max(stats.lost, 0)) if came else 0.0
        way_ms = (stats.rtt_ms or 0.0) / 2 + FRAMES_MS
        remote = stats.remote_loss_percent
        return cls(
            packets_received=came,
            packets_sent=stats.packets_sent,
            loss_percent=round(min(loss, 100.0), 2),
            remote_loss_percent=remote,
            jitter_ms=round(stats.jitter_ms, 2),
            rtt_ms=None if stats.rtt_ms is None else round(stats.rtt_ms, 1),
            delay_ms=round(way_ms + stats.delay_ms, 1),
            mos=round(mos(way_ms + stats.delay_ms, loss), 2) if came else None,
            remote_mos=None if remote is None else round(mos(way_ms + stats.delay_ms, remote), 2),
        )

    @property
    def quality(self) -> CallQuality | None:
        """What the history keeps; None: nothing came, so there is nothing to tell."""
        if self.mos is None:
            return None
        return CallQuality(self.loss_percent, self.jitter_ms, self.rtt_ms, self.mos)


class Distribution:
    """How often something was how much.

    Parameters
    ----------
    bounds
        Upper bounds of the buckets, rising; one more is above them.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def note(self, value: float) -> None:
        """Count one more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative: (upper bound as text, so many are at most that), ending with ``+Inf``."""
        names: Iterable[str] = (*map(str, self._bounds), "+Inf")
        return list(zip(names, map(float, accumulate(self._counts)), strict=True))


class Measurements:
    """Of all legs that are over."""

    def __init__(self) -> None:
        self.mos = Distribution((1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.3))
        self.loss_percent = Distribution((0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0))
        self.jitter_ms = Distribution((1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0))
        self.rtt_ms = Distribution((5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0))

    def note(self, measured: Measured) -> None:
        """Count a leg that is over; one that nothing came of tells nothing."""
        if measured.mos is None:
            return
        self.mos.note(measured.mos)
        self.loss_percent.note(measured.loss_percent)
        self.jitter_ms.note(measured.jitter_ms)
        if measured.rtt_ms is not None:
            self.rtt_ms.note(measured.rtt_ms)
