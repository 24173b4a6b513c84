"""The INVITE of a caller, from its arrival to the ACK (RFC 3261 section 13.3): 1xx, a refusal, or a 2xx until its ACK.

A 2xx is sent again until it is acknowledged (section 13.3.1.4): when, how long, and which wait. Those to re-INVITEs are
treated alike.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.body import SDP
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, response, tag_of
from softphone.sip.transaction.machine import Timers
from softphone.sip.ua.node import Node

__all__ = ["Acceptance", "Acceptances", "IncomingInvite", "AckPatience"]


@dataclass(frozen=True, slots=True)
class AckPatience:
    """How our 2xx waits for its ACK, from a caller that has proved nothing, not even that its address is its own."""

    ack_s: float | None = None
    """How long the ACK may take before the call is over for us; None: as long as the 2xx is repeated."""
    repeat_s: float | None = None
    """How long it is repeated; nothing else is sent before the ACK then, no BYE either. None: until it is given up."""
    may_repeat: Callable[[int], bool] | None = None
    """Asked with a number of bytes before each repetition; one that may not be is left out. None: nobody is asked."""


PATIENT = AckPatience()


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

    def __init__(self, node: Node, given_up: Callable[[], None]) -> None:
        self._node = node
        self._given_up = given_up
        self._waiting: dict[int, Unacknowledged] = {}

    def send(
        self,
        key: str,
        ok: Response,
        *,
        offered: bool,
        patience: AckPatience = PATIENT,
    ) -> "asyncio.Future[bool]":
        """Send a 2xx until it is acknowledged, or it is given up; the future says whether it was."""
        loop = asyncio.get_running_loop()
        times = Acceptance(self._node.timers, loop.time(), patience.repeat_s)
        waiting = self._waiting[ok.cseq.number] = Unacknowledged(key, ok, times, loop.create_future(), offered)
        waiting.may_repeat = patience.may_repeat
        self._node.respond(key, ok)
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
                self._node.respond(waiting.key, waiting.response)
            waiting.timer = loop.call_at(waiting.times.deadline, self._repeat, waiting)
        else:
            self._given_up()


class IncomingInvite:
    """The INVITE that a call begins with, until it has a final response.

    Parameters
    ----------
    key, request
        Its transaction, and the INVITE.
    contact
        Ours.

    Attributes
    ----------
    dialog
        The dialog that our responses make.
    on_decided
        Called once when the call rings, is answered or is over.
    """

    def __init__(self, node: Node, key: str, request: Request, contact: Address) -> None:
        self.key = key
        self.request = request
        self.dialog = Dialog.from_request(request, tag_of(request, str(contact.uri)), contact)
        self.on_decided: Callable[[], object] | None = None
        self._node = node
        self._ringing: asyncio.TimerHandle | None = None

    def limit(self, longest_s: float, over: Callable[[int], object]) -> None:
        """Call `over` when it has rung too long: with 480, or 487 where the caller said less (section 13.3.1)."""
        said = self.request.expires
        after_s, status = (longest_s, 480) if said is None or said > longest_s else (said, 487)
        self._ringing = asyncio.get_running_loop().call_later(after_s, over, status)

    def response(
        self, status: int, reason: str | None = None, headers: Headers = (), sdp: str | None = None
    ) -> Response:
        """Make a response, with a description if `sdp` is given."""
        return response(
            self.request,
            status,
            reason,
            to_tag=self.dialog.local.tag,
            contact=self.dialog.contact if status < 300 else None,
            headers=headers,
            content_type=SDP if sdp is not None else None,
            body=sdp or b"",
        )

    def respond(self, answer: Response, *, once: bool = False) -> None:
        """Send it; `once`: by UDP it is not repeated until its ACK."""
        self._node.respond(self.key, answer, once=once)

    def decided(self) -> None:
        """Take notice that the call rings, is answered or is over."""
        told, self.on_decided = self.on_decided, None
        if told is not None:
            told()

    def close(self) -> None:
        """Take its final response, or the end of the call: it rings no longer."""
        if self._ringing is not None:
            self._ringing.cancel()
        self.decided()
