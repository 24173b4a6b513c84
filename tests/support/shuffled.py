"""An event loop that takes tasks in an order of a seed's choice: whatever asyncio promises of order holds, and no more.

Tasks that are ready at the same time run in any order, and some of them later than others that were ready after them.
Callbacks, which asyncio promises to call in order, stay in their places.
"""

import asyncio
import random
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

from softphone.testing.clock import JumpingLoop

T = TypeVar("T")

# How often a task that is ready has to wait for those that become ready next.
LATE = 0.3


class ShuffledLoop(JumpingLoop):
    """Parameters: `seed`, which decides about the order; the same one, the same order."""

    _ready: "deque[asyncio.Handle]"

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def _run_once(self) -> None:
        ready = list(self._ready)
        places = [place for place, handle in enumerate(ready) if _is_step(handle)]
        for place, handle in zip(
            places, self._random.sample([ready[each] for each in places], len(places)), strict=True
        ):
            ready[place] = handle
        late = {place for place in places if self._random.random() < LATE}
        if len(late) == len(ready):
            late.clear()  # time would jump while somebody has something to do
        self._ready.clear()
        self._ready.extend(handle for place, handle in enumerate(ready) if place not in late)
        super()._run_once()  # type: ignore[misc]
        self._ready.extend(ready[place] for place in sorted(late))


def _is_step(handle: asyncio.Handle) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)  # type: ignore[attr-defined]


def run(work: Coroutine[Any, Any, T], seed: int) -> T:
    """Run to the end, in the order of a seed."""
    with asyncio.Runner(loop_factory=lambda: ShuffledLoop(seed)) as runner:
        return runner.run(work)
