"""Messages out of a byte stream (RFC 3261 section 18.3), however TCP cut it."""

import re

from softphone.sip.message.parser import MAX_MESSAGE

__all__ = ["PING", "PONG", "Framer"]

PING = b"\r\n\r\n"
"""What a client sends to keep its connection (RFC 5626 section 4.4.1); answered with `PONG`."""
PONG = b"\r\n"

_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)

_TYPE = re.compile(rb"^(?:content-type|c)[ \t]*:", re.IGNORECASE | re.MULTILINE)


class Framer:
    """One connection's bytes, cut into messages by their Content-Length.

    One that has none has no body, unless it has a Content-Type: then nobody knows where it ends (RFC 3261 section
    20.14), nor where the next one begins.

    Parameters
    ----------
    max_message
        Bytes of a message, headers included.

    Attributes
    ----------
    broken
        What came can no longer be cut; the connection is to be closed.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self.broken = False
        self._max = max_message
        self._buffer = bytearray()
        self._searched = 0
        self._wanted: int | None = None

    @property
    def partial(self) -> bool:
        """Whether the beginning of a message waits for its end."""
        return len(self._buffer) > len(PONG)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read, return the messages that are complete; a `PING` counts as one.

        A message that is too long or whose length cannot be told is returned as far as it came, so that its sender can
        be answered, and nothing after it: `broken` is set. The work is linear in what was read, however it was cut.
        """
        self._buffer += data
        found: list[bytes] = []
        while not self.broken and (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        if self._wanted is None:
            if self._buffer.startswith(PONG):
                return self._line_ends()
            self._wanted = self._measure()
        if self._wanted is None or len(self._buffer) < self._wanted:
            return None
        return self._take(self._wanted)

    def _line_ends(self) -> bytes | None:
        """Take a ping; a single line end, which is none once another byte follows it, is passed over."""
        if self._buffer.startswith(PING):
            return self._take(len(PING))
        if len(self._buffer) < len(PING) and PING.startswith(self._buffer):
            return None
        del self._buffer[: len(PONG)]
        return self._next()

    def _measure(self) -> int | None:
        """Say how many bytes the next message has; None while its headers are not whole."""
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 3)
            return self._give_up() if len(self._buffer) > self._max else None
        length = self._body_length(end)
        size = end + 4 + (length or 0)
        return self._give_up() if length is None or size > self._max else size

    def _body_length(self, end: int) -> int | None:
        """Content-Length of the headers before `end`; None when it cannot be told."""
        values = set(_LENGTH.findall(self._buffer, 0, end))
        if not values:
            return None if _TYPE.search(self._buffer, 0, end) else 0
        text = values.pop().strip()
        return int(text) if not values and text.isdigit() and len(text) <= 10 else None

    def _take(self, size: int) -> bytes:
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched, self._wanted = 0, None
        return message

    def _give_up(self) -> int:
        self.broken = True
        return min(len(self._buffer), self._max)
