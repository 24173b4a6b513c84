"""What goes over the media channel: requests one way; replies and events the other. Length-prefixed msgpack.

A frame is four bytes of length, big-endian, and msgpack of [number, message]. A reply carries its request's number;
an event carries 0.
"""

import msgspec
from msgspec import Struct

from softphone import errors
from softphone.media.contract.leg import Event, LegInfo, LegSpec, LegStats, WorkerMetrics

__all__ = [
    "CloseLeg",
    "Configure",
    "CreateRoom",
    "Done",
    "Failed",
    "GetMetrics",
    "GetStats",
    "JoinRoom",
    "LeaveRoom",
    "Number",
    "OpenLeg",
    "PauseRecording",
    "Ping",
    "Play",
    "PlayTo",
    "Ready",
    "Record",
    "RecordLeg",
    "RemoveRoom",
    "Reply",
    "Request",
    "SendKeys",
    "Splitter",
    "StopPlayback",
    "StopRecording",
    "Track",
    "UpdateLeg",
    "Whisper",
    "frame",
    "read_request",
    "read_reply",
]

# The longest message is a hundred times shorter: more is a broken peer.
FRAME_MAX = 1 << 20
PREFIX = 4


class OpenLeg(Struct, frozen=True, tag=True):
    """Open a leg; answered with LegInfo."""

    spec: LegSpec


class UpdateLeg(Struct, frozen=True, tag=True):
    """Change how a leg talks; answered with LegInfo."""

    leg: int
    spec: LegSpec


class CloseLeg(Struct, frozen=True, tag=True):
    """Close a leg; answered with LegStats."""

    leg: int


class CreateRoom(Struct, frozen=True, tag=True):
    """Make a room; answered with Number."""


class RemoveRoom(Struct, frozen=True, tag=True):
    """Remove a room; its legs are in no room afterwards, its recordings end."""

    room: int


class JoinRoom(Struct, frozen=True, tag=True):
    """Put a leg into a room, out of the one it was in."""

    leg: int
    room: int


class LeaveRoom(Struct, frozen=True, tag=True):
    """Take a leg out of its room; it hears nothing."""

    leg: int


class Configure(Struct, frozen=True, tag=True):
    """Change what a leg says and hears; None: as it was. Gains are linear.

    `answered`: its call stands, so that silence is sent while there is nothing to be heard.
    """

    leg: int
    muted: bool | None = None
    deaf: bool | None = None
    gain_in: float | None = None
    gain_out: float | None = None
    answered: bool | None = None


class SendKeys(Struct, frozen=True, tag=True):
    """Send telephone events; KeysSent(token) follows."""

    leg: int
    keys: str
    tone_s: float
    gap_s: float
    token: int


class Record(Struct, frozen=True, tag=True):
    """Record a room; answered with Number, RecordingOpened(token) follows when its file is open or cannot be.

    Attributes
    ----------
    tracks
        The legs that get a track of their own, and its name.
    """

    room: int
    path: str
    tracks: dict[int, str] = {}
    token: int = 0


class RecordLeg(Struct, frozen=True, tag=True):
    """Record what one leg says, for so long at most; answered with Number, RecordingOpened, RecordingEnded follow."""

    leg: int
    path: str
    max_s: float
    token: int = 0


class Track(Struct, frozen=True, tag=True):
    """Give a leg a track in a recording from now on; one that is there already goes on with this leg."""

    recording: int
    leg: int
    name: str


class PauseRecording(Struct, frozen=True, tag=True):
    """Leave silence in a recording from now on, or let it go on."""

    recording: int
    on: bool


class StopRecording(Struct, frozen=True, tag=True):
    """End a recording; RecordingEnded follows when the file is closed."""

    recording: int


class Play(Struct, frozen=True, tag=True):
    """Play files, one after another, to legs or to a room; PlaybackEnded(playback) follows.

    Attributes
    ----------
    playback
        The number it is to have, not in use.
    """

    playback: int
    paths: list[str]
    legs: list[int] = []
    room: int | None = None
    loop: bool = False
    gain: float = 1.0
    recorded: bool = False


class PlayTo(Struct, frozen=True, tag=True):
    """Change which legs hear a playback."""

    playback: int
    legs: list[int]


class StopPlayback(Struct, frozen=True, tag=True):
    """End a playback; PlaybackEnded follows."""

    playback: int


class Whisper(Struct, frozen=True, tag=True):
    """Let a leg be heard by these legs only; None: by its room again."""

    leg: int
    to: list[int] | None


class GetStats(Struct, frozen=True, tag=True):
    """Answered with LegStats."""

    leg: int


class GetMetrics(Struct, frozen=True, tag=True):
    """Answered with WorkerMetrics.

    Attributes
    ----------
    recent
        How many of the last ticks the durations are of; 0: as many as are remembered.
    """

    recent: int = 0


class Ping(Struct, frozen=True, tag=True):
    """Answered with Done by a worker that is not hung."""


class Done(Struct, frozen=True, tag=True):
    """It is done."""


class Number(Struct, frozen=True, tag=True):
    """The number of what was made."""

    value: int


class Failed(Struct, frozen=True, tag=True):
    """It was not done: `kind` is the name of a class of `softphone.errors`."""

    kind: str
    message: str

    def error(self) -> errors.MediaError:
        """Give the exception to raise."""
        found = {kind.__name__: kind for kind in (errors.NoSuchLeg, errors.MediaFull)}
        return found.get(self.kind, errors.MediaError)(self.message)


class Ready(Struct, frozen=True, tag=True):
    """The worker's first message: it listens."""

    pid: int
    port: int


Request = (
    OpenLeg
    | UpdateLeg
    | CloseLeg
    | CreateRoom
    | RemoveRoom
    | JoinRoom
    | LeaveRoom
    | Configure
    | SendKeys
    | Record
    | RecordLeg
    | Track
    | PauseRecording
    | StopRecording
    | Play
    | PlayTo
    | StopPlayback
    | Whisper
    | GetStats
    | GetMetrics
    | Ping
)
Reply = LegInfo | LegStats | WorkerMetrics | Done | Number | Failed
Outcome = Reply | Ready | Event

_ENCODER = msgspec.msgpack.Encoder()
_REQUESTS = msgspec.msgpack.Decoder(tuple[int, Request])
_REPLIES = msgspec.msgpack.Decoder(tuple[int, Outcome])


def frame(number: int, message: Request | Outcome) -> bytes:
    """Give a message as it goes over the channel."""
    body = _ENCODER.encode((number, message))
    return len(body).to_bytes(PREFIX) + body


def read_request(body: bytes) -> tuple[int, Request]:
    """Read what the control process sends; raises msgspec.MsgspecError."""
    return _REQUESTS.decode(body)


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
