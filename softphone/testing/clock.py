"""An event loop whose clock jumps: when nothing is left to do, it is at once the time of the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0 and passes only while everybody waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds that were waited for so far."""
        return self._jumping.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a jumping clock: hours of waiting take no time."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
