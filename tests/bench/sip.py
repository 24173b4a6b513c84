"""Benchmark (c): calls set up and taken down in a second, one SIP stack in one process, over loopback UDP.

    python -m tests.bench.sip

Each call is INVITE, 100, 180, 200 with offer and answer, ACK, BYE, 200. SIPp calls, where it is installed, because its
count of what went wrong is nobody's here; else a second stack of ours does, which then takes the other core.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from softphone import sdp
from softphone.errors import SipError
from softphone.load.usage import processor_s
from softphone.sip.driver import StackSettings
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from tests.peers.sipp import Sipp

RATES = (100, 200, 400, 800)
SECONDS = 4  # longer, and the fastest rate would fill the transaction layer, which remembers for 32 s
TALK_MS = 200


async def _answer(call: InviteSession) -> None:
    offer = sdp.parse(call.remote_sdp or "")
    answer, _ = sdp.answer(offer, "127.0.0.1", 9, session_id=1, version=1)
    await call.ring()
    await call.answer(str(answer))


async def _serve() -> None:
    """Answer all calls until the standard input ends; the port is the first line of the standard output."""
    stack = Stack(StackSettings(), on_invite=_answer)
    await stack.start()
    sys.stdout.write(f"{stack.port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await stack.stop()


def by_sipp(port: int, rate: int, folder: Path, user: str = "bench") -> int:
    """Calls to a user that went wrong."""
    options = ("-d", str(TALK_MS), "-r", str(rate), "-l", "10000")
    with Sipp(folder, "call", *options, remote=("127.0.0.1", port), rows=[[user]], calls=rate * SECONDS) as caller:
        try:
            caller.finish()
        except AssertionError:
            lines = [line for line in caller.out.splitlines() if "Failed call" in line]
            return int(lines[-1].split("|")[2]) if lines else rate * SECONDS
    return 0


async def _by_ourselves(port: int, rate: int) -> int:
    """Calls that went wrong."""
    stack = Stack(StackSettings())
    await stack.start()
    offer = str(sdp.offer("127.0.0.1", 9, session_id=1, version=1))

    async def one(number: int) -> None:
        await asyncio.sleep(number / rate)
        call = await stack.invite(f"sip:bench@127.0.0.1:{port}", offer, from_uri="sip:bench@127.0.0.1")
        await asyncio.sleep(TALK_MS / 1000)
        await call.bye()

    results = await asyncio.gather(*(one(number) for number in range(rate * SECONDS)), return_exceptions=True)
    await stack.stop()
    return sum(isinstance(result, SipError) for result in results)


def _measure(server: "subprocess.Popen[str]", port: int, rate: int, caller: str) -> dict[str, Any]:
    cpu, began = processor_s(server.pid), time.perf_counter()
    if caller == "sipp":
        with tempfile.TemporaryDirectory() as folder:
            failed = by_sipp(port, rate, Path(folder))
    else:
        failed = asyncio.run(_by_ourselves(port, rate))
    seconds = time.perf_counter() - began
    used = processor_s(server.pid) - cpu
    calls = rate * SECONDS
    return {
        "benchmark": "sip",
        "caller": caller,
        "asked_per_s": rate,
        "calls": calls,
        "failed": failed,
        "calls_per_s": round((calls - failed) / max(seconds - TALK_MS / 1000, SECONDS), 1),
        "cpu_percent": round(100 * used / seconds, 1),
        "cpu_ms_per_call": round(1000 * used / calls, 2),
    }


def run() -> list[dict[str, Any]]:
    """One line of the table for each rate."""
    caller = "sipp" if shutil.which("sipp") else "softphone"
    command = [sys.executable, "-m", "tests.bench.sip", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stdin is not None
        port = int(server.stdout.readline())
        lines = [_measure(server, port, rate, caller) for rate in RATES]
        server.stdin.close()
    return lines


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(_serve())
    else:
        json.dump(run(), sys.stdout, indent=1)
