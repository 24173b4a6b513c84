"""Rate limits of a program for each user, by usage group: requests that are expensive to answer are heavy.

Who asks for more is answered 429 until it has been quiet for a while: each further request begins that anew.
"""

import math
import re
from collections import OrderedDict
from dataclasses import dataclass

from softphone.config import RatesConfig

__all__ = ["Rates", "Spent", "group_of"]

# The groups of the paths below /restapi, the first that fits; what is in none is light.
GROUPS = (
    ("auth", "POST", r"/restapi/oauth/(token|wstoken)"),
    ("heavy", "POST", r"/restapi/v1\.0/account/[^/]+/telephony/(conference|call-out)"),
    ("heavy", "POST", r"/restapi/v1\.0/client-info/sip-provision"),
    ("heavy", "GET POST", r"/restapi/v1\.0/account/[^/]+/presence"),
    ("heavy", "GET", r"/restapi/v1\.0/account/[^/]+(/extension/[^/]+)?/active-calls"),
    ("medium", "POST PUT DELETE", r"/restapi/v1\.0/subscription(/.*)?"),
)
_GROUPS = tuple((group, frozenset(methods.split()), re.compile(path)) for group, methods, path in GROUPS)

# Bounds the memory that many users take, some 200 bytes each; who was counted longest ago is counted anew.
MOST = 20_000


def group_of(method: str, path: str) -> str:
    """Name the group of a request."""
    plain = path.rstrip("/")
    return next((group for group, methods, form in _GROUPS if method in methods and form.fullmatch(plain)), "light")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a request has left of a limit."""

    limit: int
    remaining: int
    wait_s: int
    "0: it is within the limit."


@dataclass(slots=True)
class Usage:
    """The requests of a user and program in one group since a time."""

    began: float
    count: int = 0
    until: float = 0.0
    "When it may ask again, once it has asked for too much."


class Rates:
    """What was asked of late, with the time as an argument (monotonic seconds).

    Parameters
    ----------
    settings
        The limits.
    """

    def __init__(self, settings: RatesConfig) -> None:
        self._settings = settings
        self._usages: OrderedDict[tuple[str, str], Usage] = OrderedDict()

    def spend(self, group: str, who: str, now: float) -> Spent | None:
        """Count a request; None where its group has no limit."""
        limit: int = getattr(self._settings, group)
        if not limit:
            return None
        usage = self._usage((group, who), now)
        usage.count += 1
        if usage.count > limit:
            usage.until = now + self._settings.penalty_s
        return Spent(limit, max(0, limit - usage.count), max(0, math.ceil(usage.until - now)))

    def _usage(self, key: tuple[str, str], now: float) -> Usage:
        usage = self._usages.get(key)
        if usage is None or (now >= usage.until and now >= usage.began + self._settings.window_s):
            usage = self._usages[key] = Usage(now)
            self._usages.move_to_end(key)
            if len(self._usages) > MOST:
                self._usages.popitem(last=False)
        return usage
