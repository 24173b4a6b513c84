"""How the generator itself fares: what it is too late for, cannot send, or has no room for says nothing of a server."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from softphone.load.media.doors import Doors
from softphone.load.media.plane import LoadPlane
from softphone.load.media.speakers import STEPS
from softphone.load.report import Health
from softphone.load.truth import WINDOW_S

__all__ = ["Fitness"]


class Fitness:
    """Counts from a beginning on.

    Parameters
    ----------
    plane, doors
        Whose steps and packets.
    """

    def __init__(self, plane: LoadPlane, doors: Doors) -> None:
        self._plane, self._doors = plane, doors
        self._begun = self._counted()

    def begin(self) -> None:
        """Count anew."""
        self._begun = self._counted()

    def health(self, seconds: float, busy_share: float) -> Health:
        """Tell how it fared since then, in so many seconds, of which it was busy for such a share."""
        late, sent, unsent, stalls, stalled, overflowed = (self._counted() - self._begun).tolist()
        came = overflowed + int(self._plane.bots["received"].sum())
        return Health(
            late_share=round(late / max(1, round(seconds * STEPS / TICK_S)), 5),
            unsent_share=round(unsent / max(1, sent + unsent), 5),
            busy_share=round(busy_share, 4),
            latest_ms=round(1000 * self._plane.latest_s, 1),
            overflow_share=round(overflowed / max(1, came), 5),
            held_up=stalls + ceil(stalled * TICK_S / STEPS / WINDOW_S),
        )

    def _counted(self) -> NDArray[np.int64]:
        plane = self._plane
        steps = plane.late_steps, plane.sent, plane.unsent, plane.stalls, plane.stalled_steps
        return np.array((*steps, self._doors.overflowed()), np.int64)
