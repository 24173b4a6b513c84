"""Every status and body of Telphin's contract, asked by each of its paths and compared to the last character."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in
from tests.api.telphin.test_telphin import FRESH, GRANT
from tests.focus.phone import bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_FOUND = '{"message":"Not found"}'
NOT_ALLOWED = '{"message":"Method is not allowed"}'
# By its number: it is made for this.
ROOM = "/extension/391/conference"
LIST = "/api/ver1.0/client/@me/extension"
# Each with its slash and without; the properties also without what stands before them.
SPELLINGS = ("{path}", "{path}/", "/api/ver1.0{path}", "/api/ver1.0{path}/")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(shared: Server) -> dict[str, str]:
    """Of a program, an administrator, a user, and one whose time is over; a fresh conference extension."""
    await shared.store.add_conference("391", "")
    async with httpx.AsyncClient(base_url=shared.http_url, timeout=PATIENCE_S) as client:
        program, over = [(await client.post("/oauth/token", data=GRANT)).json()["access_token"] for _ in range(2)]
    grant = shared.api.grants.find(over)
    assert grant is not None
    grant.access_until = time.monotonic()
    found = {"program": program, "expired": over, "nonsense": "nonsense"}
    for name, number in (("administrator", "101"), ("user", "102")):
        async with logged_in(shared, number) as client:
            found[name] = client.headers["Authorization"].removeprefix("bearer ")
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=shared.http_url, timeout=PATIENCE_S) as found:
        yield found


def bearer(tokens: dict[str, str], who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens[who]}"} if who else {}


# Who asks, method, path, what is sent, status, body.
ANSWERS: list[tuple[str, str, str, Any, int, str]] = [
    ("program", "GET", ROOM, None, 200, json.dumps(FRESH, separators=(",", ":"))),
    ("administrator", "GET", ROOM, None, 200, json.dumps(FRESH, separators=(",", ":"))),
    ("program", "PUT", ROOM, {}, 200, json.dumps(FRESH, separators=(",", ":"))),
    ("program", "POST", ROOM, {}, 405, NOT_ALLOWED),
    ("program", "DELETE", ROOM, None, 405, NOT_ALLOWED),
    ("program", "GET", "/extension/100101/conference", None, 404, NOT_FOUND),
    ("program", "PUT", "/extension/100101/conference", {"pin": "1"}, 404, NOT_FOUND),
    ("program", "GET", "/extension/4711/conference", None, 404, NOT_FOUND),
    ("program", "PUT", "/extension/4711/conference", {"pin": "1"}, 404, NOT_FOUND),
    ("program", "PUT", ROOM, {"moderator_pin": "1"}, 400, '{"message":"moderator_pin: needs a pin beside it"}'),
    (
        "program",
        "PUT",
        ROOM,
        {"max_members": "many"},
        400,
        '{"message":"max_members: expected `int | null`, got `str`"}',
    ),
    ("", "GET", ROOM, None, 401, '{"message":"Authorization header is not specified"}'),
    ("nonsense", "GET", ROOM, None, 401, '{"message":"Access token corrupted"}'),
    ("expired", "GET", ROOM, None, 401, '{"message":"Access token expired"}'),
    ("expired", "PUT", ROOM, {"pin": "1"}, 401, '{"message":"Access token expired"}'),
    ("user", "GET", ROOM, None, 403, '{"message":"Administrator permission is required"}'),
    ("user", "PUT", ROOM, {"pin": "1"}, 403, '{"message":"Administrator permission is required"}'),
]
LISTS: list[tuple[str, str, Any, int, str]] = [
    ("", "GET", None, 401, '{"message":"Authorization header is not specified"}'),
    ("expired", "POST", {"name": "390", "type": "conference"}, 401, '{"message":"Access token expired"}'),
    ("user", "POST", {"name": "390", "type": "conference"}, 403, '{"message":"Administrator permission is required"}'),
    ("program", "POST", {"type": "conference"}, 400, '{"message":"Parameter [name] value is invalid."}'),
    ("program", "POST", {"name": "390", "type": "phone"}, 400, '{"message":"Parameter [type] value is invalid."}'),
    ("program", "POST", {"name": "101", "type": "conference"}, 400, '{"message":"there is an extension 101"}'),
    ("program", "PUT", {}, 405, NOT_ALLOWED),
    ("program", "DELETE", None, 405, NOT_ALLOWED),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("who", "method", "path", "sent", "status", "body"), ANSWERS)
async def test_the_properties(
    client: httpx.AsyncClient,
    tokens: dict[str, str],
    spelling: str,
    who: str,
    method: str,
    path: str,
    sent: Any,
    status: int,
    body: str,
) -> None:
    answer = await client.request(method, spelling.format(path=path), json=sent, headers=bearer(tokens, who))
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (status, body, "application/json")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("who", "method", "sent", "status", "body"), LISTS)
async def test_the_list(
    client: httpx.AsyncClient,
    tokens: dict[str, str],
    slash: str,
    who: str,
    method: str,
    sent: Any,
    status: int,
    body: str,
) -> None:
    answer = await client.request(method, LIST + slash, json=sent, headers=bearer(tokens, who))
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (status, body, "application/json")


@pytest.mark.parametrize("how", ["data", "params", "files"])
@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"client_secret": "x"}, '{"error":"invalid_client","message":"wrong client_id or client_secret"}'),
        ({"client_id": "x"}, '{"error":"invalid_client","message":"wrong client_id or client_secret"}'),
        (
            {"grant_type": "implicit"},
            '{"error":"unsupported_grant_type","message":"client_credentials, password, or authorization_code"}',
        ),
        (
            {"grant_type": "password", "username": "101", "password": "x"},
            '{"error":"invalid_grant","message":"wrong username or password"}',
        ),
        (
            {"grant_type": "authorization_code", "code": "x"},
            '{"error":"invalid_grant","message":"the code is not good, or not for this"}',
        ),
    ],
)
async def test_no_token(client: httpx.AsyncClient, how: str, change: dict[str, str], body: str) -> None:
    form: Any = {**GRANT, **change}
    if how == "files":
        form = {name: (None, value) for name, value in form.items()}
    answer = await client.post("/oauth/token", **{how: form})
    assert (answer.status_code, answer.text) == (400, body)


async def test_who_guesses_has_to_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    http = {"port": 0, "login_failures_user": 2}
    async with (
        bridge(tmp_path_factory.mktemp("guessed"), http=http) as server,
        httpx.AsyncClient(base_url=server.http_url, timeout=PATIENCE_S) as client,
    ):
        wrong = {**GRANT, "client_secret": "x"}
        assert [(await client.post("/oauth/token", data=wrong)).status_code for _ in range(2)] == [400, 400]
        answer = await client.post("/oauth/token", data=wrong)
        assert (answer.status_code, answer.text) == (429, '{"message":"Request rate exceeded"}')
        assert int(answer.headers["retry-after"]) > 0
