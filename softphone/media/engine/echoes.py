"""Legs whose peers return what they are sent, as events."""

from collections.abc import Mapping

from mixer.bridge import Bridge
from mixer.echo import EchoFinder
from softphone.media.contract.leg import LegEchoing

__all__ = ["Echoes"]


class Echoes:
    """Looks for echoes in all rooms of a bridge.

    Parameters
    ----------
    bridge
        Whose parties are compared.
    leg_of_row
        The leg in each row that has one.
    """

    def __init__(self, bridge: Bridge, leg_of_row: Mapping[int, int]) -> None:
        self._leg_of_row, self.finder = leg_of_row, EchoFinder(bridge.capacity)

    def events(self, moved: int) -> list[LegEchoing]:
        """Go on after `write_down` of the tick that was just made, which gave `moved`; give what it tells."""
        changed = self.finder.look(moved)
        if not changed.size:
            return []
        found = [(self._leg_of_row.get(row), bool(self.finder.echoing[row])) for row in changed.tolist()]
        return [LegEchoing(leg, on) for leg, on in found if leg is not None]
