"""The delay that the bridge adds, party to party, by the bots of `softphone.load`.

    python -m tests.bench.delay

Each pair has a room of its own in the real worker; a quarter of the pairs each has another phase to the worker's tick.
No jitter is on the wire. What is measured is from the moment a packet is sent to the moment the packet with its sound
arrives, a mean of 2.54 s each time; the 20 ms that it takes to fill a packet are the phones' own and not counted.
"""

import asyncio
import sys
import time
from typing import Any

import numpy as np

from softphone.load.listening import Listening
from softphone.load.media.doors import Doors, open_doors
from softphone.load.media.plane import LoadPlane
from softphone.load.pace import Pace
from softphone.load.truth import WINDOW_S
from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.contract.messages import CreateRoom, JoinRoom, OpenLeg
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.process import WorkerProcess

PAIRS, WINDOWS = 24, 4
SHARES = {"median ms": 0.5, "p99 ms": 0.99, "max ms": 1.0}
AHEAD_S, LEVEL_DBOV = 0.3, -20.0


def run(pairs: int = PAIRS, windows: int = WINDOWS) -> list[dict[str, Any]]:
    """Measure; one row."""
    listening, plane = asyncio.run(measure(pairs, windows))
    delays = listening.truth.delays_ms
    return [
        {
            "pairs": pairs,
            "windows": delays.count,
            **{name: round(delays.at(share) or 0.0, 1) for name, share in SHARES.items()},
            "jitter p99 ms": round(1000 * float(np.quantile(plane.bots["jitter_s"], 0.99)), 2),
            "faults": len(listening.truth.faults()),
        }
    ]


async def measure(pairs: int, windows: int) -> tuple[Listening, LoadPlane]:
    """Let bots talk in pairs, the first half to the second; what was heard, and who heard it."""
    worker = WorkerProcess(WorkerSettings(capacity=2 * pairs))
    await worker.start()
    doors, talkers = open_doors("127.0.0.1", 2 * pairs), range(pairs)
    plane = LoadPlane(doors, 2 * pairs, talkers, level_dbov=LEVEL_DBOV, epoch_s=time.time() + 3600)
    plane.rehearse()
    listening, pace = Listening(plane, talkers), Pace()
    listening.truth.expected[:] = np.arange(2 * pairs)[:, None] == np.arange(pairs, 2 * pairs)
    for talker in talkers:
        room = (await worker.ask(CreateRoom())).value
        for bot in (talker, talker + pairs):
            plane.open(bot, await enter(worker, doors, bot, room), 0, 0)
            listening.truth.back(bot, 0.0, talks=bot == talker)
        plane.talk(talker, True)
    plane.begin(pace.unix_s() + AHEAD_S)
    pace.start(plane, listening.look)
    await asyncio.sleep(AHEAD_S + (windows + 1.5) * WINDOW_S)
    pace.let_go()
    await pace.stop()
    await worker.stop()
    doors.close()
    return listening, plane


async def enter(worker: WorkerProcess, doors: Doors, bot: int, room: int) -> tuple[str, int]:
    """Put a bot into a room; where it sends its sound."""
    leg = await worker.ask(OpenLeg(LegSpec(remote=MediaAddress(*doors.address(bot)), rtcp_mux=True)))
    await worker.ask(JoinRoom(leg.leg, room))
    return leg.host, leg.port


if __name__ == "__main__":
    sys.stdout.write(f"{run()}\n")
