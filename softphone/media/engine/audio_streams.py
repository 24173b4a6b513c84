"""Streams of an engine: the sound of a room or a party for a client, and the client's voice, tick by tick.

A stream is a leg of the application kind: what it hears is copied into a queue, what it says is pushed from another.
A queue has one writer and one reader, the tick and the thread of the sockets (`softphone.media.workers.stream_door`),
so that neither waits for the other. Whichever is full loses what is oldest, and that is counted.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import Bridge
from mixer.frame import TICK_S
from softphone.errors import MediaError, MediaFull
from softphone.media.codecs import libopus
from softphone.media.contract.leg import LegInfo
from softphone.media.contract.messages import OpenStream
from softphone.media.contract.streams import L16, OPUS, STREAM_RATES_HZ, AudioStreamEnded, AudioStreamStarted

__all__ = ["AudioStream", "AudioStreams", "Door", "lane_rate"]

Pcm = NDArray[np.int16]

# Of what a client is slow to take, 2 s.
MOST_FRAMES = 100
# Of what a client says ahead of time: what a program that makes speech has made at once.
MOST_AHEAD_S = 60.0
# So much of it is in the bridge: what is cleared later has been heard.
AHEAD_TICKS = 3


def lane_rate(rate_hz: int) -> int:
    """Give the rate of the bridge at which a stream of a rate hears and speaks."""
    return 48_000 if rate_hz == 24_000 else rate_hz


class AudioStream:
    """One stream, as the tick and the thread of the sockets share it.

    Attributes
    ----------
    frames
        What is heard and not yet sent, 20 ms each, int16 at whatever rate it was said; written by the tick.
    inbox
        What is to be said, at `lane_rate`, and names of marks between it; written by the thread.
    marks
        Names of marks whose turn has come, or that were cleared; written by the tick.
    given, clears
        Samples that were written into `inbox`, and how often it was cleared; the thread's. Clearing writes None.
    """

    def __init__(self, request: OpenStream, now: float) -> None:
        self.key, self.says, self.about = request.key, request.says, request.about
        self.rate_hz, self.encoding = request.rate_hz, request.encoding
        self.claim_until = now + request.claim_s
        self.leg = self.row = -1
        self.frames: deque[Pcm] = deque()
        self.inbox: deque[Pcm | str | None] = deque()
        self.marks: deque[str] = deque()
        self.given = self.clears = 0
        self.connected = False
        self.reason = ""
        self.dropped_s = self.unsaid_s = 0.0
        self._samples = round(lane_rate(self.rate_hz) * TICK_S)
        self._taken = self._cleared = 0
        self._rest = np.zeros(0, np.int16)

    def hear(self, frame: Pcm) -> None:
        """Take 20 ms of what it hears; nothing is kept for a client that is not there yet."""
        if not self.connected:
            return
        if len(self.frames) >= MOST_FRAMES:
            self.dropped_s += TICK_S
            self.frames.popleft()
        self.frames.append(frame.copy())

    @property
    def talking(self) -> bool:
        """Whether some of it waits to be said, of a piece that was begun."""
        return len(self._rest) > 0

    def say(self, bridge: Bridge) -> None:
        """Give the bridge what is due."""
        while self._cleared < self.clears:
            self._leave_out(self._pop(), bridge)
        most = MOST_AHEAD_S * lane_rate(self.rate_hz)
        while self.given - self._taken > most:
            self.unsaid_s += self._leave_out(self._pop(), bridge) / lane_rate(self.rate_hz)
        want = AHEAD_TICKS * self._samples - bridge.queued(self.row)
        while want > 0 and (len(self._rest) or self.inbox):
            piece = self._pop()
            if piece is None or isinstance(piece, str):
                self._leave_out(piece, bridge)
                continue
            piece, self._rest = piece[:want], piece[want:]
            self._taken += len(piece)
            want -= len(piece)
            bridge.push(self.row, piece)

    def _pop(self) -> Pcm | str | None:
        if len(self._rest):
            piece, self._rest = self._rest, self._rest[:0]
            return piece
        return self.inbox.popleft()

    def _leave_out(self, piece: Pcm | str | None, bridge: Bridge) -> int:
        """Say nothing of a piece; gives its samples. None clears what is in the bridge, a mark has its turn."""
        if piece is None:
            self._cleared += 1
            bridge.flush(self.row)
            return 0
        if isinstance(piece, str):
            self.marks.append(piece)
            return 0
        self._taken += len(piece)
        return len(piece)


class Door(Protocol):
    """Where the clients of streams connect; all is called by the tick and returns at once.

    Attributes
    ----------
    told
        What happened: a stream, and why it ended, or nothing: it has begun. Read by the tick.
    """

    port: int
    most: int
    told: "deque[tuple[AudioStream, str]]"

    def add(self, stream: AudioStream) -> None:
        """Let the client of a stream in, who knows its key."""

    def remove(self, stream: AudioStream) -> None:
        """Let nobody in for a stream, and tell who is there that it is over, by `AudioStream.reason`."""

    def wake(self) -> None:
        """Look at the queues: there is something in them."""

    def close(self) -> None:
        """End all."""


class AudioStreams:
    """The streams of an engine.

    Parameters
    ----------
    bridge
        Where they hear and speak.
    open_app
        Opens a leg of the application kind: in a room, told of each frame, at a rate.
    row_of
        Gives a leg's row; raises NoSuchLeg.
    host, door
        Where their clients connect; None: nowhere.
    """

    def __init__(
        self,
        bridge: Bridge,
        open_app: Callable[[int, Callable[[Pcm], None], int], int],
        row_of: Callable[[int], int],
        host: str,
        door: Door | None,
    ) -> None:
        self._bridge, self._open_app, self._row_of = bridge, open_app, row_of
        self._host, self._door = host, door
        self._streams: dict[int, AudioStream] = {}
        self._sources: dict[int, set[int]] = {}
        self._rooms: dict[int, int] = {}
        self._events: list[AudioStreamStarted | AudioStreamEnded] = []

    def open(self, request: OpenStream, now: float) -> LegInfo:
        """Open the leg of a stream; gives where its client connects.

        Raises
        ------
        MediaError
            There are no streams here, or none of this rate or encoding, or no libopus.
        MediaFull
            No row is left, or there are as many streams as may be.
        NoSuchLeg
            There is no such room or leg.
        """
        door = self._checked(request)
        stream = AudioStream(request, now)
        hear = stream.hear if request.source is None else self._tap(stream, self._row_of(request.source))
        stream.leg = self._open_app(request.room, hear, lane_rate(request.rate_hz))
        stream.row = self._row_of(stream.leg)
        if request.says:  # whoever may speak is let in first
            self._bridge.roster.move(stream.row, -1)
        else:
            self._bridge.roster.set_muted(stream.row, True)
            self._rooms[stream.leg] = request.room
        if request.source is not None:
            self._sources.setdefault(request.source, set()).add(stream.leg)
        self._streams[stream.leg] = stream
        door.add(stream)
        return LegInfo(stream.leg, self._host, door.port, 0)

    def _checked(self, request: OpenStream) -> Door:
        """Refuse a stream that there cannot be; gives where its client connects."""
        if self._door is None:
            raise MediaError("there are no streams here")
        if request.rate_hz not in STREAM_RATES_HZ or request.encoding not in (L16, OPUS):
            raise MediaError(f"no stream has {request.rate_hz} Hz in {request.encoding}")
        if request.encoding == OPUS:
            libopus.load()
        if len(self._streams) >= self._door.most:
            raise MediaFull(f"there are {self._door.most} streams already")
        return self._door

    def _tap(self, stream: AudioStream, row: int) -> Callable[[Pcm], None]:
        """Hear what a party says there, instead of the room: what a track of a recording would have of it."""
        parties, outcome = self._bridge.parties, self._bridge.outcome
        silence = np.zeros(round(lane_rate(stream.rate_hz) * TICK_S), np.int16)

        def hear(_frame: Pcm) -> None:
            away = parties[row].room != parties[stream.row].room or outcome.private[row]
            stream.hear(silence if away else outcome.said_by(row))

        return hear

    def feed(self, now: float) -> None:
        """Have said what is due, and see who has come and gone; before each tick."""
        if self._door is None or not self._streams:
            return
        while self._door.told:
            stream, reason = self._door.told.popleft()
            if stream.leg in self._streams and not stream.reason:
                self._note(stream, reason)
        for stream in self._streams.values():
            if stream.inbox or stream.talking:
                stream.say(self._bridge)
            if not stream.connected and now >= stream.claim_until and not stream.reason:
                self.end(stream, "unclaimed")
        self._door.wake()

    def _note(self, stream: AudioStream, reason: str) -> None:
        if reason:
            self.end(stream, reason)
        else:
            stream.connected = True
            self._events.append(AudioStreamStarted(stream.leg))

    def end(self, stream: AudioStream, reason: str) -> None:
        """Tell that a stream is over; its leg stays until it is closed."""
        if stream.reason or self._door is None:
            return
        stream.reason, stream.connected = reason, False
        self._events.append(AudioStreamEnded(stream.leg, reason, round(stream.dropped_s, 2), round(stream.unsaid_s, 2)))
        self._door.remove(stream)

    def leg_closed(self, leg: int) -> None:
        """Take notice of a leg that is closed: of a stream, or one that streams are of."""
        if (stream := self._streams.pop(leg, None)) is not None:
            self.end(stream, "closed")
            self._rooms.pop(leg, None)
            for those in self._sources.values():
                those.discard(leg)
        for each in self._sources.pop(leg, ()):
            self.end(self._streams[each], "party left")

    def room_removed(self, room: int) -> None:
        """End what listens to a room; who speaks is somebody's to end."""
        for leg in [leg for leg, there in self._rooms.items() if there == room]:
            self.end(self._streams[leg], "room removed")

    def events(self) -> list[AudioStreamStarted | AudioStreamEnded]:
        """Give what has happened since the last call."""
        found, self._events = self._events, []
        return found

    def close(self) -> None:
        """End all."""
        if self._door is not None:
            self._door.close()
