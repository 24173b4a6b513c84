"""Fail-over of a request (RFC 3263 section 4.3): one hop after the other, with a new branch for each."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from softphone.errors import SipError, SipNetworkError, UnresolvedName
from softphone.resolver import Resolver
from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.transaction.events import Failure, TransactionUser
from softphone.sip.transport.hop import TCP, Hop
from softphone.sip.where.locate import Answer, Question, Target, locate

__all__ = ["ClientTransactions", "Locator", "Outages", "RequestAttempt"]


class Locator:
    """Finds the hops of targets."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def here(self, target: Target) -> list[Hop] | None:
        """Find what nobody has to be asked for; None: somebody has to. Raises SipNetworkError."""
        try:
            next(locate(target))
        except StopIteration as done:
            hops: list[Hop] = done.value
            return hops
        return None

    async def hops(self, target: Target) -> list[Hop]:
        """Find them, at least one, the best first.

        Raises
        ------
        SipNetworkError
            There are none; the message names the host and the reason.
        """
        located = locate(target)
        try:
            questions = next(located)
            while True:
                questions = located.send(list(await asyncio.gather(*map(self._answer, questions))))
        except StopIteration as done:
            hops: list[Hop] = done.value
            return hops
        except UnresolvedName as error:
            raise SipNetworkError(str(error)) from error

    async def close(self) -> None:
        """Give up what is being asked."""
        await self._resolver.close()

    async def _answer(self, question: Question) -> Answer:
        try:
            return await self._resolver.records(question.kind, question.name)
        except UnresolvedName as error:
            return error


# RFC 3261 section 18.1.1: a larger request may not fit the path's MTU and goes over a stream.
LARGEST_DATAGRAM = 1300
# What the Via adds to a request.
VIA_BYTES = 90
# A peer that has refused a stream is not asked for one for so long: a connection that nobody takes costs seconds.
REFUSED_S = 1800.0
# A place that has failed is tried after the others for so long.
OUTAGE_S = 300.0
# Failures that are remembered; then the oldest is forgotten.
REMEMBERED = 10_000
# Places that one request is tried at: each may take as long as a transaction lasts.
MOST_HOPS = 6
# RFC 3261 section 21.5.4: the one answer that says nothing about the request.
UNAVAILABLE = 503


class Outages:
    """Which hops have failed lately, and so the order in which a request is tried.

    Parameters
    ----------
    stream_above
        Requests to a UDP hop larger than this many bytes go over TCP, or UDP if that is refused. None: never.
    """

    def __init__(self, stream_above: int | None = LARGEST_DATAGRAM) -> None:
        self.stream_above = stream_above
        self._failed_at: dict[Hop, float] = {}

    def order(self, hops: Iterable[Hop], size: int, now: float) -> list[Hop]:
        """Say where a request of `size` bytes is tried, in turn."""
        working_first = sorted(hops, key=lambda hop: self._is_out(hop, now, OUTAGE_S))
        large = self.stream_above is not None and size > self.stream_above
        return [each for hop in working_first for each in (self._with_stream(hop, now) if large else [hop])]

    def failed(self, hop: Hop, now: float) -> None:
        """Take note that a hop took no request."""
        self._failed_at.pop(hop, None)
        self._failed_at[hop] = now
        while len(self._failed_at) > REMEMBERED:
            del self._failed_at[next(iter(self._failed_at))]

    def answered(self, hop: Hop) -> None:
        """Take note that it does."""
        self._failed_at.pop(hop, None)

    def _with_stream(self, hop: Hop, now: float) -> list[Hop]:
        stream = hop.by(TCP)
        return [hop] if hop.reliable or self._is_out(stream, now, REFUSED_S) else [stream, hop]

    def _is_out(self, hop: Hop, now: float, long: float) -> bool:
        since = self._failed_at.get(hop)
        return since is not None and now - since < long


class ClientTransactions(Protocol):
    """What an attempt needs of the node."""

    outages: Outages

    def now(self) -> float:
        """Return the time of its timers."""

    def begin(self, request: Request, hop: Hop, user: TransactionUser) -> str:
        """Begin a transaction; returns its key."""

    def give_up(self, key: str) -> None:
        """Send a request that is no INVITE no more, and wait for no answer to it."""

    def cancel(self, key: str, headers: Headers) -> None:
        """Send the CANCEL for an INVITE; the transaction is given up when its time is over."""


class RequestAttempt:
    """A request of ours under way.

    The next hop is tried when one does not answer at all, cannot be sent to, or says 503. Whoever is cancelled is not
    tried anywhere else.

    Attributes
    ----------
    hop
        Where it went last; None: nowhere yet.
    """

    def __init__(self, transactions: ClientTransactions, request: Request, user: TransactionUser) -> None:
        self.hop: Hop | None = None
        self._transactions = transactions
        self._request = request
        self._user = user
        self._hops: deque[Hop] = deque()
        self._alternatives = self._answered = self._over = False
        self._key: str | None = None

    def go(self, hops: Iterable[Hop]) -> None:
        """Try these; there is at least one."""
        if self._over:
            return
        size = len(bytes(self._request)) + VIA_BYTES
        self._hops.extend(self._transactions.outages.order(hops, size, self._transactions.now()))
        while len(self._hops) > MOST_HOPS:
            self._hops.pop()
        self._alternatives = len(self._hops) > 1
        self._try_next()

    def fail(self, reason: Failure | SipError) -> None:
        """Take notice that there is nowhere to go."""
        if not self._over:
            self._over = True
            self._user.on_failure(reason)

    def cancel(self, headers: Headers = ()) -> None:
        """Send the CANCEL for an INVITE, with further headers, when somebody has taken it."""
        self._hops.clear()
        if self._key is not None:
            self._transactions.cancel(self._key, headers)
        elif not self._over:
            self._over = True
            self._user.on_failure(Failure.STOPPED)

    def forget(self) -> None:
        """Send a request that is no INVITE no more, and wait for no answer to it."""
        self._over = True
        self._hops.clear()
        if self._key is not None:
            self._transactions.give_up(self._key)

    def on_response(self, response: Response) -> None:
        """Take a response; see `TransactionUser`."""
        if response.status == UNAVAILABLE and self._goes_on(same_place=True):
            return
        self._answered = True
        if self.hop is not None and response.status != UNAVAILABLE:
            self._transactions.outages.answered(self.hop)
        self._user.on_response(response)

    def on_failure(self, reason: Failure | SipError) -> None:
        """Take the failure of a transaction; see `TransactionUser`."""
        if self._answered or not self._goes_on(same_place=reason is not Failure.TRANSPORT):
            self._user.on_failure(reason)

    def _goes_on(self, *, same_place: bool) -> bool:
        """Try the next hop, if there is one; `same_place`: not by another transport to where it failed."""
        if self._alternatives and self.hop is not None:
            self._transactions.outages.failed(self.hop, self._transactions.now())
        while self._hops and same_place and self._is_here(self._hops[0]):
            self._hops.popleft()
        return self._try_next()

    def _is_here(self, hop: Hop) -> bool:
        return self.hop is not None and (hop.host, hop.port) == (self.hop.host, self.hop.port)

    def _try_next(self) -> bool:
        if not self._hops:
            return False
        self.hop = self._hops.popleft()
        self._key = self._transactions.begin(self._request, self.hop, self)
        return True
