"""Calls of bots, whoever is called: who is in, what failed and why, and how long answers took."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from softphone.errors import CallRefused, SoftphoneError
from softphone.load.quantiles import Quantiles
from softphone.load.report import POLICY

__all__ = ["PartyCalls", "JoinFailed"]

LOOK_S = 0.02
STILL_IN = "is still in, and should have been sent away"
T = TypeVar("T")
C = TypeVar("C")


class JoinFailed(SoftphoneError):
    """A bot could not join; the message is the cause, in the words that causes are counted by."""


class PartyCalls(ABC, Generic[C]):
    """Calls, one per bot.

    Parameters
    ----------
    clock
        Seconds of any monotonic clock.

    Attributes
    ----------
    answers_ms
        How long answers took, by method.
    failures
        What failed, by cause.
    dropped
        Calls that the peer ended.
    joined
        Those that are in.
    at_once
        How many were in at the same time, at most.
    whom
        Whom bots call, where it is somebody else than the plan says.
    ended
        Why the peer ended the calls of those that are not in any more.
    on_dropped
        Told of each that the peer ended.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.answers_ms: dict[str, Quantiles] = {}
        self.failures: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.joined: dict[int, C] = {}
        self.whom: dict[int, str] = {}
        self.ended: dict[int, str] = {}
        self.at_once, self._is_refused = 0, False
        self.on_dropped: Callable[[int], None] = lambda bot: None

    @property
    def policy_limit(self) -> int | None:
        """How many were in at the same time, at most, where others were refused by a policy; None: nobody was.

        An answer that lets somebody in may be read after one that lets somebody else not.
        """
        return self.at_once if self._is_refused else None

    @property
    def notes(self) -> list[str]:
        """What is to be known of the calls besides."""
        return []

    @abstractmethod
    async def start(self) -> None:
        """Get ready; raises OSError or SoftphoneError where that cannot be."""

    @abstractmethod
    async def stop(self) -> None:
        """Leave nothing behind."""

    async def join(self, bot: int) -> None:
        """Let a bot call, and send and hear sound when it is answered.

        Raises
        ------
        JoinFailed
            It did not get in; it is counted.
        """
        self.ended.pop(bot, None)
        try:
            await self._join(bot)
            self.at_once = max(self.at_once, len(self.joined))
        except SoftphoneError as error:
            cause = self._cause(error)
            self._is_refused |= isinstance(error, CallRefused) and error.status in POLICY
            self.failures[cause] += 1
            raise JoinFailed(cause) from error

    @abstractmethod
    async def _join(self, bot: int) -> None: ...

    async def sent_away(self, bots: Sequence[int], within_s: float) -> None:
        """Wait until the peer has ended the calls of bots: that is no failure, and who is still in then is one."""
        ends = self._clock() + within_s
        while any(bot in self.joined for bot in bots) and self._clock() < ends:
            await asyncio.sleep(LOOK_S)
        for bot in bots:
            if bot in self.joined:
                self.failures[STILL_IN] += 1
            elif bot in self.ended:
                self.dropped -= Counter([self.ended.pop(bot)])

    @abstractmethod
    async def leave(self, bot: int) -> None:
        """Let a bot hang up; one that is not in does nothing."""

    @abstractmethod
    def press(self, bot: int, keys: str) -> None:
        """Let a bot press keys; where the peer takes none, it is counted as a failure."""

    @abstractmethod
    async def reinvite(self, bot: int, direction: str = "sendrecv") -> None:
        """Let a bot offer anew: the same again, or "sendonly" to hold; raises SoftphoneError, and counts it."""

    def _cause(self, error: SoftphoneError) -> str:
        """Name what went wrong in the words that it is counted by."""
        return str(error)

    async def _timed(self, method: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something, and count how long its answer took, a refusal too."""
        began = self._clock()
        try:
            result = await work()
        except CallRefused:
            self._note(method, self._clock() - began)
            raise
        self._note(method, self._clock() - began)
        return result

    def _note(self, method: str, seconds: float) -> None:
        self.answers_ms.setdefault(method, Quantiles()).add(1000 * seconds)
