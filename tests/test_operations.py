"""What a service manager does to the real server: signals to one process or the group, reloading, waiting for calls."""

import configparser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from typer.main import get_command

from softphone.cli import app
from softphone.config import DEV_PATH, Config, changes, from_table
from tests.support.processes import LOOPBACK, ServerProcess, port_block
from tests.support.raw import RawPhone, header, offer
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES, until

CONFIG = Path(__file__).parents[1] / "config"


def configured(folder: Path, **sections: dict[str, object]) -> tuple[ServerProcess, Path]:
    """A server with the development configuration, in which `sections` are changed; and its file."""
    path = folder / "config.toml"
    write(path, **sections)
    return ServerProcess(folder, "--config", str(path), "--workers", "1"), path


def write(path: Path, **sections: dict[str, object]) -> None:
    text = DEV_PATH.read_text()
    for name, options in sections.items():
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items())
        text = (
            text.replace(f"[{name}]\n", f"[{name}]\n{lines}") if f"[{name}]\n" in text else f"{text}\n[{name}]\n{lines}"
        )
    path.write_text(text)


def called(stack: ExitStack, server: ServerProcess, user: str, name: str) -> RawPhone:
    phone = stack.enter_context(RawPhone(server.sip_address, user, name))
    phone.invite(offer())
    return phone


def only_one(stack: ExitStack, server: ServerProcess, rest: Rest) -> None:
    """A conference made now takes one party."""
    token = rest.token()
    called(stack, server, token, "first")
    second = stack.enter_context(RawPhone(server.sip_address, token, "second"))
    second.send("INVITE", offer())
    second.receive("486")
    second.send("ACK", number=1)


def refused(server: ServerProcess, times: int) -> bool:
    """Whether so many files were not taken."""
    return server.err.count("not_reloaded") == times


def said(server: ServerProcess, words: str) -> Callable[[], bool]:
    return lambda: words in server.err


def test_signals_to_the_workers_end_no_call(tmp_path: Path) -> None:
    """A service manager signals each process of the group: the control process alone says when it is over."""
    with ExitStack() as stack:
        server = stack.enter_context(configured(tmp_path)[0])
        rest = stack.enter_context(Rest(server.http_url))
        session = rest.conference()
        phone = called(stack, server, session["voiceCallToken"], "stays")
        for pid in server.ready["workers"]:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
        rest.http.post(f"{CONFERENCES}/{session['id']}/recording").raise_for_status()  # the worker answers
        server.process.send_signal(signal.SIGTERM)
        phone.answer(phone.receive("BYE"))
        assert server.process.wait(30) == 0
        assert "worker_lost" not in server.err


