"""`softphone registrations` as an operator runs it: a real server, a real process, a telephone that is registered."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from softphone import Agent
from tests.support.processes import ServerProcess


async def run(server: ServerProcess, *words: str, user: str = "101") -> subprocess.CompletedProcess[str]:
    who = ("--server", server.http_url, "--user", user, "--password", f"dev-{user}")
    command = [sys.executable, "-m", "softphone", "registrations", *words, *who]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)


async def test_a_telephone_is_listed_and_removed(tmp_path: Path) -> None:
    with await asyncio.to_thread(ServerProcess, tmp_path, "--workers", "1") as server:
        async with Agent("sip:102@127.0.0.1", password="dev-102", registrar=server.sip_uri):
            (own,) = json.loads((await run(server, "list", "--json")).stdout)["registrations"]
            head, row = (await run(server, "list")).stdout.splitlines()
            assert head.split() == ["id", "number", "contact", "address", "transport", "expires"]
            assert row.split()[:2] == [own["id"], "102"] and own["address"] in row
            refused = await run(server, "list", user="102")
            assert (refused.returncode, refused.stdout) == (1, "") and "Administrator" in refused.stderr
            assert (await run(server, "remove", own["id"])).stdout == "removed\n"
            again = await run(server, "remove", own["id"])
            assert (again.returncode, again.stderr.count("\n")) == (1, 1) and "404" in again.stderr
            assert json.loads((await run(server, "list", "--json")).stdout) == {"registrations": []}
