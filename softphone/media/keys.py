"""Telephone events (RFC 4733): one key out of however many packets, and a key into its packets.

Both are values without sockets or clocks, one per leg; events are rare enough to be handled one by one.
"""

import struct
from collections import deque
from dataclasses import dataclass

from softphone.media.rtp import KEYS

__all__ = ["EventPacket", "KeyReceiver", "KeySender", "unpack_event"]

END = 0x80
# -10 dBm0, the middle of what RFC 4733 section 2.3.4 allows for DTMF
VOLUME = 10
# The first and the last packet of an event go out three times, so that either survives loss (section 2.5.1.4).
REPEATS = 3
# A segment's duration field holds no more; what lasts longer goes on in a new segment (section 2.5.1.3).
SEGMENT_MAX = 0xFFFF
# A packet that is older than the current event by less than this belongs to an earlier one; older still, to a sender
# that has begun a new time line. Four seconds at 8 kHz, longer than any network keeps a packet.
REORDER_SAMPLES = 32_000
_EVENT = struct.Struct(">BBH")


@dataclass(frozen=True, slots=True)
class EventPacket:
    """One packet of an event: `timestamp` is the event's beginning, `duration` in timestamp units."""

    timestamp: int
    code: int
    end: bool
    duration: int
    marker: bool

    @property
    def payload(self) -> bytes:
        """The four bytes of RFC 4733 section 2.3."""
        return _EVENT.pack(self.code, (END if self.end else 0) | VOLUME, self.duration)


def unpack_event(payload: bytes, timestamp: int, marker: bool) -> EventPacket | None:
    """Read an event payload; None when it is too short or not a key of a telephone."""
    if len(payload) < _EVENT.size or payload[0] >= len(KEYS):
        return None
    code, flags, duration = _EVENT.unpack_from(payload)
    return EventPacket(timestamp, code, bool(flags & END), duration, marker)


class KeyReceiver:
    """Finds the keys of one sender."""

    def __init__(self) -> None:
        self._last: EventPacket | None = None

    def receive(self, packet: EventPacket) -> str | None:
        """Take a packet; give the key if it is the first seen of its event, whichever packet of it that is."""
        last = self._last
        if last is None:
            self._last = packet
            return KEYS[packet.code]
        ahead = (packet.timestamp - last.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if ahead == 0:
            self._last = packet if packet.end else last
            return None
        if -REORDER_SAMPLES < ahead < 0:
            return None
        self._last = packet
        return None if self._continues(last, packet, ahead) else KEYS[packet.code]

    @staticmethod
    def _continues(last: EventPacket, packet: EventPacket, ahead: int) -> bool:
        """Tell whether `packet` is the next segment of a long event."""
        return ahead == SEGMENT_MAX and packet.code == last.code and not last.end and not packet.marker


class KeySender:
    """Turns queued keys into packets, tick by tick.

    Parameters
    ----------
    samples
        Timestamp units per tick.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._queue: deque[tuple[int, int, int]] = deque()  # code, samples of sound, samples of silence after it
        self._tokens: deque[tuple[int, int]] = deque()  # token, keys left of it
        self._beginning = 0
        self._elapsed = -1  # samples of the current key, or -1 when none has begun
        self.sounding = False

    def push(self, keys: str, tone_samples: int, gap_samples: int, token: int) -> None:
        """Queue keys; `token` is given back by `step` when the last of them is out.

        Raises
        ------
        ValueError
            When a character is not one of 0-9, *, #, A-D, or the tone does not fit one segment.
        """
        if not keys or not set(keys.upper()) <= set(KEYS):
            raise ValueError(f"not keys of a telephone: {keys!r}")
        if not 0 < tone_samples <= SEGMENT_MAX or not 0 <= gap_samples <= SEGMENT_MAX:
            raise ValueError("a key must last between one sample and 65535")
        self._queue += [(KEYS.index(key), tone_samples, gap_samples) for key in keys.upper()]
        self._tokens.append((token, len(keys)))

    @property
    def tokens(self) -> list[int]:
        """What has been queued and is not wholly out."""
        return [token for token, _ in self._tokens]

    @property
    def busy(self) -> bool:
        """Whether `step` has more to do."""
        return bool(self._queue) or self.sounding

    def step(self, timestamp: int) -> tuple[list[EventPacket], int | None]:
        """Give the packets of the tick that begins at `timestamp`, and the token that is complete with them."""
        if not self._queue:
            self.sounding = False
            return [], None
        code, tone, gap = self._queue[0]
        first = self._elapsed < 0
        if first:
            self._beginning, self._elapsed = timestamp, 0
        self._elapsed += self._samples
        ending = self._elapsed - self._samples < tone <= self._elapsed
        self.sounding = self._elapsed - self._samples < tone
        packets = self._packets(code, min(self._elapsed, tone), first, ending)
        if self._elapsed >= tone + gap:
            self._queue.popleft()
            self._elapsed = -1
        return packets, self._count() if ending else None

    def _packets(self, code: int, duration: int, first: bool, ending: bool) -> list[EventPacket]:
        """Give the packets of one tick of a key."""
        if not self.sounding:
            return []
        times = REPEATS if first or ending else 1
        return [EventPacket(self._beginning, code, ending, duration, first and i == 0) for i in range(times)]

    def _count(self) -> int | None:
        """Take one key off the oldest token; the token when that was its last."""
        token, left = self._tokens.popleft()
        if left > 1:
            self._tokens.appendleft((token, left - 1))
            return None
        return token
