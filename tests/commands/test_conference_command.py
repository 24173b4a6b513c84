"""`softphone conference ...` as a user runs it: a real server, a real process for each command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner
from websockets.sync.client import connect

from softphone.commands.conference import app
from softphone.commands.rules import meant
from softphone.config import DEV_PATH
from softphone.focus.voice.prompts import OWN_SOUNDS
from tests.support.processes import ServerProcess
from tests.support.raw import RawPhone, offer
from tests.support.rest import Rest
from tests.support.sounding import until

STREAMS = "[streams]\nenabled = true\nport = 0\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "softphone", "conference", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose conferences wait for their first party as long as ten commands take on a busy machine."""
    folder = tmp_path_factory.mktemp("server")
    config = folder / "patient.toml"
    speech = f'command = ["cat", "{OWN_SOUNDS}/en/beep.flac"]'  # says the same whatever it is told
    config.write_text(f"{DEV_PATH.read_text()}\n[conference]\nclaim_timeout_s = 600.0\n[speech]\n{speech}\n{STREAMS}")
    with ServerProcess(folder, "--workers", "1", "--config", str(config)) as running:
        yield running
        assert running.running, f"the server died: {running.words()}"


@pytest.fixture
def run(server: ServerProcess) -> Run:
    """A command of extension 101 that has to succeed."""

    def checked(*words: str) -> subprocess.CompletedProcess[str]:
        done = command(*words, "--server", server.http_url, "--user", "101", "--password", "dev-101")
        assert (done.returncode, done.stderr) == (0, ""), f"{words}: {done.stderr}"
        return done

    return checked


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def download(run: Run, rest: Rest, session: str, recording: str, folder: Path) -> None:
    """List a recording and fetch it, when it is ready."""
    until(lambda: rest.http.get(f"/api/v1/recordings/{recording}").json()["state"] == "ready", 60.0)
    (listed,) = answer(run("recordings", "--conference", session, "--json"))["recordings"]
    assert listed["id"] == recording
    assert recording in run("recordings").stdout
    out = folder / "heard.wav"
    assert run("download", recording, "--out", str(out)).stdout == f"{out}\n"
    assert list(folder.glob("*")) == [out]
    assert out.read_bytes() == rest.http.get(f"/api/v1/recordings/{recording}/audio").content


def test_a_conference_by_commands(run: Run, rest: Rest) -> None:
    session, uri = run("create", "--max-members", "5").stdout.split()
    token = rest.session(session)["voiceCallToken"]
    assert uri.startswith(f"sip:{token}@")
    assert session in run("list").stdout
    assert answer(run("lock", session, "--json"))["locked"] is True
    assert run("unlock", session).stdout == "not locked\n"
    assert answer(run("mute", session, "--json"))["muted_all"] is True
    assert run("unmute", session).stdout == "not muted\n"
    assert run("allow", session).stdout == "everybody\n"
    assert answer(run("allow", session, "102", "103", "--json")) == {"numbers": ["102", "103"]}
    assert run("allow", session).stdout == "102\n103\n"
    assert run("allow", session, "--all").stdout == "everybody\n"
    passed, dialled = run("pass", session, "--role", "listener", "--name", "Ada").stdout.split()
    assert dialled.startswith(f"sip:{passed}")
    assert run("revoke", session, passed).stdout == "revoked\n"
    assert [each["state"] for each in answer(run("passes", session, "--json"))["passes"]] == ["revoked"]
    opened = run("groups", session, "--group", "red=", "--group", "blue=", "--minutes", "10").stdout
    assert "red" in opened and "blue" in opened
    assert [each["name"] for each in answer(run("groups", session, "--json"))["groups"]] == ["red", "blue"]
    assert run("play", session, "conf-muted", "--group", "2").stdout.strip().isdigit()
    assert run("group", session, "all", "1").stdout == "in group 1\n"
    assert run("gather", session, "--in", "60").stdout == "all return in 60 s\n"
    assert run("gather", session).stdout == "all are back\n"
    assert run("play", session, "conf-muted", "42").stdout.strip().isdigit()
    assert run("say", session, "We begin").stdout.strip().isdigit()
    assert run("dial", session, "104", "--wait", "0").stdout == "ringing (1)\n"
    assert run("end", session).stdout == "ended\n"
    assert session not in run("list").stdout


