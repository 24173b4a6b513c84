"""Run the soak and judge it.

Every good call works: SIPp's joins at a steady rate, a registered phone that registers anew and joins, the pairs of
`tests.soak.good` without a gap of more than 40 ms. Memory and descriptors are flat: the mean of the last quarter
against that of the second. Who vanished is out of the roster at the end. Exit status 0 when all of it held.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from softphone import Agent
from softphone.errors import SoftphoneError
from tests.peers.sipp import Sipp
from tests.soak.bad import Target
from tests.support.processes import ServerProcess, port_block, resident_bytes
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES, parties, until

PAIRS = 4
STAY_MS = 3000
SAMPLE_S = 2.0
# What the last quarter may hold beyond the second, when each is some minutes long: all that is kept has a bound, which
# the second has reached.
MORE_BYTES, MORE_FILES = 6_000_000, 20
GAP_S = 0.0405
# A phone that is gone is found out: 30 s without RTP, or by a probe when it holds.
GONE_S = 180.0
# The history is written behind the calls.
WRITTEN_S = 20.0


@contextmanager
def beside(module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A part of the soak in a process of its own; what it says at its end is JSON."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


class Samples:
    """Memory and descriptors of the server's processes."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = pids
        self.bytes: list[list[int]] = []
        self.files: list[list[int]] = []

    def take(self) -> None:
        """Look once; a process that has died counts as nothing from then on."""
        living = [pid if Path(f"/proc/{pid}/fd").exists() else 0 for pid in self.pids]
        self.bytes.append([resident_bytes(pid) if pid else 0 for pid in living])
        self.files.append([len(list(Path(f"/proc/{pid}/fd").iterdir())) if pid else 0 for pid in living])

    def report(self) -> dict[str, list[Any]]:
        """The means of the quarters for each process, and by how much the last is above the second."""
        told: dict[str, list[Any]] = {}
        for name, samples in (("bytes", self.bytes), ("files", self.files)):
            quarters = [np.mean(part, axis=0) for part in np.array_split(np.array(samples, dtype=np.float64), 4)]
            told[f"{name} by quarter"] = [np.rint(each).astype(int).tolist() for each in quarters]
            told[f"{name} grown"] = np.rint(quarters[3] - quarters[1]).astype(int).tolist()
        return told


async def registered_phone(server: ServerProcess, token: str, seconds: float) -> dict[str, Any]:
    """A phone that registers anew and joins a conference, every five seconds: what went wrong."""
    failures: list[str] = []
    done, begin = 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        try:
            async with (
                asyncio.timeout(20),
                Agent("sip:102@softphone.local", username="102", password="dev-102", registrar=server.sip_uri) as agent,
            ):
                call = await agent.invite(server.call_uri(token))
                async for _ in call.frames():
                    break
                await call.hangup()
            done += 1
        except (SoftphoneError, TimeoutError, OSError) as error:
            failures.append(f"{time.monotonic() - begin:.0f} s: {error!r}")
        await asyncio.sleep(5)
    return {"calls": done, "failures": failures[:20]}


