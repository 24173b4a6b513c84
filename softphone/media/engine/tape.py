"""What the tick does for recordings: one copy of the rows that are recorded into a chunk, and nothing else.

Mixes and tracks are columns of one array that takes half a second, then goes to the recorder's thread. A new one is
begun whenever it changes what is recorded. The ticks are counted; a recording's time is the number of ticks since its
start, whether it was paused or ticks were left out: then there is silence.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import Bridge
from mixer.frame import TICK_S
from mixer.tick import Tick
from softphone.errors import MediaError, NoSuchLeg
from softphone.media.contract.leg import RecordingEnded
from softphone.media.contract.messages import Done, PauseRecording, Record, RecordLeg, StopRecording, Track
from softphone.media.engine.outcomes import RecordingOpened
from softphone.media.engine.recorder import Chunk, Column, RecordingWriter

__all__ = ["Tape"]

# Half a second: a process that is killed has lost no more than this and what the disk lags behind.
CHUNK_TICKS = 25
# Names of tracks become names of files.
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
# A leg that is recorded for itself, in whatever room.
ANYWHERE = -2


@dataclass(slots=True)
class _Take:
    """One recording: of a room and of parties in it, or of one leg (`room` ANYWHERE)."""

    path: str
    room: int
    bridge_room: int
    rows: dict[str, int] = field(default_factory=dict)
    paused: bool = False
    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns of a chunk: first the mixes, by their rooms, then single rows and the rooms they must be in."""

    columns: tuple[Column, ...]
    mixes: tuple[int, ...]
    rows: NDArray[np.intp]
    rooms: NDArray[np.int32]


