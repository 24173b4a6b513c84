"""Background work: kept alive, logged once when it fails, and ended together; alarms; and who is told of things."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from softphone.errors import SoftphoneError

__all__ = ["Alarm", "Tasks", "tell"]

log = logging.getLogger(__name__)

T = TypeVar("T")


def tell(listener: Callable[..., object] | None, *what: object) -> None:
    """Call a listener, if there is one; what it raises is logged, and no matter of who tells it."""
    if listener is None:
        return
    try:
        listener(*what)
    except Exception:
        log.exception("a listener could not take %s", what)


class Tasks:
    """The tasks that nobody has to await.

    Parameters
    ----------
    quiet
        Errors of work that came too late to matter: not told above the level of debugging.
    """

    def __init__(self, quiet: type[Exception] = SoftphoneError) -> None:
        self._quiet = quiet
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run `work` beside everything else.

        What should not fail is logged once when it does.
        """
        task = asyncio.create_task(work, name=getattr(work, "__qualname__", None))
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, self._quiet):
            log.debug("background work %s was refused: %s", task.get_name(), error)
        else:
            log.error("background work %s failed", task.get_name(), exc_info=error)

    def cancel(self, but: "asyncio.Task[Any] | None" = None) -> None:
        """Cancel all but the task that asks for it, and one more."""
        for task in self._others() - {but}:
            task.cancel()

    async def settle(self, timeout_s: float | None) -> None:
        """Wait for all work and what it begins in turn, at most `timeout_s`; cancel what is left."""
        deadline = float("inf") if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        while running := self._others():
            left_s = None if timeout_s is None else max(deadline - asyncio.get_running_loop().time(), 0.0)
            _, late = await asyncio.wait(running, timeout=left_s)
            if late:
                break
        late = self._others()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _others(self) -> "set[asyncio.Task[Any]]":
        return self._running - {asyncio.current_task()}


class Alarm:
    """Wakes one who waits for a time that may change.

    Parameters
    ----------
    clock
        Monotonic seconds.
    ring
        Called when the time has come.
    """

    def __init__(self, clock: Callable[[], float], ring: Callable[[], object]) -> None:
        self._clock = clock
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, deadline: float | None) -> None:
        """Ring at `deadline` instead of whenever it was; None: not at all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            delay_s = max(0.0, deadline - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)
