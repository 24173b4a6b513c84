"""A server is killed in the middle of a recorded conference: what the next start knows of it."""

import asyncio
import io
import os
import socket
import sys
from pathlib import Path

import pytest
import soundfile

from softphone import Agent
from softphone.config import DEV_PATH
from softphone.store.archive import Archive
from softphone.store.database import Database, url_of
from tests.support.processes import LOOPBACK, Program, ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import conferences, parties, until
from tests.support.tones import RATE_HZ, tones_in

pytestmark = pytest.mark.realtime

PROPERTIES = "/api/v1/extensions/201/properties"
TONES = {"101": 440, "102": 850}
CODES = {"101": "9876#", "102": "1234#"}
# Of the sound before the kill; the last of them may be lost.
SOUND_S = 3.0


def start(folder: Path) -> ServerProcess:
    return ServerProcess(folder, "--config", str(DEV_PATH), "--workers", "1")


def caller(folder: Path, server: ServerProcess, number: str) -> Program:
    """A telephone that enters room 201 and goes on talking."""
    command = [sys.executable, "-m", "softphone", "call", server.call_uri("201"), "--play", f"tone:{TONES[number]}"]
    account = ["--user", number, "--password", f"dev-{number}"]
    return Program([*command, *account, "--keys", CODES[number], "--duration", "120"], folder / number)


def sound_s(folder: Path) -> float:
    """How much of the recording is on the disk."""
    files = list((folder / "data" / "recordings").glob("*/mix.wav"))
    return files[0].stat().st_size / 2 / RATE_HZ if files else 0.0


def record(folder: Path) -> tuple[str, dict[str, object], float]:
    """Begin a conference, kill the server; the session, the properties, and the seconds that were recorded."""
    server = start(folder)
    phones: list[Program] = []
    try:
        with Rest(server.http_url) as rest:
            wish = {"record_enabled": True, "max_members": 33}
            changed = rest.http.put(PROPERTIES, json=wish).raise_for_status().json()
            phones += [caller(folder, server, number) for number in TONES]
            until(lambda: [len(parties(rest, each["id"])) for each in conferences(rest)] == [len(TONES)])
            (session,) = conferences(rest)
            before = sound_s(folder)
            until(lambda: sound_s(folder) > before + SOUND_S)
            return session["id"], changed, sound_s(folder)
    finally:
        for program in (server, *phones):
            program.process.kill()
            program.stop()


async def test_what_is_known_after_a_restart(tmp_path: Path) -> None:
    session, properties, seconds = record(tmp_path)
    with start(tmp_path) as server, Rest(server.http_url) as rest:
        assert rest.http.get(PROPERTIES).raise_for_status().json() == properties
        assert (properties["record_enabled"], properties["max_members"]) == (True, 33)

        def states() -> list[str]:
            found = rest.http.get("/api/v1/recordings").raise_for_status().json()["recordings"]
            return [each["state"] for each in found]

        until(lambda: states() == ["ready"])
        (recording,) = rest.http.get("/api/v1/recordings").json()["recordings"]
        assert recording["conference"] == session
        assert {party["number"] for party in recording["parties"]} == set(TONES)
        sound = rest.http.get(f"/api/v1/recordings/{recording['id']}/audio").raise_for_status().content
        pcm, rate_hz = soundfile.read(io.BytesIO(sound), dtype="int16")
        assert seconds - 1.0 <= len(pcm) / rate_hz
        both = [float(hz) for hz in TONES.values()]
        assert tones_in(pcm[-2 * rate_hz :], both, rate_hz=rate_hz) == set(both)

        past = rest.http.get(f"/api/v1/history/conferences/{session}").raise_for_status().json()
        assert past["reason"] == "restart"
        told = rest.http.get(f"/api/v1/history/conferences/{session}/participations").json()["participations"]
        assert {(each["number"], each["left"]) for each in told} == {(number, past["ended"]) for number in TONES}
    database = Database(url_of("", tmp_path / "data"))
    (kept,) = (await Archive(database).recordings(conference_id=session)).items
    await database.stop()
    assert (kept.id, kept.state) == (recording["id"], "ready")


async def test_workers_end_with_the_server_and_their_ports_are_free(tmp_path: Path) -> None:
    """Whoever is in a call then hears nothing more; its own timers end it, for no BYE can come."""
    server = ServerProcess(tmp_path, "--workers", "2")
    try:
        async with Agent("sip:101@127.0.0.1", password="dev-101") as phone:
            call = await phone.invite(server.call_uri("202"))
            await anext(call.frames())
            workers = [Path(f"/proc/{pid}/status") for pid in server.ready["workers"]]
            ports = sorted(_udp_ports(server.ready["workers"]))
            assert ports
            server.process.kill()
            await asyncio.to_thread(until, lambda: not any(map(_lives, workers)))
            for port in ports:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind((LOOPBACK, port))
    finally:
        server.stop()


def _lives(status: Path) -> bool:
    """Whether a process is there, and more than a line in the table that nobody has read."""
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


def _udp_ports(pids: list[int]) -> set[int]:
    """The UDP ports that processes have open (Linux)."""
    links = [os.readlink(each) for pid in pids for each in Path(f"/proc/{pid}/fd").iterdir()]
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {int(line[1].partition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in links}
