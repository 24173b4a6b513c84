"""Who may come in by itself: the list of a conference, and hosts that pass lock and limit; with real calls."""

from typing import Any

import httpx
import pytest

from softphone.errors import CallRefused
from softphone.server import Server
from tests.api.control.test_control import V1, made, roster
from tests.focus.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refused(phone: Phone, token: str) -> int:
    with pytest.raises(CallRefused) as refusal:
        await phone.call(token)
    return refusal.value.status


async def test_only_who_is_listed_comes_in(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}"
    assert (await ada.get(f"{path}/allowed")).status_code == 404
    assert conference["restricted"] is False
    listed = await ada.put(f"{path}/allowed", json={"numbers": ["102", "guest"]})
    assert listed.json() == {"numbers": ["102", "guest"]} == (await ada.get(f"{path}/allowed")).json()
    assert (await ada.get(path)).json()["restricted"] is True
    async with (
        Phone(shared, "101") as host,
        Phone(shared, "102") as ben,
        Phone(shared, "103") as cleo,
        Phone(shared) as guest,
        Phone(shared, "stranger") as stranger,
    ):
        assert await refused(cleo, conference["token"]) == 403
        assert await refused(stranger, conference["token"]) == 403
        for phone in (host, ben, guest):
            await phone.call(conference["token"])
        assert [party["number"] for party in await roster(ada, conference["id"])] == ["101", "102", "guest"]
        assert (await ada.delete(f"{path}/allowed")).status_code == 204
        await cleo.call(conference["token"])
        assert (await ada.get(f"{path}/allowed")).status_code == 404


async def test_a_stranger_that_calls_itself_by_a_listed_extension_stays_out(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    conference = await made(ada)
    await ada.put(f"{V1}/{conference['id']}/allowed", json={"numbers": ["102"]})
    async with Phone(shared, "102x") as stranger:
        stranger.number = "102"
        assert await refused(stranger, conference["token"]) in (401, 403, 407)
    assert await roster(ada, conference["id"]) == []


@pytest.mark.parametrize(
    "body", [{}, {"numbers": "102"}, {"numbers": [""]}, {"numbers": ["a\u202e"]}, {"numbers": [1]}]
)
async def test_wrong_lists(ada: httpx.AsyncClient, body: dict[str, Any]) -> None:
    path = f"{V1}/{(await made(ada))['id']}/allowed"
    assert (await ada.put(path, json=body)).status_code == 400


async def test_a_host_comes_into_a_locked_and_full_room(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada, max_members=1, rules={"hosts_pass_limit": True})
    path = f"{V1}/{conference['id']}"
    async with Phone(shared, "102") as ben, Phone(shared, "101") as host:
        await ben.call(conference["token"])
        await ada.patch(path, json={"locked": True})
        assert await refused(host, conference["token"]) == 403
        await ada.patch(path, json={"rules": {"hosts_pass_lock": True}})
        await host.call(conference["token"])
        assert sorted(party["role"] for party in await roster(ada, conference["id"])) == ["host", "participant"]
