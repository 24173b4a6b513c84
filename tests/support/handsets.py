"""The sound of many telephones in one thread: each says its tone, presses keys (RFC 4733), and keeps what it hears.

No playout, no concealment: what was heard is what came. Thirty need a tenth of what thirty agents of ours do.
"""

import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from tests.support.processes import LOOPBACK
from tests.support.tones import Pcm, read_mulaw, sine, write_mulaw

TICK_S = 0.020
SAMPLES = 160
KEPT_S = 2.0
VOLUME, END = 10, 0x80
PCMU, EVENT = 0, 101


class Handset:
    """One telephone: a socket, a second of its tone as G.711, and the keys that wait to be pressed."""

    def __init__(self, folder: Path, hz: float, amplitude: float) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.setblocking(False)
        self.sound = write_mulaw(folder / f"{hz:.0f}.ulaw", sine(hz, 1.0, amplitude=amplitude)).read_bytes()
        self.remote: tuple[str, int] | None = None
        self.follows = False
        "Whether it sends to whoever it hears last."
        self.number = 0
        self.keys: deque[tuple[bool, int, bytes]] = deque()
        self.came = 0
        self.heard: deque[bytes] = deque(maxlen=round(KEPT_S / TICK_S))

    @property
    def offer(self) -> str:
        """What its INVITE says."""
        port = self.socket.getsockname()[1]
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        lines += [f"m=audio {port} RTP/AVP {PCMU} {EVENT}", f"a=rtpmap:{EVENT} telephone-event/8000", "a=sendrecv", ""]
        return "\r\n".join(lines)

    def connect(self, answer: str) -> None:
        """Send to where the 200 says, from now on."""
        found = re.search(r"m=audio (\d+)", answer)
        assert found, answer
        self.remote = (LOOPBACK, int(found[1]))

    def press(self, keys: str) -> None:
        """A tenth of a second each, with a pause after it."""
        packets: list[tuple[bool, int, bytes]] = []
        for key in keys:
            event = "0123456789*#ABCD".index(key)
            # Four packets while it is down, then its end three times (RFC 4733 section 2.5.1.4), of one timestamp.
            for back, (step, end) in enumerate([(1, 0), (2, 0), (3, 0), (4, 0), (5, END), (5, END), (5, END)]):
                packets.append((back == 0, back, struct.pack("!BBH", event, end | VOLUME, SAMPLES * step)))
            packets += [(False, 0, b"")] * 3
        # At once: the clock must not tick in the middle of a key.
        self.keys.extend(packets)

    def tick(self) -> None:
        """Send one packet, and take what came."""
        remote = self.remote  # which another thread may take away
        if remote is not None:
            self.socket.sendto(self._packet(), remote)
        while True:
            try:
                packet, source = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            if self.follows:
                self.remote = source
            if packet[1] & 0x7F == PCMU:
                self.heard.append(packet[12:])
                self.came += 1

    def _packet(self) -> bytes:
        marker, back, payload = self.keys.popleft() if self.keys else (self.number == 0, 0, b"")
        kind = EVENT if payload else PCMU
        if not payload:
            place = self.number % 50 * SAMPLES
            payload = self.sound[place : place + SAMPLES]
        stamp = (self.number - back) * SAMPLES & 0xFFFFFFFF
        header = struct.pack("!BBHII", 0x80, kind | marker << 7, self.number & 0xFFFF, stamp, 4711)
        self.number += 1
        return header + payload


class Handsets:
    """All telephones, and the thread that is their clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.all: list[Handset] = []
        self._made: list[Handset] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="handsets")

    def add(self, hz: float, amplitude: float) -> Handset:
        """One more."""
        handset = Handset(self.folder, hz, amplitude)
        self._made.append(handset)
        self.all = [*self.all, handset]
        return handset

    def remove(self, handset: Handset) -> None:
        """It says and hears nothing more."""
        self.all = [each for each in self.all if each is not handset]
        handset.remote = None

    def heard(self, handsets: Iterable[Handset], seconds: float) -> list[Pcm]:
        """What each has heard last; waits until so much has come since it was asked for."""
        asked = [(each, each.came) for each in handsets]
        wanted = round(seconds / TICK_S)
        deadline = time.monotonic() + seconds + 10.0
        while any(each.came - came < wanted for each, came in asked):
            assert time.monotonic() < deadline, "a telephone hears nothing"
            time.sleep(TICK_S)
        path = self.folder / "heard.ulaw"
        heard = []
        for each, _ in asked:
            path.write_bytes(b"".join([*each.heard][-wanted:]))
            heard.append(read_mulaw(path))
        return heard

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            for handset in self.all:
                handset.tick()
            due += TICK_S
            self._stop.wait(max(due - time.monotonic(), 0.0))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for handset in self._made:
            handset.socket.close()


def amplitude(level_dbov: float) -> float:
    """Of a tone of this level; a full square wave has 0 dBov."""
    return float(np.sqrt(2.0) * 10 ** (level_dbov / 20))
