"""The guard of the trunk: who may call which numbers outside, and how many at once and in an hour.

What goes wrong with a stolen password or a careless script costs money: so an extension answers for each call, the
number is one, and there are limits.
"""

import re
from collections import defaultdict, deque
from dataclasses import dataclass

from softphone.config import TrunkConfig
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import refused

__all__ = ["Toll", "permitted"]

HOUR_S = 3600.0

# E.164 has 15 digits; prefixes of carriers and of private lines come before them.
NUMBER = re.compile(r"\+?[0-9*#]{1,32}")


def permitted(number: str, trunk: TrunkConfig) -> bool:
    """Whether a number may be called: the longest prefix that fits decides; "+" at its front makes no difference.

    Where there are prefixes that are allowed, all others are not.
    """
    digits = number.lstrip("+")
    prefixes = {each.lstrip("+"): False for each in trunk.deny} | {each.lstrip("+"): True for each in trunk.allow}
    fitting = [prefix for prefix in prefixes if digits.startswith(prefix)]
    return prefixes[max(fitting, key=len)] if fitting else not trunk.allow


@dataclass(frozen=True, slots=True)
class _Call:
    account: str
    member: Member


class Toll:
    """The calls that go through the trunk.

    Parameters
    ----------
    trunk
        Prefixes and limits.
    """

    def __init__(self, trunk: TrunkConfig) -> None:
        self._trunk = trunk
        self._calls: list[_Call] = []
        self._hour: defaultdict[str, deque[float]] = defaultdict(deque)

    def check(self, number: str, caller: Caller) -> None:
        """Refuse who may not call outside, and numbers that may not be called.

        Raises
        ------
        NotReached
            404: it is no number. 403: it may not be called, or not by somebody whom nobody knows.
        """
        if not NUMBER.fullmatch(number):
            raise refused(404, "unknown")
        if not caller.account or not permitted(number, self._trunk):
            raise refused(403, "not allowed")

    def enter(self, caller: Caller, member: Member, now: float) -> None:
        """Take note of a call that is about to be placed; it is forgotten when `member` is over.

        Parameters
        ----------
        now
            Seconds on one monotonic clock.

        Raises
        ------
        NotReached
            503: there are too many calls, of all or of the one who answers for this.
        """
        trunk, account = self._trunk, caller.account
        self._calls = [call for call in self._calls if not call.member.gone]
        recent = self._hour[account]
        while recent and recent[0] <= now - HOUR_S:
            recent.popleft()
        own = sum(1 for call in self._calls if call.account == account)
        counts = (len(self._calls), own, len(recent))
        limits = (trunk.max_calls, trunk.user_calls, trunk.user_calls_per_hour)
        if any(limit and count >= limit for count, limit in zip(counts, limits, strict=True)):
            raise refused(503, "too many calls")
        self._calls.append(_Call(account, member))
        recent.append(now)
