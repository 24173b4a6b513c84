"""Media in this process: the engine ticked by the application's own event loop. For agents, with a handful of legs."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softphone.address import family_of
from softphone.media.contract.messages import CloseLeg, MediaRequest
from softphone.media.net.port import OpenPort
from softphone.media.workers.client import MediaChannel
from softphone.media.workers.pacer import Pacer

__all__ = ["AppLeg", "LocalMedia", "load"]


def no_frame(frame: NDArray[np.int16]) -> None:
    """Do nothing with a frame."""


def no_skip(ticks: int) -> None:
    """Do nothing about ticks that were left out."""


async def load() -> None:
    """Load what a tick needs, or compile it, while the event loop goes on."""
    # Late, as below: the engine loads the compiler, which a process without calls has no use for.
    from softphone.media.engine.warm import warm

    await asyncio.to_thread(warm)


class AppLeg:
    """The application's own seat in a room.

    Attributes
    ----------
    leg
        Its number, for `join`, `leave` and `configure`.
    on_frame
        Called each tick with what it hears, int16, shape (samples,): to be copied, the next tick writes it anew.
    """

    def __init__(self, media: "LocalMedia", room: int, rate_hz: int | None = None) -> None:
        self._media = media
        self.on_frame: Callable[[NDArray[np.int16]], None] = no_frame
        self.leg = media.engine.open_app(room, lambda frame: self.on_frame(frame), rate_hz)

    def write(self, pcm: NDArray[np.int16]) -> int:
        """Say samples (int16, any length); give the number that wait to be said.

        Raises
        ------
        NoSuchLeg
            After `close`.
        mixer.errors.QueueFull
            When they do not fit; nothing was taken.
        """
        return self._media.engine.push(self.leg, pcm)

    def flush(self) -> int:
        """Say nothing of what waits; give the number of samples dropped. Raises NoSuchLeg after `close`."""
        return self._media.engine.flush(self.leg)

    @property
    def queued(self) -> int:
        """Samples that wait to be said."""
        return self._media.engine.queued(self.leg)

    def close(self) -> None:
        """Leave the room; again it does nothing."""
        self._media.engine.handle(CloseLeg(self.leg), self._media.clock())


class LocalMedia(MediaChannel):
    """An engine in this process as `Media`.

    Parameters
    ----------
    host
        Address to bind to.
    advertised
        Address to give to peers; None: `host`.
    host6
        Address of IPv6 to bind to, too; empty: none.
    capacity
        Most legs, applications included.
    gate
        Whether only those whose voice gate is open are heard. An agent hears its peer as it is.
    open_port, clock
        Opens a UDP port; monotonic seconds.

    Attributes
    ----------
    on_skip
        Called with how many ticks (20 ms each) were left out because the event loop was busy with something else for
        too long: nothing was heard and nothing said in them, in any room.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        *,
        advertised: str | None = None,
        host6: str = "",
        capacity: int = 64,
        gate: bool = False,
        open_port: OpenPort | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Late, see `load`.
        from softphone.media.engine.desk import RequestDesk
        from softphone.media.engine.engine import Engine

        super().__init__()
        self.families = (family_of(host) or 4, *([6] if host6 else []))
        self.clock = clock
        self.engine: Engine = Engine(
            capacity=capacity,
            host=host,
            advertised=advertised,
            host6=host6,
            gate=gate,
            unix_offset_s=time.time() - clock(),
            open_port=open_port,
        )
        self._desk = RequestDesk(self.engine)
        self._pacer = Pacer()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.on_skip: Callable[[int], None] = no_skip

    def transmit(self, number: int, request: MediaRequest[Any]) -> None:
        """Carry out a request."""
        self._desk.ask(number, request, self.clock())
        self._look_around()
        self._pace()

    def open_app(self, room: int, rate_hz: int | None = None) -> AppLeg:
        """Put the application into a room, at a rate of its own (None: 8000); raises NoSuchLeg, MediaFull."""
        app = AppLeg(self, room, rate_hz)
        self._pace()
        return app

    def look(self) -> None:
        """Tell at once what has come since the last tick."""
        if not self._closed:
            self.engine.look(self.clock())
            self._look_around()

    @property
    def late_ticks(self) -> int:
        """Ticks that began more than a tick late, or were left out."""
        return self._pacer.late_ticks + self._pacer.skipped_ticks

    def close(self) -> None:
        """Close all legs and ports; again it does nothing."""
        if not self._closed:
            self._closed = True
            self._stop()
            self.engine.close(self.clock())
            self._look_around()

    def _pace(self) -> None:
        """Have a timer exactly while the engine needs ticks."""
        if not self.engine.active or self._closed:
            self._stop()
        elif self._timer is None:
            self._pacer.start(self.clock())
            self._arm()

    def _arm(self) -> None:
        """Set the timer for the next deadline (the loop's clock is the monotonic one)."""
        loop = asyncio.get_running_loop()
        late_s = self.clock() - (self._pacer.deadline or 0.0)
        self._timer = loop.call_at(loop.time() - late_s, self._run)

    def _stop(self) -> None:
        """Have no timer."""
        self._pacer.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        """Do the tick that is due."""
        self._timer = None
        began = self.clock()
        due, skipped = self._pacer.begin(began)
        try:
            self.engine.skip(skipped)
            if skipped:
                self.on_skip(skipped)
            self.engine.tick(due, began)
            self._pacer.done(began, self.clock())
            self._look_around()
        finally:  # an exception of the application's callback is the loop's to report; the sound goes on
            self._pace()

    def _look_around(self) -> None:
        """Pass on what was answered and what has happened."""
        self.take(self._desk.told())
