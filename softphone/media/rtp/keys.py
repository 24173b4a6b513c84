"""Telephone events (RFC 4733): one key out of however many packets, and a key into its packets.

Both are values without sockets or clocks, one per leg; events are rare enough to be handled one by one.
"""

import struct
from collections import deque
from dataclasses import dataclass, replace

from mixer.frame import TICK_S
from softphone.media.rtp.header import EVENT_END, KEYS

__all__ = ["EventPacket", "KeyReceiver", "KeySender", "unpack_event"]

# -10 dBm0, the middle of what RFC 4733 section 2.3.4 allows for DTMF
VOLUME = 10
# Of a packet that begins a key for telephones which tell it by that alone: what they compare it with.
PRELUDE_VOLUME = 6
# The last packet of an event goes out three times, so that it survives loss (section 2.5.1.4).
ENDS = 3
# A segment's duration field holds no more; what lasts longer goes on in a new segment (section 2.5.1.3).
SEGMENT_MAX = 0xFFFF
# What comes with an older timestamp than the current event, by less than this, belongs to an earlier one; older still,
# to a sender that has begun a new time line. Longer than any network keeps a packet.
REORDER_S = 4.0
# A sequence number that is lower by more than this is a new line of numbers, not a late packet (20 s of packets).
SEQUENCE_RESTART = 1000
# Keys are further apart than this, updates of one key are not: both ITU-T Q.24 (40 ms on, 40 ms off) and RFC 4733
# (an update each 50 ms) leave room.
APART_S = 0.1
# A marker on the heels of another is a copy; so long after it, it is the next key.
MARKED_S = 0.15
# The copies of an end follow it within this, held up by jitter too; an end that comes later is of another key.
COPIES_S = 0.5
_EVENT = struct.Struct(">BBH")


@dataclass(frozen=True, slots=True)
class EventPacket:
    """One packet of an event: `timestamp` is the event's beginning, `duration` in timestamp units."""

    timestamp: int
    code: int
    end: bool
    duration: int
    marker: bool
    volume: int = VOLUME

    @property
    def payload(self) -> bytes:
        """The four bytes of RFC 4733 section 2.3."""
        return _EVENT.pack(self.code, (EVENT_END if self.end else 0) | self.volume, self.duration)


def unpack_event(payload: bytes, timestamp: int, marker: bool) -> EventPacket | None:
    """Read an event payload; None when it is too short or not a key of a telephone."""
    if len(payload) < _EVENT.size or payload[0] >= len(KEYS):
        return None
    code, flags, duration = _EVENT.unpack_from(payload)
    return EventPacket(timestamp, code, bool(flags & EVENT_END), duration, marker)


class KeyReceiver:
    """Finds the keys of one sender.

    A new timestamp alone is no new key, nor is an old one the old key: some senders give every packet, or every end
    packet, a timestamp of its own, others have one for all keys of a call. A key begins with a marker, with another
    code, behind an end, or where its time cannot be that of the key before; of two packets, the one with the older
    sequence number is late and tells nothing.

    Parameters
    ----------
    clock_hz
        Of timestamps and durations, in Hz.
    """

    def __init__(self, clock_hz: int = 8000) -> None:
        self._apart = int(APART_S * clock_hz)
        self._reorder = int(REORDER_S * clock_hz)
        self._nearly_full = SEGMENT_MAX - clock_hz // 2
        self._last: EventPacket | None = None
        self._ended = False
        self._line, self._seq, self._arrival_s = 0, 0, 0.0

    def receive(self, packet: EventPacket, seq: int, ssrc: int, arrival_s: float) -> str | None:
        """Take a packet; give the key if it is the first seen of its event, whichever packet of it that is.

        Parameters
        ----------
        packet
            What it says.
        seq, ssrc
            Of its RTP header.
        arrival_s
            When it came, seconds of any clock.
        """
        last = self._last
        goes_on = False
        if last is not None and ssrc == self._line:
            pause_s = arrival_s - self._arrival_s
            if self._is_late(last, packet, seq, pause_s):
                return None
            goes_on = self._goes_on(last, packet, pause_s)
        self._ended = packet.end or (goes_on and self._ended)
        self._last, self._line, self._seq, self._arrival_s = packet, ssrc, seq, arrival_s
        return None if goes_on else KEYS[packet.code]

    def _is_late(self, last: EventPacket, packet: EventPacket, seq: int, pause_s: float) -> bool:
        """Tell whether `packet` was overtaken on the way, or is a copy."""
        behind = _signed(self._seq - seq, 16)
        if 0 <= behind < SEQUENCE_RESTART and pause_s < REORDER_S:
            return True
        return -self._reorder < _ahead(last, packet) < 0 and not packet.marker

    def _goes_on(self, last: EventPacket, packet: EventPacket, pause_s: float) -> bool:
        """Tell whether `packet` is of the same event as `last`, which came before it."""
        if packet.code != last.code:
            return False
        ahead, falls = _ahead(last, packet), packet.duration < last.duration
        within = 0 <= ahead <= max(last.duration, packet.duration + self._apart * packet.end)
        if packet.marker:  # a new key, unless the sender marks several packets of one
            return within and not falls and pause_s <= MARKED_S and (packet.end or not self._ended)
        if self._ended:  # only copies of the end follow an end
            return packet.end and not falls and 0 <= ahead <= max(last.duration, self._apart) and pause_s <= COPIES_S
        if falls and not packet.end:  # the next segment of a long event, or a key whose predecessor's end was lost
            return ahead == SEGMENT_MAX or last.duration >= self._nearly_full
        return within or 0 <= ahead <= self._apart or ahead == SEGMENT_MAX


