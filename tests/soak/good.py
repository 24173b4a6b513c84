"""Good parties: pairs of phones on raw sockets, a room for each pair, and the gaps in what each one really received.

    python -m tests.soak.good HOST PORT SECONDS WORKER TOKEN [TOKEN ...]

Each phone sends one tone without a pause and hears the other's. A frame counts as a gap when it carries no tone, and so
does the time by which a packet came later than 20 ms after the one before, by the kernel's receive time stamps.

Two kinds of gaps say nothing about the bridge and are counted apart: those near a moment at which this process itself
was late, and those in which the kernel kept the worker waiting for a processor for as long as the gap is (by its
`schedstat`): the machine was full. What is left is the bridge's own; each is told with its time.
"""

import contextlib
import json
import os
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.processes import LOOPBACK
from tests.support.raw import RawPhone
from tests.support.tones import from_mulaw

TICK_S = 0.02
FRAME = 160
# What the first packets and the playout buffers need.
SETTLE_S = 2.0
# A sender that was this late may have emptied the bridge's buffer; what is heard within NEAR_S of it is its own fault.
LATE_S, NEAR_S = 0.015, 0.5
# Root mean square of a frame of the tone is some 5,600; of comfort noise below 100.
HEARD = 1000.0
SO_TIMESTAMPNS = 35


