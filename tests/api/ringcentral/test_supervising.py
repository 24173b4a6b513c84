"""Administrators supervise sessions over REST: which telephone rings, who may, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.ringcentral.test_telephony import SESSIONS, code
from tests.focus.phone import Phone, bridge
from tests.focus.table import until
from tests.focus.test_two_party import answer, calls_of, reachable

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server where administrators may listen unnoticed."""
    async with bridge(tmp_path_factory.mktemp("data"), conference={"hidden_listeners": True}) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("", None),
        ("", {"mode": "Listen", "supervisorDeviceId": "1100101"}),
        ("", {"mode": "Whisper", "agentExtensionNumber": "103"}),
        ("/parties/{}-2", {"mode": "Whisper", "deviceId": "1100101"}),
        ("/parties/{}-1", {"mode": "Barge"}),
    ],
)
async def test_a_call_is_supervised(shared: Server, ada: httpx.AsyncClient, path: str, wish: dict[str, str]) -> None:
    async with Phone(shared, "101") as boss, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        rung = await reachable(boss, answer)
        await reachable(cid, answer)
        call = await bob.call("103")
        (session,) = calls_of(shared)
        before = (await ada.get(f"{SESSIONS}/{session.id}")).json()
        whole = f"{SESSIONS}/{session.id}{path.format('p-' + session.id[2:])}/supervise"
        supervised = await ada.post(whole, json=wish)
        assert supervised.status_code == 201, supervised.text
        party = supervised.json()
        assert (party["direction"], party["status"]["code"], party["owner"]["extensionId"]) == (
            "Inbound",
            "Answered",
            "100101",
        )
        assert rung.get_nowait().invite.from_.uri.user == "102"
        # Who is in the session learns nothing of it.
        assert (await ada.get(f"{SESSIONS}/{session.id}")).json() == before
        await call.bye()
        assert await boss.hung_up() == await cid.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)


async def test_what_is_not_supervised(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "102") as bob, Phone(shared, "103") as cid, logged_in(shared, "102") as ben:
        await reachable(cid, answer)
        call = await bob.call("103")
        (session,) = calls_of(shared)
        path = f"{SESSIONS}/{session.id}"
        wrong: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
            (path, {"mode": "Shout"}, (400, "CMN-101")),
            (path, {"mode": "Whisper"}, (400, "CMN-101")),
            (path, {"mode": "Whisper", "agentExtensionNumber": "104"}, (404, "CMN-102")),
            (path, {"supervisorDeviceId": "1100102"}, (404, "CMN-102")),
            (f"{path}/parties/p-0", {}, (404, "CMN-102")),
            (f"{SESSIONS}/s-0", {}, (404, "CMN-102")),
        ]
        for where, wish, expected in wrong:
            assert code(await ada.post(f"{where}/supervise", json=wish)) == expected, wish
        assert code(await ben.post(f"{path}/supervise", json={})) == (403, "CMN-402")
        assert shared.focus.parties == 2
        await call.bye()
        await until(lambda: shared.focus.parties == 0)


async def test_a_supervisor_that_does_not_answer_is_told_so(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "101") as boss, Phone(shared, "102") as bob, Phone(shared, "103") as cid:

        async def ring(call: Any) -> None:
            await call.ring()

        rung = await reachable(boss, ring)
        await reachable(cid, answer)
        call = await bob.call("103")
        (session,) = calls_of(shared)
        asking = asyncio.create_task(ada.post(f"{SESSIONS}/{session.id}/supervise"))
        (await asyncio.wait_for(rung.get(), 30)).reject(486)
        assert code(await asking) == (409, "TAS-106")
        await call.bye()
        await until(lambda: shared.focus.parties == 0)
