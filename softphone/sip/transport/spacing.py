"""Spacing of messages in a stream, for peers that split it by time: a pause after each body."""

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["SILENCE_S", "Spaced", "Spacing"]

SILENCE_S = 0.05

_END = b"\r\n\r\n"


class Spacing:
    """When each message may be written; a value that is told the time."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def when(self, data: bytes, now: float) -> float:
        """Say when this message goes out, after all that were asked for before."""
        at = max(now, self._free_at)
        self._free_at = at if data.endswith(_END) and data.index(_END) == len(data) - len(_END) else at + SILENCE_S
        return at


class Spaced:
    """Writes messages in their turn.

    Parameters
    ----------
    write
        Writes one.

    Attributes
    ----------
    size
        Bytes that wait for their turn.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._spacing = Spacing()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self.size = 0
        self._timer: asyncio.TimerHandle | None = None

    def put(self, data: bytes) -> None:
        """Write a message as soon as it may be."""
        loop = asyncio.get_running_loop()
        at = self._spacing.when(data, now := loop.time())
        if at <= now and not self._waiting:
            self._write(data)
            return
        self._waiting.append((at, data))
        self.size += len(data)
        if self._timer is None:
            self._timer = loop.call_at(at, self._next)

    def _next(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        while self._waiting and self._waiting[0][0] <= loop.time():
            data = self._waiting.popleft()[1]
            self.size -= len(data)
            self._write(data)
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0][0], self._next)
