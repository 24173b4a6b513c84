"""`softphone serve` as a process: what it prints, where it listens, how it stops."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from softphone.commands.serve import with_options
from softphone.config import DEV_PATH, Config, load
from softphone.server import Server
from tests.focus.phone import FREE_PORTS, Phone, conference
from tests.support.processes import port_block

PORTS = ("--sip-port", "0", "--http-port", "0", "--rtp-port", "0")
ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "softphone", "serve")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


class Running:
    """A started server; leaving the block ends it."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self.errors = folder / "stderr"
        with self.errors.open("w") as file:
            command = [*COMMAND, *PORTS, *map(str, arguments)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True, cwd=folder)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_says_where_and_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with Running(tmp_path, "--config", DEV_PATH, "--workers", "2", "--data", tmp_path) as server:
        ready = json.loads(server.line)
        assert ready.keys() == {"event", "sip", "sips", "http", "https", "pid", "workers"}
        assert (ready["event"], ready["pid"], len(ready["workers"])) == ("ready", server.process.pid, 2)
        assert re.fullmatch(r"sip:127\.0\.0\.1:[1-9]\d+", ready["sip"])
        assert httpx.get(ready["http"] + "/healthz").json() == {"status": "ok"}
        server.process.send_signal(number)
        rest, _ = server.process.communicate(timeout=30)
        assert (server.process.returncode, rest) == (0, "")
    words = server.errors.read_text()
    assert "Traceback" not in words
    for pid in ready["workers"]:
        assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    """Whether it has ended; its parent may not have asked for its status yet."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def _target(link: Path) -> str:
    """What a descriptor stands for; nothing if it has just been closed."""
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


def test_only_loopback_listens(tmp_path: Path) -> None:
    with Running(tmp_path, "--config", DEV_PATH) as server:
        ready = json.loads(server.line)
        links = [link for pid in (ready["pid"], *ready["workers"]) for link in Path(f"/proc/{pid}/fd").iterdir()]
        inodes = {inode for inode in map(_target, links) if inode.startswith("socket:")}
        seen = []
        for table in ("udp", "tcp", "udp6", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if f"socket:[{fields[9]}]" in inodes:
                    seen.append(fields[1].split(":")[0])
        assert len(seen) >= 4
        assert set(seen) == {"0100007F"}


def test_first_production_run_makes_secrets(tmp_path: Path) -> None:
    production = Path(__file__).parent.parent / "config" / "softphone.toml"
    with Running(tmp_path, "--config", production, "--data", tmp_path / "new") as server:
        ready = json.loads(server.line)
        made = tmp_path / "new" / "secrets.toml"
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        secrets = re.findall(r'= "(.+)"', made.read_text())
        assert len(secrets) == 3
        form = {"grant_type": "password", "username": "101", "password": secrets[1]}
        token = httpx.post(ready["http"] + "/restapi/oauth/token", data=form, auth=("softphone", secrets[0]))
        assert token.status_code == 200
    words = server.errors.read_text()
    assert str(made) in words
    assert not any(secret in words for secret in secrets)


@pytest.mark.parametrize(("option", "kind"), [("--sip-port", socket.SOCK_DGRAM), ("--http-port", socket.SOCK_STREAM)])
def test_a_port_in_use_is_named(tmp_path: Path, option: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = str(taken.getsockname()[1])
        done = run("--config", DEV_PATH, *PORTS, option, port, "--data", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert port in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--sip-port", "70000"), "--sip-port"),
        (("--nonsense",), "--nonsense"),
        (("--config", "/no/such.toml"), "/no/such.toml"),
        (("--config", str(DEV_PATH), "--host", "0.0.0.0"), "development credentials"),
    ],
)
def test_wrong_use_gets_one_line(arguments: tuple[str, ...], named: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert named in line


def test_without_a_configuration_it_is_said_which_there_are(tmp_path: Path) -> None:
    with Running(tmp_path, "--data", tmp_path) as server:
        assert json.loads(server.line)["event"] == "ready"
    words = server.errors.read_text()
    assert "config/dev.toml" in words and "config/softphone.toml" in words


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_a_clone_serves_by_the_files_in_config(tmp_path: Path) -> None:
    """Some of config/ are links to what is packaged, which a clone has to have too."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True, timeout=60)
    with Running(clone, "--config", "config/dev.toml", "--data", tmp_path / "data") as server:
        assert json.loads(server.line)["event"] == "ready"
        assert "no extensions" not in server.errors.read_text()
    assert (clone / "config" / "menus" / "default.toml").read_text()


def test_help_has_an_example() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "softphone serve --config config/dev.toml" in done.stdout


def settings() -> Config:
    return with_options(load(DEV_PATH), **FREE_PORTS)


async def test_leaving_the_block_hangs_up_and_frees_the_ports(tmp_path: Path) -> None:
    ports = {"sip": {"port": port_block()}, "http": {"port": port_block()}}
    config = with_options(settings(), server={"data": str(tmp_path)}, **ports)
    async with Server(config) as server:
        session = await conference(server)
        phone = await Phone(server).__aenter__()
        await phone.call(session.token)
    assert await phone.hung_up() == "bye"
    await phone.stack.stop()
    async with Server(config) as again:
        assert again.stack.port == ports["sip"]["port"]


async def test_what_was_started_is_stopped_when_a_part_fails(tmp_path: Path) -> None:
    config = with_options(settings(), server={"data": str(tmp_path)})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(with_options(config, http={"port": port}))
        with pytest.raises(OSError, match=str(port)):
            await server.__aenter__()
    assert server.worker_pids == []
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.stack.port), timeout=1)
