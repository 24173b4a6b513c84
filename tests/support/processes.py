"""Programs started by tests: on free loopback ports, with a time limit, their words in files, ended by their id."""

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LOOPBACK = "127.0.0.1"
# Below the kernel's ephemeral range (32768 up): no unbound client socket takes a port between our look and its use.
# Processes that share the tests out have each a part of them.
_PARTS, _PART = (os.environ.get(f"PYTEST_XDIST_WORKER{end}", "") for end in ("_COUNT", ""))
_SIZE = 12_000 // int(_PARTS or 1) // 2 * 2
_FIRST = 20_000 + _SIZE * int(_PART.removeprefix("gw") or 0)
PORTS = range(_FIRST, _FIRST + _SIZE)
# Given away in this run: a program binds some of its ports only when it is in a call.
_given: set[int] = set()


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
    return True


def port_block(size: int = 1) -> int:
    """The first, even, of `size` ports in a row that are free for UDP and TCP, and nobody else's in this run."""
    for _ in range(1000):
        first = random.randrange(PORTS.start, PORTS.stop - size, 2)
        block = range(first, first + size)
        if _given.isdisjoint(block) and all(map(_is_free, block)):
            _given.update(block)
            return first
    raise OSError(f"no {size} free ports in a row")


def open_sockets(pid: int) -> int:
    """How many sockets a process has open.

    Files are not counted: a database opens some more whenever two ask it at a time for once, and keeps them.
    """
    count = 0
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with suppress(OSError):  # closed meanwhile
            count += os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("socket:")
    return count


class Program:
    """A child process; `out` and `err` are what it has said so far."""

    def __init__(
        self, command: Sequence[str | Path], folder: Path, *, pipe_out: bool = False, pipe_in: bool = False
    ) -> None:
        self.command = [str(word) for word in command]
        folder.mkdir(parents=True, exist_ok=True)
        name = Path(self.command[0]).name
        self.out_path, self.err_path = folder / f"{name}.out", folder / f"{name}.err"
        with self.out_path.open("wb") as out, self.err_path.open("wb") as err:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if pipe_in else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe_out else out,
                stderr=err,
                cwd=folder,
            )
        self._unread = b""

    @property
    def out(self) -> str:
        return self.out_path.read_text(errors="replace")

    @property
    def err(self) -> str:
        return self.err_path.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Exit status; a program that outlives `timeout_s` is killed and fails the test with what it said."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self} did not end in {timeout_s} s: {self.words()}") from None

    def stop(self, timeout_s: float = 10.0) -> int:
        """SIGTERM and wait; SIGKILL if that is not heard."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        return status

    def enter(self, line: str) -> None:
        """Give a program started with `pipe_in` a line on stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def line(self, timeout_s: float) -> str:
        """The next line on stdout of a program started with `pipe_out`."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._unread:
            readable, _, _ = select.select([self.process.stdout], [], [], max(deadline - time.monotonic(), 0.0))
            data = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            if not data:
                raise AssertionError(f"{self} said nothing more for {timeout_s} s: {self.words()}")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def expect(self, event: str, timeout_s: float = 30.0) -> dict[str, Any]:
        """The next line of JSON on stdout must tell `event`; what is not JSON is a library's chatter."""
        while not (line := self.line(timeout_s)).startswith("{"):
            pass
        told: dict[str, Any] = json.loads(line)
        assert told["event"] == event, f"{told} {self.words()}"
        return told

    def words(self) -> str:
        """The end of what it said, for the message of a failed assertion."""
        return f"\n--- out\n{self.out[-3000:]}\n--- err\n{self.err[-6000:]}"

    def __str__(self) -> str:
        return " ".join(self.command)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class ServerProcess(Program):
    """`softphone serve` as a user starts it, on free ports; ready when the constructor returns."""

    def __init__(self, folder: Path, *options: str, timeout_s: float = 60.0) -> None:
        config = Path(__file__).resolve().parents[2] / "config" / "dev.toml"
        self.data = folder / "data"
        ports = ("--sip-port", "0", "--http-port", "0", "--rtp-port", "0")
        command: list[str | Path] = [sys.executable, "-m", "softphone", "serve"]
        super().__init__(
            [*command, "--config", config, "--data", folder / "data", *ports, *options], folder, pipe_out=True
        )
        try:
            self.ready = self.expect("ready", timeout_s)
        except BaseException:
            self.stop()
            raise
        self.sip_uri: str = self.ready["sip"]
        self.http_url: str = self.ready["http"]
        host, _, port = self.sip_uri.removeprefix("sip:").rpartition(":")
        self.sip_address = (host, int(port))

    @property
    def pids(self) -> list[int]:
        """The control process and its media workers."""
        return [self.pid, *self.ready["workers"]]

    def call_uri(self, user: str) -> str:
        """SIP URI of `user` at this server."""
        host, port = self.sip_address
        return f"sip:{user}@{host}:{port}"


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM now (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
