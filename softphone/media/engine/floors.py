"""Legs that take the floor of their room, as events."""

from collections.abc import Mapping

from mixer.bridge import Bridge
from mixer.dominant import FloorFinder
from softphone.media.contract.leg import LegDominant

__all__ = ["Floors"]


class Floors:
    """Follows who has the floor, in all rooms of a bridge.

    Parameters
    ----------
    bridge
        Whose rooms they are.
    leg_of_row
        The leg in each row that has one.
    """

    def __init__(self, bridge: Bridge, leg_of_row: Mapping[int, int]) -> None:
        self._leg_of_row, self.finder = leg_of_row, FloorFinder(bridge.parties, bridge.rooms)

    def events(self, changes: int) -> list[LegDominant]:
        """Tell of so many `changes` that `follow` has found; who loses the floor is told before who takes it."""
        changed = self.finder.changed(changes)
        rows = [told for had, has in changed.tolist() for told in ((had, False), (has, True))]
        found = [(self._leg_of_row.get(row), on) for row, on in rows]
        return [LegDominant(leg, on) for leg, on in found if leg is not None]
