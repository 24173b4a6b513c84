"""Wrong codes by name, of a room or a caller: too many in a short time, and it is closed for codes for a while.

Codes have few digits, so whoever may try them all finds one. What is remembered is bounded: at most `limit` + 1 times
for each of `max_names` names; the one that has been left alone longest is forgotten for a new one.
"""

from collections import deque

__all__ = ["Guesses"]


class Guesses:
    """The wrong codes of late.

    Parameters
    ----------
    limit
        Wrong codes that are borne in a window; one more closes the name.
    window_s
        The window, and how long a name is closed.
    max_names
        How many names are remembered.

    Raises
    ------
    ValueError
        A number is not positive.
    """

    def __init__(self, limit: int = 20, window_s: float = 600.0, max_names: int = 10_000) -> None:
        if min(limit, window_s, max_names) <= 0:
            raise ValueError(f"guesses: {limit=}, {window_s=}, {max_names=}: not positive")
        self._limit = limit
        self._window_s = window_s
        self._max_names = max_names
        # The name that was counted last is the last.
        self._times: dict[str, deque[float]] = {}

    def wrong(self, name: str, now: float) -> bool:
        """Take notice of a wrong code; say whether it closed the name, which wrong codes of a closed one do not.

        Parameters
        ----------
        name
            Of a room or caller; any that stays the same.
        now
            In seconds of any one clock.
        """
        if self.closed(name, now):
            return False
        times = self._times.pop(name, None) or deque(maxlen=self._limit + 1)
        while times and times[0] <= now - self._window_s:
            times.popleft()
        times.append(now)
        if len(self._times) >= self._max_names:
            del self._times[next(iter(self._times))]
        self._times[name] = times
        return len(times) > self._limit

    def closed(self, name: str, now: float) -> bool:
        """Say whether no code is taken: for a window after the wrong one that was too many."""
        times = self._times.get(name)
        if times is None or len(times) <= self._limit:
            return False
        if now < times[-1] + self._window_s:
            return True
        del self._times[name]
        return False

    def forgive(self) -> None:
        """Open everything again."""
        self._times.clear()

    def __len__(self) -> int:
        """Names remembered."""
        return len(self._times)
