"""What the tick does for recordings: one copy of the rows that are recorded into a chunk, and nothing else.

Mixes and tracks are columns of one array that takes half a second, then goes to the recorder's thread. A new one is
begun whenever it changes what is recorded. The ticks are counted; a recording's time is the number of ticks since its
start, whether it was paused or ticks were left out: then there is silence.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import Bridge
from mixer.frame import TICK_S
from mixer.lane import Lane
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
    lane: Lane  # the best that somebody heard as it began
    rows: dict[str, int] = field(default_factory=dict)
    paused: bool = False
    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns of a chunk of one rate: first the mixes, by their rooms, then single rows and where they must be."""

    lane: Lane
    columns: tuple[Column, ...]
    mixes: tuple[int, ...]
    rows: NDArray[np.intp]
    rooms: NDArray[np.int32]
    sound: NDArray[np.int16]


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
        self._recorder = RecordingWriter()
        self._recordings: dict[int, _Take] = {}
        self._layouts: list[_Layout] | None = None
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
        roster = self._bridge.roster
        lane = self._bridge.lanes[roster.best_lane(roster.seated(room))]
        self._begin(recording, _Take(request.path, request.room, room, lane, rows), token)

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
        row = self._row_of(request.leg)
        until = self._tick + max(1.0, round(request.max_s / TICK_S))
        lane = self._bridge.lanes[self._bridge.parties[row].lane]
        self._begin(recording, _Take(request.path, ANYWHERE, ANYWHERE, lane, {request.path: row}, until=until), token)

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
            self._copy(tick, self._lay_out() if self._layouts is None else self._layouts)
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
        self._recorder.begin(recording, state.path, self._tick, state.lane.rate_hz, token)
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
        self._layouts = None
        lanes: dict[int, int] = defaultdict(int)
        for state in self._recordings.values():
            if state.room != ANYWHERE:
                lanes[state.bridge_room] |= 1 << state.lane.number
        self._bridge.roster.tape(lanes)

    def _lay_out(self) -> list[_Layout]:
        """Find out what is recorded now."""
        running = [(number, state) for number, state in self._recordings.items() if not state.paused]
        self._layouts = [
            _layout(lane, [(number, state) for number, state in running if state.lane is lane])
            for lane in dict.fromkeys(state.lane for _, state in running)
        ]
        return self._layouts

    def _copy(self, tick: Tick, layouts: list[_Layout]) -> None:
        """Copy one tick into the chunks: mixes one by one, all single rows of a rate at once."""
        for layout in layouts:
            frame = layout.sound[self._held]
            for column, room in enumerate(layout.mixes):
                frame[column] = tick.recorded_frame(room, layout.lane.number)
            if len(layout.rows):
                single = frame[len(layout.mixes) :]
                np.take(layout.lane.heard, layout.rows, axis=0, out=single, mode="clip")
                single[self._is_elsewhere(tick, layout)] = 0
        self._held += bool(layouts)

    def _is_elsewhere(self, tick: Tick, layout: _Layout) -> NDArray[np.bool_]:
        """Tell of which single rows nothing is recorded now: who is not in the room, or silent at another rate."""
        parties = self._bridge.parties[layout.rows]
        away = (parties["room"] != layout.rooms) | tick.private[layout.rows]
        silent = (parties["lane"] != layout.lane.number) & ~parties["voiced"]
        elsewhere: NDArray[np.bool_] = (away & (layout.rooms != ANYWHERE)) | silent
        return elsewhere

    def _seal(self) -> None:
        """Hand what is held to the thread."""
        if self._held and self._layouts is not None:
            for layout in self._layouts:
                sound = layout.sound[: self._held].transpose(1, 0, 2)
                self._recorder.write(Chunk(layout.columns, sound, self._tick - self._held))
            self._layouts = [replace(layout, sound=np.empty_like(layout.sound)) for layout in self._layouts]
        self._held = 0


def _layout(lane: Lane, running: list[tuple[int, _Take]]) -> _Layout:
    """Lay out the chunk of one rate."""
    rooms = [(number, state) for number, state in running if state.room != ANYWHERE]
    singles = [(number, state, *single) for number, state in running for single in state.rows.items()]
    columns = (
        *(Column(number, state.path) for number, state in rooms),
        *(Column(number, path) for number, _, path, _ in singles),
    )
    return _Layout(
        lane=lane,
        columns=columns,
        mixes=tuple(state.bridge_room for _, state in rooms),
        rows=np.array([row for _, _, _, row in singles], np.intp),
        rooms=np.array([state.bridge_room for _, state, _, _ in singles], np.int32),
        sound=np.empty((CHUNK_TICKS, len(columns), lane.samples), np.int16),
    )


def _beside(path: str, name: str, names: Mapping[int, str] | None = None) -> str:
    """Name the file of a track; refuse what would be another file, or the same for two."""
    mix = Path(path)
    if not NAME.fullmatch(name) or name == mix.stem:
        raise MediaError(f"a track cannot be called {name!r}")
    if names is not None and list(names.values()).count(name) > 1:
        raise MediaError(f"two tracks are called {name!r}")
    return str(mix.with_name(f"{name}{mix.suffix}"))
