"""Forking (RFC 3261 section 16.7): all phones of a number ring until one answers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from softphone.errors import BadMessage, CallEnded, SipTimeout, SoftphoneError
from softphone.focus.party.context import Context
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.dialplan import DialTarget
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import CallOwner, Member
from softphone.focus.party.outcome import CANCELLED, FAILED, NotReached, Outcome, Step, best, outcome_of, refused
from softphone.focus.session import TelephonySession
from softphone.sip.message.message import Headers, Response
from softphone.sip.message.uri import Uri

__all__ = ["Attempt", "Ringing", "SentOn"]

log = structlog.get_logger()

# When one telephone has refused, those that have not even said 100 have so long: three INVITEs were lost by then.
SILENT_S = 2.0

# RFC 5373, and what telephones read instead that do not know it.
AUTO_ANSWER: Headers = (
    ("Answer-Mode", "Auto"),
    ("Alert-Info", "Auto Answer"),
    ("Call-Info", "<sip:auto.invalid>;answer-after=0"),
)

# Why the others ring no more (RFC 3326): a telephone that is told shows no missed call for one that was taken.
ELSEWHERE: Headers = (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)
DECIDED: Headers = (("Reason", 'SIP;cause=600;text="Busy Everywhere"'),)
GIVEN_UP: Headers = (("Reason", 'SIP;cause=487;text="Request Terminated"'),)
TOO_LONG: Headers = (("Reason", 'SIP;cause=480;text="Temporarily Unavailable"'),)


class SentOn(NotReached):
    """Whoever is called wants the call to go on to a number."""

    def __init__(self, number: str) -> None:
        super().__init__(refused(480, "forwarded").outcome)
        self.number = number


@dataclass(slots=True, eq=False)
class Attempt:
    """One telephone that rings, or did."""

    target: DialTarget
    member: Member
    since: float
    "On the clock of the loop."
    headers: Headers = ()
    "What its INVITE has of its own."
    alive: bool = False
    "Whether it has said anything yet."
    outcome: Outcome | None = FAILED
    "How it failed; None: it has answered."
    why: Headers = TOO_LONG
    "Of the CANCEL, if there has to be one."


@dataclass(slots=True)
class Fork:
    """What is known of a call to several telephones."""

    make: Callable[[], Member]
    caller: Caller
    doubtful: list[DialTarget]
    "Nobody answered there the last time."
    backups: list[DialTarget]
    "Other ways to the same, in this order."
    stages: list[list[DialTarget]]
    "Those that ring later, with those that do by then."
    due: float | None = None
    "When the next of these does, on the clock of the loop; None: nobody is left."
    alternatives: list[DialTarget] = field(default_factory=list)
    "Of a redirection, in this order, when what was preferred to them has failed."
    asked: set[str] = field(default_factory=set)
    "URIs that were called."
    redirects: int = 0
    verdict: "asyncio.Future[NotReached | list[DialTarget]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    "What whoever is called has commanded: that it is not there, or which telephones are to answer at once."
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether somebody is there, and has said no."""
        return any(outcome.word != "unreachable" for outcome in self.outcomes)

    @property
    def decided(self) -> bool:
        """Whether somebody has said no for all."""
        return any(outcome.step is Step.CANCEL_ALL for outcome in self.outcomes)

    def later(self) -> list[DialTarget]:
        """Take those that come next, of no stage.

        One that a redirection names, another way if none has led there, or all doubtful ones if nobody else is there.
        """
        if self.alternatives:
            return [self.alternatives.pop(0)]
        if self.backups and all(outcome.on_the_way for outcome in self.outcomes):
            return [self.backups.pop(0)]
        doubtful, self.doubtful = self.doubtful, []
        return [] if self.refused else doubtful


