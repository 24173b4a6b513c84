"""The bridges that the load talks to: our server as a user starts it, a reflector, and any SIP server that runs.

Each takes parties, says where they send, and which processes it consists of, in the order in which they are held
still: the control process before the worker, which it would miss; and how long it needs to come back to itself.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from softphone.config import DEV_PATH
from tests.bench.callers import Callers
from tests.bench.cpu import cpu_s, thaw
from tests.bench.load import pin, put_first
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES, metric

CORE = 0
CATCH_UP_S = 6.0  # for bridges that do all ticks that they have missed while they were held still
Address = tuple[str, int]


class Peer(Protocol):
    """A bridge."""

    name: str
    pids: list[int]
    warm_s: float

    @property
    def targets(self) -> list[Address]:
        """Where the parties send: each to an address of its own, or all to one."""
        ...

    def grow(self, parties: int) -> None:
        """Let there be so many parties."""
        ...

    def cpu_s(self) -> tuple[float, float]:
        """Processor seconds so far: of what moves sound, and of the rest."""
        ...

    def late(self) -> int:
        """Ticks so far that began too late."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


class Ours:
    """`softphone serve` with one worker; parties in one room, or in rooms of so many each."""

    name, warm_s = "worker", 1.0

    def __init__(self, folder: Path, media_port: int, capacity: int, room: int | None = None) -> None:
        self._room, self._tokens = room or capacity, list[str]()
        folder.mkdir(parents=True)
        config = folder / "server.toml"
        config.write_text(DEV_PATH.read_text() + f"[media]\ncapacity = {capacity}\nrtp_timeout_s = 0.0\n")
        self._server = ServerProcess(folder, "--config", str(config), "--workers", "1")
        self.pids = self._server.pids
        pin(self.pids[1], CORE)
        put_first(self.pids[0])
        self._rest = Rest(self._server.http_url)
        self._callers = Callers(self._server.sip_address, media_port)
        self.joins_per_s = 0.0

    @property
    def targets(self) -> list[Address]:
        """Where the parties send."""
        return self._callers.targets

    def grow(self, parties: int) -> None:
        """Let more parties call."""
        while len(self._tokens) * self._room < parties:
            made = self._rest.http.post(CONFERENCES, json={"max_members": self._room}).raise_for_status().json()
            self._tokens.append(made["token"])
        new = [self._server.call_uri(self._tokens[i // self._room]) for i in range(len(self.targets), parties)]
        began = time.monotonic()
        self._callers.call(new)
        if new:
            self.joins_per_s = len(new) / (time.monotonic() - began)

    def cpu_s(self) -> tuple[float, float]:
        """Of the worker, of the control process."""
        return cpu_s(self.pids[1]), cpu_s(self.pids[0])

    def late(self) -> int:
        """Ticks that began more than 20 ms late."""
        return int(metric(self._rest, "softphone_late_ticks_total"))

    def memory_bytes(self) -> int:
        """Resident memory of the worker."""
        return int(metric(self._rest, "softphone_worker_memory_bytes"))

    def stop(self) -> None:
        """End the server; the calls end with it."""
        thaw(self.pids)
        self._callers.close()
        self._rest.close()
        self._server.stop()


class Reflector:
    """The yardstick."""

    name, warm_s = "reflector", 1.0

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.bench.reflector"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.targets: list[Address] = [("127.0.0.1", int(self._process.stdout.readline()))]
        self.pids = [self._process.pid]
        pin(self.pids[0], CORE)

    def grow(self, parties: int) -> None:
        """It takes whoever comes."""

    def cpu_s(self) -> tuple[float, float]:
        """All of it."""
        return cpu_s(self.pids[0]), 0.0

    def late(self) -> int:
        """It does not say."""
        return 0

    def stop(self) -> None:
        """End it."""
        thaw(self.pids)
        self._process.kill()
        self._process.communicate()


class Foreign:
    """A SIP server of somebody else's that runs already: `sip:room@host:port#pid,pid`. It stays on the cores it has."""

    name, warm_s = "peer", CATCH_UP_S

    def __init__(self, uri: str, media_port: int) -> None:
        self._uri, _, pids = uri.partition("#")
        if not pids:
            raise SystemExit(f"whose processor time? Give {uri}#PID, or #PID,PID")
        self.pids = [int(pid) for pid in pids.split(",")]
        host, _, port = self._uri.rpartition("@")[2].partition(";")[0].partition(":")
        self._callers = Callers((host, int(port or 5060)), media_port)

    @property
    def targets(self) -> list[Address]:
        """Where the parties send."""
        return self._callers.targets

    def grow(self, parties: int) -> None:
        """Let more parties call."""
        self._callers.call([self._uri] * (parties - len(self.targets)))

    def cpu_s(self) -> tuple[float, float]:
        """All of it."""
        return sum(map(cpu_s, self.pids)), 0.0

    def late(self) -> int:
        """It does not say."""
        return 0

    def stop(self) -> None:
        """Hang up; the server goes on."""
        thaw(self.pids)
        self._callers.hang_up()
        self._callers.close()
