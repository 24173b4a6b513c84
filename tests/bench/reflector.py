"""The yardstick: move the same packets with the same two system calls, each 20 ms, and do nothing else.

    python -m tests.bench.reflector '{"seconds": 10, "core": 0}'

Prints a line with its port when it listens and one with its processor time at the end; the first two seconds, in which
the load starts, are not counted.
"""

import json
import resource
import sys
import time

import numpy as np

from softphone.media.port import BatchPort, Patience, Port
from softphone.media.slots import HDR_SIZE, Outbox, Slots
from tests.bench.load import TICK_S, pin

WARM_UP_S = 2.0


class Mirror(Outbox):
    """Sends received slots back where they came from, from where they lie."""

    def __init__(self, slots: Slots) -> None:
        super().__init__(1)
        self._slots = slots
        self._whole = np.zeros(slots.count, [("base", "u8"), ("len", "u8")])
        self._whole["base"] = slots.data.ctypes.data + np.arange(slots.count, dtype=np.uint64) * slots.data.shape[1]
        self.header = np.zeros(slots.count, slots.header.dtype)
        self.header_at = self.header.ctypes.data
        self.header["name"], self.header["namelen"] = slots.header["name"], 16
        self.header["iov"] = self._whole.ctypes.data + np.arange(slots.count, dtype=np.uint64) * 16
        self.header["iovlen"] = 1

    def turn(self) -> int:
        """Point at all used slots; give their number."""
        n = self._slots.used
        self._whole["len"][:n] = self._slots.length[:n]
        return n


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def reflect(port: BatchPort, seconds: float) -> tuple[float, int]:
    """Reflect for so long; give the processor time of the counted part and the packets moved in it."""
    slots = Slots(8192)
    mirror = Mirror(slots)
    start = time.perf_counter()
    before, k, moved = 0.0, 0, 0
    while (now := time.perf_counter()) < start + seconds:
        if not before and now > start + WARM_UP_S:
            before, moved = cpu_s(), 0
        port.receive(slots)
        moved += port.send(mirror, 0, mirror.turn(), Patience())
        slots.clear()
        k += 1
        time.sleep(max(0.0, start + k * TICK_S - time.perf_counter()))
    return cpu_s() - before, moved


def main() -> int:
    settings = json.loads(sys.argv[1])
    pin(0, settings["core"])
    if not issubclass(Port, BatchPort):
        raise SystemExit("the reflector needs recvmmsg and sendmmsg")
    port = Port("127.0.0.1", 0, 0)
    sys.stdout.write(f"{port.port}\n")
    sys.stdout.flush()
    used, moved = reflect(port, settings["seconds"])
    json.dump({"cpu_s": used, "moved": moved, "wall_s": settings["seconds"] - WARM_UP_S}, sys.stdout)
    return 0


if __name__ == "__main__":
    assert HDR_SIZE == 64
    sys.exit(main())
