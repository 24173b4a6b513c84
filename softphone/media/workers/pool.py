"""Several workers as one `Media`: rooms are spread over them, and a worker that dies is replaced.

Each worker that is started has a range of numbers for what it makes. So a number tells which worker a leg, room,
recording or playback is on, and those of a dead worker never come back.
"""

import asyncio
import itertools
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from softphone.errors import MediaError, NoSuchLeg, OtherWorker, WorkerGone
from softphone.media.contract.leg import WorkerLost, WorkerMetrics
from softphone.media.contract.messages import MediaRequest, numbers
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.client import Media
from softphone.media.workers.process import WorkerProcess

__all__ = ["Pool"]

R = TypeVar("R")

# A worker that cannot start (its port is taken by somebody meanwhile, the system has no memory) is tried again in this
# time, and twice as long after each further try, up to a limit.
RESTART_S, RESTART_MAX_S = 1.0, 30.0
# More than a worker makes in a thousand years.
RANGE = 10**12


class Pool(Media):
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
        super().__init__()
        first = settings or WorkerSettings()
        self.families = first.families
        shares = divided(first.own_ports, workers) if first.own_ports else [None] * workers
        self._settings = [
            msgspec.structs.replace(
                first,
                port=first.port + 2 * i if first.port else 0,
                own_ports=shares[i],
                stream_port=first.stream_port + i if first.stream_port else first.stream_port,
            )
            for i in range(workers)
        ]
        self._workers: dict[int, WorkerProcess] = {}
        self._ranges = itertools.count()
        self._by_range: dict[int, WorkerProcess] = {}
        self._restarts: set[asyncio.Task[None]] = set()
        self._stopping = False

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

    async def ask(self, request: MediaRequest[R]) -> R:
        """Have a request carried out by the worker of what it is about, or else by the one with the fewest legs.

        Raises
        ------
        OtherWorker
            When it is about things on several workers.
        MediaError
            As of `Media.ask`.
        """
        return await self._found(request).ask(request)

    def tell(self, request: MediaRequest[Any]) -> None:
        """Have a request carried out by its worker; see `Media.tell`."""
        with suppress(MediaError):
            self._found(request).tell(request)

    def apart(self, leg: int, room: int) -> bool:
        """Whether a leg and a room are on different workers; see `Media.apart`."""
        return leg // RANGE != room // RANGE

    def _found(self, request: MediaRequest[Any]) -> WorkerProcess:
        """Find the worker of what a request is about."""
        workers = {self._worker(kind, number) for kind, number in numbers(request)}
        if len(workers) > 1:
            raise OtherWorker(f"{type(request).__name__}: they are on different workers")
        return workers.pop() if workers else self._idlest()

    def _worker(self, kind: str, number: int) -> WorkerProcess:
        worker = self._by_range.get(number // RANGE)
        if worker is None:
            raise NoSuchLeg(f"there is no {kind} {number}")
        return worker

    async def _start(self, slot: int) -> None:
        """Start the worker of a slot."""
        place = next(self._ranges)
        worker = WorkerProcess(msgspec.structs.replace(self._settings[slot], first_number=place * RANGE + 1))
        worker.on_event = lambda event: self.on_event(event)
        worker.on_lost = lambda event: self._lost(slot, place, event)
        await worker.start()
        self._workers[slot] = self._by_range[place] = worker

    def _idlest(self) -> WorkerProcess:
        """Give the worker with the fewest legs (rooms, between equals)."""
        if not self._workers:
            raise WorkerGone("no media worker is running")
        return min(self._workers.values(), key=lambda worker: (len(worker.legs), len(worker.rooms)))

    def _lost(self, slot: int, place: int, event: WorkerLost) -> None:
        """Forget a dead worker, say what was on it, and start another."""
        self._workers.pop(slot, None)
        self._by_range.pop(place, None)
        if not self._stopping:
            task = asyncio.get_running_loop().create_task(self._restart(slot))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)
        self.on_event(event)

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
