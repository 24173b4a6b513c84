"""The media plane over loopback: the real worker on one core, the load on another, a reflector as the yardstick."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from typing import Any

import msgspec

from softphone.media.contract.leg import LegSpec, MediaAddress, WorkerMetrics
from softphone.media.contract.messages import CreateRoom, JoinRoom, OpenLeg
from softphone.media.workers.process import WorkerProcess
from softphone.media.workers.worker import WorkerSettings
from tests.bench.load import TICK_S, LoadSettings, free_port, party_host, pin
from tests.bench.reflector import WARM_UP_S

SIZES = (100, 500, 1000, 2000)
SECONDS = 10.0
WORKER_CORE, LOAD_CORE = 0, 1


def run(sizes: tuple[int, ...] = SIZES, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Measure each size with everybody talking and with three talking; one row per measurement."""
    return [asyncio.run(compare(n, seconds)) for n in sizes]


async def compare(parties: int, seconds: float) -> dict[str, Any]:
    """One size: all talking, three talking, each between two runs of the reflector and held against their mean.

    A shared machine gets faster and slower by a tenth within a minute.
    """
    mirrors = [await reflected(parties, seconds)]
    row: dict[str, Any] = {"parties": parties}
    for name, talkers in (("all", parties), ("3", min(3, parties))):
        part = await mixed(parties, talkers, seconds)
        mirrors.append(await reflected(parties, seconds))
        row |= {f"{name}: {key}": value for key, value in part.items()}
        row[f"{name}: ratio"] = round(2 * part["cpu %"] / sum(mirrors[-2:]), 2)
    return row | {"reflector cpu %": " ".join(map(str, mirrors))}


async def mixed(parties: int, talkers: int, seconds: float) -> dict[str, float]:
    """Measure a worker with one room."""
    empty = await memory(parties)
    worker = WorkerProcess(WorkerSettings(capacity=parties))
    await worker.start()
    pin(worker.pid, WORKER_CORE)
    port = free_port()
    room = (await worker.ask(CreateRoom())).value
    for i in range(parties):
        info = await worker.ask(OpenLeg(LegSpec(remote=MediaAddress(party_host(i), port), rtcp_mux=True)))
        await worker.ask(JoinRoom(info.leg, room))
    load = await start_load(LoadSettings(
        target=("127.0.0.1", worker.port), port=port, parties=parties, talkers=talkers,
        seconds=seconds + WARM_UP_S, core=LOAD_CORE,
    ))  # fmt: skip
    await asyncio.sleep(WARM_UP_S)
    before = await worker.metrics()
    await asyncio.sleep(seconds - 1.0)
    after = await worker.metrics(recent=int((seconds - 1.0) / TICK_S))  # not those of opening and warming up
    books = json.loads((await load.communicate())[0])
    await worker.stop()
    return figures(parties, before, after, seconds - 1.0) | {
        "load sent %": round(100 * books["sent"] / books["expected"], 2),
        "received %": round(100 * books["received"] / books["expected"], 2),
        "kB per party": round((after.memory_bytes - empty) / 1024 / parties, 1),
    }


def figures(parties: int, before: WorkerMetrics, after: WorkerMetrics, seconds: float) -> dict[str, float]:
    """What two looks at a worker tell."""
    used = (after.cpu_s - before.cpu_s) / seconds
    return {
        "cpu %": round(100 * used, 1),
        "us per party and s": round(1e6 * used / parties, 1),
        "late ticks": after.late_ticks - before.late_ticks,
        "skipped": after.skipped_ticks - before.skipped_ticks,
        "tick p50 ms": round(after.tick_p50_ms, 2),
        "p99": round(after.tick_p99_ms, 2),
        "max": round(after.tick_max_ms, 2),
        "unsent": after.unsent - before.unsent,
    }


async def memory(parties: int) -> int:
    """Resident bytes of a worker that has nothing to do."""
    worker = WorkerProcess(WorkerSettings(capacity=16))
    await worker.start()
    found = (await worker.metrics()).memory_bytes
    await worker.stop()
    return found


async def reflected(parties: int, seconds: float) -> float:
    """Processor share in percent that a reflector needs for all the packets of so many parties.

    Counted per packet that it moved: on a busy machine the load may send fewer, which must not flatter the worker.
    """
    settings = json.dumps({"seconds": seconds + WARM_UP_S, "core": WORKER_CORE})
    reflector = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.reflector", settings, stdout=PIPE
    )
    assert reflector.stdout is not None
    port = int(await reflector.stdout.readline())
    load = await start_load(LoadSettings(
        target=("127.0.0.1", port), port=free_port(), parties=parties, talkers=parties,
        seconds=seconds + WARM_UP_S, core=LOAD_CORE,
    ))  # fmt: skip
    result = json.loads((await reflector.communicate())[0])
    await load.communicate()
    return round(100 * float(result["cpu_s"]) / float(result["moved"]) * parties / TICK_S, 1)


async def start_load(settings: LoadSettings) -> asyncio.subprocess.Process:
    """Start the load in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", msgspec.json.encode(settings).decode(), stdout=PIPE
    )
