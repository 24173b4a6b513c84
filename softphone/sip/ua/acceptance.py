"""A 2xx to an INVITE is sent again until its ACK comes (RFC 3261 section 13.3.1.4): when, how long, and which wait."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from softphone.sip.message.message import Response
from softphone.sip.transaction.machine import Timers
from softphone.sip.ua.wire import Wire

__all__ = ["Acceptance", "Acceptances"]


class Acceptance:
    """The times of one 2xx: T1 after the first, then doubling up to T2; given up after 64 T1.

    Parameters
    ----------
    repeat_s
        How long it is sent again; None: until it is given up.
    """

    def __init__(self, timers: Timers, now: float, repeat_s: float | None = None) -> None:
        self._interval = timers.t1
        self._longest = timers.t2
        self._over = now + 64 * timers.t1
        self._quiet = self._over if repeat_s is None else now + repeat_s
        self.deadline = self._next(now)

    def expire(self, now: float) -> bool:
        """Say what is due when ``deadline`` has come: True to send the 2xx again, False to give up."""
        if now >= self._over:
            return False
        self._interval = min(2 * self._interval, self._longest)
        self.deadline = self._next(now)
        return True

    def _next(self, now: float) -> float:
        due = now + self._interval
        return due if due < self._quiet else self._over


@dataclass
class Unacknowledged:
    """A 2xx of ours that waits for its ACK; `offered`: it holds our offer, whose answer comes in the ACK."""

    key: str
    response: Response
    times: Acceptance
    done: "asyncio.Future[bool]"
    offered: bool
    timer: asyncio.TimerHandle | None = None
    may_repeat: Callable[[int], bool] | None = None

    def settle(self, good: bool) -> None:
        """Say what became of it."""
        if self.timer is not None:
            self.timer.cancel()
        if not self.done.done():
            self.done.set_result(good)


class Acceptances:
    """The 2xxs of a call that wait for their ACK.

    Parameters
    ----------
    given_up
        Called when one has waited in vain.
    """

    def __init__(self, wire: Wire, given_up: Callable[[], None]) -> None:
        self._wire = wire
        self._given_up = given_up
        self._waiting: dict[int, Unacknowledged] = {}

    def send(
        self,
        key: str,
        ok: Response,
        *,
        offered: bool,
        repeat_s: float | None = None,
        may_repeat: Callable[[int], bool] | None = None,
    ) -> "asyncio.Future[bool]":
        """Send a 2xx until it is acknowledged, or `repeat_s` is over; the future says whether it was.

        `may_repeat` is asked before each repetition, with its bytes; one that may not be is left out.
        """
        loop = asyncio.get_running_loop()
        times = Acceptance(self._wire.timers, loop.time(), repeat_s)
        waiting = self._waiting[ok.cseq.number] = Unacknowledged(key, ok, times, loop.create_future(), offered)
        waiting.may_repeat = may_repeat
        self._wire.respond(key, ok)
        waiting.timer = loop.call_at(times.deadline, self._repeat, waiting)
        return waiting.done

    def acknowledged(self, number: int) -> Unacknowledged | None:
        """Take the ACK with this CSeq number; gives what waited for it."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.settle(True)
        return waiting

    def release(self) -> None:
        """Let nobody wait any more; what is sent goes on being sent until its ACK comes."""
        for waiting in self._waiting.values():
            if not waiting.done.done():
                waiting.done.set_result(False)

    def clear(self) -> None:
        """Wait no more."""
        for waiting in self._waiting.values():
            waiting.settle(False)
        self._waiting.clear()

    def _repeat(self, waiting: Unacknowledged) -> None:
        loop = asyncio.get_running_loop()
        if waiting.times.expire(loop.time()):
            if waiting.may_repeat is None or waiting.may_repeat(len(bytes(waiting.response))):
                self._wire.respond(waiting.key, waiting.response)
            waiting.timer = loop.call_at(waiting.times.deadline, self._repeat, waiting)
        else:
            self._given_up()
