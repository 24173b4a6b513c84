"""Joining by HTTP: what is sent and answered, with real requests to a real server."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from softphone.server import Server
from softphone.testing.bridge import offer
from tests.api.conftest import logged_in
from tests.focus.phone import conference
from tests.support.handsets import Handsets, amplitude
from tests.support.tones import amplitude_of
from tests.support.web import GUEST, HOST

pytestmark = pytest.mark.asyncio(loop_scope="module")


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def code(answer: httpx.Response) -> tuple[int, str]:
    failure = answer.json()
    assert set(failure) == {"error"} and failure["error"]["message"], failure
    return answer.status_code, failure["error"]["code"]


async def joins(http: httpx.AsyncClient, to: str, **wish: Any) -> httpx.Response:
    return await http.post("/web/join", json={"to": to, "offer": offer(), **wish})


async def test_who_joins_has_an_answer_a_role_and_a_key(web: Server, http: httpx.AsyncClient) -> None:
    answer = await joins(http, GUEST, name="Gus \u202e Guest\x00")
    joined = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/web/parties/{joined['party']}"
    assert answer.headers["cache-control"] == "no-store"
    assert (joined["role"], joined["title"], joined["stage"]) == ("participant", "Ada Admin", "waiting")
    assert joined["answer"].startswith("v=0") and len(joined["key"]) >= 22
    session = web.focus.session(f"s-{joined['party'].split('-')[1]}")
    assert [party.caller.name for party in session.parties.values()] == ["Gus Guest"]
    assert [party.path and party.path.transport for party in session.parties.values()] == ["http"]
    host = (await joins(http, GUEST, secret=HOST)).json()
    assert (host["role"], host["stage"]) == ("host", "joined")
    for each in (joined, host):
        where = f"/web/parties/{each['party']}"
        assert code(await http.delete(where)) == (401, "login_needed")
        assert code(await http.delete(where, headers=bearer("another"))) == (404, "not_found")
        assert (await http.delete(where, headers=bearer(each["key"]))).status_code == 204
        assert code(await http.delete(where, headers=bearer(each["key"]))) == (404, "not_found")
    assert not session.parties


async def test_with_an_access_token_it_is_the_extension(web: Server, http: httpx.AsyncClient) -> None:
    session = await conference(web)
    async with logged_in(web, "101") as ada:
        joined = (await joins(ada, str(session.token), name="not her")).json()
    assert (joined["role"], joined["title"]) == ("host", "Ada Admin")
    party = session.parties[joined["party"]]
    assert (party.extension_id, party.caller.number) == (web.accounts.extensions["101"].id, "101")
    wrong = await http.post("/web/join", json={"to": GUEST, "offer": offer()}, headers=bearer("nobody's"))
    assert code(wrong) == (401, "login_needed")
    await web.control.end(session.id)


async def test_every_refusal_has_its_code(web: Server, http: httpx.AsyncClient) -> None:
    session = await conference(web, max_members=1)
    token = str(session.token)
    assert code(await joins(http, "000000001")) == (403, "wrong_code")
    assert code(await joins(http, "201")) == (403, "wrong_code")
    assert code(await joins(http, "202")) == (401, "login_needed")
    assert code(await joins(http, "nowhere")) == (403, "wrong_code")
    assert code(await joins(http, "conf_00")) == (404, "not_found")
    assert code(await joins(http, token, offer=offer("96"))) == (406, "no_common_codec")
    assert code(await joins(http, token, offer="hello")) == (400, "bad_offer")
    assert code(await joins(http, token, offer="")) == (400, "bad_request")
    assert code(await joins(http, token, colour="red")) == (400, "bad_request")
    assert code(await http.post("/web/join", content=b"{")) == (400, "bad_request")
    assert code(await http.get("/web/join")) == (405, "bad_method")
    await web.control.lock(session.id, True)
    assert code(await joins(http, token)) == (403, "locked")
    await web.control.lock(session.id, False)
    assert (await joins(http, token)).status_code == 201
    assert code(await joins(http, token)) == (409, "full")
    await web.control.end(session.id)
    assert code(await joins(http, token)) == (410, "ended")
    web.focus.draining = True
    busy = await joins(http, GUEST)
    web.focus.draining = False
    assert code(busy) == (503, "busy") and int(busy.headers["retry-after"]) > 0


async def test_a_pass_is_good_once(web: Server, http: httpx.AsyncClient) -> None:
    session = await conference(web)
    async with logged_in(web, "101") as ada:
        wish = {"role": "host", "name": "Pat"}
        passes = [(await ada.post(f"/api/v1/conferences/{session.id}/passes", json=wish)).json() for _ in range(3)]
    alone, with_token, elsewhere = (each["number"] for each in passes)
    other = await conference(web)
    assert code(await joins(http, str(other.token), secret=elsewhere)) == (404, "not_found")
    for answer in (await joins(http, alone), await joins(http, str(session.token), secret=with_token)):
        assert answer.status_code == 201 and answer.json()["role"] == "host"
        assert session.parties[answer.json()["party"]].caller.name.startswith("Pat")
    assert code(await joins(http, alone)) == (410, "ended")
    assert (await joins(http, str(session.token), secret=elsewhere)).status_code == 201, "it was given back"
    for each in (session, other):
        await web.control.end(each.id)


async def test_a_further_offer_is_answered(web: Server, http: httpx.AsyncClient) -> None:
    joined = (await joins(http, HOST)).json()
    where, headers = f"/web/parties/{joined['party']}", bearer(joined["key"])
    again = await http.patch(where, json={"offer": offer(direction="sendonly")}, headers=headers)
    assert again.status_code == 200 and "a=recvonly" in again.json()["answer"]
    assert code(await http.patch(where, json={"offer": offer("96")}, headers=headers)) == (406, "no_common_codec")
    assert code(await http.patch(where, json={"offer": "?"}, headers=headers)) == (400, "bad_offer")
    assert code(await http.patch(where, json={"offer": offer()}, headers=bearer("no"))) == (404, "not_found")
    await http.delete(where, headers=headers)


async def test_who_offers_without_end_has_to_wait_and_stays(web: Server, http: httpx.AsyncClient) -> None:
    joined = (await joins(http, HOST)).json()
    where, headers = f"/web/parties/{joined['party']}", bearer(joined["key"])
    answers = [await http.patch(where, json={"offer": "?"}, headers=headers) for _ in range(200)]
    refused = [each for each in answers if each.status_code == 429]
    assert refused and code(refused[0]) == (429, "too_many") and refused[0].headers["retry-after"] == "1"
    assert [each.status_code for each in answers[:20]] == [400] * 20
    assert (await http.delete(where, headers=headers)).status_code == 204


async def test_whip_is_the_same_door(web: Server, http: httpx.AsyncClient) -> None:
    sdp = {"Content-Type": "application/sdp"}
    answer = await http.post(f"/whip/{GUEST}", params={"name": "Whippet"}, content=offer(), headers=sdp | bearer(HOST))
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/sdp")
    assert answer.text.startswith("v=0")
    room = web.focus.find(web.accounts.extensions["101"])
    assert room is not None
    party = list(room.session.parties.values())[-1]
    assert party.caller.name == "Whippet" and party.role is not None and party.role.word == "host"
    where = answer.headers["location"]
    assert party.id not in where and HOST not in where
    assert code(await http.delete(where)) == (401, "login_needed")
    assert code(await http.delete(where, headers=bearer(GUEST))) == (401, "login_needed")
    for method in ("GET", "PATCH", "POST", "PUT"):  # PATCH: it has no ICE
        refused = await http.request(method, where, headers=bearer(HOST))
        assert code(refused) == (405, "bad_method") and "DELETE" in refused.headers["allow"], method
    assert (await http.options(where)).headers["allow"] == "DELETE, OPTIONS, PATCH"
    assert "etag" not in answer.headers
    assert (await http.delete(where, headers=bearer(HOST))).status_code == 200
    assert code(await http.delete(where, headers=bearer(HOST))) == (404, "not_found")
    assert party.id not in room.session.parties
    asked = await http.options(f"/whip/{GUEST}")
    assert (asked.status_code, asked.headers["accept-post"]) == (204, "application/sdp")


async def test_whip_without_a_bearer_with_a_wrong_one_and_with_an_access_token(
    web: Server, http: httpx.AsyncClient
) -> None:
    sdp = {"Content-Type": "application/sdp; charset=utf-8"}
    session = await conference(web)
    open_to_all = await http.post(f"/whip/{session.token}", content=offer(), headers=sdp)
    assert open_to_all.status_code == 201
    assert (await http.delete(open_to_all.headers["location"])).status_code == 200
    assert code(await http.post(f"/whip/{session.token}", content=offer())) == (415, "bad_type")
    assert code(await http.post(f"/whip/{session.token}", headers=sdp)) == (400, "bad_offer")
    assert code(await http.post(f"/whip/{session.token}", content=b"\xff\x00", headers=sdp)) == (400, "bad_offer")
    assert code(await http.post("/whip/201", content=offer(), headers=sdp | bearer("0000"))) == (403, "wrong_code")
    async with logged_in(web, "102") as ben:
        known = await ben.post("/whip/202", content=offer(), headers=sdp)
        assert known.status_code == 201
        assert (await ben.delete(known.headers["location"])).status_code == 200
    await web.control.end(session.id)


@pytest.mark.realtime
async def test_two_that_joined_by_http_hear_each_other(web: Server, http: httpx.AsyncClient, tmp_path: Path) -> None:
    session = await conference(web)
    with Handsets(tmp_path) as sounds:
        tones = (500.0, 900.0)
        handsets = [sounds.add(hz, amplitude(-20.0)) for hz in tones]
        keys = {}
        for handset in handsets:
            joined = (await joins(http, str(session.token), offer=handset.offer)).json()
            handset.connect(joined["answer"])
            keys[joined["party"]] = joined["key"]
        heard = await asyncio.to_thread(sounds.heard, handsets, 1.0)
    (own, other), (theirs, mine) = [[amplitude_of(each, hz) for hz in tones] for each in heard]
    assert other > 10 * own and theirs > 10 * mine and min(other, theirs) > 0.05
    await web.control.end(session.id)
