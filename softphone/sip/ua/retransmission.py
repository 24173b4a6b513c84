"""Retransmission of responses until they are acknowledged: schedule, end, and order.

A 2xx to INVITE waits for its ACK (RFC 3261 section 13.3.1.4), a reliable 1xx for its PRACK (RFC 3262 section 3).
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from softphone.sip.message.message import Response
from softphone.sip.transaction.machine import Timers
from softphone.sip.ua.node import Node

__all__ = ["PATIENT", "AckPatience", "Retransmission", "Retransmissions"]

# A BYE to who may be anywhere: so long it is repeated, which is once, and so many bytes these are.
GOODBYE_S, GOODBYE_BYTES = 1.0, 2 * 400


@dataclass(frozen=True, slots=True)
class AckPatience:
    """How our responses wait for ACK or PRACK, from a caller that has proved nothing, not even its address."""

    ack_s: float | None = None
    """How long that may take before the call is over for us; None: as long as the response is repeated."""
    trying: bool = True
    """Whether a 100 goes before our first response. After it the INVITE comes no more, which would pay for others."""
    repeat_s: float | None = None
    """How long it is repeated; nothing else is sent before the ACK then, no BYE either. None: until it is given up."""
    may_repeat: Callable[[int], bool] | None = None
    """Asked with a number of bytes before each repetition; one that may not be is left out. None: nobody is asked."""
    may_leave: Callable[[int], bool] | None = None
    """Asked so before a BYE to who has not shown to be where its INVITE says."""
    on_repeated: Callable[[int], object] = lambda size: None
    """Told how many bytes came each time that the INVITE came once more."""

    def permits_bye(self) -> bool:
        """Say whether a BYE may be sent to who has not shown to be where its INVITE says; it counts as sent."""
        return self.may_leave is None or self.may_leave(GOODBYE_BYTES)


PATIENT = AckPatience()


class Retransmission:
    """The times of one response: T1 after the first, then doubling up to T2; given up after 64 T1.

    Parameters
    ----------
    repeat_s
        How long it is sent again; None: until it is given up.
    provisional
        Whether it is a 1xx, which knows no T2.
    """

    def __init__(self, timers: Timers, now: float, repeat_s: float | None = None, *, provisional: bool = False) -> None:
        self._interval = timers.t1
        self._longest = math.inf if provisional else timers.t2
        self._over = now + timers.give_up
        self._quiet = self._over if repeat_s is None else now + repeat_s
        self.deadline = self._next(now)

    def expire(self, now: float) -> bool:
        """Say what is due when ``deadline`` has come: True to send the response again, False to give up."""
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
    """A response of ours that waits; `offered`: it is a 2xx with our offer, whose answer comes in the ACK."""

    key: str
    response: Response
    times: Retransmission
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


class Retransmissions:
    """Those of a call that wait, by the number that acknowledges them: the CSeq of an INVITE, or an RSeq.

    Parameters
    ----------
    given_up
        Called when one has waited in vain.
    """

    def __init__(self, node: Node, given_up: Callable[[], object]) -> None:
        self._node = node
        self._given_up = given_up
        self._waiting: dict[int, Unacknowledged] = {}

    def send(
        self, number: int, key: str, answer: Response, *, offered: bool = False, patience: AckPatience = PATIENT
    ) -> "asyncio.Future[bool]":
        """Send one until it is acknowledged, or it is given up; the future says whether it was."""
        loop = asyncio.get_running_loop()
        times = Retransmission(self._node.timers, loop.time(), patience.repeat_s, provisional=answer.status < 200)
        waiting = self._waiting[number] = Unacknowledged(key, answer, times, loop.create_future(), offered)
        waiting.may_repeat = patience.may_repeat
        self._node.respond(key, answer)
        waiting.timer = loop.call_at(times.deadline, self._repeat, waiting)
        return waiting.done

    async def wait(self, done: "asyncio.Future[bool]", patience: AckPatience, in_vain: Callable[[], object]) -> bool:
        """Say whether one was acknowledged, when that is known; `in_vain` is called when the patience is over."""
        try:
            async with asyncio.timeout(patience.ack_s):
                return await asyncio.shield(done)
        except TimeoutError:
            in_vain()
            return False

    def again(self, number: int) -> None:
        """Send one that somebody waits for at once, whose caller has asked again and may be sent only so much."""
        waiting = self._waiting.get(number)
        if waiting is not None and waiting.may_repeat is not None and not waiting.done.done():
            self._send_again(waiting)

    def acknowledged(self, number: int) -> Unacknowledged | None:
        """Take what acknowledges this number; gives what waited for it."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.settle(True)
        return waiting

    def release(self) -> None:
        """Let nobody wait any more; what is sent goes on being sent until it is acknowledged."""
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
            self._send_again(waiting)
            waiting.timer = loop.call_at(waiting.times.deadline, self._repeat, waiting)
        else:
            self._given_up()

    def _send_again(self, waiting: Unacknowledged) -> None:
        if waiting.may_repeat is None or waiting.may_repeat(len(bytes(waiting.response))):
            self._node.respond(waiting.key, waiting.response)
