"""Wrong codes per room: too many in a short time, and the room takes no code for a while.

Codes have few digits, so whoever may try them all finds one. What is remembered is bounded: at most `limit` + 1 times
for each of `max_rooms` rooms; the room that has been left alone longest is forgotten for a new one.
"""

from collections import deque

__all__ = ["Guesses"]


class Guesses:
    """The wrong codes of late.

    Parameters
    ----------
    limit
        Wrong codes that are borne in a window; one more closes the room.
    window_s
        The window, and how long the room is closed.
    max_rooms
        How many rooms are remembered.

    Raises
    ------
    ValueError
        A number is not positive.
    """

    def __init__(self, limit: int = 20, window_s: float = 600.0, max_rooms: int = 10_000) -> None:
        if min(limit, window_s, max_rooms) <= 0:
            raise ValueError(f"guesses: {limit=}, {window_s=}, {max_rooms=}: not positive")
        self._limit = limit
        self._window_s = window_s
        self._max_rooms = max_rooms
        # The room that was guessed at last is the last.
        self._times: dict[str, deque[float]] = {}

    def wrong(self, room: str, now: float) -> bool:
        """Take notice of a wrong code; say whether it closed the room, which wrong codes for a closed one do not.

        Parameters
        ----------
        room
            Any name that stays the same.
        now
            In seconds of any one clock.
        """
        if self.closed(room, now):
            return False
        times = self._times.pop(room, None) or deque(maxlen=self._limit + 1)
        while times and times[0] <= now - self._window_s:
            times.popleft()
        times.append(now)
        if len(self._times) >= self._max_rooms:
            del self._times[next(iter(self._times))]
        self._times[room] = times
        return len(times) > self._limit

    def closed(self, room: str, now: float) -> bool:
        """Say whether the room takes no code: for a window after the wrong one that was too many."""
        times = self._times.get(room)
        if times is None or len(times) <= self._limit:
            return False
        if now < times[-1] + self._window_s:
            return True
        del self._times[room]
        return False

    def forgive(self, room: str) -> None:
        """Open the room again."""
        self._times.pop(room, None)

    def __len__(self) -> int:
        """Rooms remembered."""
        return len(self._times)
