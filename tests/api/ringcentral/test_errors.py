"""What went wrong, in the words of RingCentral's list."""

import re

import httpx
import pytest

from softphone.api.http.codes import CODES
from softphone.api.http.errors import coded
from softphone.api.ringcentral.errors import lacks, listed
from softphone.server import Server
from tests.api.conftest import ORIGIN, logged_in

API = "/restapi/v1.0"
SESSION = f"{API}/account/~/telephony/sessions/s-0"


def test_the_body_as_documented() -> None:
    entry = {
        "errorCode": "CMN-102",
        "message": "Resource for parameter [telephonySessionId] is not found",
        "parameterName": "telephonySessionId",
    }
    assert listed(coded("CMN-102", "telephonySessionId")) == {**entry, "errors": [entry]}


def test_a_permission_that_lacks_has_a_word_of_its_own() -> None:
    body = listed(lacks("OrganizeConference"))
    message = "In order to call this API endpoint, user needs to have [OrganizeConference] permission"
    told = {"message": message, "permissionName": "OrganizeConference"}
    assert body == {**told, "errorCode": "InsufficientPermissions", "errors": [{**told, "errorCode": "CMN-408"}]}
    application = listed(coded("CMN-401", "VoipCalling"))
    assert application["errors"][0]["errorCode"] == "CMN-401" and application["permissionName"] == "VoipCalling"


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_status_and_says_what_it_is_about(code: str) -> None:
    error = coded(code, "thing")
    body = listed(error)
    assert 400 <= error.status < 600 and body["errors"][0]["errorCode"] == code
    assert "{}" not in body["message"] and re.fullmatch(r"[A-Z]{3}-\d{3}", code)
    names = CODES[code].names
    assert not names or body[names] == body["errors"][0][names] == "thing"


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_no_request_of_ours(shared: Server, ada: httpx.AsyncClient) -> None:
    asked = [
        (await ada.get("/restapi/nonsense"), 404, "CMN-120"),
        (await ada.get(f"{API}/account/~/nothing/here"), 404, "CMN-120"),
        (await ada.put(SESSION), 405, "CMN-121"),
        (await ada.post(f"{SESSION}/parties/bring-in", content=b"{"), 400, "CMN-103"),
        (await ada.post(f"{SESSION}/parties/bring-in", content=b"\xff"), 400, "CMN-103"),
        (await ada.post(f"{SESSION}/parties/bring-in", content=b"[1]"), 400, "CMN-101"),
        (await ada.get(SESSION, headers={"Authorization": ""}), 401, "OAU-134"),
        (await ada.get(SESSION, headers={"Authorization": "bearer nonsense"}), 401, "OAU-129"),
        (await ada.get(SESSION, headers={"Authorization": "digest x"}), 401, "OAU-123"),
        (await ada.get(SESSION.replace("~", "77")), 404, "CMN-102"),
    ]
    for answer, status, code in asked:
        body = answer.json()
        assert (answer.status_code, body["errorCode"]) == (status, code), answer.url
        assert body["errors"][0]["errorCode"] == code and body["message"] == body["errors"][0]["message"]
        assert "application/json" in answer.headers["content-type"] and answer.headers["rcrequestid"]


@pytest.mark.asyncio(loop_scope="module")
async def test_who_may_hold_no_conferences_is_told_the_permission(shared: Server) -> None:
    async with logged_in(shared, "105") as eve:
        body = (await eve.post(f"{API}/account/~/telephony/conference")).json()
    assert (body["errorCode"], body["permissionName"]) == ("InsufficientPermissions", "OrganizeConference")
    assert body["errors"][0]["errorCode"] == "CMN-408"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_program_without_a_user_is_told_to_log_in(http: httpx.AsyncClient) -> None:
    form = {"grant_type": "client_credentials", "client_id": "dev-client", "client_secret": "dev-secret"}
    token = (await http.post("/oauth/token", data=form)).json()["access_token"]
    answer = await http.get(f"{API}/account/~/extension/~", headers={"Authorization": f"Bearer {token}"})
    entry = {"errorCode": "CMN-405", "message": "Login to extension required."}
    assert (answer.status_code, answer.json()) == (401, {**entry, "errors": [entry]})


@pytest.mark.asyncio(loop_scope="module")
async def test_browsers_may_read_failures_and_limits(ada: httpx.AsyncClient) -> None:
    answer = await ada.get(SESSION, headers={"Origin": ORIGIN})
    assert answer.status_code == 404 and answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = {each.strip().lower() for each in answer.headers["access-control-expose-headers"].split(",")}
    limits = {f"x-rate-limit-{each}" for each in ("group", "limit", "remaining", "window")}
    assert exposed >= limits | {"retry-after", "rcrequestid"} and limits <= set(map(str.lower, answer.headers))
