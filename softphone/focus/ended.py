"""Sessions that were: who comes too late is told so."""

from collections import OrderedDict

__all__ = ["EndedMemory"]


class EndedMemory:
    """Ids that were, with the time as an argument (seconds of one monotonic clock).

    Parameters
    ----------
    keep_s
        How long an id is remembered.
    max_count
        How many at most; the oldest go first.
    """

    def __init__(self, keep_s: float, max_count: int) -> None:
        self._keep_s = keep_s
        self._max_count = max_count
        self._ended: OrderedDict[str, float] = OrderedDict()

    def add(self, session_id: str, now: float) -> None:
        """Remember that a session ended."""
        self._ended[session_id] = now
        while self._ended and (len(self._ended) > self._max_count or self._oldest() + self._keep_s <= now):
            self._ended.popitem(last=False)

    def holds(self, session_id: str, now: float) -> bool:
        """Whether the session ended, and not too long ago."""
        ended = self._ended.get(session_id)
        return ended is not None and now < ended + self._keep_s

    def _oldest(self) -> float:
        return next(iter(self._ended.values()))
