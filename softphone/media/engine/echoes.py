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
        self._roster, self._leg_of_row = bridge.roster, leg_of_row
        self._level, self._voiced, self._room = (bridge.parties[name] for name in ("level", "voiced", "room"))
        self._finder = EchoFinder(bridge.capacity)

    def events(self) -> list[LegEchoing]:
        """Take the levels of the tick that was just made; give what they tell."""
        changed = self._finder.note(self._level, self._voiced, self._room, self._roster.rows_end)
        if not changed.size:
            return []
        found = [(self._leg_of_row.get(row), bool(self._finder.echoing[row])) for row in changed.tolist()]
        return [LegEchoing(leg, on) for leg, on in found if leg is not None]
