"""Benchmark (c), the whole way: calls a second that are answered by a real server and joined to one conference.

    python -m tests.bench.joins

SIPp calls, at rates, a conference that is nearly empty: who joins leaves at once. Then callers of our own fill another,
a dozen at a time, and it is measured how fast more join when so many are there. The media worker mixes meanwhile; ticks
that begin more than 20 ms late would be heard.
"""

import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from softphone.load.usage import processor_s
from tests.bench.peers import Ours
from tests.bench.sip import SECONDS, by_sipp
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES, metric

RATES = (50, 100, 200, 300)
# More than are ever in the room at one time: a call lasts a fifth of a second.
MAX_MEMBERS = 1000
# By then the history, which is written behind, has everybody.
WRITTEN_S = 3.0
# Who are there already when more join, and how many do.
SIZES = tuple(int(size) for size in os.environ.get("SIZES", "10,300,1000,3000").split(",") if size)
MORE = 200
CAPACITY = 4096


def run() -> list[dict[str, Any]]:
    """One line of the table for each rate, and for each size."""
    return [*_by_rate(), *_by_size()]


def _by_size() -> list[dict[str, Any]]:
    """Join a conference of each size, over and over the same one."""
    if not SIZES:
        return []
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("0.0.0.0", 0))  # takes all sound, so that none comes back as unreachable
        server = Ours(Path(folder) / "sizes", nobody.getsockname()[1], CAPACITY)
        try:
            return [_join(server, size) for size in SIZES]
        finally:
            server.stop()


def _join(server: Ours, size: int) -> dict[str, Any]:
    server.grow(size)
    there, late, (_, used), began = len(server.targets), server.late(), server.cpu_s(), time.perf_counter()
    server.grow(there + MORE)
    seconds, used = time.perf_counter() - began, server.cpu_s()[1] - used
    return {
        "there": there,
        "calls": MORE,
        "seconds": round(seconds, 1),
        "joins_per_s": round(MORE / seconds),
        "control process %": round(100 * used / seconds, 1),
        "control ms per call": round(1000 * used / MORE, 2),
        "late ticks": server.late() - late,
    }


def _by_rate() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(folder), "--workers", "1") as server:
        return [_measure(server, rate, Path(folder) / str(rate)) for rate in RATES]


def _measure(server: ServerProcess, rate: int, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    with Rest(server.http_url) as rest:
        made = rest.http.post(CONFERENCES, json={"max_members": MAX_MEMBERS}).raise_for_status().json()
        late, used, began = metric(rest, "softphone_late_ticks_total"), processor_s(server.pid), time.perf_counter()
        failed = by_sipp(server.sip_address[1], rate, folder, user=made["token"])
        seconds, used = time.perf_counter() - began, processor_s(server.pid) - used
        late = metric(rest, "softphone_late_ticks_total") - late
        time.sleep(WRITTEN_S)
        past = rest.http.get(f"/api/v1/history/conferences/{made['id']}/participations").raise_for_status().json()
        rest.http.delete(f"{CONFERENCES}/{made['id']}").raise_for_status()
    return {
        "there": 0,
        "asked_per_s": rate,
        "calls": rate * SECONDS,
        "failed": failed,
        "joined": len(past["participations"]),
        "seconds": round(seconds, 1),
        "joins_per_s": round((rate * SECONDS - failed) / SECONDS),
        "control process %": round(100 * used / seconds, 1),
        "control ms per call": round(1000 * used / (rate * SECONDS), 2),
        "late ticks": int(late),
    }


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=1)
