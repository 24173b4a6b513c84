"""A server is killed in the middle of a recorded conference: what the next start knows of it."""

import io
import sys
from pathlib import Path

import soundfile

from softphone.config import DEV_PATH
from softphone.store.archive import Archive
from softphone.store.database import Database, url_of
from tests.support.processes import Program, ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import conferences, parties, until
from tests.support.tones import RATE_HZ, tones_in

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
