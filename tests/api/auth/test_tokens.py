from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "/restapi/oauth/token"
CLIENT = ("dev-client", "dev-secret")
PASSWORD = {"grant_type": "password", "username": "101", "password": "dev-101"}
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
    assert {"access_token", "refresh_token", "scope", "endpoint_id"} <= answer.keys()


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
