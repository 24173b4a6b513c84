"""Commands for many parties at once, and labels: over real HTTP, with real calls."""

from typing import Any

import httpx
import pytest

from softphone.focus.feed import EventType, FeedEvent
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.control.test_control import V1, made, roster
from tests.focus.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")


def told(server: Server, session: str, type: EventType) -> list[FeedEvent]:
    events, last = [], 0
    while (event := server.focus.feed.after(last)) is not None:
        events.append(event)
        last = event.id
    return [event for event in events if event.session == session and event.type is type]


async def test_the_others_are_muted_and_the_last_is_sent_away(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}/parties"
    async with Phone(shared, "101") as host, Phone(shared, "102") as first, Phone(shared) as second:
        for phone in (host, first, second):
            await phone.call(conference["token"])
        ada_, ben, guest = [party["id"] for party in await roster(ada, conference["id"])]
        change = {"muted": True, "level_voice": True, "labels": {"table": "1"}}
        muted = await ada.patch(path, params={"select": "others"}, json=change)
        assert muted.json() == {"parties": [ben, guest], "refused": []}, muted.text
        assert [party["muted"] for party in await roster(ada, conference["id"])] == [False, True, True]
        assert [party["level_voice"] for party in await roster(ada, conference["id"])] == [False, True, True]
        assert [party["labels"] for party in await roster(ada, conference["id"])] == [{}, *[{"table": "1"}] * 2]
        by = await ada.patch(path, params={"select": "others", "by": guest}, json={"deaf": True})
        assert by.json() == {"parties": [ben], "refused": []}
        asked = await ada.patch(path, params={"select": "host"}, json={"role": "listener"})
        assert asked.json() == {"parties": [ada_], "refused": []}
        on = await ada.patch(path, params={"select": "all"}, json={"muted": False})
        assert on.json() == {"parties": [ben, guest], "refused": [ada_]}
        gone = await ada.delete(path, params={"select": "last"})
        assert gone.json() == {"parties": [guest], "refused": []}
        assert await second.hung_up() == "bye"
        assert (await ada.delete(path, params={"select": "all"})).json()["parties"] == [ada_, ben]
        assert await roster(ada, conference["id"]) == []
    changed = told(shared, conference["id"], EventType.PARTY_CHANGED)
    assert [event.data["labels"] for event in changed if "labels" in event.data] == [{"table": "1"}] * 2


async def test_all_in_the_lobby_are_admitted(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada, rules={"lobby": True})
    path = f"{V1}/{conference['id']}/parties"
    async with Phone(shared, "102") as first, Phone(shared, "103") as second, Phone(shared) as third:
        for phone in (first, second, third):
            await phone.call(conference["token"])
        ben, cleo, guest = [party["id"] for party in await roster(ada, conference["id"])]
        assert (await ada.post(f"{path}/reject", params={"select": "last"})).json()["parties"] == [guest]
        assert (await ada.post(f"{path}/admit", params={"select": "all"})).json()["parties"] == [ben, cleo]
        assert (await ada.post(f"{path}/admit", params={"select": "all"})).json()["parties"] == []
        assert [party["stage"] for party in await roster(ada, conference["id"])] == ["joined"] * 2
    await ada.delete(f"{V1}/{conference['id']}")


@pytest.mark.parametrize(
    ("select", "body"),
    [
        (None, {"muted": True}),
        ("nobody", {"muted": True}),
        ("all", {}),
        ("all", {"muted": None}),
        ("all", {"whispers_to": []}),
        ("all", {"labels": {"Table": "1"}}),
        ("all", {"labels": {"": "1"}}),
        ("all", {"labels": {"table": "x" * 129}}),
        ("all", {"labels": {"table": "a\u202eb"}}),
        ("all", {"labels": {"table": 1}}),
        ("all", {"labels": {f"n{number}": "" for number in range(17)}}),
    ],
)
async def test_wrong_requests_for_many(ada: httpx.AsyncClient, select: str | None, body: dict[str, Any]) -> None:
    path = f"{V1}/{(await made(ada))['id']}/parties"
    answer = await ada.patch(path, params={"select": select} if select else {}, json=body)
    assert answer.status_code == 400, answer.text


async def test_many_are_for_who_decides(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}/parties"
    async with Phone(shared, "101") as host, Phone(shared, "103") as phone:
        await host.call(conference["token"])
        await phone.call(conference["token"])
        async with logged_in(shared, "103") as cleo:
            mine = (await roster(cleo, conference["id"]))[1]["id"]
            assert (await cleo.delete(path, params={"select": "all"})).status_code == 403
            assert (await cleo.patch(f"{path}/{mine}", json={"labels": {"a": "b"}})).status_code == 403
        nobody = await ada.patch(path, params={"select": "all", "by": "p-nobody"}, json={"deaf": True})
        assert (nobody.status_code, nobody.json()["parameterName"]) == (404, "by")


async def test_labels_of_one_party(shared: Server, ada: httpx.AsyncClient) -> None:
    conference, elsewhere = await made(ada), await made(ada)
    path = f"{V1}/{conference['id']}/parties"
    async with Phone(shared) as guest:
        await guest.call(conference["token"])
        (party,) = [each["id"] for each in await roster(ada, conference["id"])]
        assert (await ada.patch(f"{path}/{party}", json={"labels": {"team": " sales  desk "}})).json()["labels"] == {
            "team": "sales desk"
        }
        more = {f"n{number}": "" for number in range(16)}
        full = await ada.patch(f"{path}/{party}", json={"labels": more})
        assert (full.status_code, "16 labels" in full.json()["message"]) == (409, True)
        taken = await ada.patch(f"{path}/{party}", json={"labels": {"team": None, "x": "1"}})
        assert taken.json()["labels"] == {"x": "1"}
        moved = await ada.post(f"{path}/{party}/move", json={"to": elsewhere["id"]})
        assert moved.json()["labels"] == {"x": "1"}
