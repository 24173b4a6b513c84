"""Good parties: pairs of phones on raw sockets, a room for each pair, and the gaps in what each one really received.

    python -m tests.soak.good HOST PORT SECONDS TOKEN [TOKEN ...]

Each phone sends one tone without a pause and hears the other's. A frame counts as a gap when it carries no tone, and so
does the time by which a packet came later than 20 ms after the one before, by the kernel's receive time stamps. Gaps
near a moment at which this process itself was late are counted apart: they say nothing about the bridge.
"""

import json
import socket
import struct
import sys
import time
from dataclasses import dataclass, field

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

    def gaps(self, own_late_s: NDArray[np.float64]) -> tuple[list[float], int]:
        """List the gaps in seconds, and count those that this process may have made itself."""
        times, heard = np.array(self.times_s), np.array(self.heard, dtype=bool)
        if not len(times):
            return [float("inf")], 0
        found, excused = [], 0
        silent_s, begun_s = 0.0, 0.0
        pauses = np.diff(times, prepend=times[0] - TICK_S)
        for at_s, here, pause in zip(times, heard, pauses, strict=True):
            begun_s = begun_s or at_s - pause
            silent_s += max(pause - TICK_S, 0.0) + (0.0 if here else TICK_S)
            if here:
                if silent_s > TICK_S / 2:
                    near = own_late_s[(own_late_s > begun_s - NEAR_S) & (own_late_s < at_s + NEAR_S)]
                    if len(near):
                        excused += 1
                    else:
                        found.append(round(silent_s, 4))
                silent_s, begun_s = 0.0, 0.0
        return found, excused


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


def run(address: tuple[str, int], seconds: float, tokens: list[str]) -> dict[str, object]:
    """Talk and listen for so long; the report."""
    phones = [Phone(address, token, 2 * place + k) for place, token in enumerate(tokens) for k in (0, 1)]
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
        for phone in phones:
            phone.receive(wall + SETTLE_S)
    gaps, excused = [], 0
    for phone in phones:
        found, own = phone.ear.gaps(np.array(late))
        gaps += found
        excused += own
    return {
        "phones": len(phones),
        "frames": sum(len(phone.ear.times_s) for phone in phones),
        "lost": sum(phone.ear.lost for phone in phones),
        "gaps_over_40_ms": sorted(gap for gap in gaps if gap > 0.0405)[-20:],
        "longest_gap_ms": round(1000 * max(gaps, default=0.0), 1),
        "own_late_sends": len(late),
        "gaps_near_own_lateness": excused,
        "hung_up_well": sum(phone.leave() for phone in phones),
    }


def main() -> int:
    host, port, seconds, *tokens = sys.argv[1:]
    json.dump(run((host, int(port)), float(seconds), tokens), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
