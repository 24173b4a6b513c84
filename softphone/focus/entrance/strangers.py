"""Callers whom we do not know, until the ACK shows that they are there: one forged datagram takes a leg till then."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softphone.sip.call import Call

__all__ = ["Strangers"]

# Four hundred calls in a second whose ACK takes a second are a storm; a conference of thousands takes longer to come.
PER_ADDRESS = 500
# A fourth of the calls that the server takes: those whom we know still come in.
TOTAL = 1000
# So many may take the 32 s of RFC 3261 section 13.3.1.4, over lines that lose every other message.
FEW = 50
# Of more, each has four of the repeated answers to acknowledge one.
PATIENCE_S = 4.0


class Strangers:
    """Counts the calls of strangers that are not acknowledged yet."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def take(self, call: "Call") -> bool:
        """Take a call in, with how long it may take to be acknowledged; False: there are too many."""
        host = call.source.host
        if self._total >= TOTAL or self._waiting[host] >= PER_ADDRESS:
            return False
        call.patience_s = None if self._total < FEW else PATIENCE_S
        self._waiting[host] += 1
        self._total += 1
        call.on_settled = lambda: self._settled(host)
        return True

    def _settled(self, host: str) -> None:
        self._total -= 1
        self._waiting[host] -= 1
        if not self._waiting[host]:
            del self._waiting[host]
