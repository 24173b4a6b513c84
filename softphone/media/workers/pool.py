"""Several workers as one `Media`: rooms are spread over them, and a worker that dies is replaced.

Numbers of legs, rooms and recordings are the pool's own, so that those of a dead worker never come back.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from softphone.errors import MediaError, NoSuchLeg, OtherWorker, WorkerGone
from softphone.media.contract.leg import (
    Event,
    LegInfo,
    LegSpec,
    LegStats,
    PlaybackEnded,
    RecordingEnded,
    RecordingInfo,
    WorkerLost,
    WorkerMetrics,
)
from softphone.media.workers.client import NO_TRACKS, ignore
from softphone.media.workers.process import WorkerProcess
from softphone.media.workers.worker import WorkerSettings

__all__ = ["Pool"]

# A worker that cannot start (its port is taken by somebody meanwhile, the system has no memory) is tried again in this
# time, and twice as long after each further try, up to a limit.
RESTART_S, RESTART_MAX_S = 1.0, 30.0


@dataclass(slots=True)
class _Book:
    """The pool's numbers of one kind of thing, and where each is."""

    kind: str
    numbers: "itertools.count[int]"
    places: dict[int, tuple[WorkerProcess, int]] = field(default_factory=dict)
    known: dict[tuple[WorkerProcess, int], int] = field(default_factory=dict)

    def add(self, worker: WorkerProcess, local: int) -> int:
        """Give a thing of a worker its number in the pool."""
        number = next(self.numbers)
        self.places[number] = worker, local
        self.known[worker, local] = number
        return number

    def add_same(self, worker: WorkerProcess) -> int:
        """Give a number to a thing that the worker is to call by it as well."""
        number = next(self.numbers)
        self.places[number] = worker, number
        self.known[worker, number] = number
        return number

    def find(self, number: int) -> tuple[WorkerProcess, int]:
        """Give the worker and its number of a thing; raises NoSuchLeg."""
        if number not in self.places:
            raise NoSuchLeg(f"there is no {self.kind} {number}")
        return self.places[number]

    def remove(self, number: int) -> None:
        """Forget a thing."""
        place = self.places.pop(number, None)
        if place is not None:
            del self.known[place]

    def of(self, worker: WorkerProcess) -> list[int]:
        """Give the numbers of all that is on a worker."""
        return [number for number, (place, _) in self.places.items() if place is worker]


