"""Who is to hear whom: who is in which conference, and whose sound is to be kept from the others."""

from collections.abc import Iterable, Sequence

import numpy as np

from softphone.load.plan import LoadPlan
from softphone.load.truth import Truth

__all__ = ["Seating"]


class Seating:
    """Begins with the conferences of a plan, where everybody is to be heard, and changes with what a run does.

    Parameters
    ----------
    plan
        Whose bots; those of other processes count, too, by numbers from the first bot here on.
    truth
        Told what is expected.
    """

    def __init__(self, plan: LoadPlan, truth: Truth) -> None:
        self._plan, self._truth = plan, truth
        self._rooms: dict[int, int] = {}
        self._called = {uri: room for room, uri in enumerate(plan.uri)}
        self._muted: set[int] = set()
        self._tell(plan.heard, 0.0, anew=False)

    def room(self, bot: int) -> int:
        """In which conference a bot is."""
        return self._rooms.get(bot, self._plan.room(bot))

    def expect(self, bots: Sequence[int], heard: bool, now_s: float) -> None:
        """Say that from now on everybody in their conferences should hear bots, or nobody should."""
        self._muted = self._muted - set(bots) if heard else self._muted | set(bots)
        self._tell(bots, now_s, anew=True)

    def together(self, bots: Sequence[int], now_s: float, uri: str = "") -> None:
        """Say that from now on bots are in a conference of their own, or in that of a URI."""
        new = 1 + max((len(self._plan.uri), *self._rooms.values()))
        self._rooms |= dict.fromkeys(bots, self._called.setdefault(uri, new) if uri else new)
        self._tell(self._plan.heard, now_s, anew=False)

    def _tell(self, bots: Iterable[int], now_s: float, *, anew: bool) -> None:
        rooms = np.array([self.room(bot) for bot in range(len(self._truth.expected))])
        for bot in set(bots).intersection(self._plan.heard):
            self._truth.expect((rooms == self.room(bot)) & (bot not in self._muted), bot, now_s, anew=anew)
