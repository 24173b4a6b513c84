"""The load: N parties that send G.711, each to its peer's port, spread over the 20 ms, and take what comes back.

    python -m tests.bench.load '{"port": 5000, "core": 1}'

All parties are one socket with many addresses, `softphone.load.media.doors.SharedDoor`: the load costs two system calls
per step of 0.8 ms, not two per party. It takes an `Order` per line of its standard input, tells when it begins, and
then its `Books`: it says itself when it was late, and what it then measured counts for nothing.
"""

import contextlib
import math
import os
import socket
import sys
import time

import msgspec
import numpy as np
from msgspec import Struct

from mixer import g711
from mixer.frame import TICK_S
from softphone.load.media.doors import Arrivals, SharedDoor, loopback_host
from softphone.load.report import Health
from softphone.media.net.port import Patience
from softphone.media.net.slots import ADDRESS_SIZE, Letters, sockaddr
from softphone.media.rtp.header import HEADER, HEADER_SIZE
from tests.bench.traffic import SAMPLES, STEPS, Scene, Schedule, Sounds

DATAGRAM = HEADER_SIZE + SAMPLES
MARKER = 0x80
LEAD = 15  # ticks from an order to its first packet: the schedule is made meanwhile
LATE_S = 0.005
FIRST_PARTY = 1 << 16


class LoadSettings(Struct, frozen=True, kw_only=True):
    """From which port, on which core."""

    port: int
    core: int | None = None


class Order(Struct, frozen=True, kw_only=True):
    """What to send, to whom (one address for all, or one for each party), for how long after how long a beginning."""

    scene: Scene
    targets: list[tuple[str, int]]
    warm_s: float
    seconds: float


class Begun(Struct, frozen=True):
    """The clock (CLOCK_MONOTONIC) when the measured part begins."""

    at: float


class Books(Struct, frozen=True, kw_only=True):
    """What happened in the measured part.

    `late` is the share of steps that were late, `busy` that of the core that the load used, `heard_dbov` the level of
    the sound that came back.
    """

    expected: int
    due: int
    sent: int
    received: int
    late: float
    busy: float
    heard_dbov: float

    @property
    def void(self) -> str:
        """Why this measured the load and not its peer; empty: it did not."""
        health = Health(late_share=self.late, unsent_share=1 - self.sent / self.due, busy_share=self.busy)
        return ", ".join(health.void)


def party_host(i: int) -> str:
    """Address of party `i`."""
    return loopback_host(FIRST_PARTY + i)


