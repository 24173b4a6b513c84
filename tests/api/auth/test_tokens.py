import time
from typing import Any

import httpx
import pytest

from softphone.api.auth.assertions import Assertions
from softphone.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "/restapi/oauth/token"
CLIENT = ("dev-client", "dev-secret")
PASSWORD = {"grant_type": "password", "username": "101", "password": "dev-101"}
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PROTECTED = "/restapi/v1.0/account/~/telephony/sessions/s-0"


async def grant(http: httpx.AsyncClient, **form: str) -> dict[str, Any]:
    answer = await http.post(TOKEN, data=PASSWORD | form, auth=CLIENT)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_token_answer(http: httpx.AsyncClient) -> None:
    answer = await grant(http)
    assert answer["token_type"] == "bearer"
    assert (answer["expires_in"], answer["refresh_token_expires_in"]) == (3600, 604800)
    assert answer["owner_id"] == "100101"
    assert {"access_token", "refresh_token", "scope", "endpoint_id", "session_id"} <= answer.keys()
    assert {"CallControl", "ReadPresence", "WebSocketsSubscription"} <= set(answer["scope"].split())
    assert all(type(answer[each]) is int for each in ("expires_in", "refresh_token_expires_in"))
    assert (await grant(http))["endpoint_id"] != answer["endpoint_id"]


@pytest.mark.parametrize(
    "form",
    [
        {"username": "+16505550100*101"},
        {"username": "16505550100", "extension": "101"},
        {"access_token_ttl": "60", "refresh_token_ttl": "600", "unknown": "ignored"},
    ],
)
async def test_forms_that_clients_send(http: httpx.AsyncClient, form: dict[str, str]) -> None:
    await grant(http, **form)


async def test_the_client_may_stand_in_the_form(http: httpx.AsyncClient) -> None:
    form = PASSWORD | {"client_id": "dev-client", "client_secret": "dev-secret"}
    assert (await http.post(TOKEN, data=form)).status_code == 200


