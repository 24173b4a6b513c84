"""What the bridge noticed in a tick, as events of legs: who talks, whose keys sound, and what the finders find."""

from collections.abc import Mapping

from mixer.bridge import Bridge
from mixer.tick import Tick
from softphone.media.contract.leg import KeyPressed, LegTalking
from softphone.media.engine.echoes import Echoes
from softphone.media.engine.floors import Floors
from softphone.media.engine.in_vain import InVain
from softphone.media.engine.outcomes import EngineEvent

__all__ = ["Noticed"]


class Noticed:
    """Tells what is noticed.

    Parameters
    ----------
    bridge
        Where it is noticed.
    leg_of_row
        The leg in each row that has one.
    gate
        Whether talk is told from noise; without that nothing can be told of what is said.
    """

    def __init__(self, bridge: Bridge, leg_of_row: Mapping[int, int], *, gate: bool) -> None:
        self._leg_of_row = leg_of_row
        self._finders: list[Echoes | Floors | InVain] = []
        if gate:
            self._finders += [Echoes(bridge, leg_of_row), Floors(bridge, leg_of_row), InVain(bridge, leg_of_row)]

    def events(self, tick: Tick) -> list[EngineEvent]:
        """Give what a tick tells."""
        events: list[EngineEvent] = []
        for rows, on in ((tick.talking_started, True), (tick.talking_stopped, False)):
            if rows.size:
                found = [self._leg_of_row.get(row) for row in rows.tolist()]
                events += [LegTalking(leg, on) for leg in found if leg is not None]
        for finder in self._finders:
            events += finder.events()
        for row, key in tick.keys:
            leg = self._leg_of_row.get(row)
            if leg is not None:
                events.append(KeyPressed(leg, key, "tone"))
        return events
