"""Passes over real calls: in once, by one of those who race for it; refused with what is the matter."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from softphone.errors import CallRefused
from softphone.focus.passes import PASS
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.control.test_control import V1, made, roster
from tests.focus.phone import Phone, bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def given_pass(ada: httpx.AsyncClient, conference: str, **wish: Any) -> dict[str, Any]:
    answer = await ada.post(f"{V1}/{conference}/passes", json=wish)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refusal(phone: Phone, number: str) -> tuple[int, str]:
    with pytest.raises(CallRefused) as refused:
        await phone.call(number)
    return refused.value.status, refused.value.reason


async def test_a_pass_lets_one_in_once_as_it_says(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    await ada.put(f"{V1}/{conference['id']}/allowed", json={"numbers": []})
    found = await given_pass(ada, conference["id"], role="host", name="Dora  Dean")
    assert PASS.fullmatch(found["number"]) and found["sip_uri"].startswith(f"sip:{found['number']}@")
    assert (found["state"], found["role"]) == ("valid", "host")
    async with Phone(shared) as guest, Phone(shared, "stranger") as other:
        await guest.call(found["number"])
        (party,) = await roster(ada, conference["id"])
        assert (party["name"], party["role"], party["number"]) == ("Dora Dean", "host", "guest")
        assert await refusal(other, found["number"]) == (410, "Pass Used")
        (listed,) = (await ada.get(f"{V1}/{conference['id']}/passes")).json()["passes"]
        assert (listed["state"], listed["id"]) == ("used", found["id"])


async def test_of_many_who_race_for_a_pass_one_comes_in(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    found = await given_pass(ada, conference["id"])
    phones = [Phone(shared, f"racer{number}") for number in range(5)]
    try:
        for phone in phones:
            await phone.__aenter__()
        calls = await asyncio.gather(*(phone.call(found["number"]) for phone in phones), return_exceptions=True)
        refused = [call for call in calls if isinstance(call, CallRefused)]
        assert {each.status for each in refused} == {410}
        assert len(refused) == 4
        assert len(await roster(ada, conference["id"])) == 1
    finally:
        for phone in phones:
            await phone.__aexit__()


async def test_who_is_not_let_in_has_not_used_it(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    found = await given_pass(ada, conference["id"])
    path = f"{V1}/{conference['id']}"
    async with Phone(shared) as guest:
        await ada.patch(path, json={"locked": True})
        assert (await refusal(guest, found["number"]))[0] == 403
        await ada.patch(path, json={"locked": False})
        await guest.call(found["number"])
        assert len(await roster(ada, conference["id"])) == 1


async def test_what_is_the_matter_with_it(
    shared: Server, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    conference, other = await made(ada), await made(ada)
    path = f"{V1}/{conference['id']}/passes"
    revoked = await given_pass(ada, conference["id"])
    many = await given_pass(ada, conference["id"], one_use=False)
    assert (await ada.delete(f"{V1}/{other['id']}/passes/{revoked['id']}")).status_code == 404
    assert (await ada.delete(f"{path}/{revoked['id']}")).status_code == 204
    async with Phone(shared) as guest, Phone(shared, "second") as second:
        assert await refusal(guest, revoked["number"]) == (410, "Pass Revoked")
        await guest.call(many["number"])
        await second.call(many["number"])
        expired = await given_pass(ada, conference["id"], expires_in_s=1)
        gate = shared.door.gate
        assert gate is not None
        monkeypatch.setattr(gate, "_now", lambda: datetime.now(UTC) + timedelta(seconds=2))
        assert await refusal(guest, expired["number"]) == (410, "Pass Expired")
        monkeypatch.undo()
        wrong = f"{many['number'][:-1]}{(int(many['number'][-1]) + 1) % 10}"
        assert (await refusal(guest, wrong))[0] == 404
        await ada.delete(f"{V1}/{conference['id']}")
        assert (await refusal(guest, many["number"]))[0] == 410


@pytest.mark.parametrize(
    "wish", [{"role": "king"}, {"expires_in_s": 0}, {"name": "a\u202e"}, {"one_use": "no"}, {"x": 1}]
)
async def test_wrong_wishes(ada: httpx.AsyncClient, wish: dict[str, Any]) -> None:
    path = f"{V1}/{(await made(ada))['id']}/passes"
    assert (await ada.post(path, json=wish)).status_code == 400


async def test_passes_are_for_who_decides(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}/passes"
    async with logged_in(shared, "102") as ben, Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        assert [(await ben.post(path)).status_code, (await ben.get(path)).status_code] == [403, 403]
    assert (await ada.post(path, json={"hidden": True})).status_code == 403, "none here"


async def test_a_pass_into_the_room_of_an_extension_needs_no_code_and_opens_it(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    room = await made(ada, extension="201")
    found = await given_pass(ada, room["id"], role="host")
    await ada.delete(f"{V1}/{room['id']}")
    async with Phone(shared) as guest:
        await guest.call(found["number"])
        again = await made(ada, extension="201")
        assert again["id"] != room["id"]
        assert [party["role"] for party in await roster(ada, again["id"])] == ["host"]
    await ada.delete(f"{V1}/{again['id']}")


async def test_who_dials_wrong_passes_is_shut_out_and_nobody_else(tmp_path: Any) -> None:
    async with bridge(tmp_path, conference={"wrong_codes": 3}) as server, logged_in(server, "101") as ada:
        conference = await made(ada)
        found = await given_pass(ada, conference["id"])
        async with Phone(server) as guesser, Phone(server, "102") as ben:
            statuses = [(await refusal(guesser, f"{number // 2:024}"))[0] for number in range(10)]
            assert statuses == [404] * 7 + [403] * 3, "one that is dialled again is no new attempt"
            assert (await refusal(guesser, found["number"]))[0] == 403
            await ben.call(found["number"])
