"""Percentiles that merge exactly: counts of values in buckets that grow by 2 %, from a microsecond to a day.

Two of them, from two processes or machines, are merged by adding their counts, and then say what one would have said
that had seen all values. A bucket is 2 % wide, so no percentile is off by more than 1 %.
"""

from collections.abc import Iterable
from math import exp, log
from typing import Self

from msgspec import Struct

__all__ = ["Quantiles"]

GROWTH = log(1.02)
LEAST = 1e-3
MOST_BUCKETS = 1200


class Quantiles(Struct, kw_only=True):
    """Counts of values above 0, milliseconds as a rule.

    Attributes
    ----------
    buckets
        How many values are in a bucket; bucket k holds those from ``LEAST * 1.02**k`` up to the next.
    count, total
        Of all values, and their sum.
    least, most
        The smallest and the largest; None without any.
    """

    buckets: dict[int, int] = {}
    count: int = 0
    total: float = 0.0
    least: float | None = None
    most: float | None = None

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Count some values."""
        made = cls()
        for value in values:
            made.add(value)
        return made

    def add(self, value: float, times: int = 1) -> None:
        """Count a value; one below `LEAST` counts as that."""
        place = min(max(int(log(max(value, LEAST) / LEAST) / GROWTH), 0), MOST_BUCKETS)
        self.buckets[place] = self.buckets.get(place, 0) + times
        self._join(times, value * times, value, value)

    def merge(self, other: "Quantiles") -> None:
        """Take in all values of another one."""
        for place, count in other.buckets.items():
            self.buckets[place] = self.buckets.get(place, 0) + count
        if other.least is not None and other.most is not None:
            self._join(other.count, other.total, other.least, other.most)

    def _join(self, count: int, total: float, least: float, most: float) -> None:
        self.count, self.total = self.count + count, self.total + total
        self.least = least if self.least is None else min(self.least, least)
        self.most = most if self.most is None else max(self.most, most)

    def at(self, share: float) -> float | None:
        """Give the value that `share` (0 to 1) of all values are not above, within 1 %; None: there is no value."""
        if self.least is None or self.most is None:
            return None
        wanted, seen = share * self.count, 0
        for place in sorted(self.buckets):
            seen += self.buckets[place]
            if seen >= wanted:
                middle = LEAST * exp(GROWTH * (place + 0.5))
                return min(max(middle, self.least), self.most)
        return self.most

    @property
    def mean(self) -> float | None:
        """Of all values; None: there is none."""
        return self.total / self.count if self.count else None

    def summary(self) -> dict[str, float]:
        """Give the usual percentiles; nothing without a value."""
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
        found = {name: self.at(share) for name, share in shares.items()}
        return {name: round(value, 3) for name, value in found.items() if value is not None}