def test_rules_by_command(run: Run, server: ServerProcess) -> None:
    session = run("create").stdout.split()[0]
    held = answer(run("rules", session, "--json"))
    assert (held["lobby"], held["tell_keys"], held["count_from"]) == (False, "none", 0)
    assert ["lobby", "no"] in [line.split() for line in run("rules", session).stdout.splitlines()]
    wish = ("lobby=yes", "party_limit_s=90", "count_from=3", "tell_keys=unknown")
    changed = {"lobby": True, "party_limit_s": 90.0, "count_from": 3, "tell_keys": "unknown"}
    assert answer(run("rules", session, *wish, "--json")) == held | changed
    assert ["tell_keys", "unknown"] in [line.split() for line in run("rules", session, "lobby=").stdout.splitlines()]
    login = ("--server", server.http_url, "--user", "101", "--password", "dev-101")
    refused = command("rules", session, "muted_notice=no", "tell_keys=some", *login)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith("softphone conference rules: ") and "(400)" in refused.stderr
    assert answer(run("rules", session, "--json")) == held | changed | {"lobby": False}
    run("end", session)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ("loby=yes", "there are lobby, party_limit_s, count_from"),
        ("lobby", "NAME=VALUE"),
        ("lobby=maybe", "lobby takes yes or no, not 'maybe'"),
        ("party_limit_s=long", "party_limit_s takes a number, not 'long'"),
        ("party_limit_s=nan", "party_limit_s takes a number, not 'nan'"),
        ("count_from=1.5", "count_from takes a whole number, not '1.5'"),
    ],
)
def test_a_rule_that_there_is_not(capsys: pytest.CaptureFixture[str], wish: str, says: str) -> None:
    with pytest.raises(typer.Exit) as stopped:
        meant(wish, {"lobby": False, "party_limit_s": 0.0, "count_from": 0})
    assert stopped.value.exit_code == 2
    assert says in capsys.readouterr().err


def test_a_stream_by_command(run: Run) -> None:
    session = run("create").stdout.split()[0]
    url, key = run("stream", session).stdout.split()
    assert url.startswith("ws://127.0.0.1:") and len(key) > 20
    opened = answer(run("stream", session, "--says", "--rate", "24000", "--encoding", "opus", "--json"))
    assert (opened["says"], opened["rate_hz"], opened["encoding"], opened["url"]) == (True, 24000, "opus", url)
    assert opened["key"] != key
    with connect(url, additional_headers={"Authorization": f"Bearer {key}"}) as client:
        start = json.loads(client.recv(timeout=30))["start"]
        assert (start["conference"], start["mediaFormat"]["sampleRate"]) == (session, 16000)
    run("end", session)


def test_a_recording_by_commands(run: Run, rest: Rest, server: ServerProcess, tmp_path: Path) -> None:
    session, uri = run("create").stdout.split()
    user = uri.removeprefix("sip:").partition("@")[0]
    with RawPhone(server.sip_address, user, "recorded") as phone:
        phone.invite(offer("inactive"))
        recording, folder = run("record", session).stdout.split()
        assert Path(folder, "mix.wav").exists()
        assert f"yes {recording}" in run("show", session).stdout
        assert run("record", session, "--pause").stdout.split() == [recording, folder]
        assert f"paused {recording}" in run("show", session).stdout
        assert answer(run("record", session, "--resume", "--json"))["paused"] is False
        run("record", session, "--stop")
        download(run, rest, session, recording, tmp_path)
        assert answer(run("show", session, "--json"))["recorder"] is None
    run("end", session)


def test_an_invitation_by_command(run: Run, tmp_path: Path) -> None:
    session, uri = run("create").stdout.split()
    assert uri in run("invite", session).stdout
    run("end", session)
    calendar = tmp_path / "x.ics"
    about = ("--title", "Standup", "--start", "2037-01-31T15:00+01:00", "--organizer", "Ada <ada@example.com>")
    invitation = run("invite", "203", *about, "--ics", str(calendar)).stdout
    assert "Standup" in invitation and "sip:203@" in invitation and "ada@example.com" not in invitation
    assert calendar.read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    assert b"ORGANIZER;CN=" in calendar.read_bytes()


def test_the_codes_of_a_user_by_command(run: Run) -> None:
    number, host, participant = (line.split() for line in run("codes").stdout.splitlines())
    assert number == ["number", "+16505550100"]
    assert answer(run("codes", "101", "--json")) == {
        "phone_number": number[1],
        "host_code": host[1],
        "participant_code": participant[1],
    }


