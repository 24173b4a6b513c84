"""The numbers of a node at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from softphone.focus.measured import Measurements
from softphone.media.contract.leg import WorkerMetrics

__all__ = ["FocusStats", "WorkerStats"]


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """Of one media worker."""

    index: int
    legs: int
    late_ticks: int
    "More than 20 ms late."
    lateness: list[tuple[str, float]]
    "Cumulative: (upper bound in seconds as text, ticks at most so late), ending with ``+Inf``."
    lateness_sum_s: float
    strangers: int
    "Datagrams from unknown senders."
    unclaimed: int
    "Those that could have been of several legs."
    cpu_s: float
    memory_bytes: int

    @classmethod
    def of(cls, index: int, metrics: WorkerMetrics) -> Self:
        """Read a worker's report."""
        bounds = [str(bound / 1000) for bound in metrics.lateness_ms] + ["+Inf"]
        return cls(
            index,
            metrics.legs,
            metrics.late_ticks,
            list(zip(bounds, map(float, accumulate(metrics.lateness_counts)), strict=True)),
            metrics.lateness_sum_ms / 1000,
            metrics.strangers,
            metrics.unclaimed,
            metrics.cpu_s,
            metrics.memory_bytes,
        )


@dataclass(frozen=True, slots=True)
class FocusStats:
    """Of the whole node."""

    conferences: int
    parties: int
    calls: int
    refused: int
    registrations: int
    transactions: int
    sip: Mapping[str, int]
    webrtc: Mapping[str, int]
    "Legs of WebRTC that came to nothing, by reason."
    heard: Measurements
    "Of the legs that are over."
    workers: list[WorkerStats]
