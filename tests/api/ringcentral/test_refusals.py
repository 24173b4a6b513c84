"""Each refusal of RingCentral's table, whole, to a request that brings it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from softphone.api.http.codes import CODES
from softphone.server import Server
from tests.api.conftest import logged_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/restapi/v1.0"
ACCOUNT = f"{V1}/account/~"
SESSIONS = f"{ACCOUNT}/telephony/sessions"
SUBSCRIPTION = f"{V1}/subscription"
TOKEN = "/restapi/oauth/token"
CLIENT = ("dev-client", "dev-secret")
HOOK = {"deliveryMode": {"transportType": "WebHook", "address": "http://127.0.0.1:9/"}}
OWN = f"{ACCOUNT}/extension/~/presence"


def said(message: str, **names: str) -> dict[str, str]:
    return {"message": message, **names}


def about(name: str, message: str = "Parameter [{}] value is invalid.") -> dict[str, str]:
    return said(message.format(name), parameterName=name)


def missing(name: str) -> dict[str, str]:
    return about(name, "Resource for parameter [{}] is not found")


def filters(*events: str) -> dict[str, Any]:
    return {"json": {"eventFilters": events, **HOOK}}


def provision(**body: Any) -> dict[str, Any]:
    return {"json": {"sipInfo": [{"transport": "UDP"}], **body}}


def grant(**form: str) -> dict[str, Any]:
    return {"data": {"grant_type": "password", "username": "101", "password": "dev-101", **form}, "auth": CLIENT}


# Code and status; who asks for what; and what is said.
TABLE: list[tuple[str, int, str, str, str, dict[str, Any], dict[str, str]]] = [
    ("CMN-101", 400, "102", "PATCH", f"{SESSIONS}/SESSION/parties/x", {"json": {}}, about("muted")),
    ("CMN-101", 400, "102", "POST", f"{SESSIONS}/x/parties/bring-in", {"json": {}}, about("sessionId")),
    ("CMN-101", 400, "102", "POST", f"{SESSIONS}/x/parties/bring-in", {"json": {"sessionId": "s"}}, about("partyId")),
    ("CMN-101", 400, "102", "POST", f"{ACCOUNT}/telephony/call-out", {}, about("to.phoneNumber")),
    ("CMN-102", 404, "102", "GET", f"{V1}/account/9", {}, missing("accountId")),
    ("CMN-102", 404, "102", "GET", f"{ACCOUNT}/extension/9", {}, missing("extensionId")),
    ("CMN-102", 404, "102", "GET", f"{SESSIONS}/s-0", {}, missing("telephonySessionId")),
    ("CMN-102", 404, "102", "DELETE", f"{SESSIONS}/s-0", {}, missing("telephonySessionId")),
    ("CMN-102", 404, "102", "GET", f"{SESSIONS}/SESSION/parties/x", {}, missing("partyId")),
    ("CMN-102", 404, "102", "PATCH", f"{SESSIONS}/SESSION/parties/x", {"json": {"muted": True}}, missing("partyId")),
    ("CMN-102", 404, "102", "DELETE", f"{SESSIONS}/SESSION/parties/x", {}, missing("partyId")),
    ("CMN-102", 404, "102", "POST", f"{SESSIONS}/SESSION/parties/x/hold", {}, missing("partyId")),
    ("CMN-102", 404, "102", "GET", f"{SUBSCRIPTION}/x", {}, missing("subscriptionId")),
    ("CMN-103", 400, "102", "POST", f"{ACCOUNT}/telephony/conference", {"content": "{"}, said("JSON can't be parsed.")),
    (
        "CMN-112", 403, "101", "GET", f"{ACCOUNT}/extension/100201/conferencing", {},
        said("Feature [Conferencing] is not available for current extension type"),
    ),
    ("CMN-120", 404, "102", "GET", f"{V1}/nothing", {}, said("Invalid URI")),
    ("CMN-121", 405, "102", "PUT", f"{ACCOUNT}/telephony/conference", {}, said("Method is not allowed")),
    ("CMN-402", 403, "102", "POST", SUBSCRIPTION, filters(f"{ACCOUNT}/presence"),
     said("Administrator permission is required")),
    ("CMN-404", 403, "102", "GET", f"{ACCOUNT}/extension/100101/conferencing", {},
     said("Access to another extension is not allowed")),
    ("CMN-405", 401, "program", "GET", f"{ACCOUNT}/extension/~", {}, said("Login to extension required.")),
    (
        "CMN-408", 403, "105", "POST", f"{ACCOUNT}/telephony/conference", {},
        said("In order to call this API endpoint, user needs to have [OrganizeConference] permission",
             permissionName="OrganizeConference"),
    ),
    ("BIL-103", 403, "105", "GET", f"{ACCOUNT}/extension/~/conferencing", {},
     said("Feature [Conferencing] is not available for current account")),
    ("OAU-123", 401, "Basic eDp5", "GET", ACCOUNT, {}, said("Authorization header value is invalid")),
    ("OAU-129", 401, "bearer x", "GET", ACCOUNT, {}, said("Access token corrupted")),
    ("OAU-134", 401, "", "GET", ACCOUNT, {}, said("Authorization header is not specified")),
    ("SPR-118", 400, "102", "POST", f"{V1}/client-info/sip-provision", provision(device={"id": "x"}),
     about("device.id", "Parameter [{}] value is invalid: it has to be a number")),
    ("SPR-129", 400, "102", "POST", f"{V1}/client-info/sip-provision",
     provision(sipInfo=[{"transport": "UDP"}, {"transport": "TCP"}]),
     about("sipInfo", "Parameter [{}] value is invalid: all transports have to be alike")),
    ("SUB-405", 403, "102", "POST", SUBSCRIPTION, filters(f"{ACCOUNT}/extension/100101/presence"),
     said("Not allowed subscribe for events of other extensions")),
    ("SUB-406", 403, "102", "POST", SUBSCRIPTION, filters(f"{V1}/account/9/presence"),
     said("Not allowed subscribe for events to extensions of other account")),
    ("SUB-408", 403, "101", "POST", SUBSCRIPTION, filters(f"{ACCOUNT}/extension/9/presence"),
     said("Not allowed subscribe for unknown user")),
    ("SUB-508", 400, "102", "POST", SUBSCRIPTION, filters("/nothing"), said("Invalid event filters: [/nothing]")),
    ("SUB-525", 400, "102", "POST", SUBSCRIPTION, filters(OWN),
     said("WebHook did not answer 200 with the Validation-Token that it was sent, within 3 s and 1024 bytes")),
    ("TAS-106", 403, "102", "POST", f"{SESSIONS}/SESSION/parties/bring-in",
     {"json": {"sessionId": "s-0", "partyId": "p-0-1"}}, said("Operation is not allowed")),
]  # fmt: skip

OAUTH = [
    ("OAU-112", 400, grant(grant_type="magic"), "unsupported_grant_type", "Grant type is not supported."),
    ("OAU-140", 400, grant(password="wrong"), "invalid_grant", "Invalid resource owner credentials."),
    ("OAU-146", 401, grant() | {"auth": ("nobody", "x")}, "invalid_client", "Invalid client credentials."),
]

# Told by what is not one request: each with the test that brings it.
ELSEWHERE = {
    "CMN-104": "api/http/test_connections.py",
    "CMN-109": "api/test_speech.py",
    "CMN-202": "api/ringcentral/test_tunnel.py",
    "CMN-203": "api/ringcentral/test_tunnel.py",
    "CMN-211": "api/test_speech.py",
    "CMN-301": "api/ringcentral/test_rates.py",
    "CMN-401": "api/ringcentral/test_errors.py",
    "OAU-128": "api/auth/test_tokens.py",
    "SUB-505": "api/ringcentral/test_subscriptions.py",
    "SUB-507": "api/ringcentral/test_subscriptions.py",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(shared: Server) -> AsyncIterator[str]:
    """A conference of 102, who is not in it."""
    async with logged_in(shared, "102") as ben:
        made = (await ben.post(f"{ACCOUNT}/telephony/conference")).json()["session"]["id"]
        yield made
        await ben.delete(f"{SESSIONS}/{made}")


async def authorization(server: Server, who: str) -> str:
    if who == "program":
        form = {"grant_type": "client_credentials", "client_id": CLIENT[0], "client_secret": CLIENT[1]}
        async with httpx.AsyncClient(base_url=server.http_url) as client:
            return f"Bearer {(await client.post('/oauth/token', data=form)).json()['access_token']}"
    if not who.isdecimal():
        return who
    async with logged_in(server, who) as client:
        return client.headers["Authorization"]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[3]} {row[4].removeprefix(V1)}")
async def test_a_refusal_is_told_whole(
    shared: Server,
    session: str,
    http: httpx.AsyncClient,
    row: tuple[str, int, str, str, str, dict[str, Any], dict[str, str]],
) -> None:
    code, status, who, method, path, options, words = row
    path = path.replace("SESSION", session)
    header = await authorization(shared, who)
    answer = await http.request(method, path, **options, headers={"Authorization": header} if header else {})
    entry = {"errorCode": code, **words}
    top = entry | {"errorCode": "InsufficientPermissions"} if "permissionName" in entry else entry
    assert (answer.status_code, answer.json()) == (status, {**top, "errors": [entry]})
    assert list(answer.json()) == [*entry, "errors"]
    assert answer.headers["content-type"] == "application/json" and answer.headers["rcrequestid"]
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="softphone"'


@pytest.mark.parametrize(("code", "status", "options", "error", "message"), OAUTH)
async def test_a_refused_grant_is_told_whole(
    http: httpx.AsyncClient, code: str, status: int, options: dict[str, Any], error: str, message: str
) -> None:
    answer = await http.post(TOKEN, **options)
    entry = {"errorCode": code, "message": message}
    wanted = {"error": error, "error_description": message, **entry, "errors": [entry]}
    assert (answer.status_code, answer.json()) == (status, wanted)


async def test_no_code_is_left_out() -> None:
    here = Path(__file__).parents[2]
    assert all(code in (here / name).read_text() for code, name in ELSEWHERE.items())
    assert {row[0] for row in TABLE} | {row[0] for row in OAUTH} | ELSEWHERE.keys() == CODES.keys()
