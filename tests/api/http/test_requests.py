"""Requests in forms that HTTP allows and most clients never send, and what nobody here understands."""

import asyncio
import gzip
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from softphone.api.http.serving import EVERY_S, MOST, Seldom
from softphone.server import Server
from tests.api.conftest import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1/conferences"


async def exchange(server: Server, request: str) -> bytes:
    host, port = server.http_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.replace("\n", "\r\n").encode())
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "path", ["/healthz", "/metrics", "/", "/docs", "/openapi.json", V1, f"{V1}/nothing", "/api/v1/nothing"]
)
async def test_head_is_get_without_its_body(ada: httpx.AsyncClient, path: str) -> None:
    head, got = await ada.head(path), await ada.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers.keys() == got.headers.keys()
    assert (await ada.get("/healthz")).status_code == 200, "the connection goes on"


async def test_head_of_what_has_no_end_comes_to_one(ada: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_S):
        head = await ada.head("/api/v1/events")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


async def test_head_where_there_is_no_get(ada: httpx.AsyncClient) -> None:
    assert (await ada.head("/restapi/oauth/token")).status_code == 405
    refused = await ada.delete("/healthz")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://bridge.example/healthz", b"200"),
        ("HTTP://bridge.example:8080/healthz", b"200"),
        ("https://bridge.example/healthz", b"200"),
        ("http://bridge.example", b"200"),
        ("http://bridge.example/api/v1/conferences?limit=1", b"401"),
        ("http://bridge.example/nothing", b"404"),
        ("ftp://bridge.example/healthz", b"404"),
    ],
)
async def test_a_target_in_absolute_form_is_its_path(shared: Server, target: str, status: bytes) -> None:
    got = await exchange(shared, f"GET {target} HTTP/1.1\nHost: other\nConnection: close\n\n")
    assert got.split()[1] == status


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity, gzip", "br", "x-nobody-knows"])
async def test_a_body_that_is_encoded_is_refused(ada: httpx.AsyncClient, encoding: str) -> None:
    body, headers = gzip.compress(b"{}"), {"Content-Encoding": encoding, "Content-Type": "application/json"}
    for path in (V1, "/restapi/v1.0/account/~/telephony/conference", "/restapi/oauth/token", "/api/v1/sounds"):
        answer = await ada.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
        assert encoding.rpartition(" ")[2] in answer.json()["message"]


async def test_a_body_as_it_is_is_taken(ada: httpx.AsyncClient) -> None:
    assert (await ada.post(V1, json={}, headers={"Content-Encoding": "identity"})).status_code == 201
    assert (await ada.post(V1, headers={"Content-Encoding": "gzip"})).status_code == 201, "there is none"


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("", {"max_members": "5"}, "max_members"),
        ("", {"max_members": True}, "max_members"),
        ("", {"rules": {"lobby": "no"}}, "lobby"),
        ("", {"rules": {"host_grace_s": "1"}}, "host_grace_s"),
        ("/{id}", {"locked": "yes"}, "locked"),
        ("/{id}", {"locked": 1}, "locked"),
        ("/{id}", {"notices": "false"}, "notices"),
        ("/{id}/invitation", {"minutes": "60"}, "minutes"),
        ("/{id}/playbacks", {"sounds": ["conf-muted"], "loop": 1}, "loop"),
        ("/{id}/playbacks", {"sounds": [{"sound": "1"}]}, "sounds.0"),
        ("/{id}/dials", {"number": 102}, "number"),
        ("/{id}/recording", {"paused": 0}, "paused"),
    ],
)
async def test_what_is_no_boolean_and_no_number_is_not_taken_for_one(
    ada: httpx.AsyncClient, path: str, body: dict[str, Any], name: str
) -> None:
    made = (await ada.post(V1, json={})).json()["id"]
    method = "PATCH" if path in ("/{id}", "/{id}/recording") else "POST"
    answer = await ada.request(method, V1 + path.replace("{id}", made), json=body)
    assert (answer.status_code, answer.json()["parameterName"]) == (400, name)


