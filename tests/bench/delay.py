"""The delay that the bridge adds, party to party: noise in at one end, found by correlation at the other.

    python -m tests.bench.delay

Each pair has a room of its own in the real worker, and a phase of its own to the worker's tick. No jitter is on the
wire. What is measured is from the moment a packet is sent to the moment the packet with its sound arrives; the 20 ms
that it takes to fill a packet are the phones' own and not counted.
"""

import asyncio
import random
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixer import g711
from mixer.frame import TICK_S
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import CreateRoom, JoinRoom, OpenLeg
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.process import WorkerProcess

PAIRS = 25
SECONDS = 3.0
SKIP = 25  # frames until the playout buffer has settled
HEADER = 12


@dataclass
class Pair:
    """A talker and a listener."""

    phase_s: float
    talker: socket.socket
    listener: socket.socket
    pcm: NDArray[np.int16]
    target: tuple[str, int] = ("", 0)
    sent: list[float] = field(default_factory=list)
    heard: dict[int, tuple[float, bytes]] = field(default_factory=dict)

    def send(self) -> None:
        """Send the next frame."""
        k = len(self.sent)
        codes = g711.encode(self.pcm[160 * k : 160 * (k + 1)], g711.ENCODE_ULAW).tobytes()
        header = b"\x80\0" + k.to_bytes(2) + (160 * k).to_bytes(4) + b"pair"
        self.sent.append(time.monotonic())
        self.talker.sendto(header + codes, self.target)

    def receive(self) -> None:
        """Take what has come to the listener."""
        datagram, now = self.listener.recv(2048), time.monotonic()
        if len(datagram) == HEADER + 160:
            self.heard[int.from_bytes(datagram[4:8])] = now, datagram[HEADER:]

    def delays_ms(self) -> list[float]:
        """For each frame heard: when it came minus when the sound in it was sent."""
        stamps = sorted(self.heard)[SKIP:]
        pcm = g711.decode(np.frombuffer(b"".join(self.heard[at][1] for at in stamps), np.uint8), g711.DECODE_ULAW)
        lag = shift(self.pcm, pcm)
        starts = [(stamp - stamps[0] + lag) // 160 for stamp in stamps]
        return [
            1000 * (self.heard[at][0] - self.sent[k])
            for at, k in zip(stamps, starts, strict=True)
            if k < len(self.sent)
        ]


def shift(sent: NDArray[np.int16], heard: NDArray[np.int16]) -> int:
    """Where in `sent` the sound of `heard` begins, in samples."""
    size = len(sent) + len(heard)
    product = np.fft.rfft(sent, size) * np.conj(np.fft.rfft(heard, size))
    return int(np.argmax(np.fft.irfft(product, size)[: len(sent)]))


def run(pairs: int = PAIRS, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Measure; one row."""
    delays = asyncio.run(measure(pairs, seconds))
    p50, p99 = np.percentile(delays, (50, 99))
    return [
        {
            "pairs": pairs,
            "frames": len(delays),
            "median ms": round(float(p50), 1),
            "p99 ms": round(float(p99), 1),
            "max ms": round(max(delays), 1),
        }
    ]


async def measure(pairs: int, seconds: float) -> list[float]:
    """Give the delays of all frames of all pairs in milliseconds."""
    worker = WorkerProcess(WorkerSettings(capacity=2 * pairs))
    await worker.start()
    made = [pair(i, seconds) for i in range(pairs)]
    for each in made:
        room = (await worker.ask(CreateRoom())).value
        info = await enter(worker, each.talker, room)
        await enter(worker, each.listener, room)
        each.target = info.host, info.port
    await asyncio.to_thread(converse, made, seconds)
    await worker.stop()
    delays = [delay for each in made for delay in each.delays_ms()]
    for each in made:
        each.talker.close()
        each.listener.close()
    return delays


def pair(i: int, seconds: float) -> Pair:
    """Make a pair with noise of its own."""
    source = np.random.default_rng(i)
    noise = source.normal(0, 3000, int(8000 * (seconds + 1))).clip(-20000, 20000).astype(np.int16)
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for end in ends:
        end.bind(("127.0.0.1", 0))
    return Pair(random.Random(i).uniform(0, TICK_S), ends[0], ends[1], noise)


async def enter(worker: WorkerProcess, end: socket.socket, room: int) -> LegInfo:
    """Put one end into a room."""
    info = await worker.ask(OpenLeg(LegSpec(remote=MediaAddress(*end.getsockname()), rtcp_mux=True)))
    await worker.ask(JoinRoom(info.leg, room))
    return info


def converse(pairs: list[Pair], seconds: float) -> None:
    """Send and receive in real time."""
    by_socket = {each.listener: each for each in pairs}
    start = time.monotonic()
    due = [(start + k * TICK_S + each.phase_s, i) for i, each in enumerate(pairs) for k in range(int(seconds / TICK_S))]
    for at, i in sorted(due):
        while (wait := at - time.monotonic()) > 0:
            ready, _, _ = select.select(list(by_socket), [], [], wait)
            for sock in ready:
                by_socket[sock].receive()
        pairs[i].send()


if __name__ == "__main__":
    import sys

    sys.stdout.write(f"{run()}\n")
