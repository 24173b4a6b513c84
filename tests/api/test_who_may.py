"""Every route there is, asked by who may not: without a token, with one whose time is over, for what is another's.

The routes are those of the application itself: a new one is asked here unless it is named among those that are for all.
"""

import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from softphone.api.app import create_app
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.focus.phone import Phone
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

# For everybody, or with a proof of their own in the form or the query, which their own tests have.
FOR_ALL = (
    "/healthz",
    "/metrics",
    "/oauth/",
    "/restapi/oauth/",
    "/openapi.json",
    "/docs",
    "/j/",
    "/web/",
    "/web",
    "/whip/",
)
RESTCOMM = "/restcomm/"

# Of what is named in a path: something that is nobody's, or whoever asks.
FILLED = {"accountId": "~", "extensionId": "~", "form": "json", "number": "104"}


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Give method and path of each route."""
    for route in iter_route_contexts(app.routes):
        yield from ((method, str(route.path)) for method in sorted((route.methods or set()) - {"HEAD"}))


def filled(path: str, **names: str) -> str:
    known = {**FILLED, **names}
    return re.sub(r"\{(\w+)[^}]*\}", lambda found: known.get(found[1], "x"), path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(shared: Server) -> list[tuple[str, str]]:
    """All routes that are not for everybody."""
    app = create_app(shared.api, shared.notifications)
    found = [each for each in routes(app) if each[1] != "/" and not each[1].startswith(FOR_ALL)]
    assert len(found) > 150 and any(path.startswith(RESTCOMM) for _, path in found)
    return found


async def told(client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    answer = await client.request(method, path, headers=headers)
    body = answer.json() if "json" in answer.headers.get("content-type", "") and answer.content else {}
    return answer.status_code, body.get("errorCode", "") if isinstance(body, dict) else ""


@pytest.mark.parametrize(("bearer", "code"), [(None, "OAU-134"), ("nonsense", "OAU-129"), ("expired", "OAU-128")])
async def test_no_route_is_open_without_a_good_token(
    shared: Server, http: httpx.AsyncClient, closed: list[tuple[str, str]], bearer: str | None, code: str
) -> None:
    headers = {}
    if bearer == "expired":
        async with logged_in(shared, "101") as client:
            bearer = client.headers["Authorization"].removeprefix("bearer ")
        grant = shared.api.grants.find(bearer)
        assert grant is not None
        grant.access_until = time.monotonic()
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    open_ones = {}
    for method, path in closed:
        ours = path.startswith(("/restapi/", "/api/v1/"))
        answer = await told(http, method, filled(path), headers)
        if answer != (401, code if ours else ""):
            open_ones[method, path] = answer
    assert open_ones == {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def theirs(shared: Server) -> AsyncIterator[dict[str, str]]:
    """What is 101's: a conference that it is in."""
    async with logged_in(shared, "101") as ada, Phone(shared, "101") as phone:
        made = (await ada.post("/restapi/v1.0/account/~/telephony/conference")).json()["session"]
        await phone.call(made["voiceCallToken"])
        party = f"p-{made['id'][2:]}-1"
        yield {"telephonySessionId": made["id"], "id": made["id"], "partyId": party, "party": party}
        await shared.control.end(made["id"])
        await until(lambda: shared.focus.parties == 0)


# What a route has to be told before it can say whose something is.
BODIES: dict[str, Any] = {
    "/bring-in": {"sessionId": "s", "partyId": "p"},
    "/transfer": {"to": "104", "phoneNumber": "104"},
    "/bridge": {"telephonySessionId": "s"},
    "/move": {"to": "s"},
    "/keys": {"keys": "1"},
    "/groups": {"names": ["a"], "groups": [{"name": "a"}]},
    "/dials": {"number": "104"},
    "/playbacks": {"sounds": ["beep"]},
    "/streams": {"url": "ws://127.0.0.1:9/"},
    "/mail": {"to": ["a@b.example"]},
    "/allowed": {"numbers": ["104"]},
}


def wanted(path: str) -> dict[str, Any]:
    return next((body for end, body in BODIES.items() if path.endswith(end)), {"muted": True})


async def test_another_account_is_not_there(shared: Server, closed: list[tuple[str, str]]) -> None:
    async with logged_in(shared, "101") as ada:
        for method, path in closed:
            if "{accountId}" in path:
                answer = await ada.request(method, filled(path, accountId="2"), json=wanted(path))
                assert (answer.status_code, answer.json()["parameterName"]) == (404, "accountId"), path


async def test_a_session_of_others_is_not_there(
    shared: Server, closed: list[tuple[str, str]], theirs: dict[str, str]
) -> None:
    below = ("/telephony/sessions/{telephonySessionId}", "/conferences/{id}", "/calls/{id}")
    found = {}
    async with logged_in(shared, "104") as dot:
        for method, path in closed:
            if any(each in path for each in below) and not path.startswith(RESTCOMM):
                answer = await dot.request(method, filled(path, **theirs), json=wanted(path))
                if answer.status_code != 404:
                    found[method, path] = answer.text
        assert found == {}
        assert (await dot.get(f"/restapi/v1.0/account/~/telephony/sessions/{theirs['id']}")).status_code == 404


async def test_what_is_another_users_is_refused(shared: Server, closed: list[tuple[str, str]]) -> None:
    found = {}
    async with logged_in(shared, "104") as dot:
        for method, path in closed:
            if "{extensionId}" in path or path.startswith("/api/v1/extensions/{number}"):
                answer = await dot.request(method, filled(path, extensionId="100101", number="101"), json=wanted(path))
                if answer.status_code != 403:
                    found[method, path] = answer.text
    assert found == {}


async def test_what_is_for_administrators_is_refused_to_others(shared: Server) -> None:
    async with logged_in(shared, "104") as dot:
        for method, path in (
            ("GET", "/api/v1/registrations"),
            ("DELETE", "/api/v1/registrations/x"),
            ("DELETE", "/api/v1/wrong-codes"),
            ("GET", "/api/v1/trace"),
            ("GET", "/api/v1/trace/x"),
            ("POST", "/api/v1/sounds/speech"),
            ("DELETE", "/api/v1/sounds/1"),
            ("GET", "/restapi/v1.0/account/~/active-calls"),
            ("GET", "/api/ver1.0/client/@me/extension/"),
            ("POST", "/api/ver1.0/client/@me/extension/"),
            ("GET", "/extension/100201/conference/"),
            ("PUT", "/api/ver1.0/extension/100201/conference/"),
        ):
            assert (await dot.request(method, path, json={"text": "x"})).status_code == 403, path


async def test_another_account_of_restcomm_is_not_proved(shared: Server, closed: list[tuple[str, str]]) -> None:
    async with httpx.AsyncClient(base_url=shared.http_url, auth=("104", "dev-104")) as dot:
        for method, path in closed:
            if path.startswith(RESTCOMM):
                answer = await dot.request(method, filled(path, account_sid="AC" + "100101".rjust(32, "0")))
                assert (answer.status_code, answer.content) == (401, b""), (method, path)