def _ahead(last: EventPacket, packet: EventPacket) -> int:
    """Give how much later the timestamp of `packet` is."""
    return _signed(packet.timestamp - last.timestamp, 32)


def _signed(difference: int, bits: int) -> int:
    """Give a difference of numbers that wrap as the nearest there is."""
    half = 1 << bits - 1
    return (difference + half & (1 << bits) - 1) - half


class KeySender:
    """Turns queued keys into packets, tick by tick.

    Parameters
    ----------
    clock_hz
        Of durations, in Hz.
    """

    def __init__(self, clock_hz: int = 8000) -> None:
        self._clock_hz = clock_hz
        self._samples = round(TICK_S * clock_hz)
        self._queue: deque[tuple[int, int, int]] = deque()  # code, samples of sound, samples of silence after it
        self._tokens: deque[tuple[int, int]] = deque()  # token, keys left of it
        self._beginning = 0
        self._elapsed = -1  # samples of the current key, or -1 when none has begun
        self._ends = 0  # how many ticks ago it ended
        self.sounding = False

    def push(self, keys: str, tone_s: float, gap_s: float, token: int) -> None:
        """Queue keys, each of so many seconds; `token` is given back by `step` when the last of them is out.

        Raises
        ------
        ValueError
            When a character is not one of 0-9, *, #, A-D, or the tone does not fit one segment.
        """
        if not keys or not set(keys.upper()) <= set(KEYS):
            raise ValueError(f"not keys of a telephone: {keys!r}")
        tone_samples, gap_samples = int(tone_s * self._clock_hz), int(gap_s * self._clock_hz)
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

    def step(self, timestamp: int, *, prelude: bool = False) -> tuple[list[EventPacket], int | None]:
        """Give the packets of the tick that begins at `timestamp`, and the token that is complete with them.

        One packet goes out per tick while a key sounds, and its end three times, a tick apart (RFC 4733 section
        2.5.1.4): a short loss on the way does not take all of them. With `prelude` a key begins with a packet of no
        duration, by which alone some telephones tell one.
        """
        if not self._queue:
            self.sounding = False
            return [], None
        code, tone, gap = self._queue[0]
        first = self._elapsed < 0
        if first:
            self._beginning, self._elapsed = timestamp, 0
        self._elapsed += self._samples
        self.sounding = self._elapsed - self._samples < tone
        duration = min(self._elapsed, tone)
        end = self._elapsed >= tone
        self._ends += end
        packets = [EventPacket(self._beginning, code, end, duration, first)] if self._ends <= ENDS else []
        if first and prelude:
            packets = [
                EventPacket(self._beginning, code, False, 0, True, PRELUDE_VOLUME),
                *(replace(each, marker=False) for each in packets),
            ]
        complete = self._count() if self._ends == ENDS else None
        if self._ends >= ENDS and self._elapsed >= tone + gap:
            self._queue.popleft()
            self._elapsed, self._ends = -1, 0
        return packets, complete

    def _count(self) -> int | None:
        """Take one key off the oldest token; the token when that was its last."""
        token, left = self._tokens.popleft()
        if left > 1:
            self._tokens.appendleft((token, left - 1))
            return None
        return token
