"""Calls of two extensions over HTTP: seen by the two and by administrators, told as events, ended by any of them."""

import asyncio

import httpx
import pytest

from softphone.errors import CallRefused
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.events.test_events import watching
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, reachable, ring

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/calls"


async def test_a_call_is_seen_told_and_ended(shared: Server, ada: httpx.AsyncClient) -> None:
    async with (
        logged_in(shared, "102") as ben,
        logged_in(shared, "103") as cai,
        logged_in(shared, "104") as dot,
        watching(cai) as stream,
        Phone(shared, "102") as caller,
        Phone(shared, "103") as callee,
    ):
        await reachable(callee, answer)
        assert (await ada.get(PATH)).json() == {"calls": []}
        call = await caller.call("103")
        started, answered = await stream.until("call.started"), await stream.until("call.answered")
        assert started["data"] == answered["data"] == {"caller": "102", "callee": "103"}
        (seen,) = (await ben.get(PATH)).json()["calls"]
        assert (seen["state"], seen["caller"]["number"], seen["callee"]["name"]) == ("answered", "102", "Cai User")
        assert [(await each.get(f"{PATH}/{seen['id']}")).status_code for each in (ada, cai, dot)] == [200, 200, 404]
        assert (await dot.get(PATH)).json() == {"calls": []}
        assert (await dot.delete(f"{PATH}/{seen['id']}")).status_code == 404
        assert (await cai.delete(f"{PATH}/{seen['id']}")).status_code == 204
        assert [await caller.hung_up(), await callee.hung_up()] == ["bye", "bye"]
        ended = await stream.until("call.ended")
        assert (ended["session"], ended["data"]["reason"]) == (seen["id"], "requested")
        assert (await cai.delete(f"{PATH}/{seen['id']}")).status_code == 404
        assert call.dialog.call_id


async def test_a_call_that_rings_is_ended_too(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "102") as caller, Phone(shared, "103") as callee, watching(ada) as stream:
        incoming = await reachable(callee, ring)
        calling = asyncio.create_task(caller.call("103"))
        await incoming.get()
        (seen,) = (await ada.get(PATH)).json()["calls"]
        assert seen["state"] == "ringing"
        assert (await ada.delete(f"{PATH}/{seen['id']}")).status_code == 204
        assert await callee.hung_up() == "cancelled"
        with pytest.raises(CallRefused):
            await calling
        assert (await stream.until("call.ended"))["session"] == seen["id"]
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize(("wish", "status"), [({}, 603), ({"as": "no answer"}, 480), ({"to": "104"}, 480)])
async def test_who_is_called_turns_it_away(
    shared: Server, ada: httpx.AsyncClient, wish: dict[str, str], status: int
) -> None:
    async with Phone(shared, "102") as caller, Phone(shared, "103") as callee, logged_in(shared, "103") as cai:
        incoming = await reachable(callee, ring)
        calling = asyncio.create_task(caller.call("103"))
        await incoming.get()
        (seen,) = (await cai.get(PATH)).json()["calls"]
        party = f"{PATH}/{seen['id']}/parties/p-{seen['id'][2:]}-2"
        assert (await ada.post(f"{party}/turn-away", json=wish)).status_code == 403
        assert (await cai.post(f"{party[:-1]}9/turn-away", json=wish)).status_code == 404
        assert (await cai.post(f"{party}/turn-away", json={"as": "busy"})).status_code == 400
        assert (await cai.post(f"{party}/answer", json={"browser": True})).status_code == 409
        assert (await cai.post(f"{party}/turn-away", json=wish)).status_code == 204
        with pytest.raises(CallRefused) as refused:
            await calling
        assert refused.value.status == status and await callee.hung_up() == "cancelled"
        await until(lambda: shared.focus.parties == 0)


