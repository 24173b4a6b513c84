"""What the bridge noticed in a tick, as events of legs: who talks, whose keys sound, and what the finders find."""

from collections.abc import Mapping

from mixer.bridge import Bridge
from mixer.dominant import Floor, follow
from mixer.echo import EchoArrays, write_down
from mixer.kernel import kernel
from mixer.tick import Tick
from softphone.media.contract.leg import KeyPressed, LegTalking
from softphone.media.engine.echoes import Echoes
from softphone.media.engine.floors import Floors
from softphone.media.engine.in_vain import LOOK_TICKS, InVain
from softphone.media.engine.outcomes import EngineEvent

__all__ = ["Noticed"]


@kernel
def notice(echo: EchoArrays, floor: Floor, end: int, rooms_end: int) -> tuple[int, int]:
    """Write down for the finders what a tick was; gives how many rows have moved, and in how many rooms the floor.

    Parameters
    ----------
    echo, floor
        What the finders know.
    end, rooms_end
        One past the last row and room in use.
    """
    parties = floor.parties
    moved = write_down(echo, parties["level"], parties["voiced"], parties["room"], end)
    return moved, follow(floor, rooms_end)


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
        self._leg_of_row, self._gate, self._roster = leg_of_row, gate, bridge.roster
        self._echoes, self._floors = Echoes(bridge, leg_of_row), Floors(bridge, leg_of_row)
        self._in_vain = InVain(bridge, leg_of_row)
        self._echo, self._floor, self._ticks = self._echoes.finder.arrays, self._floors.finder.arrays, 0

    def events(self, tick: Tick) -> list[EngineEvent]:
        """Give what a tick tells."""
        events: list[EngineEvent] = []
        if tick.talking_started.size or tick.talking_stopped.size:
            events += self._gates(tick)
        if self._gate:
            self._find(events)
        for row, key in tick.keys:
            leg = self._leg_of_row.get(row)
            if leg is not None:
                events.append(KeyPressed(leg, key, "tone"))
        return events

    def _gates(self, tick: Tick) -> list[LegTalking]:
        """Tell who began to talk and who has ended."""
        rows = [*((row, True) for row in tick.talking_started), *((row, False) for row in tick.talking_stopped)]
        found = [(self._leg_of_row.get(int(row)), on) for row, on in rows]
        return [LegTalking(leg, on) for leg, on in found if leg is not None]

    def _find(self, events: list[EngineEvent]) -> None:
        """Let the finders find, each when it has something to look at."""
        echoes, roster = self._echoes, self._roster
        moved, changes = notice(self._echo, self._floor, roster.rows_end, roster.rooms_end)
        self._ticks += 1
        if moved or echoes.finder.due:
            events += echoes.events(moved)
        if changes:
            events += self._floors.events(changes)
        if self._ticks % LOOK_TICKS == 0:
            events += self._in_vain.events()