class Ringing(CallOwner):
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
        self._on_progress: Callable[[Member, Response], None] | None = None
        self._fork: Fork | None = None

    def keeps(self, member: Member) -> bool:
        """Say whether one rings, or has answered and nobody has taken it yet."""
        return member in self._members

    def lost(self, member: Member) -> None:
        """Have no more to do with one that was taken."""
        self._members.discard(member)

    async def first(
        self,
        targets: Sequence[DialTarget],
        make: Callable[[], Member],
        caller: Caller,
        on_progress: Callable[[Member, Response], None] | None = None,
    ) -> Member:
        """Ring until one answers, one declines for all, or none is left.

        Parameters
        ----------
        targets
            All that ring.
        make
            Makes the member of each.
        caller
            Who is shown.
        on_progress
            Told what their telephones say above 100 before one answers: that it rings, early media.

        Returns
        -------
        Member
            Its call stands. Whoever called takes it at once, or says farewell.

        Raises
        ------
        NotReached
            Nobody answered, or the one who did hung up at once, or :meth:`stop` was called.
        """
        sure = [target for target in targets if not (target.doubtful or target.backup)]
        fork = Fork(
            make,
            caller,
            doubtful=[target for target in targets if target.doubtful],
            backups=[target for target in targets if target.backup],
            stages=[[one for one in sure if one.stage == stage] for stage in sorted({one.stage for one in sure})],
        )
        self._on_progress, self._fork = on_progress, fork
        why = GIVEN_UP
        self._start_stage(fork)
        try:
            while not self._stopped and (self._running or self._start_next(fork)):
                winner = self._winner(await self._next(fork))
                if winner is not None:
                    why = ELSEWHERE
                    return winner
                if fork.decided:
                    why = DECIDED
                    break
        finally:
            self._fork = None
            self._cancel(why)
        raise NotReached(CANCELLED if self._stopped else best(fork.outcomes))

    def of(self, party_id: str) -> list[DialTarget]:
        """List the telephones of a party that ring, and that nobody has decided about."""
        if self._fork is None or self._fork.verdict.done():
            return []
        return [each.target for each in self._running.values() if each.member.party.id == party_id]

    def turn_away(self, why: NotReached) -> None:
        """Ring no more, for whoever is called has decided so: :meth:`first` raises this."""
        if self._fork is not None:
            self._fork.verdict.set_result(why)

    def answer_at(self, targets: list[DialTarget]) -> None:
        """Let some of the telephones that ring answer at once, as far as they can; the others ring no more."""
        if self._fork is not None:
            self._fork.verdict.set_result(targets)

    def _obey(self, fork: Fork) -> None:
        """Do what whoever is called has commanded."""
        verdict = fork.verdict.result()
        if isinstance(verdict, NotReached):
            raise verdict
        self._cancel(ELSEWHERE)
        fork.stages, fork.due, fork.backups, fork.doubtful = [], None, [], []
        fork.verdict = asyncio.get_running_loop().create_future()
        for target in verdict:
            self._start(fork, target, AUTO_ANSWER)

    def _start(self, fork: Fork, target: DialTarget, headers: Headers = ()) -> None:
        caller = replace(fork.caller, headers=(*fork.caller.headers, *headers)) if headers else fork.caller
        attempt = Attempt(target, fork.make(), asyncio.get_running_loop().time(), headers)
        fork.asked.add(target.uri)
        self._members.add(attempt.member)
        attempt.member.pass_to(self)
        self._running[self._context.tasks.start(self._ring(attempt, caller))] = attempt

    def _start_stage(self, fork: Fork) -> None:
        """Ring those whose turn it is, and say when it is that of the next."""
        for target in fork.stages.pop(0) if fork.stages else ():
            self._start(fork, target)
        fork.due = asyncio.get_running_loop().time() + self._dialer.ring_stage_s if fork.stages else None

    def _start_next(self, fork: Fork) -> bool:
        """Ring those that were left for later, now that all others are over; whether there is any."""
        if fork.stages and not fork.alternatives:
            self._start_stage(fork)
        else:
            for target in fork.later():
                self._start(fork, target)
        return bool(self._running)

    def _replaced(self, fork: Fork, attempt: Attempt, outcome: Outcome) -> bool:
        """Ring the same telephone by its next flow, or where it says to; whether that decides what follows."""
        if outcome.flow_failed and attempt.target.next_flow is not None:
            self._start(fork, attempt.target.next_flow, attempt.headers)
            return True
        return outcome.step is Step.FOLLOW and self._redirected(fork, outcome)

    def _redirected(self, fork: Fork, outcome: Outcome) -> bool:
        """Ask where a telephone says to, as far as the caller might call there; whether that decides what follows.

        What cannot be followed is passed on: it is the answer of that telephone (RFC 3261 section 16.7, step 4).
        """
        if not self._dialer.max_redirects:
            return False
        found = [target for uri in outcome.targets for target in self._reached(fork, uri)]
        fresh = {target.uri: target for target in found if target.uri not in fork.asked}
        taken = list(fresh.values())[: max(0, self._dialer.max_redirects - fork.redirects)]
        if taken:
            fork.redirects += len(taken)
            fork.alternatives += taken[1:]
            self._start(fork, taken[0])
        elif found:
            fork.outcomes.append(refused(482, "loop").outcome)
        return bool(found)

    def _reached(self, fork: Fork, uri: str) -> list[DialTarget]:
        try:
            return self._dialer.reach(Uri.parse(uri), fork.caller)
        except (NotReached, BadMessage) as error:
            log.info("not_followed", session=self._session.id, uri=uri, reason=str(error))
            return []

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
            self._became(attempt.member)
        except SoftphoneError as error:
            attempt.outcome = outcome_of(error, rang=attempt.alive, wished=caller.headers)
            log.info("not_reached", session=self._session.id, uri=attempt.target.uri, error=str(error))
        finally:
            if attempt.outcome is not None:
                self._members.discard(attempt.member)
        self._judge(attempt)

    def _became(self, member: Member) -> None:
        """Show who has answered, where somebody else has taken the place of the telephone that rang."""
        who = self._context.successors.pop(member.call, None) if member.call is not None else None
        if who is not None:
            self._session.became(member.party, who)

    def _judge(self, attempt: Attempt) -> None:
        """Tell the registrar whether anybody is at a telephone."""
        if attempt.outcome is not None and attempt.outcome.word == "unreachable" and not attempt.alive:
            self._dialer.lost(attempt.target)
        else:
            self._dialer.found(attempt.target)

    def _progressed(self, attempt: Attempt, response: Response) -> None:
        attempt.alive = True
        if response.status > 100 and self._on_progress is not None:
            self._on_progress(attempt.member, response)

    async def _next(self, fork: Fork) -> list[Attempt]:
        """Wait until some are over, and take note of how; gives those that follow from nothing else."""
        patience_s = self._patience_s() if fork.refused else None
        stage_s = None if fork.due is None else max(0.0, fork.due - asyncio.get_running_loop().time())
        timeout_s = min((each for each in (patience_s, stage_s) if each is not None), default=None)
        waited: set[asyncio.Future[Any]] = {*self._running, fork.verdict}
        done, _ = await asyncio.wait(waited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if fork.verdict in done and not any(each.done() for each in self._running):
            self._obey(fork)
            return []
        if not done and timeout_s == stage_s:
            self._start_stage(fork)
            return []
        ended = [task for task in self._running if task.done()]
        over = [self._running.pop(task) for task in ended] if ended else self._silence()
        for attempt in over:
            if attempt.outcome is not None and not self._replaced(fork, attempt, attempt.outcome):
                fork.outcomes.append(attempt.outcome)
        return over

    def _silence(self) -> list[Attempt]:
        """Give up those that have not said anything, unless one has by now, and rings.

        One that fails so for the second time is given more time first.
        """
        if self._alive:
            return []
        for attempt in self._running.values():
            attempt.outcome = outcome_of(SipTimeout("it never said anything"))
            if not attempt.target.doubtful:
                self._dialer.lost(attempt.target)
        return self._cancel(GIVEN_UP)

    @property
    def _alive(self) -> bool:
        """Whether one of those that were called has said anything."""
        return any(attempt.alive for attempt in self._running.values())

    def _patience_s(self) -> float | None:
        """Say how long to wait for telephones that have not said anything; None: one of them has, and rings."""
        if self._alive:
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
            Hangup(self._context, attempt.member).say()
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
                Hangup(self._context, attempt.member).say()
        return list(left.values())

    def _end(self, task: asyncio.Task[None], attempt: Attempt, why: Headers) -> None:
        """Cancel an attempt, once: a second time would disturb its goodbye."""
        if not task.cancelling():
            attempt.why = why
            task.cancel()
