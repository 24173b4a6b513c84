"""Breakout groups over HTTP: opened, shown, ended; who may send whom where."""

from typing import Any

import httpx
import pytest

from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.control.test_control import V1, made, roster
from tests.focus.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")


def numbers(view: dict[str, Any]) -> list[tuple[int, str, list[str]]]:
    return [(group["number"], group["name"], group["parties"]) for group in view["groups"]]


async def test_groups_from_beginning_to_end(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}"
    async with Phone(shared, "101") as host, Phone(shared, "102") as first, Phone(shared) as second:
        for phone in (host, first, second):
            await phone.call(conference["token"])
        ada_, ben, guest = [party["id"] for party in await roster(ada, conference["id"])]
        assert (await ada.get(f"{path}/groups")).status_code == 404
        opened = await ada.post(f"{path}/groups", json={"count": 2, "ends_in_s": 600})
        assert opened.status_code == 201, opened.text
        view = opened.json()
        assert numbers(view) == [(1, "", [ben]), (2, "", [guest])]
        assert 590 < view.pop("ends_in_s") <= 600 and view["may_return"] is True
        assert [party["group"] for party in await roster(ada, conference["id"])] == [0, 1, 2]
        assert (await ada.post(f"{path}/groups", json={"count": 2})).status_code == 409
        visited = await ada.patch(f"{path}/parties/{ada_}", json={"group": 2})
        assert visited.json()["group"] == 2
        assert (await ada.patch(f"{path}/parties/{ada_}", json={"group": 3})).status_code == 409
        assert (await ada.post(f"{path}/playbacks", json={"sounds": ["conf-muted"], "group": 3})).status_code == 409
        assert (await ada.post(f"{path}/playbacks", json={"sounds": ["conf-muted"], "group": 2})).status_code == 201
        many = await ada.patch(f"{path}/parties", params={"select": "all"}, json={"group": 1})
        assert many.json() == {"parties": [ada_, ben, guest], "refused": []}
        assert (await ada.patch(f"{path}/groups", json={"ends_in_s": 30})).status_code == 204
        assert (await ada.get(f"{path}/groups")).json()["ends_in_s"] <= 30
        assert (await ada.delete(f"{path}/groups")).status_code == 204
        assert (await ada.delete(f"{path}/groups")).status_code == 409
        assert [party["group"] for party in await roster(ada, conference["id"])] == [0, 0, 0]
        named = {"groups": [{"name": "red", "parties": [guest]}, {"name": "blue"}], "may_return": False}
        assert numbers((await ada.post(f"{path}/groups", json=named)).json()) == [(1, "red", [guest]), (2, "blue", [])]
    await ada.delete(path)


async def test_a_party_returns_by_itself_and_goes_nowhere_else(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}"
    async with Phone(shared, "101") as host, Phone(shared, "102") as first, logged_in(shared, "102") as ben:
        for phone in (host, first):
            await phone.call(conference["token"])
        _, own = [party["id"] for party in await roster(ada, conference["id"])]
        assert (await ben.post(f"{path}/groups", json={"count": 2})).status_code == 403
        await ada.post(f"{path}/groups", json={"count": 2})
        assert (await ben.get(f"{path}/groups")).json()["groups"][0]["parties"] == [own]
        assert (await ben.patch(f"{path}/parties/{own}", json={"group": 2})).status_code == 403
        assert (await ben.patch(f"{path}/parties/{own}", json={"group": 0})).json()["group"] == 0
        assert (await ben.delete(f"{path}/groups")).status_code == 403
    await ada.delete(path)


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"count": 0},
        {"count": 51},
        {"count": 2, "groups": [{}]},
        {"groups": []},
        {"count": 2, "ends_in_s": -1},
        {"groups": [{"parties": ["p-1"]}, {"parties": ["p-1"]}]},
    ],
)
async def test_a_wish_that_makes_no_sense(ada: httpx.AsyncClient, wish: dict[str, Any]) -> None:
    conference = await made(ada)
    assert (await ada.post(f"{V1}/{conference['id']}/groups", json=wish)).status_code == 400
    unknown = await ada.post(f"{V1}/{conference['id']}/groups", json={"groups": [{"parties": ["p-1"]}]})
    assert (unknown.status_code, unknown.json()["errors"][0]["parameterName"]) == (404, "parties")
    await ada.delete(f"{V1}/{conference['id']}")
