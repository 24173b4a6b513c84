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
        """Run `work` beside everything else; one that should not fail is logged once when it does."""
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
        """Wait for all work, at most `timeout_s`; cancel what is left."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
