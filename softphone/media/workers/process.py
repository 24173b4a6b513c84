"""One worker process, seen from the control process: started, asked, missed when it dies."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import msgspec

from softphone.errors import MediaError, WorkerGone
from softphone.media.contract.frames import Splitter, frame, read_reply
from softphone.media.contract.leg import LegInfo, WorkerLost, WorkerMetrics
from softphone.media.contract.messages import (
    CloseLeg,
    CreateRoom,
    GetMetrics,
    MediaRequest,
    Number,
    Ping,
    Ready,
    RemoveRoom,
    Reply,
)
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.client import MediaChannel
from softphone.programs import python

__all__ = ["WorkerProcess"]

# Imports, tables and a few megabytes of arrays: a second or two on a busy machine. Where nothing is compiled yet, it
# compiles first: half a minute, and several of them on a slow machine.
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 10.0
# A worker that does not answer within two seconds has said nothing for a hundred ticks: its calls are gone anyway.
PING_S, HUNG_S = 1.0, 2.0
# One core per worker is the design; a numeric library that starts threads of its own takes it from the others.
SINGLE_THREADED = {
    name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
# Large pages for its arrays: a tick of a full worker touches thousands of places that lie a small page or more apart.
# Whoever tunes the C library otherwise is not overruled.
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class WorkerProcess(MediaChannel, asyncio.Protocol):
    """A worker process as `Media`.

    Parameters
    ----------
    settings
        How to start it.

    Attributes
    ----------
    on_lost
        Called once in the event loop when the process has died by itself, or was killed because it hung.
    pid, port
        Of the running worker.
    """

    def __init__(self, settings: WorkerSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or WorkerSettings()
        self.on_lost: Callable[[WorkerLost], None] = lambda event: self.on_event(event)
        self.pid = self.port = 0
        self.legs: set[int] = set()
        self.rooms: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._splitter = Splitter()
        self._ready: asyncio.Future[None] | None = None
        self._stopping = False
        self._heard_at = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and wait until it listens.

        Raises
        ------
        MediaError
            When it ends instead (a port in use: said on stderr), or does not come up in time.
        OSError
            When the system gives no process or no descriptor.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = self._spawn(theirs.fileno())
            except OSError:
                ours.close()
                raise
        self._ready = loop.create_future()
        ours.setblocking(False)
        try:
            await loop.create_connection(lambda: self, sock=ours)
            await asyncio.wait_for(self._ready, START_TIMEOUT_S)
            if self._transport is None or self._transport.is_closing():
                raise MediaError("the media worker ended at its start")
        except TimeoutError:
            await self.stop()
            raise MediaError("the media worker did not come up") from None
        except BaseException:  # whoever gives up waiting, at whatever step, leaves no process behind
            self._ready.cancel()
            await self.stop()
            raise
        self._watching = loop.create_task(self._watch())

    def _spawn(self, fd: int) -> "subprocess.Popen[bytes]":
        """Start the process with its end of the channel."""
        settings = msgspec.structs.replace(self._settings, fd=fd)
        return subprocess.Popen(
            python("-m", "softphone.media.workers.worker", msgspec.json.encode(settings).decode()),
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=LARGE_PAGES | {"MIXER_CACHE_DIR": settings.cache} | os.environ | SINGLE_THREADED,
        )

    async def _watch(self) -> None:
        """Kill a worker that hangs: its end is noticed like any other (see `connection_lost`).

        One that says anything is alive, however late it is with what it was asked: what is killed loses its rooms.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PING_S)
            try:
                asked, answer = loop.time(), self.send(Ping())
            except WorkerGone:  # about to be noticed
                return
            answer.add_done_callback(asyncio.Future.exception)  # a worker that dies meanwhile is missed elsewhere
            await asyncio.wait({answer}, timeout=HUNG_S)
            overslept = loop.time() - asked > HUNG_S + PING_S  # we hung ourselves, or all of us were stopped: ask again
            silent = not answer.done() and self._heard_at < asked
            if silent and not overslept and self._process is not None:
                self._process.kill()

    async def stop(self) -> None:
        """End the process: recordings closed, goodbyes sent."""
        self._stopping = True
        if self._watching is not None:
            self._watching.cancel()
        if self._transport is not None:
            self._transport.close()
        process = self._process
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def transmit(self, number: int, request: MediaRequest[Any]) -> None:
        """Send a request; raises WorkerGone when the process is not there (any more)."""
        if self._transport is None or self._transport.is_closing():
            raise WorkerGone("the media worker is gone")
        self._transport.write(frame(number, request))

    async def metrics(self, recent: int = 0) -> WorkerMetrics:
        """Give how the worker is doing; durations of the last `recent` ticks, or of all that are remembered (0)."""
        return await self.ask(GetMetrics(recent))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the channel (called by asyncio)."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take replies and events (called by asyncio)."""
        self._heard_at = asyncio.get_running_loop().time()
        messages = [read_reply(body) for body in self._splitter.feed(data)]
        if messages and isinstance(ready := messages[0][1], Ready):
            self._listens(ready)
            del messages[0]
        self.take(messages)

    def connection_lost(self, error: Exception | None) -> None:
        """Notice that the worker is gone (called by asyncio)."""
        if self._watching is not None:
            self._watching.cancel()
        gone = WorkerGone("the media worker is gone")
        self.abandon(gone)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(MediaError("the media worker ended at its start; stderr says why"))
        elif self._watching is not None and not self._stopping:  # else `start` says so, or nobody wants to know
            self._reap()
            self.on_lost(WorkerLost(self.pid, sorted(self.legs), sorted(self.rooms)))
        self.legs, self.rooms = set(), set()

    def _reap(self) -> None:
        """Make sure that a worker which closed its channel is no more."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _listens(self, ready: Ready) -> None:
        """Take note of the first message of a worker."""
        self.pid, self.port = ready.pid, ready.port
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def answered(self, request: MediaRequest[Any], reply: Reply) -> None:
        """Keep what would be lost with the worker."""
        match request, reply:
            case CreateRoom(), Number(value=room):
                self.rooms.add(room)
            case _, LegInfo(leg=leg):
                self.legs.add(leg)
            case RemoveRoom(room=room), _:
                self.rooms.discard(room)
            case CloseLeg(leg=leg), _:
                self.legs.discard(leg)
