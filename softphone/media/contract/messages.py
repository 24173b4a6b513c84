"""Messages between control process and media worker: requests one way, replies and events the other (see `frames`).

A request is a struct below :class:`MediaRequest`: it says what it is answered with, and which of its fields are numbers
of legs, rooms, recordings and playbacks. Both sides know it from that alone: `Media.ask` carries it, `Pool` finds its
worker, `Engine` has a handler for it.
"""

from functools import cache
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Struct

from softphone import errors
from softphone.media.contract.leg import Event, LegInfo, LegSpec, LegStats, MediaAddress, RecordingInfo, WorkerMetrics
from softphone.media.contract.security import Srtp

__all__ = [
    "CloseLeg",
    "Configure",
    "CreateRoom",
    "Done",
    "Failed",
    "GetKeys",
    "GetMetrics",
    "GetStats",
    "JoinRoom",
    "LeaveRoom",
    "LevelVoices",
    "Number",
    "OpenLeg",
    "OpenStream",
    "PauseRecording",
    "Ping",
    "Play",
    "PlayTo",
    "Ready",
    "Record",
    "RecordLeg",
    "RemoveRoom",
    "Reply",
    "MediaRequest",
    "SendDatagram",
    "SendKeys",
    "StopPlayback",
    "StopRecording",
    "Track",
    "UpdateLeg",
    "Whisper",
    "numbers",
]

R = TypeVar("R")
LegNumber = Annotated[int, "leg"]
RoomNumber = Annotated[int, "room"]
RecordingNumber = Annotated[int, "recording"]
PlaybackNumber = Annotated[int, "playback"]


class Done(Struct, frozen=True, tag=True):
    """It is done."""


class Number(Struct, frozen=True, tag=True):
    """The number of what was made."""

    value: int


class MediaRequest(Struct, Generic[R], frozen=True, tag=True):
    """What media are asked for; `R` is what they answer when it is done."""


class OpenLeg(MediaRequest[LegInfo], frozen=True):
    """Open a leg, on the worker of `room` if that is given; it is in no room yet."""

    spec: LegSpec
    room: RoomNumber | None = None


class UpdateLeg(MediaRequest[LegInfo], frozen=True):
    """Change how a leg talks (re-INVITE)."""

    leg: LegNumber
    spec: LegSpec


class CloseLeg(MediaRequest[LegStats], frozen=True):
    """Close a leg; answered with what it has seen."""

    leg: LegNumber


class CreateRoom(MediaRequest[Number], frozen=True):
    """Make a room; `near`: on the worker of this one."""

    near: RoomNumber | None = None


class RemoveRoom(MediaRequest[Done], frozen=True):
    """Remove a room; its legs are in no room afterwards, its recordings end."""

    room: RoomNumber


class JoinRoom(MediaRequest[Done], frozen=True):
    """Put a leg into a room, out of the one it was in."""

    leg: LegNumber
    room: RoomNumber


class LeaveRoom(MediaRequest[Done], frozen=True):
    """Take a leg out of its room; it hears nothing."""

    leg: LegNumber


class LevelVoices(MediaRequest[Done], frozen=True):
    """Bring all who speak in a room to one level, slowly, or leave them as they are."""

    room: RoomNumber
    on: bool


class Configure(MediaRequest[Done], frozen=True):
    """Change what a leg says and hears; None: as it was. Gains are linear.

    `levelled`: its voice is brought to one level, slowly, whatever its room does (`LevelVoices`). `answered`: its call
    stands, so that silence is sent while there is nothing to be heard.
    """

    leg: LegNumber
    muted: bool | None = None
    deaf: bool | None = None
    gain_in: float | None = None
    gain_out: float | None = None
    levelled: bool | None = None
    answered: bool | None = None


class SendDatagram(MediaRequest[Done], frozen=True):
    """Send a datagram that is no media from the port of a leg: an answer of STUN, or DTLS.

    Attributes
    ----------
    reports
        Whether from the port of its reports.
    """

    leg: LegNumber
    to: MediaAddress
    data: bytes
    reports: bool = False


class SendKeys(MediaRequest[Done], frozen=True):
    """Send telephone events (RFC 4733); answered when the last is out, or the leg is closed."""

    leg: LegNumber
    keys: str
    tone_s: float = 0.1
    gap_s: float = 0.05


