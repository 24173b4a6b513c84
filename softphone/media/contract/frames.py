"""The media channel as bytes: length-prefixed msgpack.

A frame is four bytes of length, big-endian, and msgpack of [number, message]. A reply carries its request's number;
an event carries 0.
"""

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from softphone.media.contract.messages import MediaRequest, Outcome

__all__ = ["Splitter", "frame", "read_reply", "read_request"]

# The longest message is a hundred times shorter: more is a broken peer.
FRAME_MAX = 1 << 20
PREFIX = 4

_ENCODER = msgspec.msgpack.Encoder()
_KINDS: Any = reduce(or_, MediaRequest.__subclasses__())
_REQUESTS = msgspec.msgpack.Decoder(tuple[int, _KINDS])
_REPLIES = msgspec.msgpack.Decoder(tuple[int, Outcome])


def frame(number: int, message: MediaRequest[Any] | Outcome) -> bytes:
    """Give a message as it goes over the channel."""
    body = _ENCODER.encode((number, message))
    return len(body).to_bytes(PREFIX) + body


def read_request(body: bytes) -> tuple[int, MediaRequest[Any]]:
    """Read what the control process sends; raises msgspec.MsgspecError."""
    number, request = _REQUESTS.decode(body)
    return number, request


def read_reply(body: bytes) -> tuple[int, Outcome]:
    """Read what the worker sends; raises msgspec.MsgspecError."""
    return _REPLIES.decode(body)


class Splitter:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; give the bodies that are complete.

        Raises
        ------
        ValueError
            When a frame is longer than any message can be.
        """
        self._pending += data
        bodies = []
        while len(self._pending) >= PREFIX:
            size = int.from_bytes(self._pending[:PREFIX])
            if size > FRAME_MAX:
                raise ValueError(f"frame of {size} bytes")
            if len(self._pending) < PREFIX + size:
                break
            bodies.append(bytes(self._pending[PREFIX : PREFIX + size]))
            del self._pending[: PREFIX + size]
        return bodies
