"""The yardstick: move the same packets with the same two system calls, each 20 ms, and do nothing else.

    python -m tests.bench.reflector

Prints a line with its port when it listens, and works until it is killed.
"""

import sys
import time

from mixer.frame import TICK_S
from softphone.media.net.batch import BatchPort, Port
from softphone.media.net.port import Patience
from softphone.media.net.slots import HDR_SIZE, Letters, Slots


def turn(slots: Slots, letters: Letters) -> int:
    """Address what has come back to where it came from, from where it lies; give how many that is."""
    letters.length[: slots.used] = slots.length[: slots.used]
    return slots.used


def reflect(port: BatchPort) -> None:
    """Reflect for ever; what came while it was held still is answered at once, and the ticks go on from there."""
    slots = Slots(8192)
    letters = Letters(slots.data, slots.address)
    due = time.perf_counter()
    while True:
        port.receive(slots)
        port.send(letters, 0, turn(slots, letters), Patience())
        slots.clear()
        due = max(due + TICK_S, time.perf_counter() - TICK_S)
        time.sleep(max(0.0, due - time.perf_counter()))


def main() -> None:
    if not issubclass(Port, BatchPort):
        raise SystemExit("the reflector needs recvmmsg and sendmmsg")
    port = Port("127.0.0.1", 0, 0)
    sys.stdout.write(f"{port.port}\n")
    sys.stdout.flush()
    reflect(port)


if __name__ == "__main__":
    assert HDR_SIZE == 64
    main()
