"""Hidden listeners over real calls: administrators see them, nobody and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from softphone.server import Server
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.api.conftest import logged_in
from tests.api.control.test_control import V1, made, roster
from tests.focus.phone import Phone, bridge
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_to_them(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    conference = {"hidden_listeners": True}
    async with bridge(tmp_path_factory.mktemp("hidden"), conference=conference) as server:
        yield server


async def listening(server: Server, ada: httpx.AsyncClient, phone: Phone, conference: str) -> str:
    """Call 104 in as a hidden listener; the id of its party."""

    async def answer(call: InviteSession) -> None:
        call.on_ended = phone.ended.put_nowait
        await call.answer(offer())

    phone.behaviour = answer
    await phone.register()
    dialled = await ada.post(f"{V1}/{conference}/dials", json={"number": "104", "hidden": True})
    assert dialled.status_code == 202, dialled.text
    session = server.control.conference(conference)
    await until(lambda: bool(session.hidden))
    (party,) = session.hidden
    return party


async def test_administrators_see_it_and_nobody_else(open_to_them: Server) -> None:
    server = open_to_them
    async with (
        logged_in(server, "101") as ada,
        logged_in(server, "102") as ben,
        Phone(server, "102") as host,
        Phone(server, "104") as spy,
    ):
        conference = await made(ben)
        await host.call(conference["token"])
        party = await listening(server, ada, spy, conference["id"])
        path = f"{V1}/{conference['id']}"
        assert [(each["number"], each["hidden"], each["role"]) for each in await roster(ada, conference["id"])] == [
            ("102", False, "host"),
            ("104", True, "listener"),
        ]
        assert [each["number"] for each in await roster(ben, conference["id"])] == ["102"]
        assert (await ben.get(f"{path}/parties/{party}")).status_code == 404
        assert (await ben.delete(f"{path}/parties/{party}")).status_code == 404
        assert (await ben.get(f"{path}/dials")).json() == {"dials": []}
        assert len((await ada.get(f"{path}/dials")).json()["dials"]) == 1
        assert [(await each.get(path)).json()["parties"] for each in (ada, ben)] == [1, 1]
        telephony = (await ben.get(f"/restapi/v1.0/account/~/telephony/sessions/{conference['id']}")).text
        assert party not in telephony and host.number in telephony
        assert (await ada.get(f"{path}/parties/{party}")).json()["hidden"] is True
        assert (await ada.delete(f"{path}/parties/{party}")).status_code == 204
        assert await spy.hung_up() == "bye"
        told = await events(server)
        assert {event.type.value for event in told if event.party == party and not event.hidden} == set()
        assert "party.joined" in {event.type.value for event in told if event.party == party}
        assert [event.id for event in await events(server, hidden=False)] == [e.id for e in told if not e.hidden]
        history = await ada.get(f"/api/v1/history/conferences/{conference['id']}/participations")
        assert party not in history.text


async def events(server: Server, *, hidden: bool = True) -> list[Any]:
    feed = server.focus.feed
    given, following = [], feed.subscribe(0, hidden=hidden)
    last = max((event for event in feed._events if hidden or not feed._events[event].hidden), default=0)
    while following.last_id < last:
        given.append(await asyncio.wait_for(anext(following), 30.0))
    return given


async def test_it_leaves_with_the_last(open_to_them: Server) -> None:
    server = open_to_them
    async with logged_in(server, "101") as ada, Phone(server, "102") as ben, Phone(server, "104") as spy:
        conference = await made(ada)
        call = await ben.call(conference["token"])
        await listening(server, ada, spy, conference["id"])
        await call.bye()
        assert await spy.hung_up() == "bye"
        alone = await ada.post(f"{V1}/{conference['id']}/dials", json={"number": "104", "hidden": True})
        assert alone.status_code == 409


async def test_who_may_have_one(open_to_them: Server, shared: Server, ada: httpx.AsyncClient) -> None:
    wish = {"number": "104", "hidden": True}
    async with logged_in(open_to_them, "102") as ben, Phone(open_to_them, "102") as phone:
        conference = await made(ben)
        await phone.call(conference["token"])
        assert (await ben.post(f"{V1}/{conference['id']}/dials", json=wish)).status_code == 403
    async with Phone(shared, "101") as phone:
        conference = await made(ada)
        await phone.call(conference["token"])
        asked = await ada.post(f"{V1}/{conference['id']}/dials", json=wish)
        assert (asked.status_code, "hidden_listeners" in asked.json()["message"]) == (403, True)
