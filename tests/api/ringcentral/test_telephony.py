"""The REST face over a real HTTP connection, with real calls where there are parties."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from mixer.recording import HEADER
from softphone.server import Server
from tests.api.conftest import ORIGIN, PATIENCE_S, logged_in
from tests.focus.phone import Phone
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFERENCE = "/restapi/v1.0/account/~/telephony/conference"
SESSIONS = "/restapi/v1.0/account/~/telephony/sessions"


ADA = {"phoneNumber": "101", "name": "Ada Admin", "extensionId": "100101", "deviceId": "2100101"}


async def make(client: httpx.AsyncClient, **options: Any) -> dict[str, Any]:
    answer = await client.post(CONFERENCE, **options)
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()["session"]
    return session


def code(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["errors"][0]["errorCode"]
    assert body["message"] == body["errors"][0]["message"]
    return answer.status_code, body["errorCode"]


async def test_a_conference_as_documented(shared: Server, ada: httpx.AsyncClient) -> None:
    session = await make(ada)
    # In the order of the documented answer.
    assert list(session) == ["creationTime", "id", "origin", "parties", "voiceCallToken"]
    assert re.fullmatch(r"s-[0-9a-f]{32}", session["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", session["creationTime"])
    assert session["origin"] == {"type": "Conference"}
    assert session["parties"] == []
    host, port = shared.focus.node
    assert session["voiceCallToken"] == "conf_" + f"{session['id']}@{host}:{port}".encode().hex()
    read = await ada.get(f"{SESSIONS}/{session['id']}")
    assert read.json() == session
    assert "application/json" in read.headers["content-type"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"Content-Type": "application/json"}},
        {"json": {}},
        {"content": b" ", "headers": {"Content-Type": "text/plain"}},
        {"json": {"max_members": 3, "unknown": True}},
    ],
)
async def test_bodies_that_clients_send(ada: httpx.AsyncClient, options: dict[str, Any]) -> None:
    await make(ada, **options)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"{", (400, "CMN-103")),
        (b"[]", (400, "CMN-101")),
        (b'{"max_members": 0}', (400, "CMN-101")),
        (b'{"max_members": "many"}', (400, "CMN-101")),
    ],
)
async def test_bodies_that_will_not_do(ada: httpx.AsyncClient, content: bytes, answer: tuple[int, str]) -> None:
    assert code(await ada.post(CONFERENCE, content=content)) == answer


async def test_the_account(ada: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    assert (await ada.post(CONFERENCE.replace("~", "1"))).status_code == 200
    refused = await ada.post(CONFERENCE.replace("~", "2"))
    assert code(refused) == (404, "CMN-102")
    assert refused.json()["parameterName"] == "accountId"
    assert code(await http.post(CONFERENCE.replace("~", "2"))) == (401, "OAU-134")


async def test_unknown_things(ada: httpx.AsyncClient) -> None:
    assert code(await ada.get(f"{SESSIONS}/s-0")) == (404, "CMN-102")
    assert code(await ada.delete(f"{SESSIONS}/s-0")) == (404, "CMN-102")
    session = (await make(ada))["id"]
    party = f"{SESSIONS}/{session}/parties/p-0-1"
    for answer in (await ada.get(party), await ada.delete(party), await ada.patch(party, json={"muted": True})):
        assert code(answer) == (404, "CMN-102")
        assert answer.json()["parameterName"] == "partyId"
    assert code(await ada.get("/restapi/nonsense")) == (404, "CMN-120")
    assert (await ada.put(CONFERENCE)).status_code == 405


async def test_an_extension_without_conferencing(shared: Server) -> None:
    async with logged_in(shared, "105") as eve:
        assert code(await eve.post(CONFERENCE)) == (403, "InsufficientPermissions")


async def test_a_session_is_its_owners_business(shared: Server) -> None:
    async with (
        logged_in(shared, "102") as ben,
        logged_in(shared, "103") as cai,
        logged_in(shared, "101") as admin,
        Phone(shared, "103") as phone,
    ):
        session = await make(ben)
        path = f"{SESSIONS}/{session['id']}"
        assert code(await cai.get(path)) == (404, "CMN-102")
        assert (await admin.get(path)).status_code == 200
        await phone.call(session["voiceCallToken"])
        (own,) = (await cai.get(path)).json()["parties"]
        assert own["owner"] == {"accountId": "1", "extensionId": "100103"}
        (other,) = (await ben.get(path)).json()["parties"]
        assert "owner" not in other
        assert code(await cai.delete(path)) == (403, "CMN-408")
        assert (await cai.patch(f"{path}/parties/{own['id']}", json={"muted": True})).json()["muted"] is True
        assert (await ben.delete(path)).status_code == 204


async def test_the_life_of_a_party(shared: Server, ada: httpx.AsyncClient) -> None:
    session = await make(ada)
    path = f"{SESSIONS}/{session['id']}"
    async with Phone(shared, "101") as host, Phone(shared) as guest:
        await host.call(session["voiceCallToken"])
        call = await guest.call(session["voiceCallToken"])
        first, second = (await ada.get(path)).json()["parties"]
        assert first == {
            "id": f"p-{session['id'][2:]}-1",
            "accountId": "1",
            "extensionId": "100101",
            "direction": "Outbound",
            "conferenceRole": "Host",
            "muted": False,
            "talking": False,
            "standAlone": False,
            "status": {"code": "Answered"},
            "owner": {"accountId": "1", "extensionId": "100101"},
            "from": ADA,
            "to": {"phoneNumber": "conference", "name": "Conference"},
            "recordings": [],
        }
        assert (second["conferenceRole"], second["from"]) == ("Participant", {"phoneNumber": "guest"})
        await call.reinvite("\r\n".join(_held(call.local_sdp or "")))
        party = f"{path}/parties/{second['id']}"
        assert (await ada.get(party)).json()["status"] == {"code": "Hold"}
        for body in ({"muted": True}, {"party": {"muted": True, "standAlone": False}}):
            changed = await ada.patch(party, json=body)
            assert (changed.status_code, changed.json()["muted"]) == (200, True)
        assert code(await ada.patch(party, json={})) == (400, "CMN-101")
        removed = await ada.request("DELETE", party, json={"keepConferenceAlive": True})
        assert (removed.status_code, removed.content) == (204, b"")
        assert await guest.hung_up() == "bye"
        assert (await ada.delete(path)).status_code == 204
        assert await host.hung_up() == "bye"
        assert (await ada.get(path)).status_code == 404


def _held(description: str) -> list[str]:
    return [line.replace("sendrecv", "sendonly") for line in description.split("\r\n")]


@pytest.mark.parametrize(("body", "left"), [({}, 0), ({"keepConferenceAlive": True}, 1)])
async def test_removing_the_host(shared: Server, ada: httpx.AsyncClient, body: dict[str, bool], left: int) -> None:
    session = await make(ada)
    path = f"{SESSIONS}/{session['id']}"
    async with Phone(shared, "101") as host, Phone(shared) as guest:
        await guest.call(session["voiceCallToken"])
        await host.call(session["voiceCallToken"])
        party = f"{path}/parties/p-{session['id'][2:]}-1"
        assert (await ada.request("DELETE", party, json=body)).status_code == 204
        assert await host.hung_up() == "bye"
        remaining = (await ada.get(path)).json()
        assert len(remaining.get("parties", [])) == left
        if left:
            await ada.delete(path)
        assert await guest.hung_up() == "bye"


async def test_recording(shared: Server, ada: httpx.AsyncClient) -> None:
    session = await make(ada)
    path = f"/api/v1/conferences/{session['id']}/recording"
    assert (await ada.delete(path)).status_code == 409
    async with Phone(shared) as phone:
        await phone.call(session["voiceCallToken"])
        begun = (await ada.post(path)).json()
        assert (begun["active"], begun["paused"], begun["seconds"]) == (True, False, 0.0)
        await until(lambda: Path(begun["path"]).stat().st_size > HEADER.size)
        done = (await ada.delete(path)).json()
        assert (done["active"], done["path"]) == (False, begun["path"])
        assert done["seconds"] > 0
        assert Path(done["path"]).stat().st_size > HEADER.size
        await ada.delete(f"{SESSIONS}/{session['id']}")


async def test_health_and_metrics(shared: Server, http: httpx.AsyncClient, ada: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    session = await make(ada)
    async with Phone(shared) as phone:
        call = await phone.call(session["voiceCallToken"])
        async with asyncio.timeout(PATIENCE_S):  # those before it may still be leaving
            while not {"softphone_parties 1.0", 'softphone_legs{worker="0"} 1.0'} <= set(
                (text := (await http.get("/metrics")).text).splitlines()
            ):
                await asyncio.sleep(0.02)
        assert re.search(r'softphone_tick_lateness_seconds_bucket\{le="\+Inf",worker="0"\} [1-9]', text)
        assert re.search(r'softphone_sip_messages_total\{kind="requests_in"\} [1-9]', text)
        assert "101" not in re.sub(r" [0-9.e+]+$", "", text, flags=re.MULTILINE)
        await call.bye()


async def test_the_description_names_every_route(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    conference = paths["/restapi/v1.0/account/{accountId}/telephony/conference"]["post"]
    assert conference["requestBody"]["required"] is False
    assert "SessionAnswer" in conference["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert {"/healthz", "/metrics", "/restapi/oauth/token", "/api/v1/conferences/{id}/recording"} <= paths.keys()


async def test_other_origins_are_allowed_only_when_configured(http: httpx.AsyncClient) -> None:
    ask = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,x-user-agent"}
    good = await http.options(CONFERENCE, headers={"Origin": ORIGIN, **ask})
    assert good.status_code == 200
    assert good.headers["access-control-allow-origin"] == ORIGIN
    assert good.headers["access-control-allow-credentials"] == "true"
    bad = await http.options(CONFERENCE, headers={"Origin": "https://evil.example.com", **ask})
    assert "access-control-allow-origin" not in bad.headers


async def test_bodies_have_an_end(shared: Server, http: httpx.AsyncClient, ada: httpx.AsyncClient) -> None:
    assert (await ada.post(CONFERENCE, content=b" " * 2001)).status_code == 413
    assert (await ada.post(CONFERENCE, content=b" " * 2000)).status_code == 200

    async def endless() -> Any:
        for _ in range(3):
            yield b" " * 1000

    assert (await ada.post(CONFERENCE, content=endless())).status_code == 413
    assert (await http.get("/healthz")).status_code == 200
