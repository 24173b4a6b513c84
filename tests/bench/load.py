"""The load: N parties that send G.711 to one port, paced over the 20 ms, and take what comes back.

    python -m tests.bench.load '{"target": ["127.0.0.1", 4000], "port": 5000, "parties": 100, ...}'

All parties are one socket with many addresses: loopback owns 127.0.0.0/8, and a control message (IP_PKTINFO) says
which of them each datagram comes from. So the load costs two system calls per group of packets, not two per party.
"""

import contextlib
import json
import os
import socket
import sys
import time

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mixer import g711
from softphone.media.net.port import Patience, Port
from softphone.media.net.slots import SendBuffer, Slots, sockaddr

TICK_S = 0.02
GROUP = 40
SILENCE = 0xFF
# struct in_pktinfo after its cmsghdr: level IPPROTO_IP (0), type IP_PKTINFO (8), 12 bytes of body
PKTINFO = np.dtype(
    [
        ("len", "u8"),
        ("level", "i4"),
        ("type", "i4"),
        ("ifindex", "i4"),
        ("source", "u1", 4),
        ("to", "u4"),
        ("pad", "u4"),
    ]
)
VOICES = 50


class LoadSettings(Struct, frozen=True, kw_only=True):
    """Whom to send to, from which port, as how many parties of whom how many talk, for how long, on which core."""

    target: tuple[str, int]
    port: int
    parties: int
    talkers: int
    seconds: float
    core: int | None = None


def party_host(i: int) -> str:
    """Address of party `i`."""
    return f"127.{1 + (i >> 16)}.{i >> 8 & 255}.{i & 255}"


def voices() -> NDArray[np.uint8]:
    """Frames of noise at about -20 dBov as mu-law codes, shape (VOICES, 160)."""
    noise = np.random.default_rng(1).normal(0, 3000, (VOICES, 160)).clip(-32000, 32000).astype(np.int16)
    return g711.encode(noise, g711.ENCODE_ULAW)


class Load:
    """The sender and sink of all parties."""

    def __init__(self, settings: LoadSettings) -> None:
        n = settings.parties
        self._n, self._talkers = n, settings.talkers
        self._port = Port("0.0.0.0", settings.port, 0)
        self._slots, self._outbox = Slots(4096), SendBuffer(n)
        self._sources = np.zeros(n, PKTINFO)
        self._sources["len"], self._sources["type"] = 28, 8
        self._sources["source"] = [sockaddr(party_host(i), 0)[4:8] for i in range(n)]
        header = self._outbox.header
        header["control"] = self._sources.ctypes.data + np.arange(n, dtype=np.uint64) * PKTINFO.itemsize
        header["controllen"] = PKTINFO.itemsize
        self._outbox.address[:] = sockaddr(*settings.target)
        self._outbox.rtp["ssrc"] = np.arange(1, n + 1)
        self._payloads = np.concatenate([voices(), np.full((1, 160), SILENCE, np.uint8)])
        self.sent = self.received = self.late_groups = 0

    def tick(self, k: int, begins: float) -> None:
        """Send the k-th packet of everybody, a group at a time."""
        voice = np.where(np.arange(self._n) < self._talkers, (np.arange(self._n) * 7 + k) % VOICES, VOICES)
        self._outbox.point(self._payloads, voice)
        self._outbox.rtp["seq"], self._outbox.rtp["timestamp"] = k & 0xFFFF, k * 160 & 0xFFFFFFFF
        groups = -(-self._n // GROUP)
        for g in range(groups):
            wait = begins + TICK_S * g / groups - time.perf_counter()
            if wait > 0.0001:
                time.sleep(wait)
            self.late_groups += wait < -TICK_S / 2
            self.sent += self._port.send(self._outbox, g * GROUP, min(self._n, (g + 1) * GROUP), Patience())
            self.sink()

    def sink(self) -> None:
        """Count what has come."""
        self.received += self._port.receive(self._slots)
        self._slots.clear()

    def run(self, seconds: float) -> dict[str, float]:
        """Send for so long; give the books."""
        self.sink()  # what came before we spoke
        self.received = 0
        start = time.perf_counter()
        ticks = int(seconds / TICK_S)
        for k in range(ticks):
            self.tick(k, start + k * TICK_S)
        return {
            "sent": self.sent,
            "received": self.received,
            "late_groups": self.late_groups,
            "expected": ticks * self._n,
        }


def main() -> int:
    settings = msgspec.json.decode(sys.argv[1], type=LoadSettings)
    if settings.core is not None:
        pin(0, settings.core)
    json.dump(Load(settings).run(settings.seconds), sys.stdout)
    return 0


def pin(pid: int, core: int) -> None:
    """Bind a process to one core and put it first there, where we may: other work is not measured."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, pid, -11)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(pid, {core})


def free_port() -> int:
    """A UDP port that is free on all of loopback just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        port: int = sock.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