async def watch(server: ServerProcess, samples: Samples, seconds: float) -> None:
    """Sample for so long."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and server.running:
        samples.take()
        await asyncio.sleep(SAMPLE_S)


def left_over(rest: Rest, session: str) -> tuple[int, float]:
    """Who is still in a conference after all are gone, and how long it took until nobody was."""
    begin = time.monotonic()
    while (there := _there(rest, session)) and time.monotonic() - begin < GONE_S:
        time.sleep(1)
    return there, round(time.monotonic() - begin, 1)


def written(rest: Rest, session: str, parties_min: int) -> dict[str, int]:
    """What the history has of a conference, as soon as it has so many parties: all, and those that never left."""
    begin = time.monotonic()
    while True:
        those = _participations(rest, session)
        if len(those) >= parties_min or time.monotonic() - begin > WRITTEN_S:
            return {"parties": len(those), "never left": sum(each["left"] is None for each in those)}
        time.sleep(1)


def _participations(rest: Rest, session: str) -> list[dict[str, Any]]:
    """All parts of the list."""
    those: list[dict[str, Any]] = []
    where: dict[str, str] = {}
    while True:
        path = f"/api/v1/history/conferences/{session}/participations"
        answer = rest.http.get(path, params=where).raise_for_status().json()
        those += answer["participations"]
        if answer.get("next") is None:
            return those
        where = {"after": answer["next"]}


def _there(rest: Rest, session: str) -> int:
    """How many are in a conference; one that ended with its last party has none."""
    answer = rest.http.get(f"{CONFERENCES}/{session}/parties")
    return len(answer.json()["parties"]) if answer.is_success else 0


def soak(seconds: float, per_second: float, folder: Path) -> dict[str, Any]:
    """Run it all; the report."""
    rtp = port_block(4)
    with (
        ServerProcess(folder, "--workers", "1", "--rtp-port", str(rtp)) as server,
        Rest(server.http_url) as rest,
    ):
        room, crowd = (_conference(rest) for _ in range(2))
        pairs = [_conference(rest) for _ in range(PAIRS)]
        worker = server.ready["workers"][0]
        http_port = int(server.http_url.rpartition(":")[2])
        bearer = rest.http.headers["Authorization"].removeprefix("Bearer ")
        target = Target(*server.sip_address, http_port, worker, bearer, room["token"], "+16505550100", seconds)
        samples = Samples(server.pids)
        good_of = (*map(str, server.sip_address), str(seconds), str(worker), *(pair["token"] for pair in pairs))
        with (
            beside("tests.soak.good", *good_of) as good,
            _all_there(rest, pairs),
            beside("tests.soak.bad", msgspec.json.encode(target).decode()) as bad,
            _joins(server, folder, crowd["token"], seconds, per_second) as joins,
        ):
            registered = asyncio.run(_beside(server, samples, crowd["token"], seconds))
            said = [json.loads(part.communicate(timeout=120)[0]) for part in (good, bad)]
            joins.wait(seconds + 90)
        there, took_s = left_over(rest, room["id"])
        counts = _sipp_counts(joins)
        report = {
            "seconds": seconds,
            "joins": {"asked": int(seconds * per_second), **counts},
            "history": written(rest, crowd["id"], counts["worked"] + registered["calls"]),
            "registered phone": registered,
            "good parties": said[0],
            "bad guests": said[1],
            "ghosts": {"left": there, "gone_after_s": took_s},
            **samples.report(),
            "tracebacks": server.err.count("Traceback"),
            "running": server.running and all(Path(f"/proc/{pid}").exists() for pid in server.pids),
        }
    return report | {"wrong": _wrong(report)}


def _joins(server: ServerProcess, folder: Path, token: str, seconds: float, per_second: float) -> Sipp:
    options = ("-r", str(per_second), "-d", str(STAY_MS), "-l", "1000")
    calls, limit_s = int(seconds * per_second), int(seconds) + 60
    return Sipp(folder, "call", *options, remote=server.sip_address, rows=[[token]], calls=calls, limit_s=limit_s)


@contextmanager
def _all_there(rest: Rest, pairs: list[dict[str, Any]]) -> Iterator[None]:
    """Let the others begin when the good parties talk."""
    until(lambda: all(len(parties(rest, pair["id"])) == 2 for pair in pairs))
    yield


async def _beside(server: ServerProcess, samples: Samples, token: str, seconds: float) -> dict[str, Any]:
    watching = asyncio.create_task(watch(server, samples, seconds))
    told = await registered_phone(server, token, seconds)
    await watching
    return told


def _conference(rest: Rest) -> dict[str, Any]:
    made: dict[str, Any] = rest.http.post(CONFERENCES, json={"max_members": 1000}).raise_for_status().json()
    return made


def _sipp_counts(joins: Sipp) -> dict[str, int]:
    lines = joins.out.splitlines()
    return {
        name: int([line for line in lines if line.strip().startswith(title)][-1].split("|")[2])
        for name, title in (("worked", "Successful call"), ("failed", "Failed call"))
    }


def _wrong(report: dict[str, Any]) -> list[str]:
    """Everything that did not hold."""
    good, good_calls = report["good parties"], report["registered phone"]["calls"]
    held = {
        "joins failed": not report["joins"]["failed"] and report["joins"]["worked"] == report["joins"]["asked"],
        "the registered phone was refused": not report["registered phone"]["failures"],
        "a gap over 40 ms at a good party": good["longest_gap_ms"] <= 1000 * GAP_S,
        "a good call was lost": good["hung_up_well"] == good["phones"],
        "the history is wrong": report["history"]
        == {"parties": report["joins"]["worked"] + good_calls, "never left": 0},
        "ghosts stayed": not report["ghosts"]["left"],
        "memory grew": all(grown < MORE_BYTES for grown in report["bytes grown"]),
        "descriptors grew": all(grown < MORE_FILES for grown in report["files grown"]),
        "a traceback in the log": not report["tracebacks"],
        "a process died": report["running"],
    }
    return [what for what, as_it_should in held.items() if not as_it_should]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--joins", type=float, default=10.0, help="a second")
    parser.add_argument("--folder", type=Path, help="keep the logs here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = soak(options.seconds, options.joins, options.folder or Path(scratch))
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