def mulaw_tone() -> bytes:
    """A packet of 400 Hz as PCMU: whole periods, so that it can be repeated without a seam."""
    linear = np.rint(8000 * np.sin(2 * np.pi * 400 * np.arange(FRAME) / 8000)).astype(np.int64)
    magnitude = np.minimum(np.abs(linear), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    mantissa = magnitude >> (exponent + 3) & 15
    codes: NDArray[np.uint8] = (~(np.where(linear < 0, 128, 0) | exponent << 4 | mantissa) & 255).astype(np.uint8)
    return codes.tobytes()


@dataclass
class Ear:
    """What one phone received: when, and whether it was the tone."""

    times_s: list[float] = field(default_factory=list)
    heard: list[bool] = field(default_factory=list)
    lost: int = 0
    last_number: int | None = None

    def take(self, packet: bytes, time_s: float) -> None:
        """Take one RTP packet of the bridge."""
        if len(packet) < 12 + FRAME or packet[1] & 0x7F:
            return
        number = int(struct.unpack_from("!H", packet, 2)[0])
        if self.last_number is not None:
            self.lost += (number - self.last_number - 1) & 0xFFFF
        self.last_number = number
        pcm = from_mulaw(packet[12:]).astype(np.float64)
        self.times_s.append(time_s)
        self.heard.append(float(np.sqrt(np.mean(pcm * pcm))) > HEARD)

    def gaps(self) -> list[tuple[float, float, float]]:
        """List the gaps: when each began and ended, and how many seconds of it were silent."""
        times, heard = np.array(self.times_s), np.array(self.heard, dtype=bool)
        if not len(times):
            return [(0.0, 0.0, float("inf"))]
        found, silent_s, begun_s = [], 0.0, 0.0
        pauses = np.diff(times, prepend=times[0] - TICK_S)
        for at_s, here, pause in zip(times, heard, pauses, strict=True):
            begun_s = begun_s or at_s - pause
            silent_s += max(pause - TICK_S, 0.0) + (0.0 if here else TICK_S)
            if here:
                if silent_s > TICK_S / 2:
                    found.append((begun_s, at_s, round(silent_s, 4)))
                silent_s, begun_s = 0.0, 0.0
        return found


class Watch:
    """How long the kernel has kept a process waiting for a processor, and has let it run, sampled at each tick."""

    def __init__(self, pid: int) -> None:
        self._path = Path(f"/proc/{pid}/schedstat")
        self._samples: list[tuple[float, float, float]] = []
        self._sealed = np.zeros((0, 3))

    def look(self, now_s: float) -> None:
        """Take a sample; a process that is gone neither waits nor runs."""
        try:
            ran, waited, _ = self._path.read_text().split()
        except OSError:
            return
        self._samples.append((now_s, int(ran) * 1e-9, int(waited) * 1e-9))

    def seal(self) -> "Watch":
        """Say that no sample is to come."""
        self._sealed = np.array(self._samples).reshape(-1, 3)
        return self

    def between(self, begin_s: float, end_s: float) -> tuple[float, float]:
        """Give the seconds that it ran, and waited, between two times."""
        samples = self._sealed
        if not len(samples):
            return 0.0, 0.0
        first = max(int(np.searchsorted(samples[:, 0], begin_s)) - 1, 0)
        last = min(int(np.searchsorted(samples[:, 0], end_s)), len(samples) - 1)
        ran, waited = samples[last, 1:] - samples[first, 1:]
        return float(ran), float(waited)


class Judgement:
    """Whose each gap is."""

    def __init__(self, own_late_s: list[float], worker: Watch) -> None:
        self._late, self._worker = np.array(own_late_s), worker.seal()
        self.bridge: list[dict[str, float]] = []
        self.counts = {"near own lateness": 0, "worker waited for a processor": 0, "bridge": 0}
        self.longest_of_machine_s = 0.0

    def add(self, phone: int, begun_s: float, ended_s: float, silent_s: float) -> None:
        """Take a gap in."""
        ran_s, waited_s = self._worker.between(begun_s - LATE_S, ended_s)
        if ((self._late > begun_s - NEAR_S) & (self._late < ended_s + NEAR_S)).any():
            self.counts["near own lateness"] += 1
        elif waited_s > 0.75 * silent_s:
            self.counts["worker waited for a processor"] += 1
            self.longest_of_machine_s = max(self.longest_of_machine_s, silent_s)
        else:
            self.counts["bridge"] += 1
            times = {
                "at_s": round(begun_s, 2),
                "gap_s": silent_s,
                "ran_s": round(ran_s, 4),
                "waited_s": round(waited_s, 4),
            }
            self.bridge.append({"phone": phone, **times})


class Phone:
    """A phone in a conference, with its media socket."""

    def __init__(self, address: tuple[str, int], token: str, number: int) -> None:
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind((LOOPBACK, 0))
        self.media.setblocking(False)
        self.media.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        port = self.media.getsockname()[1]
        self.signalling = RawPhone(address, token, f"soak-good-{number}-{port}")
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", f"c=IN IP4 {LOOPBACK}", "t=0 0"]
        answer = self.signalling.invite("\r\n".join([*lines, f"m=audio {port} RTP/AVP 0", "a=rtcp-mux", ""]))
        body = answer.partition("\r\n\r\n")[2]
        self.to = (LOOPBACK, int(body.partition("m=audio ")[2].split()[0]))
        self.ssrc = number + 1
        self.ear = Ear()

    def send(self, k: int, tone: bytes) -> None:
        """Send the k-th packet."""
        head = struct.pack("!BBHII", 0x80, 0x80 if k == 0 else 0, k & 0xFFFF, k * FRAME & 0xFFFFFFFF, self.ssrc)
        self.media.sendto(head + tone, self.to)

    def receive(self, since_s: float) -> None:
        """Take all that waits; what came before `since_s` is not judged."""
        while True:
            try:
                packet, ancillary, _, _ = self.media.recvmsg(2048, 64)
            except BlockingIOError:
                return
            whole, part = struct.unpack("qq", ancillary[0][2][:16])
            time_s = whole + part * 1e-9
            if time_s >= since_s:
                self.ear.take(packet, time_s)

    def leave(self) -> bool:
        """Hang up; tell whether the bridge still knew the call."""
        try:
            self.signalling.send("BYE")
            self.signalling.receive("200", f"{self.signalling.number} BYE", 10.0)
        except AssertionError:
            return False
        return True


def talk(phones: list[Phone], watch: Watch, seconds: float) -> list[float]:
    """Send and receive for so long; the times at which we were late ourselves."""
    tone, late = mulaw_tone(), []
    begin, wall = time.perf_counter(), time.time()
    for k in range(int(seconds / TICK_S)):
        wait = begin + k * TICK_S - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        if (behind := time.perf_counter() - begin - k * TICK_S) > LATE_S:
            late.append(wall + k * TICK_S + behind)
        for phone in phones:
            phone.send(k, tone)
        watch.look(time.time())
        for phone in phones:
            phone.receive(wall + SETTLE_S)
    return late


def run(address: tuple[str, int], seconds: float, worker: int, tokens: list[str]) -> dict[str, object]:
    """Talk and listen for so long; the report."""
    phones = [Phone(address, token, 2 * place + k) for place, token in enumerate(tokens) for k in (0, 1)]
    watch, wall = Watch(worker), time.time()
    late = talk(phones, watch, seconds)
    judgement = Judgement(late, watch)
    for number, phone in enumerate(phones):
        for gap in phone.ear.gaps():
            judgement.add(number, *gap)
    worst = sorted(judgement.bridge, key=lambda gap: -gap["gap_s"])
    return {
        "phones": len(phones),
        "frames": sum(len(phone.ear.times_s) for phone in phones),
        "lost": sum(phone.ear.lost for phone in phones),
        "longest_gap_ms": round(1000 * (worst[0]["gap_s"] if worst else 0.0), 1),
        "longest_gaps": [{**gap, "at_s": round(gap["at_s"] - wall, 2)} for gap in worst[:12]],
        "gaps": judgement.counts,
        "longest_gap_ms_of_a_full_machine": round(1000 * judgement.longest_of_machine_s, 1),
        "own_late_sends": len(late),
        "hung_up_well": sum(phone.leave() for phone in phones),
    }


def main() -> int:
    host, port, seconds, worker, *tokens = sys.argv[1:]
    with contextlib.suppress(OSError):  # who measures may not be late
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    json.dump(run((host, int(port)), float(seconds), int(worker), tokens), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