def test_sigterm_waits_for_the_last_call(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(configured(tmp_path, server={"drain_wait_s": 60.0})[0])
        rest = stack.enter_context(Rest(server.http_url))
        session = rest.conference()
        phone = called(stack, server, session["voiceCallToken"], "talks-on")
        server.process.send_signal(signal.SIGTERM)
        until(said(server, "draining"))
        late = stack.enter_context(RawPhone(server.sip_address, session["voiceCallToken"], "late"))
        late.send("INVITE", offer())
        assert header(late.receive("503"), "Retry-After")
        late.send("ACK", number=1)
        assert (answer := rest.http.get("/healthz")).status_code == 503 and answer.json() == {"status": "draining"}
        assert rest.connected(session["id"]) == 1
        phone.send("BYE")
        phone.receive("200", f"{phone.number} BYE")
        assert server.process.wait(30) == 0


@pytest.mark.parametrize("wait_s", [0.0, 1.0])
def test_the_wait_for_calls_has_an_end(tmp_path: Path, wait_s: float) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(configured(tmp_path, server={"drain_wait_s": wait_s})[0])
        rest = stack.enter_context(Rest(server.http_url))
        phone = called(stack, server, rest.token(), "endless")
        server.process.send_signal(signal.SIGTERM)
        phone.answer(phone.receive("BYE"))
        assert server.process.wait(30) == 0


def test_a_second_sigterm_ends_the_wait(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(configured(tmp_path, server={"drain_wait_s": 3600.0})[0])
        rest = stack.enter_context(Rest(server.http_url))
        phone = called(stack, server, rest.token(), "impatient")
        server.process.send_signal(signal.SIGTERM)
        until(said(server, "draining"))
        server.process.send_signal(signal.SIGTERM)
        phone.answer(phone.receive("BYE"))
        assert server.process.wait(30) == 0


def test_sighup_reloads_and_ends_no_call(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server, path = configured(tmp_path)
        stack.enter_context(server)
        rest = stack.enter_context(Rest(server.http_url))
        phone = called(stack, server, rest.token(), "stays")
        write(path, conference={"max_members": 1}, sip={"max_calls": 7})
        server.process.send_signal(signal.SIGHUP)
        until(said(server, "reloaded"))
        only_one(stack, server, rest)
        (line,) = (line for line in server.err.splitlines() if "reloaded" in line)
        assert "conference.max_members" in line and "waiting_for_a_restart=['sip.max_calls']" in line
        phone.send("BYE")
        phone.receive("200", f"{phone.number} BYE")


def test_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server, path = configured(tmp_path, conference={"max_members": 1})
        stack.enter_context(server)
        rest = stack.enter_context(Rest(server.http_url))
        wrong = ("[conference]\nmax_members = 0\n", "no toml", '[conference]\nmenu = "nowhere.toml"\n', "[nonsense]\n")
        for count, text in enumerate(wrong, 1):
            path.write_text(text)
            server.process.send_signal(signal.SIGHUP)
            until(partial(refused, server, count))
        only_one(stack, server, rest)
        assert "Traceback" not in server.err


@pytest.mark.parametrize("option", ["sip", "http", "rtp"])
def test_a_port_in_use_names_the_option(tmp_path: Path, option: str) -> None:
    port = port_block(4)
    kind = socket.SOCK_STREAM if option == "http" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((LOOPBACK, port))
        if option == "http":
            taken.listen()
        with pytest.raises(AssertionError, match=rf"server\.host.*--{option}-port"):
            ServerProcess(tmp_path, f"--{option}-port", str(port), "--workers", "1")


def test_changes_are_named_by_section_and_option() -> None:
    before = from_table({"sip": {"port": 5070}})
    after = from_table({"sip": {"port": 5071}, "extension": [{"number": "7"}]})
    assert changes(before, after) == ["sip.port", "extension"]
    assert changes(before, before) == [] == changes(Config(), Config())


def test_the_unit_and_the_image_start_what_there_is() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((CONFIG / "softphone.service").read_text())
    program, *words = unit["Service"]["ExecStart"].split()
    assert program.endswith("/bin/softphone")
    entry = re.search(r"^ENTRYPOINT (\[.*\])$", (CONFIG / "Containerfile").read_text(), re.MULTILINE)
    assert entry
    for command in (words, json.loads(entry[1])[1:]):
        name, *options = command
        known = {option for each in get_command(app).commands[name].params for option in each.opts}  # type: ignore[attr-defined]
        assert {option for option in options if option.startswith("--")} <= known


def test_the_unit_is_one_to_systemd(tmp_path: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not here")
    text = (CONFIG / "softphone.service").read_text().replace("/opt/softphone/.venv/bin/softphone", "/bin/true")
    unit = tmp_path / "softphone.service"
    unit.write_text(text)
    done = subprocess.run([verifier, "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "softphone.service" in done.stderr) == (0, False), done.stderr


HOARDING = """
import os, random, sys
from softphone.heap import keep_below

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def exchange(count):
    for _ in range(count):
        os.write(into, bytes(dice.randint(520, 1500)))
        kept[dice.randrange(len(kept))] = bytes(memoryview(os.read(out, 1 << 18)))

keep_below(1 << 17)
(out, into), dice, kept = os.pipe(), random.Random(1), [b""] * 4000
exchange(8000)
before = resident()
exchange(30000)
sys.stdout.write(str(resident() - before))
"""


def test_the_heap_stays_as_large_as_what_is_kept() -> None:
    """Messages of a kilobyte are read as a connection's are, and some thousand of them kept: 26 MB, left alone."""
    said = subprocess.run([sys.executable, "-c", HOARDING], capture_output=True, text=True, timeout=120, check=True)
    assert int(said.stdout) < 6_000_000