async def test_a_conference_is_no_call(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = (await ada.post("/api/v1/conferences")).json()["id"]
    assert (await ada.get(f"{PATH}/{conference}")).status_code == 404
    assert (await ada.delete(f"{PATH}/{conference}")).status_code == 404
    await ada.delete(f"/api/v1/conferences/{conference}")


async def test_what_is_done_to_parties_of_conferences_is_done_to_those_of_calls(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    async with (
        logged_in(shared, "102") as ben,
        logged_in(shared, "103") as cai,
        Phone(shared, "102") as caller,
        Phone(shared, "103") as callee,
    ):
        await reachable(callee, answer)
        call = await caller.call("103")
        (seen,) = (await ben.get(PATH)).json()["calls"]
        here = f"{PATH}/{seen['id']}"
        first, second = (await cai.get(f"{here}/parties")).json()["parties"]
        assert (first["number"], second["number"], second["name"]) == ("102", "103", "Cai User")
        own = await cai.patch(f"{here}/parties/{second['id']}", json={"muted": True})
        assert (own.status_code, own.json()["muted"]) == (200, True)
        assert (await cai.patch(f"{here}/parties/{first['id']}", json={"muted": True})).status_code == 403
        held = await ben.patch(f"{here}/parties/{second['id']}", json={"held": True, "volume_in_db": 3})
        assert (held.json()["stage"], held.json()["volume_in_db"]) == ("held", 3.0)
        assert (await ben.patch(f"{here}/parties/{second['id']}", json={"role": "host"})).status_code == 409
        assert (await ben.post(f"{here}/recording")).json()["active"]
        assert not (await ben.delete(f"{here}/recording")).json()["active"]
        assert (await ada.get(f"/api/v1/conferences/{seen['id']}/parties")).status_code == 404
        assert (await ben.delete(f"{here}/parties/{second['id']}")).status_code == 204
        assert [await caller.hung_up(), await callee.hung_up()] == ["bye", "bye"]
        assert call.dialog.call_id


async def test_parties_of_a_conference_are_not_below_calls(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = (await ada.post("/api/v1/conferences")).json()["id"]
    assert (await ada.get(f"{PATH}/{conference}/parties")).status_code == 404
    assert (await ada.post(f"{PATH}/{conference}/recording")).status_code == 404
    await ada.delete(f"/api/v1/conferences/{conference}")


async def test_calls_are_handed_over_parked_and_picked_up(shared: Server, ada: httpx.AsyncClient) -> None:
    async with (
        logged_in(shared, "102") as ben,
        logged_in(shared, "104") as dot,
        Phone(shared, "102") as caller,
        Phone(shared, "103") as callee,
        Phone(shared, "104") as third,
    ):
        await reachable(callee, answer)
        thirds = await reachable(third, answer)
        await caller.call("103")
        (room,) = shared.focus.calls.values()
        await until(lambda: room.answered)
        session = room.session.id
        own, other = list(room.session.parties)
        wrong = [
            (ben, f"{own}/transfer", {}, 400),
            (ben, f"{own}/transfer", {"to": "104", "call": session}, 400),
            (ben, f"{own}/transfer", {"to": "105"}, 409),
            (ben, f"{own}/transfer", {"call": session}, 409),
            (ben, f"{own}/transfer", {"call": "s-0"}, 404),
            (ben, "p-0/transfer", {"to": "104"}, 404),
            (dot, f"{own}/park", {}, 404),
        ]
        answered = [await client.post(f"{PATH}/{session}/parties/{path}", json=body) for client, path, body, _ in wrong]
        assert [each.status_code for each in answered] == [status for *_, status in wrong]
        assert (await dot.post(f"{PATH}/{session}/pickup", json={})).status_code == 404
        parked = await ben.post(f"{PATH}/{session}/parties/{own}/park")
        assert parked.json()["state"] == "parked" and await caller.hung_up() == "bye"
        assert [each["id"] for each in (await dot.get(PATH)).json()["calls"]] == [session]
        picked = (await dot.post(f"{PATH}/{session}/pickup", json={})).json()
        assert (picked["state"], picked["caller"]["number"]) == ("answered", "104")
        assert thirds.get_nowait().state.name in ("ANSWERED", "CONFIRMED")
        assert (await dot.post(f"{PATH}/{session}/pickup", json={})).status_code == 409
        await reachable(caller, answer)
        moved = await ada.post(f"{PATH}/{session}/parties/{other}/transfer", json={"to": "102"})
        assert sorted(moved.json()[end]["number"] for end in ("caller", "callee")) == ["102", "104"]
        assert await callee.hung_up() == "bye"
        assert (await ada.delete(f"{PATH}/{session}")).status_code == 204
        await until(lambda: shared.focus.parties == 0)


async def test_who_may_pick_a_parked_call_up_does_not_end_it(shared: Server) -> None:
    async with (
        logged_in(shared, "102") as ben,
        logged_in(shared, "104") as dot,
        Phone(shared, "102") as caller,
        Phone(shared, "103") as callee,
    ):
        await reachable(callee, answer)
        await caller.call("103")
        (room,) = shared.focus.calls.values()
        await until(lambda: room.answered)
        here = f"{PATH}/{room.session.id}"
        assert (await ben.post(f"{here}/parties/{next(iter(room.session.parties))}/park")).status_code == 200
        assert [(await dot.get(here)).status_code, (await dot.delete(here)).status_code] == [200, 404]
        assert room.parked is not None
        assert (await ben.delete(here)).status_code == 204
        await until(lambda: shared.focus.parties == 0)
