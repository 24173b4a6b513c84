"""A phone's media side for tests: plain sockets and its own idea of RTP, independent of softphone.media."""

import socket
import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixer import g711
from softphone.media.contract.leg import LegInfo, LegSpec, LegStats, MediaAddress
from softphone.media.contract.messages import CreateRoom, GetStats, JoinRoom, Number, OpenLeg
from softphone.media.engine.engine import Engine
from softphone.media.engine.outcomes import EngineEvent
from tests.media.memory import stamp

TICK_S = 0.02
SILENCE = b"\xff" * 160


class Peer:
    """Sends and receives RTP on a pair of loopback ports."""

    def __init__(self, payload_type: int = 0) -> None:
        self.rtp, self.rtcp = socket_pair()
        self.address = MediaAddress("127.0.0.1", self.rtp.getsockname()[1])
        self.payload_type = payload_type
        self.seq, self.timestamp, self.ssrc = 65_530, 2**32 - 320, 0xC0FFEE00 + self.address.port
        self.to = ("127.0.0.1", 0)
        self.to_rtcp = ("127.0.0.1", 0)

    def meet(self, info: LegInfo) -> None:
        self.to, self.to_rtcp = (info.host, info.port), (info.host, info.rtcp_port)

    def packet(self, payload: bytes, *, kind: int | None = None, marker: bool = False, first: int = 0x80) -> bytes:
        kind = self.payload_type if kind is None else kind
        header = struct.pack(
            ">BBHII", first, kind | marker << 7, self.seq & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        )
        return header + payload

    def say(self, payload: bytes) -> None:
        """Send a frame of codes and go on in time."""
        self.rtp.sendto(self.packet(payload), self.to)
        self.seq += 1
        self.timestamp += len(payload)

    def event(self, payload: bytes, timestamp: int, marker: bool = False, kind: int = 101) -> None:
        """Send a telephone-event packet."""
        header = struct.pack(">BBHII", 0x80, kind | marker << 7, self.seq & 0xFFFF, timestamp & 0xFFFFFFFF, self.ssrc)
        self.rtp.sendto(header + payload, self.to)
        self.seq += 1

    def heard(self) -> list[bytes]:
        """Give all datagrams that came on the RTP port."""
        return drained(self.rtp)

    def reports(self) -> list[bytes]:
        """Give all datagrams that came on the RTCP port."""
        return drained(self.rtcp)

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class Driver:
    """An engine and a clock that goes on a tick at a time.

    What peers have sent comes as the next tick begins, by this clock too: the kernel's stamps would tell of each moment
    that the test was held up between the two, as of a network that is late.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        come(engine, lambda used: np.zeros(used))
        self.now = 1000.0
        self.events: list[EngineEvent] = []

    def open(self, peer: Peer, room: int | None = None, **settings: object) -> LegInfo:
        spec = LegSpec(**{"remote": peer.address, "payload_type": peer.payload_type} | settings)  # type: ignore[arg-type]
        info = self.engine.handle(OpenLeg(spec), self.now)
        assert isinstance(info, LegInfo)
        peer.meet(info)
        if room is not None:
            self.engine.handle(JoinRoom(info.leg, room), self.now)
        return info

    def room(self) -> int:
        made = self.engine.handle(CreateRoom(), self.now)
        assert isinstance(made, Number)
        return made.value

    def tick(self, count: int = 1, late_s: float = 0.0) -> None:
        for _ in range(count):
            self.now += TICK_S
            self.engine.tick(self.now, self.now + late_s)
            self.engine.skip(0)  # as a worker says that it is in time
            self.events += self.engine.events()


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two neighbouring loopback ports, the lower one even."""
    for _ in range(100):
        low, high = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        low.bind(("127.0.0.1", 0))
        try:
            if low.getsockname()[1] % 2 == 0:
                high.bind(("127.0.0.1", low.getsockname()[1] + 1))
                low.setblocking(False)
                high.setblocking(False)
                return low, high
        except OSError:
            pass
        low.close()
        high.close()
    raise OSError("no pair of ports")


def drained(sock: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(sock.recv(2048))
        except BlockingIOError:
            return found


def tone(hz: float, frames: int, level: int = 8000) -> NDArray[np.int16]:
    """int16, shape (frames, 160): a sine at 8 kHz."""
    at = np.arange(frames * 160) / 8000
    return (level * np.sin(2 * np.pi * hz * at)).astype(np.int16).reshape(frames, 160)


def fields(datagram: bytes) -> tuple[int, int, bool, int, int, int]:
    """First byte, payload type, marker, sequence number, timestamp, SSRC."""
    first, second, seq, timestamp, ssrc = struct.unpack(">BBHII", datagram[:12])
    return first, second & 127, second > 127, seq, timestamp, ssrc


def power(datagrams: list[bytes], hz: float, table: NDArray[np.int16]) -> float:
    """Mean power of one frequency in the payloads of RTP datagrams, 1.0 for a full-scale sine."""
    codes = np.frombuffer(b"".join(datagram[12:] for datagram in datagrams), np.uint8)
    pcm = table[codes].astype(np.float64) / 32767
    at = np.arange(len(pcm)) / 8000
    return float(np.abs(2 * np.mean(pcm * np.exp(-2j * np.pi * hz * at))) ** 2)


def codes(hz: float, frames: int, law: int = 0) -> list[bytes]:
    table = (g711.ENCODE_ULAW, g711.ENCODE_ALAW)[law]
    return [frame.tobytes() for frame in g711.encode(tone(hz, frames, 4000), table)]


def stats(driver: Driver, leg: int) -> LegStats:
    found = driver.engine.handle(GetStats(leg), driver.now)
    assert isinstance(found, LegStats)
    return found


def come(engine: Engine, ages_s: Callable[[int], NDArray[np.float64]]) -> None:
    """Say how long ago datagrams came when a tick looks at them: `ages_s` of their number, in the order they came."""
    stamp(engine.plane, ages_s)


def decoded(engine: Engine) -> None:
    """Wait until all that is to be played has been read."""
    for pool in (engine._player._sounds._small, engine._player._sounds._large):
        pool.submit(int).result(60)
