"""Overload protection: new calls are refused while there is no processor time left."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

__all__ = ["LoadGuard", "watch_load"]

log = structlog.get_logger()

# How often the processes are looked at; a second time decides, for one burst is none.
EVERY_S = 1.0
# A process has time again when it uses so much less than the most: else each call that is refused would let in one.
RELIEF = 0.9


class LoadGuard:
    """Judges by the processor time that processes have used; it is told the time, in seconds.

    Parameters
    ----------
    most
        Share of a core that a process may use, from 0 to 1; 0: any.

    Attributes
    ----------
    busy
        Whether no new call is to be taken.
    """

    def __init__(self, most: float = 0.0) -> None:
        self.most = most
        self.busy = False
        self._before: dict[int, float] = {}
        self._at = 0.0
        self._high = 0

    def note(self, used: Mapping[int, float], now: float) -> None:
        """Take the processor time of each process since its beginning, in seconds, by process id."""
        known = [pid for pid in used if pid in self._before]
        passed = now - self._at
        share = max(((used[pid] - self._before[pid]) / passed for pid in known), default=0.0) if passed > 0 else 0.0
        self._before, self._at = dict(used), now
        if not self.most:
            return
        self._high = self._high + 1 if share >= self.most else 0
        busy = self._high > 1 or (self.busy and share >= self.most * RELIEF)
        if busy is not self.busy:
            self.busy = busy
            log.warning("too_busy" if busy else "not_too_busy", share=round(share, 2))


async def watch_load(
    guard: LoadGuard, used: Callable[[], Awaitable[Mapping[int, float]]], clock: Callable[[], float]
) -> None:
    """Tell a guard every second, without end."""
    while True:
        guard.note(await used(), clock())
        await asyncio.sleep(EVERY_S)
