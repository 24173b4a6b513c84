"""The thread that writes recordings, behind a bounded queue: whatever the disk does, the tick does not wait.

Every file of a recording begins at the same tick, and sound is written where it belongs: what lies between is silence.
So tracks are aligned by construction, whether a party comes late, leaves, or the disk was too slow for a while. When
the disk fails, that recording ends with the reason, and nothing else happens.
"""

import contextlib
import queue
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from mixer.errors import MixerError
from mixer.frame import TICK_S, samples_per_tick
from mixer.recording import WavFile
from softphone.media.contract.leg import RecordingEnded
from softphone.media.engine.outcomes import RecordingOpened

__all__ = ["Chunk", "Column", "RecordingWriter"]

# Sound that the disk may lag behind: half an hour of one mono recording, half a minute of a hundred tracks.
QUEUE_BYTES = 32 << 20
# How long the end of a process waits for the disk.
CLOSE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Column:
    """Where one column of a chunk belongs: a recording, and one of its files."""

    recording: int
    path: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some ticks of sound: int16, shape (columns, ticks, samples), and the number of the first tick."""

    columns: tuple[Column, ...]
    sound: NDArray[np.int16]
    tick: int


@dataclass(slots=True)
class _Recording:
    """A recording as the thread sees it."""

    path: str
    tick: int
    rate_hz: int
    files: dict[str, WavFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Begin:
    recording: int
    token: int
    state: _Recording


@dataclass(frozen=True, slots=True)
class _End:
    recording: int
    tick: int
    reason: str


Job = Chunk | _Begin | _End | None


class RecordingWriter:
    """Writes what is recorded to files.

    Attributes
    ----------
    dropped_ticks
        Of recordings, that the disk was too slow for.
    """

    def __init__(self) -> None:
        self._recordings: dict[int, _Recording] = {}
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        # Each is changed by one side only.
        self._queued_bytes = self._done_bytes = 0
        self._open: set[int] = set()
        self.dropped_ticks = 0
        self._dropped: Counter[int] = Counter()
        self._told: deque[RecordingOpened | RecordingEnded] = deque()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a recording is not closed and told yet."""
        return bool(self._open)

    def begin(self, recording: int, path: str, tick: int, rate_hz: int, token: int) -> None:
        """Begin a recording of some rate whose time starts with a tick; RecordingOpened(token) follows."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
            self._thread.start()
        self._open.add(recording)
        self._jobs.put(_Begin(recording, token, _Recording(path, tick, rate_hz)))

    def write(self, chunk: Chunk) -> None:
        """Take sound; when the disk is too far behind it is left out and counted, and silence stands in its place."""
        size = chunk.sound.nbytes
        if self._queued_bytes - self._done_bytes + size <= QUEUE_BYTES:
            self._queued_bytes += size
            self._jobs.put(chunk)
            return
        ticks = chunk.sound.shape[1]
        for recording in {column.recording for column in chunk.columns}:
            self._dropped[recording] += ticks
            self.dropped_ticks += ticks

    def end(self, recording: int, tick: int, reason: str) -> None:
        """End a recording before a tick; RecordingEnded follows when its files are closed."""
        self._jobs.put(_End(recording, tick, reason))

    def events(self) -> list[RecordingOpened | RecordingEnded]:
        """Give the recordings that were opened, could not be, or have ended since the last call."""
        return [self._settled(self._told.popleft()) for _ in range(len(self._told))]

    def _settled(self, event: RecordingOpened | RecordingEnded) -> RecordingOpened | RecordingEnded:
        """Take note of what the thread tells, and add what it does not know."""
        if isinstance(event, RecordingEnded):
            event = msgspec.structs.replace(event, dropped_s=self._dropped.pop(event.recording, 0) * TICK_S)
        elif not event.error:
            return event
        self._open.discard(event.recording)
        return event

    def close(self) -> None:
        """Wait until all is on the disk, 5 s at most; all recordings must have been ended."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(CLOSE_TIMEOUT_S)
            self._thread = None

    def _run(self) -> None:
        """Write what is queued until the end."""
        while (job := self._jobs.get()) is not None:
            match job:
                case Chunk():
                    self._append(job)
                    self._done_bytes += job.sound.nbytes
                case _Begin():
                    self._begin(job)
                case _End(recording, tick, reason):
                    self._finish(recording, tick, reason)

    def _begin(self, job: _Begin) -> None:
        """Make the file of a recording: it may take as long as the disk likes."""
        error = ""
        try:
            self._file(job.state, job.state.path)
            self._recordings[job.recording] = job.state
        except (MixerError, OSError) as failure:
            error = f"cannot record to {job.state.path}: {failure}"
        self._told.append(RecordingOpened(job.recording, job.token, error))

    def _append(self, chunk: Chunk) -> None:
        """Write each column where it belongs; all of it is on the disk afterwards, as far as the system goes."""
        for column, sound in zip(chunk.columns, chunk.sound, strict=True):
            state = self._recordings.get(column.recording)
            if state is None:
                continue
            try:
                file = self._file(state, column.path)
                self._fill(file, state, chunk.tick)
                file.write(sound.reshape(-1))
                file.flush()
            except (MixerError, OSError) as error:
                self._close(column.recording, str(error))

    def _file(self, state: _Recording, path: str) -> WavFile:
        """Give a file of a recording, made when it is written for the first time."""
        file = state.files.get(path)
        if file is None:
            file = state.files[path] = WavFile(path, state.rate_hz)
        return file

    def _fill(self, file: WavFile, state: _Recording, tick: int) -> None:
        """Fill a file with silence up to a tick."""
        missing = (tick - state.tick) * samples_per_tick(state.rate_hz) - file.position
        if missing > 0:
            file.silence(missing)

    def _finish(self, recording: int, tick: int, reason: str) -> None:
        """Bring all files of a recording to the same length and close them."""
        state = self._recordings.get(recording)
        if state is None:
            return
        try:
            for file in state.files.values():
                self._fill(file, state, tick)
                file.close()
        except (MixerError, OSError) as error:
            reason = str(error)
        self._close(recording, reason)

    def _close(self, recording: int, reason: str) -> None:
        """Close what is open of a recording and tell that it has ended."""
        state = self._recordings.pop(recording)
        for file in state.files.values():
            with contextlib.suppress(MixerError):
                file.close()
        seconds = state.files[state.path].seconds
        self._told.append(RecordingEnded(recording, state.path, seconds, reason, _others(state.files, state.path)))


def _others(paths: Iterable[str], path: str) -> list[str]:
    """Give the tracks beside the mix."""
    return [other for other in paths if other != path]
