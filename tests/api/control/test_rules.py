"""Rules of its own for one conference: told, changed, and held to by real calls."""

from typing import Any

import httpx
import pytest

from softphone.media.contract.messages import LevelVoices
from softphone.server import Server
from tests.focus.phone import Phone
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1/conferences"
CONFIGURED = {
    "wait_for_host": False,
    "end_with_host": "never",
    "host_grace_s": 0.0,
    "party_limit_s": 0.0,
    "silence_limit_s": 0.0,
    "lobby": False,
    "hosts_pass_lock": False,
    "hosts_pass_limit": False,
    "record_from": 0,
    "count_from": 0,
    "muted_notice": True,
    "level_voices": False,
    "encrypted": False,
    "tell_keys": "none",
    "pass_keys": "none",
}


async def made(client: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await client.post(V1, json=wish)
    assert answer.status_code == 201, answer.text
    conference: dict[str, Any] = answer.json()
    return conference


async def stages(client: httpx.AsyncClient, conference: str) -> list[str]:
    answer = await client.get(f"{V1}/{conference}/parties")
    return [party["stage"] for party in answer.json()["parties"]]


async def test_rules_are_told_changed_and_given_back(ada: httpx.AsyncClient) -> None:
    assert (await made(ada))["rules"] == CONFIGURED
    own = {"end_with_host": "last", "host_grace_s": 30.0, "party_limit_s": 600.0}
    conference = await made(ada, rules=own)
    assert conference["rules"] == CONFIGURED | own
    path = f"{V1}/{conference['id']}"
    changed = (await ada.patch(path, json={"rules": {"lobby": True, "party_limit_s": 0.0}})).json()
    assert changed["rules"] == CONFIGURED | own | {"lobby": True, "party_limit_s": 0.0}
    given_back = (await ada.patch(path, json={"rules": dict.fromkeys(CONFIGURED)})).json()
    assert given_back["rules"] == CONFIGURED


async def test_voices_are_levelled_as_the_rules_say(
    shared: Server, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, asked = shared.focus.context.media, []
    ask = media.ask

    async def listening(request: Any) -> Any:
        if isinstance(request, LevelVoices):
            asked.append(request.on)
        return await ask(request)

    monkeypatch.setattr(media, "ask", listening)
    conference = await made(ada, rules={"level_voices": True})
    for rules in ({"lobby": True}, {"level_voices": False}, {"level_voices": None}):
        await ada.patch(f"{V1}/{conference['id']}", json={"rules": rules})
    await until(lambda: asked == [True, False])
    await ada.delete(f"{V1}/{conference['id']}")


@pytest.mark.parametrize("rules", [{"lobby": "maybe"}, {"party_limit_s": -1}, {"end_with_host": "first"}, {"pin": "1"}])
async def test_wrong_rules(ada: httpx.AsyncClient, rules: dict[str, Any]) -> None:
    assert (await ada.post(V1, json={"rules": rules})).status_code == 400


async def test_properties_change_what_is_not_a_rule_of_its_own(shared: Server, ada: httpx.AsyncClient) -> None:
    room = await made(ada, extension="201", rules={"lobby": True, "wait_for_host": False})
    assert room["rules"]["wait_for_host"] is False
    answer = await ada.put("/api/v1/extensions/201/properties", json={"max_members": 7})
    assert answer.status_code == 200
    rules = (await ada.get(f"{V1}/{room['id']}")).json()["rules"]
    assert (rules["lobby"], rules["wait_for_host"]) == (True, False)
    back = (await ada.patch(f"{V1}/{room['id']}", json={"rules": {"wait_for_host": None}})).json()
    assert back["rules"]["wait_for_host"] is True
    await ada.delete(f"{V1}/{room['id']}")


async def test_waiting_for_the_host_and_ending_with_it(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada, rules={"wait_for_host": True, "end_with_host": "any"})
    async with Phone(shared, "101") as host, Phone(shared) as guest:
        await guest.call(conference["token"])
        assert await stages(ada, conference["id"]) == ["waiting"]
        call = await host.call(conference["token"])
        await until(
            lambda: (
                [p.place.value for p in shared.control.conference(conference["id"]).parties.values()] == ["joined"] * 2
            )
        )
        await call.bye()
        assert await guest.hung_up() == "bye"
    assert (await ada.get(f"{V1}/{conference['id']}")).status_code == 404


async def test_a_limit_set_meanwhile_sends_away_who_is_over_it(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    async with Phone(shared) as guest:
        await guest.call(conference["token"])
        await ada.patch(f"{V1}/{conference['id']}", json={"rules": {"party_limit_s": 0.001}})
        assert await guest.hung_up() == "bye"
    await ada.delete(f"{V1}/{conference['id']}")
