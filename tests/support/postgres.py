"""A PostgreSQL of our own: in a temporary folder, on a free loopback port, ended by its id."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.processes import LOOPBACK, Program, port_block

# It refuses to run as root: these are lent to it.
USERS = ("postgres", "nobody")
# Debian keeps the programs of the server off PATH, a folder for each version.
DEBIAN = Path("/usr/lib/postgresql")
# Of `postmaster.pid`, from 0: what the server says of itself.
STATUS_LINE = 7


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None where they are not installed, or nobody may run them."""
    if os.geteuid() == 0 and (_user() is None or shutil.which("setpriv") is None):
        return None
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve()] if on_path else sorted(DEBIAN.glob("*/bin/initdb"), key=_version)
    return found[-1].parent if found else None


def _version(path: Path) -> float:
    return float(path.parents[1].name)


def _user() -> pwd.struct_passwd | None:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next((known[name] for name in USERS if name in known), None)


class Postgres:
    """A running server; each `database()` is a new one."""

    def __init__(self) -> None:
        folder = programs()
        assert folder is not None
        self._programs = folder
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._lend: list[str] = []
        if os.geteuid() == 0 and (user := _user()) is not None:
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._lend = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self._port = 0
        self._databases = 0
        self._data = self._folder / "data"
        self._run("initdb", "-D", self._data, "-U", "tester", "-A", "trust", "-N", "-E", "UTF8", "--no-locale")
        self._server = self._start()

    def _start(self) -> Program:
        """Start it on a port that nobody has; one that was free when we looked may be somebody's by now."""
        while True:
            self._port = port_block()
            settings = f"listen_addresses={LOOPBACK}", f"port={self._port}", "unix_socket_directories=", "fsync=off"
            options = [word for setting in settings for word in ("-c", setting)]
            command = [*self._lend, str(self._programs / "postgres"), "-D", str(self._data), *options]
            server = Program(command, self._folder / "words")
            while server.running:
                if self._ready():
                    return server
                time.sleep(0.05)
            assert "Address already in use" in server.err, server.words()

    def _ready(self) -> bool:
        """Whether it takes connections: it says so in its own file, where no other server can answer in its place."""
        try:
            words = (self._data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return len(words) > STATUS_LINE and words[STATUS_LINE].strip() == "ready"

    def _address(self) -> Sequence[str]:
        return "-h", LOOPBACK, "-p", str(self._port)

    def _run(self, name: str, *arguments: str | Path) -> None:
        command = [*self._lend, str(self._programs / name), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=self._folder, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{name} failed: {done.stdout}{done.stderr}")

    def database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"test{self._databases}"
        self._run("createdb", *self._address(), "-U", "tester", name)
        return f"postgresql://tester@{LOOPBACK}:{self._port}/{name}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let the server and all that serves connections stand still: it takes what is sent, and says nothing."""
        held: list[int] = []
        try:
            self._hold(self._server.pid, held)
            for pid in _children(self._server.pid):  # there will be no others: the one that makes them stands still
                self._hold(pid, held)
            yield
        finally:
            for pid in held:
                os.kill(pid, signal.SIGCONT)

    @staticmethod
    def _hold(pid: int, held: list[int]) -> None:
        """Stop a process, and wait until it stands still; one that has ended is a zombie, and does so, too."""
        os.kill(pid, signal.SIGSTOP)
        held.append(pid)
        while Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "TZ":
            time.sleep(0.001)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # "Fast shutdown": does not wait for those that are connected.
        self._server.process.send_signal(signal.SIGINT)
        self._server.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
