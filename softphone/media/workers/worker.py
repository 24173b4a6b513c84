"""The worker process: `python -m softphone.media.workers.worker '{"fd": 5, ...}'`.

One thread, one loop: wait for the next drain or tick or for a request, whichever comes first. Between the ticks it does
nothing; without legs it sleeps until a request comes. When the control process goes, it goes.
"""

import contextlib
import gc
import logging
import os
import resource
import select
import signal
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from softphone.descriptors import allow_all
from softphone.errors import MediaError
from softphone.heap import keep_below
from softphone.media.contract.frames import Splitter, frame, read_request
from softphone.media.contract.leg import WorkerMetrics
from softphone.media.contract.messages import GetMetrics, Ready
from softphone.media.contract.settings import WorkerSettings
from softphone.media.engine.desk import RequestDesk
from softphone.media.engine.engine import Engine
from softphone.media.workers.pacer import RECENT, Pacer

if TYPE_CHECKING:
    from softphone.media.workers.stream_door import StreamDoor

__all__ = ["Worker", "main"]

# Requests are served in between; more than this at once would make the tick late.
REQUESTS_AT_ONCE = 64
# Before a tick that is late already they are served for so long: one a tick, and nobody could join, or hang up.
LATE_SERVE_S = 0.002
READ_SIZE = 1 << 16
# Replies and events that the control process does not fetch: beyond this it is not there any more.
UNSENT_MAX = 64 << 20
# The recorder's thread gives the interpreter back this soon to a tick that waits; usual are 5 ms, a quarter of one.
SWITCH_S = 0.0005
# Better than everything ordinary, not in the way of the kernel.
NICENESS = -11
# A tick's arrays are some hundred kilobytes each: by default they go back to the system and are faulted in again, 750
# pages per tick with 2,000 parties.
KEPT_BYTES = 32 << 20


class Worker:
    """Drives an engine from a control socket.

    Parameters
    ----------
    engine
        The engine.
    control
        The worker's end of the channel.
    """

    def __init__(self, engine: Engine, control: socket.socket) -> None:
        self._engine, self._desk, self._control = engine, RequestDesk(engine), control
        self._control.setblocking(False)
        self._splitter = Splitter()
        self._requests: deque[bytes] = deque()
        self._unsent = bytearray()
        self._pacer = Pacer()
        self._open = True

    def run(self) -> None:
        """Serve until the control process closes the channel."""
        self._send(frame(0, Ready(os.getpid(), self._engine.port)))
        while self._open:
            self._wait()
            self._serve()
            self._work()
        self._engine.close(time.monotonic())

    def _wait(self) -> None:
        """Sleep until there is something to do."""
        now = time.monotonic()
        timeout: float | None = None
        if self._requests:
            timeout = 0.0
        elif self._pacer.deadline is not None:
            timeout = max(0.0, self._pacer.wake(now, self._engine.plane.drains_per_tick) - now)
        readable, writable, _ = select.select([self._control], [self._control] * bool(self._unsent), [], timeout)
        if writable:
            self._send(b"")
        if readable:
            self._read()

    def _read(self) -> None:
        """Take requests in."""
        try:
            data = self._control.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._open = bool(data)
        self._requests += self._splitter.feed(data)

    def _serve(self) -> None:
        """Carry out requests, as many as fit beside the ticks."""
        if not self._requests:
            return
        until = max(self._pacer.deadline or 0.0, time.monotonic() + LATE_SERVE_S)
        for _ in range(min(REQUESTS_AT_ONCE, len(self._requests))):
            now = time.monotonic()
            number, request = read_request(self._requests.popleft())
            if isinstance(request, GetMetrics):
                self._send(frame(number, self._metrics(request.recent)))
            else:
                self._desk.ask(number, request, now)
            if self._pacer.deadline is not None and time.monotonic() >= until:
                break

    def _work(self) -> None:
        """Do the tick if it is due, else drain; pass events on."""
        began = time.monotonic()
        if not self._engine.active:
            self._pacer.stop()
        else:
            self._pacer.start(began)
        deadline = self._pacer.deadline
        if deadline is not None:
            if began < deadline:
                self._engine.drain()
            else:
                deadline, skipped = self._pacer.begin(began)
                self._engine.skip(skipped)
                self._engine.tick(deadline, began)
                self._pacer.done(began, time.monotonic())
        if told := self._desk.told():
            self._send(b"".join(frame(number, message) for number, message in told))

    def _send(self, data: bytes) -> None:
        """Send without waiting; what does not go now goes when the socket is writable."""
        self._unsent += data
        with contextlib.suppress(BlockingIOError):
            try:
                del self._unsent[: self._control.send(self._unsent)]
            except BlockingIOError:
                raise
            except OSError:
                self._open = False
        self._open &= len(self._unsent) <= UNSENT_MAX

    def _metrics(self, recent: int) -> WorkerMetrics:
        """Tell how the engine is doing, and what the process knows of itself."""
        p50, p99, longest = self._pacer.durations_ms(recent or RECENT)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return msgspec.structs.replace(
            self._engine.metrics(),
            pid=os.getpid(),
            ticks=self._pacer.ticks,
            late_ticks=self._pacer.late_ticks,
            skipped_ticks=self._pacer.skipped_ticks,
            lateness_ms=list(self._pacer.lateness.bounds),
            lateness_counts=self._pacer.lateness.counts,
            lateness_sum_ms=self._pacer.lateness.total,
            tick_p50_ms=p50,
            tick_p99_ms=p99,
            tick_max_ms=longest,
            cpu_s=usage.ru_utime + usage.ru_stime,
            memory_bytes=resident_bytes(),
        )


def resident_bytes() -> int:
    """Give the resident memory of this process, where the system tells (else its peak)."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def low_socket(fd: int) -> socket.socket:
    """Take over an inherited socket, under the lowest number that is free: select(2) takes none above 1,023."""
    control = socket.socket(fileno=os.dup(fd))
    os.close(fd)
    return control


def open_door(settings: WorkerSettings) -> "StreamDoor | None":
    """Listen for clients of streams, where there are any; raises OSError, MediaError."""
    if settings.stream_port is None:
        return None
    from softphone.media.workers.stream_door import StreamDoor  # megabytes that most workers do not need

    door = StreamDoor(settings.host, settings.stream_port, settings.stream_most, settings.certificate)
    door.start()
    return door


def main() -> int:
    """Run a worker; its settings are the first argument, as JSON."""
    settings = msgspec.json.decode(sys.argv[1], type=WorkerSettings)
    logging.basicConfig(format="softphone media worker: %(message)s")
    allow_all()
    control = low_socket(settings.fd)
    try:
        door = open_door(settings)
        engine = Engine(
            capacity=settings.capacity,
            host=settings.host,
            shared_port=settings.port,
            own_ports=settings.own_ports,
            advertised=settings.advertised,
            host6=settings.host6,
            advertised6=settings.advertised6,
            gate=settings.gate,
            noise_dbov=settings.noise_dbov,
            first_number=settings.first_number,
            streams=door,
            unix_offset_s=time.time() - time.monotonic(),
        )
    except (OSError, MediaError) as error:
        sys.stderr.write(f"softphone media worker: {error}\n")
        return 1
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, min(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    keep_below(KEPT_BYTES)
    sys.setswitchinterval(SWITCH_S)
    # Ticks make no reference cycles; a collection over all of numpy in the middle of one would make it late.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    # Ctrl-C on a terminal reaches the whole group, and so does what a service manager sends: the control process says
    # when the calls are over. When it dies, the channel ends, and the worker with it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    Worker(engine, control).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