class Record(MediaRequest[Number], frozen=True):
    """Record a room into a WAV file; answered when that is open, or cannot be. RecordingEnded follows.

    All files of a recording have the same time: silence where a party is absent, in pauses, and where the disk was too
    slow.

    Attributes
    ----------
    tracks
        The legs that get a file of their own beside it, with what they say in this room, and its name.
    """

    room: RoomNumber
    path: str
    tracks: dict[LegNumber, str] = {}


class RecordLeg(MediaRequest[Number], frozen=True):
    """Record what one leg says, in whatever room, for so long at most; as `Record`."""

    leg: LegNumber
    path: str
    max_s: float


class Track(MediaRequest[Done], frozen=True):
    """Give a leg a track in a recording, silent up to now; one that is there already goes on with this leg."""

    recording: RecordingNumber
    leg: LegNumber
    name: str


class PauseRecording(MediaRequest[Done], frozen=True):
    """Leave silence in a recording from now on, or let it go on."""

    recording: RecordingNumber
    on: bool


class StopRecording(MediaRequest[RecordingInfo], frozen=True):
    """End a recording; answered when its files are closed."""

    recording: RecordingNumber


class Play(MediaRequest[Number], frozen=True):
    """Play files, one after another, to legs or to a room; PlaybackEnded follows, also when one cannot be played.

    `gain` is linear, 0 to 16; `loop` begins anew after the last file; `recorded` puts what a room is played into its
    recordings. What is played to legs follows them from room to room and ends when all are closed.
    """

    paths: list[str]
    legs: list[LegNumber] = []
    room: RoomNumber | None = None
    loop: bool = False
    gain: float = 1.0
    recorded: bool = False


class PlayTo(MediaRequest[Done], frozen=True):
    """Change which legs hear a playback, for music that many wait with; without any it ends."""

    playback: PlaybackNumber
    legs: list[LegNumber]


class StopPlayback(MediaRequest[Done], frozen=True):
    """End a playback; PlaybackEnded says "stopped"."""

    playback: PlaybackNumber


class Whisper(MediaRequest[Done], frozen=True):
    """Let a leg be heard by these legs only, wherever they are; None, or another room: by its room again."""

    leg: LegNumber
    to: list[LegNumber] | None


class OpenStream(MediaRequest[LegInfo], frozen=True):
    """Open a leg whose client hears and speaks by WebSocket; answered with where that is. AudioStreamEnded follows.

    Attributes
    ----------
    key
        What the client proves itself with, once.
    room
        Where it is; it hears the room, or `source` alone, wherever that goes.
    rate_hz, encoding
        Of its sound: one of `softphone.media.contract.streams.STREAM_RATES_HZ`; L16 or OPUS of that module.
    says
        Whether the client is heard.
    about
        JSON that the client is told first.
    claim_s
        How long its client has to come.
    """

    key: str
    room: RoomNumber
    source: LegNumber | None = None
    rate_hz: int = 16_000
    says: bool = False
    about: str = "{}"
    claim_s: float = 38.0
    encoding: str = "l16"


class GetKeys(MediaRequest[Srtp], frozen=True):
    """Tell the keys of an encrypted leg, and what was heard with them, for the worker that it moves to."""

    leg: LegNumber


class GetStats(MediaRequest[LegStats], frozen=True):
    """Tell what a leg has seen so far."""

    leg: LegNumber


class GetMetrics(MediaRequest[WorkerMetrics], frozen=True):
    """Tell how the worker is doing.

    Attributes
    ----------
    recent
        How many of the last ticks the durations are of; 0: as many as are remembered.
    """

    recent: int = 0


class Ping(MediaRequest[Done], frozen=True):
    """Answered by a worker that is not hung."""


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


Reply = LegInfo | LegStats | RecordingInfo | Srtp | WorkerMetrics | Done | Number | Failed
Outcome = Reply | Ready | Event


def numbers(request: MediaRequest[Any]) -> list[tuple[str, int]]:
    """Give what a request is about: "leg", "room", "recording" or "playback", and the number of each."""
    found = []
    for field, kind in _fields(type(request)):
        value = getattr(request, field)
        each = () if value is None else (value,) if isinstance(value, int) else value
        found += [(kind, number) for number in each]
    return found


@cache
def _fields(request: type) -> list[tuple[str, str]]:
    """Give the fields of a request that hold numbers, and of what they are."""
    hints = get_type_hints(request, include_extras=True)
    return [(field, kind) for field, hint in hints.items() if (kind := _kind(hint))]


def _kind(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return str(hint.__metadata__[0])
    return next(filter(None, map(_kind, get_args(hint))), "")
