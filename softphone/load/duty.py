"""Talkers that pause: each talks for a share of every so many seconds, at a time of its own.

Who talks when follows from the number of a bot and from when they began, and is the same however many processes the
bots are shared out to.
"""

from collections.abc import Callable, Sequence
from math import floor, inf

from msgspec import Struct

__all__ = ["DutyCycle", "DutyCycles"]

GOLDEN = 0.6180339887498949
"""Multiples of it, taken modulo 1, are spread evenly however many there are."""


class DutyCycle(Struct, frozen=True):
    """When one talks: for `duty` of every `every_s` seconds from `began_s` on, later by `phase` of them."""

    began_s: float
    every_s: float
    duty: float
    phase: float
    speech: str | None = None

    def talks(self, now_s: float) -> bool:
        """Whether it talks."""
        return self._place(now_s) % 1.0 < self.duty

    def changes_s(self, now_s: float) -> float:
        """When it begins or ceases next."""
        place = self._place(now_s)
        next_ = floor(place) + (self.duty if place % 1.0 < self.duty else 1.0)
        return self.began_s + (next_ + self.phase) * self.every_s

    def _place(self, now_s: float) -> float:
        return (now_s - self.began_s) / self.every_s - self.phase


class DutyCycles:
    """Lets bots talk and pause.

    Parameters
    ----------
    talk
        Lets bots talk, or be quiet; told bots, whether, and the speech that they say, None: their words.
    first
        What is added to a bot's number here for its number among all.
    """

    def __init__(self, talk: Callable[[Sequence[int], bool, str | None], None], first: int) -> None:
        self._talk, self._first = talk, first
        self._cycles: dict[int, DutyCycle] = {}
        self._talking: dict[int, bool] = {}
        self._next_s = inf

    def begin(self, bots: Sequence[int], *, duty: float, every_s: float, speech: str | None, now_s: float) -> None:
        """Let bots talk and pause from now on."""
        for bot in bots:
            self._cycles[bot] = DutyCycle(now_s, every_s, duty, GOLDEN * (self._first + bot) % 1.0, speech)
            self._talking.pop(bot, None)
        self._next_s = now_s
        self.look(now_s)

    def end(self, bots: Sequence[int]) -> None:
        """Leave bots as they are."""
        for bot in bots:
            self._cycles.pop(bot, None)
            self._talking.pop(bot, None)

    def look(self, now_s: float) -> None:
        """Let those begin and cease whose time it is."""
        if now_s < self._next_s:
            return
        for bot, cycle in self._cycles.items():
            talks = cycle.talks(now_s)
            if self._talking.get(bot) is not talks:
                self._talking[bot] = talks
                self._talk([bot], talks, cycle.speech)
        self._next_s = min((cycle.changes_s(now_s) for cycle in self._cycles.values()), default=inf)
