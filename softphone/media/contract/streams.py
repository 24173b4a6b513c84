"""Streams: what both sides of the worker's socket know of audio that goes out by WebSocket, and comes in."""

from msgspec import Struct

__all__ = ["L16", "OPUS", "STREAM_RATES_HZ", "AudioStreamEnded", "AudioStreamStarted"]

STREAM_RATES_HZ = (8000, 16000, 24000, 48000)
"""Of the sound in a stream."""
L16, OPUS = "l16", "opus"
"""How it is encoded."""


class AudioStreamStarted(Struct, frozen=True, tag=True):
    """The client of a stream has connected."""

    leg: int


class AudioStreamEnded(Struct, frozen=True, tag=True):
    """A stream is over, or never began; told once of each. Its leg is still to be closed, unless that ended it.

    Attributes
    ----------
    reason
        ``closed`` (its leg was), ``disconnected``, ``unclaimed``, ``party left`` (the one that it was of), or why the
        connection was ended.
    dropped_s
        Sound that its client was too slow to take, seconds.
    unsaid_s
        Sound of the client that was more than may wait, seconds.
    """

    leg: int
    reason: str
    dropped_s: float = 0.0
    unsaid_s: float = 0.0
