"""Ringing all the telephones of a number until one answers: a fork, as a proxy makes it (RFC 3261 section 16.7)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from softphone.errors import CallEnded, SipTimeout, SoftphoneError
from softphone.focus.context import Context
from softphone.focus.party.dialer import Dialer, Target
from softphone.focus.party.farewell import Farewell
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import CANCELLED, FAILED, NotReached, Outcome, Step, best, outcome_of
from softphone.focus.session import TelephonySession
from softphone.sip.message import Headers, Response

__all__ = ["Attempt", "Ringing"]

log = structlog.get_logger()

# When one telephone has refused, those that have not even said 100 have so long: three INVITEs were lost by then.
SILENT_S = 2.0

# Why the others ring no more (RFC 3326): a telephone that is told shows no missed call for one that was taken.
ELSEWHERE: Headers = (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)
DECIDED: Headers = (("Reason", 'SIP;cause=600;text="Busy Everywhere"'),)
GIVEN_UP: Headers = (("Reason", 'SIP;cause=487;text="Request Terminated"'),)
TOO_LONG: Headers = (("Reason", 'SIP;cause=480;text="Temporarily Unavailable"'),)


@dataclass(slots=True, eq=False)
class Attempt:
    """One telephone that rings, or did."""

    target: Target
    member: Member
    since: float
    "On the clock of the loop."
    alive: bool = False
    "Whether it has said anything yet."
    outcome: Outcome | None = FAILED
    "How it failed; None: it has answered."
    why: Headers = TOO_LONG
    "Of the CANCEL, if there has to be one."


class Ringing:
    """All the telephones of a number ring; the first to answer wins. Keeps them until one is handed on.

    Parameters
    ----------
    dialer, context
        Rings one; the focus's side.
    session
        What they are called into.
    """

    def __init__(self, dialer: Dialer, context: Context, session: TelephonySession) -> None:
        self._session = session
        self._dialer = dialer
        self._context = context
        self._members: set[Member] = set()
        self._running: dict[asyncio.Task[None], Attempt] = {}
        self._stopped = False

    def keeps(self, member: Member) -> bool:
        """Say whether one rings, or has answered and nobody has taken it yet."""
        return member in self._members

    def lost(self, member: Member) -> None:
        """Have no more to do with one that was taken."""
        self._members.discard(member)

    def key(self, member: Member, digit: str) -> None:
        """Hear no keys: nobody has been asked anything yet."""

    def over(self, member: Member, reason: str) -> None:
        """Leave it to :meth:`first`, which gives no member whose call is over."""

    def talking(self, member: Member, on: bool) -> None:
        """Listen to nobody."""

    def silent(self, member: Member) -> None:
        """Wait on."""

    async def first(self, targets: Sequence[Target], make: Callable[[], Member], caller: Caller) -> Member:
        """Ring until one answers, one declines for all, or none is left.

        Parameters
        ----------
        targets
            All that ring.
        make
            Makes the member of each.
        caller
            Who is shown.

        Returns
        -------
        Member
            Its call stands. Whoever called takes it at once, or says farewell.

        Raises
        ------
        NotReached
            Nobody answered, or the one who did hung up at once, or :meth:`stop` was called.
        """
        outcomes: list[Outcome] = []
        why = GIVEN_UP
        for target in targets:
            self._start(target, make(), caller)
        try:
            while self._running and not self._stopped:
                over = await self._next(impatient=bool(outcomes))
                winner = self._winner(over)
                if winner is not None:
                    why = ELSEWHERE
                    return winner
                outcomes += [attempt.outcome for attempt in over if attempt.outcome is not None]
                if any(each.step is Step.CANCEL_ALL for each in outcomes):
                    why = DECIDED
                    break
        finally:
            self._cancel(why)
        raise NotReached(CANCELLED if self._stopped else best(outcomes))

    def _start(self, target: Target, member: Member, caller: Caller) -> None:
        attempt = Attempt(target, member, asyncio.get_running_loop().time())
        self._members.add(member)
        member.pass_to(self)
        self._running[self._context.tasks.start(self._ring(attempt, caller))] = attempt

    async def _ring(self, attempt: Attempt, caller: Caller) -> None:
        """Ring one telephone, and note what becomes of it."""
        try:
            await self._dialer.ring(
                attempt.member,
                attempt.target,
                caller,
                focus=self._dialer.focus(self._session, attempt.target),
                on_progress=lambda response: self._progressed(attempt, response),
                cancel_headers=lambda: attempt.why,
            )
            attempt.outcome = None
        except SoftphoneError as error:
            attempt.outcome = outcome_of(error, rang=attempt.alive)
            log.info("not_reached", session=self._session.id, uri=attempt.target.uri, error=str(error))
        finally:
            if attempt.outcome is not None:
                self._members.discard(attempt.member)

    def _progressed(self, attempt: Attempt, response: Response) -> None:
        attempt.alive = True

    async def _next(self, *, impatient: bool) -> list[Attempt]:
        """Wait until some are over; `impatient`: as long as what has never said anything may take at most."""
        patience_s = self._patience_s() if impatient else None
        done, _ = await asyncio.wait(self._running, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if done:
            return [self._running.pop(task) for task in done]
        for attempt in self._running.values():
            attempt.outcome = outcome_of(SipTimeout("it never said anything"))
        return self._cancel(GIVEN_UP)

    def _patience_s(self) -> float | None:
        """Say how long to wait for telephones that have not said anything; None: one of them has, and rings."""
        if any(attempt.alive for attempt in self._running.values()):
            return None
        latest = max(attempt.since for attempt in self._running.values())
        return max(0.0, latest + SILENT_S - asyncio.get_running_loop().time())

    def _winner(self, over: Sequence[Attempt]) -> Member | None:
        """Choose one of those that have answered, and hang up on the others, and on one that has hung up already."""
        winner = None
        for attempt in over:
            if attempt.outcome is not None:
                continue
            if winner is None and not attempt.member.over and not self._stopped:
                winner = attempt.member
                continue
            attempt.outcome = outcome_of(CallEnded("it hung up at once"))
            Farewell(self._context, attempt.member).say()
        return winner

    def stop(self) -> None:
        """Let them ring no more; :meth:`first` ends."""
        self._stopped = True
        for task, attempt in self._running.items():
            self._end(task, attempt, GIVEN_UP)

    def _cancel(self, why: Headers) -> list[Attempt]:
        """End all attempts that are left, and hang up on who has answered in the same moment."""
        left, self._running = self._running, {}
        for task, attempt in left.items():
            if not task.done():
                self._end(task, attempt, why)
            elif attempt.outcome is None:
                Farewell(self._context, attempt.member).say()
        return list(left.values())

    def _end(self, task: asyncio.Task[None], attempt: Attempt, why: Headers) -> None:
        """Cancel an attempt, once: a second time would disturb its goodbye."""
        if not task.cancelling():
            attempt.why = why
            task.cancel()