async def test_what_is_written_as_text_by_its_nature_is_read(ada: httpx.AsyncClient) -> None:
    assert (await ada.post(V1, json={"rules": {"host_grace_s": 1}})).status_code == 201, "a number needs no point"
    wish = {"start": "2031-05-01T10:00:00+02:00", "minutes": 60}
    invited = await ada.post("/api/v1/extensions/203/invitation", json=wish)
    assert invited.status_code == 200, invited.text
    hook = {"url": "https://hooks.example/softphone", "events": ["conference.created"]}
    assert (await ada.post("/api/v1/webhooks", json=hook)).status_code == 201


async def test_others_contracts_read_what_their_clients_send(ada: httpx.AsyncClient) -> None:
    conference = "/restapi/v1.0/account/~/telephony/conference"
    assert (await ada.post(conference, json={"max_members": "5"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", V1 + "/x", "id"),
        ("PATCH", V1 + "/x", "id"),
        ("GET", V1 + "/x/parties", "id"),
        ("GET", V1 + "/x/parties/y", "id"),
        ("DELETE", V1 + "/x/bans/1", "id"),
        ("GET", "/restapi/v1.0/account/~/telephony/sessions/x", "telephonySessionId"),
        ("GET", "/restapi/v1.0/account/~/telephony/sessions/x/parties/y", "telephonySessionId"),
    ],
)
async def test_what_is_not_there_has_the_name_of_its_path(
    ada: httpx.AsyncClient, method: str, path: str, name: str
) -> None:
    answer = await ada.request(method, path, json={"locked": True} if method == "PATCH" else None)
    assert (answer.status_code, answer.json()["parameterName"]) == (404, name)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", f"{V1}?cursor=1", "cursor"),
        ("GET", f"{V1}?limit=1&page=2", "page"),
        ("GET", f"{V1}?Limit=1", "Limit"),
        ("GET", "/api/v1/recordings?session=x", "session"),
        ("GET", "/api/v1/history/calls?offset=10", "offset"),
        ("GET", "/api/v1/events?session_id=x", "session_id"),
        ("GET", "/api/v1/extensions?limt=1", "limt"),
        ("POST", f"{V1}?max_members=2", "max_members"),
    ],
)
async def test_a_parameter_that_nobody_knows_is_refused(
    ada: httpx.AsyncClient, method: str, path: str, name: str
) -> None:
    answer = await ada.request(method, path)
    assert (answer.status_code, answer.json()["parameterName"]) == (400, name)


async def test_so_is_one_of_a_websocket(shared: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(shared.http_url.replace("http", "ws") + "/api/v1/events?conference=x")
    assert refused.value.response.status_code == 400


async def test_others_contracts_pass_over_what_they_do_not_know(ada: httpx.AsyncClient) -> None:
    assert (await ada.get("/api/ver1.0/client/@me/extension/?cursor=1")).status_code == 200


async def test_what_is_no_http_is_logged_with_its_address(shared: Server, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        assert (await exchange(shared, "INVITE sip:101@bridge SIP/2.0\n\n")).split()[1] == b"400"
    logged = [line for line in "".join(capfd.readouterr()).splitlines() if "http_not_understood" in line]
    assert len(logged) == 1
    assert "127.0.0.1" in logged[0]


async def test_strangers_are_named_seldom() -> None:
    seldom = Seldom()
    assert [seldom.tell("a", now) for now in (0.0, 1.0, EVERY_S - 1, EVERY_S)] == [0, None, None, 2]
    told = [seldom.tell(f"{number}", EVERY_S) for number in range(100)]
    assert told.count(None) == 100 - (MOST - 1)
    assert seldom.tell("z", 3 * EVERY_S) == 100 - (MOST - 1)
