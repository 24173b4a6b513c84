"""`softphone trace` as an operator runs it: a real server, a real process, a file that tshark reads."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softphone.commands.trace import line, whole
from tests.support import peers
from tests.support.packet_file import packets
from tests.support.processes import ServerProcess
from tests.support.raw import RawPhone, offer
from tests.support.rest import Rest


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), "--workers", "1") as running:
        yield running


def run(server: ServerProcess, *words: str, user: str = "101") -> subprocess.CompletedProcess[str]:
    who = ("--server", server.http_url, "--user", user, "--password", f"dev-{user}")
    command = [sys.executable, "-m", "softphone", "trace", *words, *who]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_call_by_command(server: ServerProcess, tmp_path: Path) -> None:
    with Rest(server.http_url) as rest, RawPhone(server.sip_address, rest.token(), "told") as phone:
        phone.invite(offer("inactive"))
        phone.send("INFO", "Signal=7\r\nDuration=100\r\n", kind="application/dtmf-relay")
        phone.receive("200", "2 INFO")
        phone.send("BYE")
        phone.receive("200", "3 BYE")
    messages = [json.loads(each) for each in run(server, "--json").stdout.splitlines()]
    requests = [each["line"].partition(" ")[0] for each in messages if each["direction"] == "in"]
    assert requests == ["INVITE", "ACK", "INFO", "BYE"]
    told = "".join(each["text"] for each in messages)
    assert "Signal=*\r\nDuration=100" in told and phone.user not in told

    ladder = run(server).stdout.splitlines()
    assert len(ladder) == len(messages) and f"127.0.0.1:{phone.port} --> udp  INVITE sip:conf_*" in ladder[0]
    shown = run(server, "--call", "told").stdout
    assert shown == run(server, "--call", messages[0]["call"]).stdout and "  Call-ID: told\n" in shown

    file = tmp_path / "told.pcap"
    assert run(server, "--call", "told", "--pcap", str(file)).stdout == f"{file}\n"
    carried = packets(file.read_bytes())
    assert [each.data.decode() for each in carried] == [each["text"] for each in messages]
    peers.require("tshark")
    port = server.sip_address[1]
    command = ["tshark", "-n", "-r", str(file), "-d", f"udp.port=={port},sip", "-T", "fields", "-e", "sip.Method"]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.split()
    assert seen == requests


def test_failures_are_one_line(server: ServerProcess, tmp_path: Path) -> None:
    cases = [
        (run(server, user="102"), 1, "Administrator"),
        (run(server, "--call", "nobody"), 1, "404"),
        (run(server, "--pcap", str(tmp_path / "no" / "x.pcap")), 2, "cannot"),
        (run(server, "--pcap", "x.pcap", "--follow"), 2, "exclude"),
    ]
    for done, status, words in cases:
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), done.stderr
        assert words in done.stderr and done.stderr.startswith("softphone trace: ")


def test_nothing_commands_the_terminal() -> None:
    message: dict[str, Any] = {
        "call": "c-1",
        "time": "2030-01-02T03:04:05.000678Z",
        "direction": "in",
        "transport": "udp",
        "local": "192.0.2.9:5060",
        "remote": "192.0.2.1:5060",
        "line": "INVITE sip:\x1b[2J SIP/2.0",
        "text": "INVITE sip:\x1b[2J SIP/2.0\r\nX: \x9b\u202e\x00\r\n\r\nbody",
    }
    assert line(message) == "03:04:05.000  c-1         192.0.2.1:5060 --> udp  INVITE sip:\\x1b[2J SIP/2.0"
    shown = whole(message)
    assert all(each.isprintable() for each in shown.split("\n")) and "  X: \\x9b\\u202e\\x00\n" in shown
