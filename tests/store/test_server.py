"""The whole server over real SIP and RTP, while its database is away, and after it was killed."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from softphone import Agent, Call
from softphone.config import DEV_PATH
from softphone.store.archive import Archive
from softphone.store.database import Database, url_of
from softphone.store.values import ConferenceRecord
from tests.store.databases import Databases
from tests.support.processes import Program, ServerProcess
from tests.support.rest import Rest

T = TypeVar("T")

PATIENCE_S = 30.0


def start(database: Databases) -> ServerProcess:
    """`softphone serve` on the database and its data folder."""
    folder = database.data.parent
    config = folder / "server.toml"
    config.write_text(f'{DEV_PATH.read_text()}\n[store]\nurl = "{database.url}"\n')
    return ServerProcess(folder, "--config", str(config), "--workers", "1")


def archive(database: Databases) -> Archive:
    return Archive(Database(url_of(database.url, database.data)))


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Look again and again until what is seen is good."""
    async with asyncio.timeout(PATIENCE_S):
        while not good(seen := await look()):
            await asyncio.sleep(0.05)
        return seen


async def mute(call: Call, rest: Rest, session: str) -> None:
    """Press the keys, and wait until the roster says so."""
    before = sum(party["muted"] for party in rest.parties(session))
    await call.send_keys("*1")

    async def muted() -> int:
        return sum(party["muted"] for party in rest.parties(session))

    await until(muted, lambda count: count != before)


async def test_calls_go_on_while_the_database_is_away(database: Databases) -> None:
    with start(database) as server, Rest(server.http_url) as rest:
        past = archive(database)
        with database.away():
            session = rest.conference()
            uri = server.call_uri(session["voiceCallToken"])
            async with Agent("sip:101@127.0.0.1", password="dev-101") as ada, Agent("sip:guest@127.0.0.1") as guest:
                first = await ada.invite(uri)
                second = await guest.invite(uri)
                await mute(second, rest, session["id"])
                await mute(second, rest, session["id"])
                await second.hangup()
                await until(_roster(rest, session["id"]), lambda count: count == 1)
                assert rest.http.get("/healthz").json() == {"status": "ok"}
                await first.hangup()
            rest.end(session["id"])

        async def look() -> list[ConferenceRecord]:
            return list((await past.conferences()).items)

        (told,) = await until(look, lambda found: any(each.ended for each in found))
        parties = await past.participations(told.id)
        await past.database.stop()
    assert told.id == session["id"]
    assert {party.number for party in parties} == {"101", "guest"}
    (guest_was,) = [party for party in parties if party.number == "guest"]
    (interval,) = guest_was.mutes
    assert guest_was.left is not None
    assert interval.ended is not None
    assert guest_was.joined < interval.started < interval.ended <= guest_was.left


def _roster(rest: Rest, session: str) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return rest.connected(session)

    return count


def caller(folder: Path, uri: str, *options: str) -> Program:
    """A caller that stays, and that may be killed like a server: it does not wait for an answer to its BYE."""
    command = [sys.executable, "-m", "softphone", "call", uri, "--play", "tone:440", "--duration", "120", *options]
    return Program(command, folder)


async def test_history_says_what_happened_to_a_killed_server(database: Databases, tmp_path: Path) -> None:
    server = start(database)
    with Rest(server.http_url) as rest:
        session = rest.conference()
        uri = server.call_uri(session["voiceCallToken"])
        phones = [
            caller(tmp_path / "ada", uri, "--user", "101", "--password", "dev-101"),
            caller(tmp_path / "guest", uri, "--keys", "*1"),
        ]

        async def settled() -> tuple[int, int]:
            parties = rest.parties(session["id"])
            return len(parties), sum(party["muted"] for party in parties)

        await until(settled, lambda seen: seen == (2, 1))
        for program in (server, *phones):
            program.process.kill()
            program.stop()
    with start(database):
        past = archive(database)

        async def look() -> list[ConferenceRecord]:
            return list((await past.conferences()).items)

        # What the killed one had only in its journal comes into the database by and by.
        (told,) = await until(look, lambda found: any(each.ended for each in found))
        parties = await past.participations(told.id)
        await past.database.stop()
    assert told.reason == "restart"
    assert [party.number == "101" for party in parties].count(True) == 1
    assert [(party.reason, party.left) for party in parties] == [("restart", told.ended)] * 2
    assert [mute.ended for party in parties for mute in party.mutes] == [told.ended]


def test_a_database_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text(f'{DEV_PATH.read_text()}\n[store]\nurl = "postgresql://u:hush@127.0.0.1:9/x"\n')
    command = [sys.executable, "-m", "softphone", "serve", "--config", str(config), "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "127.0.0.1:9" in done.stderr.splitlines()[-1]
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr
