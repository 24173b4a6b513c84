"""The control side of media: one face, `Media`, whoever does the work.

`WorkerProcess` talks to one worker, `Pool` to several, `LocalMedia` has the engine in this process.
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from softphone.errors import MediaError
from softphone.media.contract.leg import (
    Event,
    KeysSent,
    LegInfo,
    LegSpec,
    LegStats,
    PlaybackEnded,
    RecordingEnded,
    RecordingInfo,
    RecordingOpened,
)
from softphone.media.contract.messages import (
    CloseLeg,
    Configure,
    CreateRoom,
    Failed,
    GetStats,
    JoinRoom,
    LeaveRoom,
    Number,
    OpenLeg,
    PauseRecording,
    Play,
    PlayTo,
    Record,
    RecordLeg,
    RemoveRoom,
    Reply,
    Request,
    SendKeys,
    StopPlayback,
    StopRecording,
    Track,
    UpdateLeg,
    Whisper,
)

__all__ = ["NO_TRACKS", "Media", "MediaFace"]

R = TypeVar("R")

NO_TRACKS: Mapping[int, str] = MappingProxyType({})


class Media(Protocol):
    """What the focus and the agent need of media. Every method raises MediaError (or one below it)."""

    on_event: Callable[[Event], None]

    async def open_leg(self, spec: LegSpec, *, room: int | None = None) -> LegInfo:
        """Open a leg, on the worker of `room` if that is given; it is in no room yet."""
        ...

    async def update_leg(self, leg: int, spec: LegSpec) -> LegInfo:
        """Change how a leg talks (re-INVITE)."""
        ...

    async def close_leg(self, leg: int) -> LegStats:
        """Close a leg; give what it has seen."""
        ...

    async def create_room(self) -> int:
        """Make a room."""
        ...

    async def remove_room(self, room: int) -> None:
        """Remove a room."""
        ...

    async def join(self, leg: int, room: int) -> None:
        """Put a leg into a room, out of the one it was in."""
        ...

    async def leave(self, leg: int) -> None:
        """Take a leg out of its room."""
        ...

    async def configure(
        self,
        leg: int,
        *,
        muted: bool | None = None,
        deaf: bool | None = None,
        gain_in: float | None = None,
        gain_out: float | None = None,
        answered: bool | None = None,
    ) -> None:
        """Change what a leg says and hears; None: as it was. Gains are linear.

        `answered`: its call stands, so that silence is sent while there is nothing to be heard.
        """
        ...

    async def send_keys(self, leg: int, keys: str, *, duration_s: float = 0.1, gap_s: float = 0.05) -> None:
        """Send telephone events (RFC 4733); returns when the last is out."""
        ...

    async def record(self, room: int, path: str, *, tracks: Mapping[int, str] = NO_TRACKS) -> int:
        """Record a room into a WAV file; give the recording's number.

        Each leg in `tracks` gets a file of its own beside it, called by the name given, with what it says in this room.
        All files have the same time: silence where a party is absent, in pauses, and where the disk was too slow.
        """
        ...

    async def track(self, recording: int, leg: int, name: str) -> None:
        """Give a leg that came later a track, silent up to now; one of that name goes on with this leg."""
        ...

    async def record_leg(self, leg: int, path: str, max_s: float) -> int:
        """Record what one leg says, in whatever room, for so long at most; RecordingEnded follows."""
        ...

    async def pause_recording(self, recording: int) -> None:
        """Leave silence in a recording from now on."""
        ...

    async def resume_recording(self, recording: int) -> None:
        """Let a recording go on after a pause."""
        ...

    async def stop_recording(self, recording: int) -> RecordingInfo:
        """End a recording; returns when its file is closed."""
        ...

    async def play(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        leg: int | None = None,
        legs: Sequence[int] = (),
        room: int | None = None,
        loop: bool = False,
        gain: float = 1.0,
        recorded: bool = False,
    ) -> int:
        """Play audio files one after another to one leg, to legs, or to a room; give the playback's number.

        It returns at once; PlaybackEnded follows when it is over, also when a file cannot be played. `loop` begins
        anew after the last file; `gain` is linear, 0 to 16; `recorded` puts what a room is played into its recordings.
        What is played to legs follows them from room to room and ends when all are closed.
        """
        ...

    async def play_to(self, playback: int, legs: Sequence[int]) -> None:
        """Change which legs hear a playback, for music that many wait with; without any it ends."""
        ...

    async def stop_playback(self, playback: int) -> None:
        """End a playback; PlaybackEnded says "stopped". It is NoSuchLeg when it has ended by itself."""
        ...

    async def whisper(self, leg: int, to: Sequence[int] | None) -> None:
        """Let a leg be heard by these only, wherever they are; None, or another room: by its room again."""
        ...

    async def stats(self, leg: int) -> LegStats:
        """Give what a leg has seen so far."""
        ...


def ignore(event: Event) -> None:
    """Do nothing with an event."""


class MediaFace:
    """`Media` on top of one method that carries a request and its reply.

    Attributes
    ----------
    on_event
        Set by the owner; called in the event loop.
    """

    def __init__(self) -> None:
        self.on_event: Callable[[Event], None] = ignore
        self._tokens = itertools.count(1)
        self._keys: dict[int, asyncio.Future[None]] = {}
        self._stops: dict[int, asyncio.Future[RecordingEnded]] = {}
        self._openings: dict[int, asyncio.Future[int | MediaError]] = {}
        self._starting: set[int] = set()

    async def ask(self, request: Request) -> Reply:
        """Carry out one request; Failed is a reply too."""
        raise NotImplementedError

    async def open_leg(self, spec: LegSpec, *, room: int | None = None) -> LegInfo:
        """Open a leg; see `Media.open_leg`."""
        return await self._expect(LegInfo, OpenLeg(spec))

    async def update_leg(self, leg: int, spec: LegSpec) -> LegInfo:
        """Change how a leg talks (re-INVITE)."""
        return await self._expect(LegInfo, UpdateLeg(leg, spec))

    async def close_leg(self, leg: int) -> LegStats:
        """Close a leg; give what it has seen."""
        return await self._expect(LegStats, CloseLeg(leg))

    async def create_room(self) -> int:
        """Make a room."""
        return (await self._expect(Number, CreateRoom())).value

    async def remove_room(self, room: int) -> None:
        """Remove a room."""
        await self._do(RemoveRoom(room))

    async def join(self, leg: int, room: int) -> None:
        """Put a leg into a room, out of the one it was in."""
        await self._do(JoinRoom(leg, room))

    async def leave(self, leg: int) -> None:
        """Take a leg out of its room."""
        await self._do(LeaveRoom(leg))

    async def configure(
        self,
        leg: int,
        *,
        muted: bool | None = None,
        deaf: bool | None = None,
        gain_in: float | None = None,
        gain_out: float | None = None,
        answered: bool | None = None,
    ) -> None:
        """Change what a leg says and hears; see `Media.configure`."""
        await self._do(Configure(leg, muted, deaf, gain_in, gain_out, answered))

    async def send_keys(self, leg: int, keys: str, *, duration_s: float = 0.1, gap_s: float = 0.05) -> None:
        """Send telephone events (RFC 4733); returns when the last is out."""
        token = next(self._tokens)
        sent = self._keys[token] = asyncio.get_running_loop().create_future()
        try:
            await self._do(SendKeys(leg, keys, duration_s, gap_s, token))
            await sent
        finally:
            del self._keys[token]

    async def record(self, room: int, path: str, *, tracks: Mapping[int, str] = NO_TRACKS) -> int:
        """Record a room; see `Media.record`."""
        return await self._open(lambda token: Record(room, path, dict(tracks), token))

    async def track(self, recording: int, leg: int, name: str) -> None:
        """Give a leg that came later a track; see `Media.track`."""
        await self._do(Track(recording, leg, name))

    async def record_leg(self, leg: int, path: str, max_s: float) -> int:
        """Record what one leg says; see `Media.record_leg`."""
        return await self._open(lambda token: RecordLeg(leg, path, max_s, token))

    async def _open(self, request: Callable[[int], Request]) -> int:
        """Begin a recording and wait until its file is open."""
        token = next(self._tokens)
        opened: asyncio.Future[int | MediaError] = asyncio.get_running_loop().create_future()
        self._openings[token] = opened
        try:
            await self._expect(Number, request(token))
            outcome = await opened
        finally:
            del self._openings[token]
        if isinstance(outcome, MediaError):
            raise outcome
        return outcome

    def _opening(self, recording: int) -> bool:
        """Tell whether a recording is open, and who asked for it does not know its number yet."""
        return any(
            future.done() and not future.cancelled() and future.result() == recording
            for future in self._openings.values()
        )

    async def pause_recording(self, recording: int) -> None:
        """Leave silence in a recording from now on."""
        await self._do(PauseRecording(recording, True))

    async def resume_recording(self, recording: int) -> None:
        """Let a recording go on after a pause."""
        await self._do(PauseRecording(recording, False))

    async def stop_recording(self, recording: int) -> RecordingInfo:
        """End a recording; returns when its file is closed."""
        if recording in self._stops:
            raise MediaError(f"recording {recording} is being stopped already")
        ended = self._stops[recording] = asyncio.get_running_loop().create_future()
        try:
            await self._do(StopRecording(recording))
            event = await ended
        finally:
            del self._stops[recording]
        return RecordingInfo(event.path, event.seconds, event.tracks, event.reason, event.dropped_s)

    async def play(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        leg: int | None = None,
        legs: Sequence[int] = (),
        room: int | None = None,
        loop: bool = False,
        gain: float = 1.0,
        recorded: bool = False,
        playback: int | None = None,
    ) -> int:
        """Play files; see `Media.play`. The number is `playback`, if that is given."""
        files = [paths] if isinstance(paths, str | Path) else paths
        number = next(self._tokens) if playback is None else playback
        to = [*legs, *(() if leg is None else (leg,))]
        self._starting.add(number)
        try:
            await self._do(Play(number, [os.path.abspath(path) for path in files], to, room, loop, gain, recorded))
        finally:
            self._starting.discard(number)
        return number

    async def play_to(self, playback: int, legs: Sequence[int]) -> None:
        """Change which legs hear a playback; see `Media.play_to`."""
        await self._do(PlayTo(playback, list(legs)))

    async def stop_playback(self, playback: int) -> None:
        """End a playback; see `Media.stop_playback`."""
        await self._do(StopPlayback(playback))

    async def whisper(self, leg: int, to: Sequence[int] | None) -> None:
        """Let a leg be heard by these only; see `Media.whisper`."""
        await self._do(Whisper(leg, None if to is None else list(to)))

    async def stats(self, leg: int) -> LegStats:
        """Give what a leg has seen so far."""
        return await self._expect(LegStats, GetStats(leg))

    def happened(self, event: Event) -> None:
        """Take an event: wake whoever waits for it, tell the owner."""
        if isinstance(event, KeysSent):
            _resolve(self._keys.get(event.token), None)
            return
        if isinstance(event, RecordingOpened):
            _resolve(self._openings.get(event.token), MediaError(event.error) if event.error else event.recording)
            return
        if isinstance(event, RecordingEnded):
            _resolve(self._stops.get(event.recording), event)
        if (isinstance(event, PlaybackEnded) and event.playback in self._starting) or (
            isinstance(event, RecordingEnded) and self._opening(event.recording)
        ):
            # Whoever plays or records shall know the number before it hears of the end.
            asyncio.get_running_loop().call_soon(self.happened, event)
            return
        self.on_event(event)

    def abandon(self, error: MediaError) -> None:
        """Let everybody who waits for an event fail."""
        waiting: list[asyncio.Future[Any]] = [*self._keys.values(), *self._stops.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
        for opened in self._openings.values():
            _resolve(opened, error)

    async def _expect(self, kind: type[R], request: Request) -> R:
        """Carry out a request whose reply is of one type."""
        reply = await self.ask(request)
        if isinstance(reply, Failed):
            raise reply.error()
        if not isinstance(reply, kind):
            raise MediaError(f"a {type(reply).__name__} is no answer to {type(request).__name__}")
        return reply

    async def _do(self, request: Request) -> None:
        """Carry out a request whose reply says nothing more."""
        await self._expect(object, request)


def _resolve(future: "asyncio.Future[R] | None", result: R) -> None:
    """Give a waiter its result, if there is one and it still waits."""
    if future is not None and not future.done():
        future.set_result(result)