class Load:
    """The sender and sink of all parties."""

    def __init__(self, port: int, most: int = 4096) -> None:
        self._door, self._sounds = SharedDoor(most, port, FIRST_PARTY), Sounds()
        self._arrivals = Arrivals()
        self._data = np.zeros((most, DATAGRAM), np.uint8)
        self._header = self._data[:, :HEADER_SIZE].view(HEADER)[:, 0]
        self._header["first"] = 0x80
        self._letters = Letters(self._data, np.zeros((most, ADDRESS_SIZE), np.uint8))
        self._letters.length[:] = DATAGRAM
        self._targets = self._letters.address
        self._epoch, self._first, self._silent_ticks = time.monotonic(), 0, 0
        self._next_seq, self._heard = 0, [0.0, 0.0]

    def run(self, order: Order) -> Books:
        """Send; tell when the measured part begins."""
        warm, ticks = int(order.warm_s / TICK_S), int((order.warm_s + order.seconds) / TICK_S) + 1
        first = int((time.monotonic() - self._epoch) / TICK_S) + LEAD  # the timestamps go on with the clock
        plan = Schedule(order.scene, self._sounds, first, ticks)
        target = np.array([sockaddr(*each) for each in order.targets])
        self._targets = np.broadcast_to(target, (order.scene.parties, ADDRESS_SIZE)) if len(target) == 1 else target
        # Between two runs nobody sent, and nobody lost anything.
        self._first, self._silent_ticks, self._next_seq = first, first - self._next_seq, self._next_seq + ticks
        sys.stdout.write(msgspec.json.encode(Begun(self._epoch + (first + warm) * TICK_S)).decode() + "\n")
        sys.stdout.flush()
        self._sink()
        self._steps(plan, 0, warm * STEPS)
        self._heard, used = [0.0, 0.0], time.process_time()
        sent, received, late = self._steps(plan, warm * STEPS, (ticks - 1) * STEPS)
        used = time.process_time() - used
        self._steps(plan, (ticks - 1) * STEPS, ticks * STEPS)
        steps = (ticks - 1 - warm) * STEPS
        return Books(
            expected=(ticks - 1 - warm) * order.scene.parties,
            due=int(plan.bounds[(ticks - 1) * STEPS] - plan.bounds[warm * STEPS]),
            sent=sent,
            received=received,
            late=late / steps,
            busy=used / (steps * TICK_S / STEPS),
            heard_dbov=round(10 * math.log10(self._heard[0] / max(self._heard[1], 1.0) / 32768.0**2 + 1e-9), 1),
        )

    def _steps(self, plan: Schedule, begin: int, end: int) -> tuple[int, int, int]:
        """Do these steps; how many packets were sent and received, and how many steps were late."""
        sent = received = late = 0
        for step in range(begin, end):
            due = self._epoch + (self._first + step / STEPS) * TICK_S
            wait = due - time.monotonic()
            if wait > 0.0001:
                time.sleep(wait)
            late += time.monotonic() - due > LATE_S
            sent += self._send(plan, slice(plan.bounds[step], plan.bounds[step + 1]))
            received += self._sink()
        return sent, received, late

    def _send(self, plan: Schedule, which: slice) -> int:
        """Send these packets of the plan."""
        party, n = plan.party[which], which.stop - which.start
        header, tick = self._header[:n], plan.tick[which] + self._first
        header["seq"], header["timestamp"] = tick - self._silent_ticks & 0xFFFF, tick * SAMPLES & 0xFFFFFFFF
        header["second"], header["ssrc"] = np.where(tick == self._first, MARKER, 0), party + 1
        self._data[:n, HEADER_SIZE:] = self._sounds.codes[plan.frame[which]]
        self._letters.address[:n] = self._targets[party]
        return self._door.send(self._letters, party, Patience())

    def _sink(self) -> int:
        """Take what has come; measure how loud one of it is."""
        self._door.receive(self._arrivals)
        if self._arrivals.used:
            codes = self._arrivals.data[0, HEADER_SIZE : self._arrivals.length[0]]
            pcm = g711.decode(np.ascontiguousarray(codes), g711.DECODE_ULAW).astype(np.float64)
            self._heard = [self._heard[0] + float((pcm**2).sum()), self._heard[1] + len(pcm)]
        return self._arrivals.used


def pin(pid: int, core: int) -> None:
    """Bind a process and its threads to one core and put them first there; threads that they start are bound alike."""
    for task in _tasks(pid):
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setaffinity(task, {core})
    put_first(pid)


def put_first(pid: int) -> None:
    """Let a process go before all ordinary ones, where we may: other work is not measured. Its cost is not changed."""
    for task in _tasks(pid):
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(task, os.SCHED_RR, os.sched_param(1))


def _tasks(pid: int) -> list[int]:
    return [int(name) for name in os.listdir(f"/proc/{pid or os.getpid()}/task")]


def free_port() -> int:
    """A UDP port that is free on all of loopback just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        port: int = sock.getsockname()[1]
        return port


def main() -> int:
    settings = msgspec.json.decode(sys.argv[1], type=LoadSettings)
    if settings.core is not None:
        pin(0, settings.core)
    load = Load(settings.port)
    for line in sys.stdin:
        books = load.run(msgspec.json.decode(line, type=Order))
        sys.stdout.write(msgspec.json.encode(books).decode() + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
