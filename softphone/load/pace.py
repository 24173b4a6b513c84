"""The clock of a run: Unix time that never leaps, and the steps of a plane when they are due."""

import asyncio
import time
from collections.abc import Callable

from mixer.frame import TICK_S
from softphone.errors import MediaError
from softphone.load.media.plane import LoadPlane
from softphone.load.media.speakers import STEPS

__all__ = ["Pace"]

BEHIND_STEPS = 20
"""A step is left out when so many are due at once."""


class Pace:
    """Steps a plane; who waits for its bots is cancelled when that fails."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()
        self._stepping: asyncio.Task[None] | None = None
        self._user: asyncio.Task[object] | None = None
        self._broken: BaseException | None = None

    def unix_s(self) -> float:
        """Unix seconds that never leap."""
        return time.monotonic() + self._offset_s

    def start(self, plane: LoadPlane, after_step: Callable[[], None]) -> None:
        """Step from now on, for the task that calls this."""
        self._user = asyncio.current_task()
        self._stepping = asyncio.create_task(self._step(plane, after_step))
        self._stepping.add_done_callback(self._ended)

    async def _step(self, plane: LoadPlane, after_step: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(max(0.0, plane.due_s() - self.unix_s()))
            behind = int((self.unix_s() - plane.due_s()) / (TICK_S / STEPS))
            if behind > BEHIND_STEPS:
                plane.skip(behind)
            plane.step(self.unix_s())
            after_step()

    def _ended(self, stepping: asyncio.Task[None]) -> None:
        if not stepping.cancelled() and self._user is not None:
            self._broken = stepping.exception()
            self._user.cancel()

    def let_go(self) -> None:
        """Cancel nobody any more, and take back that its user was."""
        if self._stepping is not None:
            self._stepping.remove_done_callback(self._ended)
        if self._broken is not None and self._user is not None:
            self._user.uncancel()

    async def stop(self) -> None:
        """Step no more."""
        if self._stepping is not None:
            self._stepping.cancel()
            await asyncio.gather(self._stepping, return_exceptions=True)

    def check(self) -> None:
        """Raise MediaError where a step has failed."""
        if self._broken is not None:
            cause = f"{type(self._broken).__name__}: {self._broken}"
            raise MediaError(f"the clock of the bots has stopped: {cause}") from self._broken
