"""A conference bridge on paper, broken on purpose: it gives each bot the others' sound, but for what is told.

Bots of a `LoadPlane` send to it and hear it through `Doors`; time is an argument.
"""

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixer import g711
from softphone.load.faults import Fault
from softphone.load.listening import Listening
from softphone.load.media.doors import Arrivals
from softphone.load.media.plane import LoadPlane
from softphone.load.media.speakers import STEPS
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer

EPOCH_S = 1_700_000_000.0
TICK_S = 0.02
SAMPLES = 160


class PaperDoors:
    """The bridge's side of the wire.

    Attributes
    ----------
    gain
        float, shape (listeners, talkers): how much of whom is in whose mix. A healthy bridge has 0 on the diagonal.
    delay_s
        How old what is mixed is, at a time; frames need not be kept together.
    is_lost
        Whether the packet of a tick is lost on its way to a bot.
    late_s
        How much later than due a tick's packets come.
    dropped
        How many packets to each bot were lost.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self.count = count
        self.gain = 1.0 - np.eye(count)
        self.delay_s: Callable[[float], float] = lambda at_s: 0.05
        self.is_lost: Callable[[int, int], bool] = lambda bot, tick: False
        self.late_s: Callable[[float], float] = lambda at_s: 0.0
        self.dropped = np.zeros(count, np.int64)
        self._said = np.zeros((count, (round(seconds / TICK_S) + 200) * SAMPLES))
        self._tick = 0
        self._came: list[tuple[float, int, bytes]] = []
        self.now_s = 0.0

    def address(self, bot: int) -> tuple[str, int]:
        return "127.0.0.1", 5000 + bot

    def close(self) -> None: ...

    def overflowed(self) -> int:
        return 0

    def send(self, outbox: SendBuffer | Letters, bots: NDArray[np.int64], patience: Patience) -> int:
        for i, bot in enumerate(bots):
            data = outbox.datagram(i)
            if data[1] & 0x7F == 0:
                at = struct.unpack_from(">I", data, 4)[0]
                pcm = g711.decode(np.frombuffer(data[12:], np.uint8), g711.DECODE_ULAW)
                self._said[bot, at : at + SAMPLES] = pcm
        return len(bots)

    def mix(self, tick: int) -> None:
        """Send everybody what the others said a while ago."""
        at_s = tick * TICK_S
        began = round((at_s - self.delay_s(at_s)) * 8000)
        heard = self._said[:, began : began + SAMPLES] if began >= 0 else np.zeros((self.count, SAMPLES))
        mixed = np.clip(self.gain @ heard, -32000, 32000).round().astype(np.int16)
        for bot, payload in enumerate(g711.encode(mixed, g711.ENCODE_ULAW)):
            if self.is_lost(bot, tick):
                self.dropped[bot] += 1
                continue
            head = struct.pack(">BBHII", 0x80, 0, tick & 0xFFFF, tick * SAMPLES, 7 + bot)
            # It has heard the tick's last sender when it mixes, and its sound is a frame old then.
            came = at_s + TICK_S + self.late_s(at_s)
            self._came.append((came, bot, head + payload.tobytes()))

    def receive(self, into: Arrivals) -> None:
        into.clear()
        while self.now_s >= (self._tick + 1) * TICK_S:
            self.mix(self._tick)
            self._tick += 1
        ready = [each for each in self._came if each[0] <= self.now_s]
        self._came = [each for each in self._came if each[0] > self.now_s]
        for came, bot, data in ready:
            at = into.used
            into.data[at, : len(data)] = np.frombuffer(data, np.uint8)
            into.length[at], into.row[at] = len(data), bot
            into.stamp[at] = round((EPOCH_S + came) * 1e9)
            into.used += 1


class Table:
    """Bots at a broken bridge.

    Parameters
    ----------
    count, talkers
        How many bots, and which of them talk.
    seconds
        How long `run` may go on in all.
    """

    def __init__(self, count: int, talkers: list[int], seconds: float = 30.0, level_dbov: float = -22.0) -> None:
        self.bridge = PaperDoors(count, seconds)
        self.plane = LoadPlane(self.bridge, count, talkers, level_dbov=level_dbov, epoch_s=EPOCH_S)
        self.listening = Listening(self.plane, talkers)
        self.truth = self.listening.truth
        for bot in range(count):
            self.plane.open(bot, ("127.0.0.1", 9), 0, 0)
            self.truth.back(bot, 0.0, talks=bot in talkers)
        for bot in talkers:
            self.plane.talk(bot, True)

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return self.plane.due_s() - EPOCH_S

    def run(self, seconds: float) -> list[Fault]:
        """Go on for so long; what is wrong until then."""
        for _ in range(round(seconds / TICK_S * STEPS)):
            self.bridge.now_s = self.now_s
            self.plane.step(self.plane.due_s())
            if self.plane.at_tick:
                self.listening.look()
        return self.truth.faults()
