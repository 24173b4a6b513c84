"""Bots in one process: the processor time of N calls of an agent that hear all and speak a third of the time.

    python -m tests.bench.bots [--bots 500] [--agents 1] [--room 10] [--seconds 10] [--hear 1] [--profile FILE]

Without `--bots` it makes a table of several numbers of bots and agents. A real server in another process holds the
conferences, `--room` bots in each. Every bot reads all frames, and in turn writes two seconds of sound at once and is
silent for four. With `--agents 500` each has an agent of its own.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixer.frame import TICK_S
from softphone import Agent, Call
from softphone.errors import CallEnded
from softphone.load.usage import processor_s
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES

TURN_S, PAUSE_S = 2.0, 4.0
# As many call at the same time while the calls are set up.
AT_ONCE = 16
SETTLE_S = 3.0
SIZES = ((1, 1), (100, 1), (500, 1), (500, 500))


@dataclass
class Counts:
    """What one bot noticed."""

    frames: int = 0
    loud: int = 0


async def _hear(call: Call, counts: Counts) -> None:
    async for frame in call.frames():
        counts.frames += 1
        counts.loud += bool(frame[0])


async def _speak(call: Call, number: int) -> None:
    """Two seconds at once, then a pause; not all bots at the same time."""
    noise = np.random.default_rng(number).normal(0, 2000, round(TURN_S * call.rate)).clip(-20000, 20000)
    sound = noise.astype(np.int16)
    await asyncio.sleep(number % 60 / 60 * (TURN_S + PAUSE_S))
    while True:
        await call.write(sound)
        await asyncio.sleep(PAUSE_S)


async def _live(call: Call, number: int, counts: Counts | None) -> None:
    works = [_speak(call, number)] if counts is None else [_speak(call, number), _hear(call, counts)]
    with suppress(CallEnded):
        await asyncio.gather(*works)


class Crowd:
    """Calls that live, and what they noticed."""

    def __init__(self, agents: list[Agent], uris: list[str]) -> None:
        self._agents, self._uris = agents, uris
        self.counts = [Counts() for _ in uris]
        self.calls: list[Call] = []
        self._works: list[asyncio.Task[None]] = []

    async def join(self) -> float:
        """Call everybody; gives the seconds that took."""
        gate, began = asyncio.Semaphore(AT_ONCE), time.perf_counter()

        async def invite(number: int, uri: str) -> Call:
            async with gate:
                return await self._agents[number % len(self._agents)].invite(uri)

        self.calls = await asyncio.gather(*(invite(number, uri) for number, uri in enumerate(self._uris)))
        return time.perf_counter() - began

    def live(self, *, hear: bool) -> None:
        """Let all hear and speak."""
        for number, call in enumerate(self.calls):
            self._works.append(asyncio.create_task(_live(call, number, self.counts[number] if hear else None)))

    async def end(self) -> None:
        """Let them rest."""
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    def noticed(self) -> Counter[str]:
        """What has been counted so far."""
        return Counter(
            late=self._agents[0].late_ticks,
            heard=sum(each.frames for each in self.counts),
            loud=sum(each.loud for each in self.counts),
            lost=sum(call.dropped for call in self.calls),
            us=round(1e6 * time.process_time()),
        )


async def _child(plan: dict[str, Any]) -> dict[str, Any]:
    """Call everybody, let them live, and say what that took."""
    count = len(plan["uris"])
    async with AsyncExitStack() as stack:
        agents = [Agent(f"sip:bot{i}@127.0.0.1", max_calls=count) for i in range(plan["agents"])]
        crowd = Crowd([await stack.enter_async_context(agent) for agent in agents], plan["uris"])
        joined_s = await crowd.join()
        crowd.live(hear=plan["hear"])
        await asyncio.sleep(SETTLE_S)
        profile = cProfile.Profile() if plan["profile"] else nullcontext()
        before, began = crowd.noticed(), time.perf_counter()
        with profile:
            await asyncio.sleep(plan["seconds"])
        found = crowd.noticed()
        found.subtract(before)
        ticks = (time.perf_counter() - began) / TICK_S
        if isinstance(profile, cProfile.Profile):
            profile.dump_stats(plan["profile"])
        await crowd.end()
    return {
        "bots": count,
        "agents": len(agents),
        "joins/s": round(count / joined_s),
        "core %": round(found["us"] / ticks / TICK_S / 1e4, 1),
        "us per bot and tick": round(found["us"] / ticks / count, 1),
        "late ticks": found["late"],
        "heard %": round(100 * found["heard"] / ticks / count, 1),
        "lost frames": found["lost"],
        "loud %": round(100 * found["loud"] / max(1, found["heard"])),
    }


def measure(
    bots: int, agents: int, room: int = 10, seconds: float = 10.0, hear: bool = True, profile: str = ""
) -> dict[str, Any]:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(folder), "--workers", "1") as server:
        with Rest(server.http_url) as rest:
            rooms = [
                rest.http.post(CONFERENCES, json={"max_members": room}).raise_for_status().json()["token"]
                for _ in range(-(-bots // room))
            ]
        # Room by room would leave the last ones empty until they end.
        uris = [f"sip:{rooms[i % len(rooms)]}@127.0.0.1:{server.sip_address[1]}" for i in range(bots)]
        plan = {"uris": uris, "agents": agents, "seconds": seconds, "hear": hear, "profile": profile}
        command = [sys.executable, "-m", "tests.bench.bots", "--child", "-"]
        before, began = processor_s(server.pid), time.perf_counter()
        child = subprocess.run(command, input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True)
        row: dict[str, Any] = json.loads(child.stdout)
        row["control process %"] = round(100 * (processor_s(server.pid) - before) / (time.perf_counter() - began), 1)
        return row


def run() -> list[dict[str, Any]]:
    """One line for each number of bots and agents."""
    return [measure(bots, agents) for bots, agents in SIZES]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bots", type=int)
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--room", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--hear", type=int, default=1, help="0: nobody reads frames")
    parser.add_argument("--profile", default="", help="write a profile of the bots' process there")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        json.dump(asyncio.run(_child(json.load(sys.stdin))), sys.stdout)
    elif options.bots is None:
        json.dump(run(), sys.stdout, indent=1)
    else:
        row = measure(options.bots, options.agents, options.room, options.seconds, bool(options.hear), options.profile)
        json.dump(row, sys.stdout, indent=1)
        if options.profile:
            pstats.Stats(options.profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
