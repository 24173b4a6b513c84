"""Background work of the focus: kept alive, logged when it fails, and ended together."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from softphone.errors import SoftphoneError

__all__ = ["Tasks"]

log = structlog.get_logger()


class Tasks:
    """The tasks that nobody awaits."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside everything else.

        What a call or worker that is gone already refuses no longer matters; one that should not fail is logged once
        when it does.
        """
        task = asyncio.create_task(work, name=getattr(work, "__qualname__", None))
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, SoftphoneError):
            log.debug("background_work_refused", work=task.get_name(), error=str(error))
        else:
            log.error("background_work_failed", work=task.get_name(), exc_info=error)

    async def settle(self, timeout_s: float) -> None:
        """Wait for all work and what it begins in turn, at most `timeout_s`; cancel what is left."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while running := self._others():
            _, late = await asyncio.wait(running, timeout=max(deadline - asyncio.get_running_loop().time(), 0.0))
            if late:
                break
        late = self._others()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _others(self) -> set[asyncio.Task[Any]]:
        return self._running - {asyncio.current_task()}