def test_parties_by_commands(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    session = answer(run("create", "--json"))
    call = [sys.executable, "-m", "softphone", "call", f"sip:{session['token']}@{server.sip_uri.removeprefix('sip:')}"]
    with subprocess.Popen([*call, "--duration", "110"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as phone:
        try:
            parties: list[dict[str, Any]] = []
            while not parties:
                assert phone.poll() is None
                parties = answer(run("show", session["id"], "--json"))["parties"]
            party = parties[0]["id"]
            assert party in run("show", session["id"]).stdout
            assert answer(run("mute", session["id"], party, "--json"))["muted"] is True
            assert answer(run("unmute", session["id"], party, "--json"))["muted"] is False
            assert answer(run("mute", session["id"], "all", "--json")) == {"parties": [party], "refused": []}
            assert run("label", session["id"], party, "team=sales", "desk=4").stdout == "team=sales\ndesk=4\n"
            run("groups", session["id"], "--group", f"red={party}")
            head, row = run("show", session["id"]).stdout.splitlines()[-2:]
            assert head.split()[-4:] == ["dominant", "group", "hidden", "labels"]
            assert row.split()[-5:] == ["no", "1", "no", "team=sales", "desk=4"]
            run("gather", session["id"])
            run("label", session["id"], party, "desk")
            assert answer(run("label", session["id"], party, "team", "--json"))["labels"] == {}
            run("kick", session["id"], party, "--ban")
            assert phone.wait(60) == 0
            (number,) = run("unban", session["id"]).stdout.split()
            run("unban", session["id"], number)
            assert run("unban", session["id"]).stdout == "no bans\n"
        finally:
            phone.kill()
    assert answer(run("show", session["id"], "--json"))["parties"] == []


def test_a_token_from_the_environment(server: ServerProcess, rest: Rest) -> None:
    token = rest.http.headers["Authorization"].split()[1]
    done = command("list", "--json", SOFTPHONE_TOKEN=token, SOFTPHONE_SERVER=server.http_url)
    assert done.returncode == 0, done.stderr
    assert "conferences" in json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["list"], 2, "credentials are missing"),
        (["list", "--token", "x", "--server", "here"], 2, "--server takes a URL"),
        (["list", "--token", "x", "--server", "http://127.0.0.1:1"], 1, "cannot be reached"),
        (["kick", "s-0", "--token", "x"], 2, "PARTY"),
        (["play", "s-0", "sound:x", "--token", "x"], 2, "sound:7"),
        (["mute"], 2, "CONFERENCE"),
        (["invite", "203", "--start", "2027-01-31T15:00", "--token", "x"], 2, "time zone"),
        (["invite", "203", "--start", "tomorrow", "--token", "x"], 2, "2027-01-31T15:00+01:00"),
        (["record", "s-0", "--stop", "--pause", "--token", "x"], 2, "exclude each other"),
    ],
)
def test_what_goes_wrong_is_one_line(words: list[str], status: int, says: str) -> None:
    done = command(*words)
    assert done.returncode == status
    assert says in done.stderr
    assert done.stderr.startswith(f"softphone conference {words[0]}: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_refusals_of_the_server_are_one_line(server: ServerProcess) -> None:
    login = ("--server", server.http_url, "--user", "101", "--password")
    unknown = command("end", "s-0", *login, "dev-101")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("softphone conference end: ")
    assert "(404)" in unknown.stderr
    stranger = command("list", *login, "wrong")
    assert (stranger.returncode, stranger.stderr.count("\n")) == (1, 1)
    assert stranger.stderr.startswith("softphone conference list: ")
    program = command("list", *login, "dev-101", "--client", "other:secret")
    assert (program.returncode, "--client" in program.stderr) == (1, False)


def test_a_server_with_a_client_of_its_own_is_told_of(tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text(DEV_PATH.read_text().replace("dev-secret", "another-secret"))
    with ServerProcess(tmp_path, "--config", str(config)) as server:
        done = command("list", "--server", server.http_url, "--user", "101", "--password", "dev-101")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "--client ID:SECRET" in done.stderr and "secrets.toml" in done.stderr


@pytest.mark.parametrize(("number", "reason"), [("104", "not registered"), ("5551234", "no trunk")])
def test_who_cannot_be_called_is_a_failure(
    run: Run, rest: Rest, server: ServerProcess, number: str, reason: str
) -> None:
    session = rest.conference()
    with RawPhone(server.sip_address, session["voiceCallToken"], f"caller-{number}") as phone:
        phone.invite(offer("inactive"))  # or its silence would end the call
        login = ("--server", server.http_url, "--user", "101", "--password", "dev-101")
        done = command("dial", session["id"], number, *login)
        assert (done.returncode, done.stdout) == (1, f"failed (1): {reason}\n")
        shown = run("show", session["id"])
        assert number in shown.stdout and reason in shown.stdout
        assert answer(run("show", session["id"], "--json"))["dials"][0]["reason"] == reason
        rest.end(session["id"])
        phone.answer(phone.receive("BYE"))


@pytest.mark.parametrize(
    "name",
    [
        "create",
        "list",
        "show",
        "mute",
        "unmute",
        "kick",
        "lock",
        "unlock",
        "record",
        "recordings",
        "download",
        "play",
        "say",
        "dial",
        "end",
        "invite",
        "codes",
        "rules",
        "stream",
    ],
)
def test_help_has_an_example(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"})
    assert done.exit_code == 0
    assert f"Example: softphone conference {name}" in " ".join(done.output.split())
