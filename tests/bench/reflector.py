"""The yardstick: move the same packets with the same two system calls, each 20 ms, and do nothing else.

    python -m tests.bench.reflector '{"seconds": 10, "core": 0}'

Prints a line with its port when it listens and one with its processor time at the end; the first two seconds, in which
the load starts, are not counted.
"""

import json
import resource
import sys
import time

from softphone.media.net.port import BatchPort, Patience, Port
from softphone.media.net.slots import HDR_SIZE, Letters, Slots
from tests.bench.load import TICK_S, pin

WARM_UP_S = 2.0


def turn(slots: Slots, letters: Letters) -> int:
    """Address what has come back to where it came from, from where it lies; give how many that is."""
    letters.length[: slots.used] = slots.length[: slots.used]
    return slots.used


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def reflect(port: BatchPort, seconds: float) -> tuple[float, int]:
    """Reflect for so long; give the processor time of the counted part and the packets moved in it."""
    slots = Slots(8192)
    letters = Letters(slots.data, slots.address)
    start = time.perf_counter()
    before, k, moved = 0.0, 0, 0
    while (now := time.perf_counter()) < start + seconds:
        if not before and now > start + WARM_UP_S:
            before, moved = cpu_s(), 0
        port.receive(slots)
        moved += port.send(letters, 0, turn(slots, letters), Patience())
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
