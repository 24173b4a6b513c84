"""Protection against toll fraud: limits of outside calls.

Each call needs a responsible extension and a permitted number. The limits are concurrent calls and calls per hour, of
each extension and of all together. A refusal is logged with its extension.
"""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import structlog

from softphone.config import TollConfig, TrunkConfig
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import NotReached, refused
from softphone.store.call_handling import NUMBER
from softphone.text import shown

__all__ = ["HOUR_S", "Prefixes", "Toll", "permitted"]

log = structlog.get_logger()

HOUR_S = 3600.0


class Prefixes(Protocol):
    """Which numbers may be called."""

    @property
    def allow(self) -> tuple[str, ...]:
        """Prefixes of those that may."""

    @property
    def deny(self) -> tuple[str, ...]:
        """Prefixes of those that may not."""


def permitted(number: str, prefixes: Prefixes) -> bool:
    """Whether a number may be called: the longest prefix that fits decides; "+" at its front makes no difference.

    Where there are prefixes that are allowed, all others are not.
    """
    digits = number.lstrip("+")
    known = {each.lstrip("+"): False for each in prefixes.deny} | {each.lstrip("+"): True for each in prefixes.allow}
    fitting = [prefix for prefix in known if digits.startswith(prefix)]
    return known[max(fitting, key=len)] if fitting else not prefixes.allow


@dataclass(frozen=True, slots=True)
class _Call:
    account: str
    member: Member
    trunk: str


class Toll:
    """The calls outside.

    Parameters
    ----------
    limits
        Prefixes and limits.
    """

    def __init__(self, limits: TollConfig) -> None:
        self._limits = limits
        self._calls: list[_Call] = []
        self._hour: deque[tuple[float, str]] = deque()

    def check(self, number: str, caller: Caller) -> None:
        """Refuse who may not call outside, and numbers that may not be called.

        Raises
        ------
        NotReached
            404: it is no number. 403: it may not be called, or not by somebody whom nobody knows.
        """
        if not NUMBER.fullmatch(number):
            raise refused(404, "unknown")
        if not caller.account or not permitted(number, self._limits):
            raise self.refusal(403, "not allowed", number, caller)

    def refusal(self, status: int, word: str, number: str, caller: Caller) -> NotReached:
        """Make the refusal of a call, and log it."""
        log.warning("toll_refused", number=shown(number), caller=caller.number, account=caller.account, reason=word)
        return refused(status, word)

    def enter(self, caller: Caller, member: Member, trunk: TrunkConfig, now: float) -> None:
        """Take note of a call that is about to be placed; it is forgotten when `member` is over.

        Parameters
        ----------
        trunk
            That it takes.
        now
            Seconds on one monotonic clock.

        Raises
        ------
        NotReached
            503: there are too many calls, of all, of the one who answers for this, or on the trunk.
        """
        account = caller.account
        self._calls = [call for call in self._calls if not call.member.gone]
        while self._hour and self._hour[0][0] <= now - HOUR_S:
            self._hour.popleft()
        if any(limit and count >= limit for count, limit in self._counted(account, trunk)):
            raise self.refusal(503, "too many calls", member.party.address.number, caller)
        self._calls.append(_Call(account, member, trunk.name))
        self._hour.append((now, account))

    def _counted(self, account: str, trunk: TrunkConfig) -> list[tuple[int, int]]:
        """Give what is limited, each with its limit."""
        limits = self._limits
        return [
            (len(self._calls), limits.max_calls),
            (sum(1 for call in self._calls if call.account == account), limits.user_calls),
            (sum(1 for call in self._calls if call.trunk == trunk.name), trunk.max_calls),
            (len(self._hour), limits.calls_per_hour),
            (sum(1 for _, each in self._hour if each == account), limits.user_calls_per_hour),
        ]
