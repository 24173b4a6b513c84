"""Legs that talk while they are muted, as events."""

from collections.abc import Mapping

import numpy as np

from mixer.bridge import Bridge
from mixer.gate import IN_VAIN_TICKS
from softphone.media.contract.leg import LegInVain

__all__ = ["LOOK_TICKS", "InVain"]

LOOK_TICKS = 10
"""Five times a second: nobody is told sooner than after two seconds."""


class InVain:
    """Finds who talks in vain, in all rooms of a bridge.

    Parameters
    ----------
    bridge
        Whose parties are looked at.
    leg_of_row
        The leg in each row that has one.
    """

    def __init__(self, bridge: Bridge, leg_of_row: Mapping[int, int]) -> None:
        self._roster, self._leg_of_row = bridge.roster, leg_of_row
        self._in_vain = bridge.parties["in_vain"]
        self._told = np.zeros(bridge.capacity, np.bool_)

    def events(self) -> list[LegInVain]:
        """Look, every `LOOK_TICKS`; who has been told is told again after a pause alone."""
        talked, told = self._in_vain[: self._roster.rows_end], self._told[: self._roster.rows_end]
        told &= talked > 0
        rows = np.flatnonzero((talked >= IN_VAIN_TICKS) & ~told)
        told[rows] = True
        found = [self._leg_of_row.get(row) for row in rows.tolist()]
        return [LegInVain(leg) for leg in found if leg is not None]
