"""Benchmark (c), the whole way: calls a second that are answered by a real server and joined to one conference.

    python -m tests.bench.joins

SIPp calls. The media worker mixes meanwhile; ticks that begin more than 20 ms late would be heard.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.cpu import cpu_clock_s
from tests.bench.sip import SECONDS, by_sipp
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES, metric

RATES = (50, 100, 200, 300)
# More than are ever in the room at one time: a call lasts a fifth of a second.
MAX_MEMBERS = 1000
# By then the history, which is written behind, has everybody.
WRITTEN_S = 3.0


def run() -> list[dict[str, Any]]:
    """One line of the table for each rate."""
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(folder), "--workers", "1") as server:
        return [_measure(server, rate, Path(folder) / str(rate)) for rate in RATES]


def _measure(server: ServerProcess, rate: int, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    with Rest(server.http_url) as rest:
        made = rest.http.post(CONFERENCES, json={"max_members": MAX_MEMBERS}).raise_for_status().json()
        late, used, began = metric(rest, "softphone_late_ticks_total"), cpu_clock_s(server.pid), time.perf_counter()
        failed = by_sipp(server.sip_address[1], rate, folder, user=made["token"])
        seconds, used = time.perf_counter() - began, cpu_clock_s(server.pid) - used
        late = metric(rest, "softphone_late_ticks_total") - late
        time.sleep(WRITTEN_S)
        past = rest.http.get(f"/api/v1/history/conferences/{made['id']}/participations").raise_for_status().json()
        rest.http.delete(f"{CONFERENCES}/{made['id']}").raise_for_status()
    return {
        "asked_per_s": rate,
        "calls": rate * SECONDS,
        "failed": failed,
        "joined": len(past["participations"]),
        "seconds": round(seconds, 1),
        "control process %": round(100 * used / seconds, 1),
        "late ticks": int(late),
    }


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=1)
