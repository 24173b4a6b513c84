"""Reliable provisional responses (RFC 3262), as values: sequence numbers and PRACK matching."""

import re
import secrets
from dataclasses import dataclass
from enum import Enum, auto

from softphone.sip.message.message import Headers, Message, Request, Response

__all__ = ["RELIABLE", "Arrival", "ProvisionalOrder", "RAck", "first_rseq", "is_required", "is_supported", "rack_for"]

RELIABLE = "100rel"

# RFC 3262 section 7.1; and the first one leaves room for all that follow (section 3).
LARGEST = 2**32 - 1
LARGEST_FIRST = 2**31 - 1

_RSEQ = re.compile(r"\s*([0-9]{1,10})\s*")
_RACK = re.compile(r"\s*([0-9]{1,10})\s+([0-9]{1,10})\s+(\S+)\s*")


def is_required(message: Message) -> bool:
    """Whether an INVITE asks that all provisional responses are reliable, or a response is a reliable one."""
    return RELIABLE in map(str.lower, message.tokens("Require"))


def is_supported(invite: Request) -> bool:
    """Whether the sender of an INVITE knows reliable provisional responses."""
    return is_required(invite) or RELIABLE in map(str.lower, invite.tokens("Supported"))


def first_rseq() -> int:
    """Choose the number of the first reliable response to a request (section 3): nobody guesses it."""
    return 1 + secrets.randbelow(LARGEST_FIRST)


class Arrival(Enum):
    """What a provisional response is."""

    PLAIN = auto()
    """Not reliable."""
    NEXT = auto()
    """The next reliable one: a PRACK is due."""
    REPEATED = auto()
    """One that has its PRACK, or one before which another is missing: nothing is done with it (section 4)."""


class ProvisionalOrder:
    """The reliable responses to one INVITE of ours in one dialog."""

    def __init__(self) -> None:
        self._last: int | None = None

    def take(self, provisional: Response) -> Arrival:
        """Judge one that came."""
        number = _rseq(provisional)
        if number is None:
            return Arrival.PLAIN
        if self._last is not None and number != self._last + 1:
            return Arrival.REPEATED
        self._last = number
        return Arrival.NEXT


def rack_for(provisional: Response) -> Headers:
    """Say in a PRACK which response it is for (section 7.2)."""
    return [("RAck", f"{_rseq(provisional)} {provisional.cseq}")]


@dataclass(frozen=True, slots=True)
class RAck:
    """Which response a PRACK is for."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def of(cls, prack: Request) -> "RAck | None":
        """Read it; None: it says none."""
        found = _RACK.fullmatch(prack.get("RAck") or "")
        return cls(int(found[1]), int(found[2]), found[3]) if found else None


def _rseq(provisional: Response) -> int | None:
    """Read the number of a reliable response; None: it is not reliable."""
    found = _RSEQ.fullmatch(provisional.get("RSeq") or "")
    if found is None or not 0 < int(found[1]) <= LARGEST or not is_required(provisional):
        return None
    return int(found[1])
