"""Received DTMF keys of one call that have not been read yet."""

import asyncio
from collections import deque

from softphone.errors import CallEnded

__all__ = ["KeysHeard"]

TYPED_AHEAD = 64
"""Keys that wait to be read; of somebody who presses more than anybody asks for the oldest are forgotten."""


class KeysHeard:
    """What was pressed and is not read yet, which may be before anybody asked."""

    def __init__(self) -> None:
        self._keys: deque[str] = deque(maxlen=TYPED_AHEAD)
        self._arrived = asyncio.Event()
        self._ended = False

    def put(self, key: str) -> None:
        """Append a key."""
        self._keys.append(key)
        self._arrived.set()

    def end(self) -> None:
        """Say that no more will come."""
        self._ended = True
        self._arrived.set()

    async def read(self, most: int | None, timeout_s: float | None, end: str) -> str:
        """Read keys until there are `most`, one of `end` came (which is not returned), or none came for `timeout_s`.

        Raises
        ------
        CallEnded
            The call ended before.
        """
        read = ""
        while most is None or len(read) < most:
            try:
                async with asyncio.timeout(timeout_s):
                    key = await self._next()
            except TimeoutError:
                break
            if key in end:
                break
            read += key
        return read

    async def _next(self) -> str:
        while not self._keys:
            if self._ended:
                raise CallEnded("the call is over, nobody presses a key any more")
            self._arrived.clear()
            await self._arrived.wait()
        return self._keys.popleft()
