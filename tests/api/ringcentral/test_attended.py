"""Calls that ring and that the server takes for whoever is called: a message is left, or a text is said."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from softphone import Agent
from softphone.focus.session import TelephonySession
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.ringcentral.test_telephony import SESSIONS, code
from tests.focus.phone import Phone, bridge
from tests.focus.table import until
from tests.focus.test_speech import SPEAKER
from tests.focus.test_two_party import answer, calls_of, reachable, ring
from tests.support.tones import sine

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = "/api/v1/recordings"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was made speech."""
    return tmp_path_factory.mktemp("speech") / "log"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, log: Path) -> AsyncIterator[Server]:
    """A server that speaks."""
    command = (sys.executable, "-c", SPEAKER, str(log), "{language}", "{voice}")
    async with bridge(tmp_path_factory.mktemp("data"), speech={"command": command}) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def ben(shared: Server) -> AsyncIterator[httpx.AsyncClient]:
    """102, who is called."""
    async with logged_in(shared, "102") as client:
        yield client


async def rings(server: Server) -> tuple[TelephonySession, str]:
    """Wait until a call rings; its session, and the path of who is called."""
    await until(lambda: any(len(each.parties) == 2 for each in calls_of(server)))
    ((session, room),) = [(room.session, room) for room in server.focus.calls.values()]
    party = list(session.parties)[1]
    await until(lambda: bool(room.ringing.of(party)))
    return session, f"{SESSIONS}/{session.id}/parties/{party}"


def agent(server: Server, number: str) -> Agent:
    uri = f"sip:{number}@127.0.0.1:{server.stack.port}"
    return Agent(uri, password=f"dev-{number}", registrar=f"sip:127.0.0.1:{server.stack.port}")


async def test_a_message_is_left_for_whoever_is_called_and_nobody_else(shared: Server, ben: httpx.AsyncClient) -> None:
    async with agent(shared, "103") as cid, Phone(shared, "102") as bob:
        await reachable(bob, ring)
        calling = asyncio.create_task(cid.invite(f"sip:102@127.0.0.1:{shared.stack.port}"))
        session, party = await rings(shared)
        sent = await ben.post(f"{party}/forward", json={"voicemail": "100102"})
        assert sent.status_code == 200 and await bob.hung_up() == "cancelled"
        call = await calling
        await until(lambda: any(each.running for each in shared.recordings.entries))
        await call.write(sine(440, 1.5))
        await call.send_keys("#")
        assert await call.wait_ended() == "bye"
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)
    (found,) = (await ben.get(LIST)).json()["recordings"]
    assert (found["mailbox"], found["conference"]) == ("100102", session.id) and found["seconds"] > 1.0
    assert [each["number"] for each in found["parties"]] == ["103"]
    sound = await ben.get(f"{LIST}/{found['id']}/files/{found['mix']}")
    assert (sound.status_code, sound.content[:4]) == (200, b"RIFF")
    async with logged_in(shared, "103") as other:
        assert (await other.get(LIST)).json()["recordings"] == []
        assert (await other.get(f"{LIST}/{found['id']}")).status_code == 404


async def test_who_hangs_up_and_has_said_nothing_leaves_nothing_behind(shared: Server, ben: httpx.AsyncClient) -> None:
    known = {each.id for each in shared.recordings.entries}
    async with Phone(shared, "103") as cid, Phone(shared, "102") as bob:
        await reachable(bob, ring)
        calling = asyncio.create_task(cid.call("102"))
        _, party = await rings(shared)
        assert (await ben.post(f"{party}/forward", json={"voicemail": "102"})).status_code == 200
        call = await calling
        await until(lambda: any(each.running for each in shared.recordings.entries))
        await call.bye()
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)
    await until(lambda: {each.id for each in shared.recordings.entries} == known)


async def test_an_answered_call_is_handed_to_voicemail_and_the_caller_has_no_say_in_the_recording(
    shared: Server, ben: httpx.AsyncClient
) -> None:
    async with agent(shared, "103") as cid, Phone(shared, "102") as bob, logged_in(shared, "103") as caller:
        await reachable(bob, answer)
        call = await cid.invite(f"sip:102@127.0.0.1:{shared.stack.port}")
        (session,) = calls_of(shared)
        own, other = list(session.parties)
        path = f"{SESSIONS}/{session.id}/parties"
        handed = await ben.post(f"{path}/{other}/transfer", json={"voicemail": "102"})
        assert (handed.status_code, handed.json()["id"]) == (200, own) and await bob.hung_up() == "bye"
        await until(lambda: any(each.running for each in shared.recordings.entries))
        (running,) = [each for each in shared.recordings.entries if each.running]
        assert code(await caller.post(f"{path}/{own}/recordings")) == (409, "TAS-106")
        pause = caller.patch(f"{path}/{own}/recordings/{running.id}", json={"active": False})
        assert code(await pause) == (409, "TAS-106")
        await call.write(sine(440, 1.5))
        await call.send_keys("#")
        assert await call.wait_ended() == "bye"
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)
    found = (await ben.get(f"{LIST}/{running.id}")).json()
    assert found["mailbox"] == "100102" and found["seconds"] > 1.0


async def test_a_call_that_a_program_places_goes_to_voicemail(shared: Server, ben: httpx.AsyncClient) -> None:
    async with Phone(shared, "103") as cid, Phone(shared, "102") as bob, logged_in(shared, "103") as caller:
        calls = await reachable(cid, answer)
        await reachable(bob, ring)
        wish = {"to": {"extensionNumber": "102"}}
        made = await caller.post("/restapi/v1.0/account/~/telephony/call-out", json=wish)
        assert made.is_success
        _, party = await rings(shared)
        assert (await ben.post(f"{party}/forward", json={"voicemail": "102"})).status_code == 200
        assert await bob.hung_up() == "cancelled"
        await until(lambda: any(each.running for each in shared.recordings.entries))
        await (await calls.get()).bye()
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)


HOURS = {"pattern": "WillCallYouBack", "time": 2, "timeUnit": "Hour"}


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"replyWithText": "In a minute"}, "In a minute"),
        ({"replyWithPattern": HOURS}, "I will call you back in 2 hours."),
    ],
)
async def test_a_caller_is_told_a_text_and_the_call_is_over(
    shared: Server, ben: httpx.AsyncClient, log: Path, wish: dict[str, Any], said: str
) -> None:
    wrongs: list[dict[str, Any]] = [{}, {"replyWithText": " "}, {"replyWithPattern": {"pattern": "Shout"}}]
    async with Phone(shared, "103") as cid, Phone(shared, "102") as bob:
        await reachable(bob, ring)
        calling = asyncio.create_task(cid.call("102"))
        _, party = await rings(shared)
        for wrong in wrongs:
            assert code(await ben.post(f"{party}/reply", json=wrong)) == (400, "CMN-101")
        told = await ben.post(f"{party}/reply", json=wish)
        assert (told.status_code, told.json()["id"]) == (200, party.rpartition("/")[2])
        assert await bob.hung_up() == "cancelled"
        await calling
        assert await cid.hung_up() == "bye"
        await until(lambda: not calls_of(shared) and shared.focus.parties == 0)
        assert code(await ben.post(f"{party}/reply", json=wish)) == (404, "CMN-102")
    assert said in log.read_text()