class Tape:
    """The recordings of an engine.

    Parameters
    ----------
    bridge
        Where the sound is.
    row_of, room_of
        Give a leg's row and a room's number in the bridge; raise NoSuchLeg.
    """

    def __init__(self, bridge: Bridge, row_of: Callable[[int], int], room_of: Callable[[int], int]) -> None:
        self._bridge, self._row_of, self._room_of = bridge, row_of, room_of
        self._recorder = RecordingWriter(bridge.rate_hz, bridge.usual.samples)
        self._recordings: dict[int, _Take] = {}
        self._layout: _Layout | None = None
        self._sound = np.empty((0, 0, 0), np.int16)
        self._held = 0
        self._tick = 0

    @property
    def busy(self) -> bool:
        """Whether there is a recording to go on or to be closed."""
        return self._recorder.busy

    @property
    def dropped_s(self) -> float:
        """Sound that the disk was too slow for, of all recordings together."""
        return self._recorder.dropped_ticks * TICK_S

    def record(self, recording: int, request: Record, token: int) -> None:
        """Begin to record a room, and the parties that are named; RecordingOpened(token) follows.

        Raises
        ------
        MediaError
            When a name is none for a file.
        NoSuchLeg
            When there is no such room or leg.
        """
        room = self._room_of(request.room)
        rows = {_beside(request.path, name, request.tracks): self._row_of(leg) for leg, name in request.tracks.items()}
        self._begin(recording, _Take(request.path, request.room, room, rows), token)

    def record_leg(self, recording: int, request: RecordLeg, token: int) -> None:
        """Begin to record what one leg says, for a time; RecordingOpened(token) follows.

        Raises
        ------
        MediaError
            When the time is not above 0.
        NoSuchLeg
            When there is no such leg.
        """
        if not request.max_s > 0:
            raise MediaError(f"nothing is recorded in {request.max_s} s")
        rows = {request.path: self._row_of(request.leg)}
        until = self._tick + max(1.0, round(request.max_s / TICK_S))
        self._begin(recording, _Take(request.path, ANYWHERE, ANYWHERE, rows, until=until), token)

    def track(self, request: Track, now: float) -> Done:
        """Give a leg a track of its own from now on, or let one go on with another leg.

        Raises
        ------
        MediaError
            When the name is none for a file.
        NoSuchLeg
            When there is no such recording or leg.
        """
        state = self._find(request.recording)
        row = self._row_of(request.leg)
        state.rows[_beside(state.path, request.name)] = row
        self._change()
        return Done()

    def pause(self, request: PauseRecording, now: float) -> Done:
        """Leave silence in a recording, or let it go on; raises NoSuchLeg."""
        state = self._find(request.recording)
        if state.paused != request.on:
            state.paused = request.on
            self._change()
        return Done()

    def stop(self, request: StopRecording, now: float) -> Done:
        """End a recording; raises NoSuchLeg."""
        self._find(request.recording)
        self._end(request.recording, "stopped")
        return Done()

    def room_removed(self, room: int) -> None:
        """End the recordings of a room."""
        for recording, state in list(self._recordings.items()):
            if state.room == room:
                self._end(recording, "room removed")

    def leg_closed(self, row: int) -> None:
        """Forget a leg: its tracks are silent from now on, what was recorded of it alone is over."""
        for recording, state in list(self._recordings.items()):
            left = {path: other for path, other in state.rows.items() if other != row}
            if len(left) == len(state.rows):
                continue
            if state.room == ANYWHERE:
                self._end(recording, "leg closed")
            else:
                state.rows = left
                self._change()

    def take(self, tick: Tick) -> None:
        """Record a tick."""
        if self._recordings:
            self._copy(tick, self._layout or self._lay_out())
        self._tick += 1
        if self._held == CHUNK_TICKS:
            self._seal()
        if self._recordings:
            self._stop_due()

    def skip(self, ticks: int) -> None:
        """Leave out ticks: there is silence in their place."""
        if ticks:
            self._seal()
            self._tick += ticks
            self._stop_due()

    def events(self) -> list[RecordingOpened | RecordingEnded]:
        """Give the recordings that were opened, could not be, or have ended since the last call."""
        found = self._recorder.events()
        for event in found:
            over = isinstance(event, RecordingEnded) or event.error
            if over and self._recordings.pop(event.recording, None) is not None:
                self._change()
        return found

    def close(self) -> None:
        """End all recordings and wait for the disk, 5 s at most."""
        for recording in list(self._recordings):
            self._end(recording, "closed")
        self._recorder.close()

    def _find(self, recording: int) -> _Take:
        state = self._recordings.get(recording)
        if state is None:
            raise NoSuchLeg(f"there is no recording {recording}")
        return state

    def _begin(self, recording: int, state: _Take, token: int) -> None:
        self._recorder.begin(recording, state.path, self._tick, token)
        self._recordings[recording] = state
        self._change()

    def _end(self, recording: int, reason: str) -> None:
        state = self._recordings.pop(recording)
        self._change()
        self._recorder.end(recording, int(min(self._tick, state.until)), reason)

    def _stop_due(self) -> None:
        """End what has been recorded for as long as it should."""
        for recording in [number for number, state in self._recordings.items() if state.until <= self._tick]:
            self._end(recording, "time")

    def _change(self) -> None:
        """Begin anew: other columns are recorded from the next tick."""
        self._seal()
        self._layout = None
        rooms = {state.bridge_room for state in self._recordings.values() if state.room != ANYWHERE}
        self._bridge.roster.tape(dict.fromkeys(rooms, 1 << self._bridge.usual.number))

    def _lay_out(self) -> _Layout:
        """Find out what is recorded now."""
        running = [(number, state) for number, state in self._recordings.items() if not state.paused]
        rooms = [(number, state) for number, state in running if state.room != ANYWHERE]
        singles = [(number, state, *single) for number, state in running for single in state.rows.items()]
        self._layout = _Layout(
            columns=(
                *(Column(number, state.path) for number, state in rooms),
                *(Column(number, path) for number, _, path, _ in singles),
            ),
            mixes=tuple(state.bridge_room for _, state in rooms),
            rows=np.array([row for _, _, _, row in singles], np.intp),
            rooms=np.array([state.bridge_room for _, state, _, _ in singles], np.int32),
        )
        return self._layout

    def _copy(self, tick: Tick, layout: _Layout) -> None:
        """Copy one tick into the chunk: mixes one by one, all single rows at once."""
        if not layout.columns:
            return
        if not self._held:
            self._sound = np.empty((CHUNK_TICKS, len(layout.columns), self._bridge.usual.samples), np.int16)
        frame = self._sound[self._held]
        for column, room in enumerate(layout.mixes):
            frame[column] = tick.recorded_frame(room)
        if len(layout.rows):
            single = frame[len(layout.mixes) :]
            np.take(self._bridge.usual.heard, layout.rows, axis=0, out=single, mode="clip")
            elsewhere = (self._bridge.roster.room[layout.rows] != layout.rooms) | tick.private[layout.rows]
            single[elsewhere & (layout.rooms != ANYWHERE)] = 0
        self._held += 1

    def _seal(self) -> None:
        """Hand what is held to the thread."""
        if self._held and self._layout is not None:
            sound = self._sound[: self._held].transpose(1, 0, 2)
            self._recorder.write(Chunk(self._layout.columns, sound, self._tick - self._held))
        self._held = 0


def _beside(path: str, name: str, names: Mapping[int, str] | None = None) -> str:
    """Name the file of a track; refuse what would be another file, or the same for two."""
    mix = Path(path)
    if not NAME.fullmatch(name) or name == mix.stem:
        raise MediaError(f"a track cannot be called {name!r}")
    if names is not None and list(names.values()).count(name) > 1:
        raise MediaError(f"two tracks are called {name!r}")
    return str(mix.with_name(f"{name}{mix.suffix}"))