@pytest.mark.parametrize(
    ("form", "client", "status", "error", "code"),
    [
        ({"password": "wrong"}, CLIENT, 400, "invalid_grant", "OAU-140"),
        ({"username": "999"}, CLIENT, 400, "invalid_grant", "OAU-140"),
        ({"username": "201", "password": ""}, CLIENT, 400, "invalid_grant", "OAU-140"),
        ({"grant_type": "magic"}, CLIENT, 400, "unsupported_grant_type", "OAU-112"),
        ({"grant_type": "authorization_code", "code": "x"}, CLIENT, 400, "invalid_grant", "OAU-140"),
        ({"grant_type": "client_credentials"}, CLIENT, 400, "unauthorized_client", "OAU-112"),
        ({"grant_type": JWT}, CLIENT, 400, "invalid_grant", "OAU-140"),
        ({"grant_type": JWT, "assertion": "a.b.c"}, CLIENT, 400, "invalid_grant", "OAU-140"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, CLIENT, 400, "invalid_grant", "OAU-140"),
        ({}, ("dev-client", "wrong"), 401, "invalid_client", "OAU-146"),
        ({}, ("nobody", "dev-secret"), 401, "invalid_client", "OAU-146"),
        ({}, ("", ""), 401, "invalid_client", "OAU-146"),
    ],
)
async def test_refused_grants(
    http: httpx.AsyncClient, form: dict[str, str], client: tuple[str, str], status: int, error: str, code: str
) -> None:
    answer = await http.post(TOKEN, data=PASSWORD | form, auth=client)
    body = answer.json()
    assert (answer.status_code, body["error"], body["errors"][0]["errorCode"]) == (status, error, code)
    assert body["error_description"] == body["errors"][0]["message"]


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic ZGV2", "Digest x", "Basic \xff"])
async def test_broken_client_credentials(http: httpx.AsyncClient, header: str) -> None:
    answer = await http.post(TOKEN, data=PASSWORD, headers={b"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


@pytest.mark.parametrize("form", ["{token}", "bearer {token}", "Bearer {token}", "BEARER  {token}"])
async def test_ways_to_bear_a_token(http: httpx.AsyncClient, form: str) -> None:
    token = (await grant(http))["access_token"]
    answer = await http.get(PROTECTED, headers={"Authorization": form.format(token=token)})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "OAU-134"), ("Basic ZGV2OmRldg==", "OAU-123"), ("bearer nonsense", "OAU-129"), ("nonsense", "OAU-129")],
)
async def test_refused_tokens(http: httpx.AsyncClient, header: str | None, code: str) -> None:
    answer = await http.get(PROTECTED, headers={} if header is None else {"Authorization": header})
    assert (answer.status_code, answer.json()["errorCode"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_refresh_and_revoke(http: httpx.AsyncClient) -> None:
    old = await grant(http)
    form = {"grant_type": "refresh_token", "refresh_token": old["refresh_token"]}
    new = (await http.post(TOKEN, data=form, auth=CLIENT)).json()

    async def status(pair: dict[str, Any]) -> int:
        bearer = {"Authorization": f"bearer {pair['access_token']}"}
        return (await http.get(PROTECTED, headers=bearer)).status_code

    assert (await status(old), await status(new)) == (401, 404)
    assert (await http.post("/restapi/oauth/revoke", data={"token": new["access_token"]})).status_code == 401
    done = await http.post("/restapi/oauth/revoke", data={"token": new["access_token"]}, auth=CLIENT)
    assert (done.status_code, done.content) == (200, b"")
    assert await status(new) == 401


async def test_a_refresh_keeps_the_log_in_and_gives_the_same_pair_for_a_while(http: httpx.AsyncClient) -> None:
    old = await grant(http)
    form = {"grant_type": "refresh_token", "refresh_token": old["refresh_token"], "access_token_ttl": "60"}
    first, again = [(await http.post(TOKEN, data=form, auth=CLIENT)).json() for _ in range(2)]
    assert first == again and (first["endpoint_id"], first["expires_in"]) == (old["endpoint_id"], 60)
    unknown = await http.get(PROTECTED, headers={"Authorization": f"bearer {old['access_token']}"})
    assert (unknown.status_code, unknown.json()["errorCode"]) == (401, "OAU-129")


async def assert_by(http: httpx.AsyncClient, token: str, **options: Any) -> tuple[int, dict[str, Any]]:
    answer = await http.post(TOKEN, data={"grant_type": JWT, "assertion": token}, **({"auth": CLIENT} | options))
    return answer.status_code, answer.json()


async def test_a_json_web_token_logs_a_user_in(shared: Server, http: httpx.AsyncClient) -> None:
    ours = Assertions("dev-token-secret", "1")
    status, pair = await assert_by(http, ours.make("100102", time.time(), 60, "dev-client"))
    assert (status, pair["owner_id"]) == (200, "100102")
    seen = await http.get(PROTECTED, headers={"Authorization": f"bearer {pair['access_token']}"})
    assert seen.status_code == 404
    # Of an extension that is none or no user; for another program; over; of another installation; without a program.
    for token in (
        ours.make("100999", time.time(), 60),
        ours.make("100201", time.time(), 60),
        ours.make("100102", time.time(), 60, "another"),
        ours.make("100102", time.time() - 100, 60),
        Assertions("another secret that nobody has told", "1").make("100102", time.time(), 60),
    ):
        status, body = await assert_by(http, token)
        assert (status, body["error"], body["errors"][0]["errorCode"]) == (400, "invalid_grant", "OAU-140")
    assert (await assert_by(http, ours.make("100102", time.time(), 60), auth=("dev-client", "wrong")))[0] == 401


async def test_a_token_of_the_gateway_lives_as_long_as_the_log_in(shared: Server, http: httpx.AsyncClient) -> None:
    pair = await grant(http)
    bearer = {"Authorization": f"bearer {pair['access_token']}"}
    assert (await http.post("/restapi/oauth/wstoken")).status_code == 401
    answers = [await http.post("/restapi/oauth/wstoken", headers=bearer, content=body) for body in (b"", b"{}")]
    assert [each.status_code for each in answers] == [200, 200]
    told = answers[0].json()
    assert told["uri"] == f"{shared.http_url.replace('http', 'ws')}/restapi/v1.0/ws" and told["expires_in"] == 600
    found = shared.api.grants.ticket_grant(told["ws_access_token"], time.monotonic())
    assert found is not None and found.extension_id == "100101"
    bearing = await http.get(PROTECTED, headers={"Authorization": f"bearer {told['ws_access_token']}"})
    assert bearing.status_code == 401
    await http.post("/restapi/oauth/revoke", data={"token": pair["refresh_token"]}, auth=CLIENT)
    assert shared.api.grants.ticket_grant(told["ws_access_token"], time.monotonic()) is None


async def test_no_secret_of_a_log_in_is_in_the_log(http: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]) -> None:
    token = Assertions("dev-token-secret", "1").make("100102", time.time() - 100, 60)
    await assert_by(http, token)
    pair = await grant(http)
    await http.post(TOKEN, data=PASSWORD | {"password": "a wrong one"}, auth=CLIENT)
    told = "".join(capfd.readouterr())
    for secret in (token, pair["access_token"], pair["refresh_token"], "dev-secret", "a wrong one"):
        assert secret not in told
    assert "assertion_refused" in told


async def test_an_expired_token_is_told_from_an_unknown_one(shared: Server, http: httpx.AsyncClient) -> None:
    pair = await grant(http)
    found = shared.api.grants.find(pair["access_token"])
    assert found is not None
    found.access_until = time.monotonic()
    answer = await http.get(PROTECTED, headers={"Authorization": f"bearer {pair['access_token']}"})
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "OAU-128")
    form = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    assert (await http.post(TOKEN, data=form, auth=CLIENT)).status_code == 200
