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
        self._bridge, self._leg_of_row = bridge, leg_of_row
        self._finder = EchoFinder(bridge.capacity)

    def events(self) -> list[LegEchoing]:
        """Take the levels of the tick that was just made; give what they tell."""
        parties = self._bridge.parties[: self._bridge.roster.rows_end]
        changed = self._finder.note(parties["level"], parties["voiced"], parties["room"])
        found = [(self._leg_of_row.get(row), bool(self._finder.echoing[row])) for row in changed.tolist()]
        return [LegEchoing(leg, on) for leg, on in found if leg is not None]