class Pool:
    """Several workers as `Media`.

    Parameters
    ----------
    settings
        Of the first worker; the next ones have their shared ports two, four, ... above. They divide `own_ports`.
    workers
        How many, at least 1.

    Attributes
    ----------
    on_event
        Set by the owner; called in the event loop.
    """

    def __init__(self, settings: WorkerSettings | None = None, workers: int = 1) -> None:
        first = settings or WorkerSettings()
        shares = divided(first.own_ports, workers) if first.own_ports else [None] * workers
        self._settings = [
            msgspec.structs.replace(first, port=first.port + 2 * i if first.port else 0, own_ports=shares[i])
            for i in range(workers)
        ]
        self._workers: dict[int, WorkerProcess] = {}
        numbers = itertools.count(1)
        kinds = ("leg", "room", "recording", "playback")
        self._legs, self._rooms, self._recordings, self._playbacks = (_Book(kind, numbers) for kind in kinds)
        self._restarts: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.on_event: Callable[[Event], None] = ignore

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [worker.pid for worker in self._workers.values()]

    async def start(self) -> None:
        """Start all workers; raises MediaError or OSError when one does not come up: then none is left."""
        self._stopping = False
        try:
            for slot in range(len(self._settings)):
                await self._start(slot)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all workers."""
        self._stopping = True  # who dies from now on is not replaced
        restarts = list(self._restarts)
        for task in restarts:
            task.cancel()
        await asyncio.gather(*restarts, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))
        self._workers.clear()

    async def metrics(self) -> list[WorkerMetrics]:
        """Give how each worker is doing; one that dies meanwhile is left out."""
        asked = await asyncio.gather(*(worker.metrics() for worker in self._workers.values()), return_exceptions=True)
        return [metrics for metrics in asked if isinstance(metrics, WorkerMetrics)]

    async def open_leg(self, spec: LegSpec, *, room: int | None = None) -> LegInfo:
        """Open a leg on the worker of `room`, or on the one with the fewest legs."""
        worker = self._idlest() if room is None else self._rooms.find(room)[0]
        info = await worker.open_leg(spec)
        return msgspec.structs.replace(info, leg=self._legs.add(worker, info.leg))

    async def update_leg(self, leg: int, spec: LegSpec) -> LegInfo:
        """Change how a leg talks (re-INVITE)."""
        worker, local = self._legs.find(leg)
        return msgspec.structs.replace(await worker.update_leg(local, spec), leg=leg)

    async def close_leg(self, leg: int) -> LegStats:
        """Close a leg; give what it has seen."""
        worker, local = self._legs.find(leg)
        stats = await worker.close_leg(local)
        self._legs.remove(leg)
        return stats

    async def create_room(self) -> int:
        """Make a room on the worker with the fewest legs."""
        worker = self._idlest()
        return self._rooms.add(worker, await worker.create_room())

    async def remove_room(self, room: int) -> None:
        """Remove a room."""
        worker, local = self._rooms.find(room)
        await worker.remove_room(local)
        self._rooms.remove(room)

    async def join(self, leg: int, room: int) -> None:
        """Put a leg into a room of its worker; raises MediaError when the room is on another one."""
        (worker, local), (other, local_room) = self._legs.find(leg), self._rooms.find(room)
        if worker is not other:
            raise OtherWorker(f"leg {leg} and room {room} are on different workers")
        await worker.join(local, local_room)

    async def leave(self, leg: int) -> None:
        """Take a leg out of its room."""
        worker, local = self._legs.find(leg)
        await worker.leave(local)

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
        worker, local = self._legs.find(leg)
        await worker.configure(local, muted=muted, deaf=deaf, gain_in=gain_in, gain_out=gain_out, answered=answered)

    async def send_keys(self, leg: int, keys: str, *, duration_s: float = 0.1, gap_s: float = 0.05) -> None:
        """Send telephone events (RFC 4733); returns when the last is out."""
        worker, local = self._legs.find(leg)
        await worker.send_keys(local, keys, duration_s=duration_s, gap_s=gap_s)

    async def record(self, room: int, path: str, *, tracks: Mapping[int, str] = NO_TRACKS) -> int:
        """Record a room and legs of its worker; see `Media.record`."""
        place = self._rooms.find(room)
        places = [self._legs.find(leg) for leg in tracks]
        worker = _common([place, *places])
        names = {local: name for (_, local), name in zip(places, tracks.values(), strict=True)}
        return self._recordings.add(worker, await worker.record(place[1], path, tracks=names))

    async def track(self, recording: int, leg: int, name: str) -> None:
        """Give a leg on the recording's worker a track; see `Media.track`."""
        places = self._recordings.find(recording), self._legs.find(leg)
        await _common([*places]).track(places[0][1], places[1][1], name)

    async def record_leg(self, leg: int, path: str, max_s: float) -> int:
        """Record what one leg says; see `Media.record_leg`."""
        worker, local = self._legs.find(leg)
        return self._recordings.add(worker, await worker.record_leg(local, path, max_s))

    async def pause_recording(self, recording: int) -> None:
        """Leave silence in a recording from now on."""
        worker, local = self._recordings.find(recording)
        await worker.pause_recording(local)

    async def resume_recording(self, recording: int) -> None:
        """Let a recording go on after a pause."""
        worker, local = self._recordings.find(recording)
        await worker.resume_recording(local)

    async def stop_recording(self, recording: int) -> RecordingInfo:
        """End a recording; returns when its file is closed."""
        worker, local = self._recordings.find(recording)
        return await worker.stop_recording(local)

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
        """Play files to legs of one worker or to a room; see `Media.play`."""
        places = [self._legs.find(each) for each in (*legs, *(() if leg is None else (leg,)))]
        places += [] if room is None else [self._rooms.find(room)]
        if not places:
            raise MediaError("play to legs or to a room")
        worker = _common(places)
        to = [local for _, local in places[: None if room is None else -1]]
        playback = self._playbacks.add_same(worker)
        try:
            return await worker.play(
                paths,
                legs=to,
                room=None if room is None else places[-1][1],
                loop=loop,
                gain=gain,
                recorded=recorded,
                playback=playback,
            )
        except MediaError:
            self._playbacks.remove(playback)
            raise

    async def play_to(self, playback: int, legs: Sequence[int]) -> None:
        """Change which legs hear a playback; they are on its worker. See `Media.play_to`."""
        place = self._playbacks.find(playback)
        places = [self._legs.find(leg) for leg in legs]
        await _common([place, *places]).play_to(place[1], [local for _, local in places])

    async def stop_playback(self, playback: int) -> None:
        """End a playback; see `Media.stop_playback`."""
        worker, local = self._playbacks.find(playback)
        await worker.stop_playback(local)

    async def whisper(self, leg: int, to: Sequence[int] | None) -> None:
        """Let a leg be heard by these only, which are on its worker; see `Media.whisper`."""
        place = self._legs.find(leg)
        places = [self._legs.find(each) for each in to or ()]
        await _common([place, *places]).whisper(place[1], None if to is None else [local for _, local in places])

    async def stats(self, leg: int) -> LegStats:
        """Give what a leg has seen so far."""
        worker, local = self._legs.find(leg)
        return await worker.stats(local)

    async def _start(self, slot: int) -> None:
        """Start the worker of a slot."""
        worker = WorkerProcess(self._settings[slot])
        worker.on_event = lambda event: self._happened(worker, event)
        worker.on_lost = lambda event: self._lost(slot, worker, event)
        await worker.start()
        self._workers[slot] = worker

    def _idlest(self) -> WorkerProcess:
        """Give the worker with the fewest legs (rooms, between equals)."""
        if not self._workers:
            raise WorkerGone("no media worker is running")
        return min(self._workers.values(), key=lambda worker: (len(worker.legs), len(worker.rooms)))

    def _happened(self, worker: WorkerProcess, event: Event) -> None:
        """Pass an event on under the pool's numbers."""
        if isinstance(event, RecordingEnded):
            number = self._recordings.known.get((worker, event.recording))
            if number is not None:
                self._recordings.remove(number)
                self.on_event(msgspec.structs.replace(event, recording=number))
            return
        if isinstance(event, PlaybackEnded):
            self._playbacks.remove(event.playback)
            self.on_event(event)
            return
        number = self._legs.known.get((worker, getattr(event, "leg", 0)))
        if number is not None:
            self.on_event(msgspec.structs.replace(event, leg=number))

    def _lost(self, slot: int, worker: WorkerProcess, event: WorkerLost) -> None:
        """Forget what was on a dead worker, say so, and start another."""
        self._workers.pop(slot, None)
        lost = WorkerLost(event.pid, self._legs.of(worker), self._rooms.of(worker))
        for book in (self._legs, self._rooms, self._recordings, self._playbacks):
            for number in book.of(worker):
                book.remove(number)
        if not self._stopping:
            task = asyncio.get_running_loop().create_task(self._restart(slot))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)
        self.on_event(lost)

    async def _restart(self, slot: int) -> None:
        """Start a worker in place of a dead one, however often it takes."""
        pause_s = RESTART_S
        while slot not in self._workers and not self._stopping:
            try:
                await self._start(slot)
            except (MediaError, OSError):
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RESTART_MAX_S)


def divided(ports: tuple[int, int], workers: int) -> list[tuple[int, int]]:
    """Divide a range of ports, first and last, into equal parts of whole pairs: an even port and the next."""
    first, last = ports[0] + ports[0] % 2, ports[1]
    pairs = (last + 1 - first) // 2
    edges = [first + 2 * (pairs * i // workers) for i in range(workers + 1)]
    return [(low, high - 1) for low, high in itertools.pairwise(edges)]


def _common(places: list[tuple[WorkerProcess, int]]) -> WorkerProcess:
    """Give the worker of things that have to do with each other; raises MediaError when they are on several."""
    workers = {worker for worker, _ in places}
    if len(workers) > 1:
        raise MediaError("they are on different workers")
    return workers.pop()
