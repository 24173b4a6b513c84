"""Signing in on the page: what is sent and answered, with real requests to a real server."""

import httpx
import pytest

from softphone.server import Server
from tests.api.web.test_joining import bearer, code

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def signed_in(http: httpx.AsyncClient, user: str, password: str) -> httpx.Response:
    return await http.post("/web/login", json={"user": user, "password": password})


async def test_a_token_is_for_all_that_the_user_may_do_until_it_signs_out(web: Server, http: httpx.AsyncClient) -> None:
    answer = await signed_in(http, " 102 ", "dev-102")
    said = answer.json()
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert (said["number"], said["name"], said["expires_s"]) == ("102", "Ben User", 3600)
    mine = bearer(said["token"])
    made = await http.post("/api/v1/conferences", json={}, headers=mine)
    assert made.status_code == 201 and made.json()["owner_id"] == web.accounts.extensions["102"].id
    await web.control.end(made.json()["id"])
    assert (await http.get("/api/v1/recordings", headers=mine)).status_code == 200
    assert (await http.delete("/web/login", headers=mine)).status_code == 204
    assert (await http.get("/api/v1/recordings", headers=mine)).status_code == 401
    assert code(await http.delete("/web/login", headers=mine)) == (401, "login_needed")


@pytest.mark.parametrize(
    ("user", "password"), [("102", "dev-101"), ("nobody", "dev-102"), ("201", "1234"), ("102", " dev-102"), ("*", "*")]
)
async def test_who_is_nobody_or_has_another_password_is_told_the_same(
    web: Server, http: httpx.AsyncClient, user: str, password: str
) -> None:
    assert code(await signed_in(http, user, password)) == (401, "wrong_login")


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"user": "102"},
        {"user": "", "password": "x"},
        {"user": 102, "password": "x"},
        {"user": "1" * 300, "password": "x"},
    ],
)
async def test_what_is_no_login_is_refused(web: Server, http: httpx.AsyncClient, wish: dict[str, object]) -> None:
    assert code(await http.post("/web/login", json=wish)) == (400, "bad_request")


async def test_who_guesses_has_to_wait(web: Server, http: httpx.AsyncClient) -> None:
    for _ in range(40):
        answer = await signed_in(http, "105", "wrong")
        if answer.status_code == 429:
            break
    assert code(answer) == (429, "too_many") and int(answer.headers["retry-after"]) > 0
    assert code(await signed_in(http, "105", "dev-105")) == (429, "too_many")
