"""Authorization codes: a user lets a program act for it, on a page of ours, and nobody else has anything of it."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio

from softphone.api.auth.codes import CODE_S, AuthorizationCodes, Authorized
from softphone.config import ClientConfig, from_table
from softphone.errors import ConfigError
from softphone.server import Server
from tests.api.conftest import PATIENCE_S
from tests.focus.phone import bridge

BACK = "https://app.example.com/back"
LOCAL = "http://127.0.0.1:9000/back?from=softphone"
VERIFIER = "v" * 43
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
PAGES = ("/oauth/authorize", "/restapi/oauth/authorize")
USER = {"username": "101", "password": "dev-101"}
ASKED = {"response_type": "code", "client_id": "app", "redirect_uri": BACK, "state": "s&1", "scope": "all"}


def test_a_code_is_good_once_for_its_program_and_address_for_a_minute() -> None:
    codes, authorized = AuthorizationCodes(), Authorized("app", BACK, "100101")
    for wrong in (("other", BACK, ""), ("app", BACK + "/", ""), ("app", BACK, VERIFIER)):
        assert codes.redeem(codes.issue(authorized, 0.0), *wrong, now=1.0) is None
    code = codes.issue(authorized, 0.0)
    assert codes.redeem(code, "app", BACK, "", CODE_S - 0.1) == "100101"
    assert codes.redeem(code, "app", BACK, "", CODE_S - 0.1) is None
    late = codes.issue(authorized, 0.0)
    assert codes.redeem(late, "app", BACK, "", CODE_S) is None
    assert codes.redeem("none", "app", BACK, "", 0.0) is None
    codes.issue(authorized, 1000.0)
    assert len(codes._codes) == 1, "what is over is not kept"


@pytest.mark.parametrize(("method", "challenge"), [("plain", VERIFIER), ("S256", S256)])
def test_who_has_the_verifier_is_who_has_asked(method: str, challenge: str) -> None:
    authorized = Authorized("app", BACK, "100101", challenge, method)
    assert authorized.proved_by(VERIFIER)
    for wrong in ("", "w" * 43, challenge[:42], VERIFIER + "é", S256 if method == "S256" else ""):
        assert not authorized.proved_by(wrong)


@pytest.mark.parametrize("uri", ["/back", "app.example.com", "https://a/#x", "https://a/ b", "javascript:alert(1)"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="redirect_uris"):
        from_table({"client": [{"id": "app", "redirect_uris": [uri]}]})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    clients = (
        ClientConfig("app", "app-secret", redirect_uris=(BACK, LOCAL, "com.example.app:/back")),
        ClientConfig("page", public=True, redirect_uris=(BACK,)),
        ClientConfig("dev-client", "dev-secret"),
    )
    async with bridge(tmp_path_factory.mktemp("data"), {"clients": clients}) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(shared: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=shared.http_url, timeout=PATIENCE_S) as client:
        yield client


async def code_of(http: httpx.AsyncClient, path: str = PAGES[0], **more: str) -> str:
    """Log in on the page, and give the code that the browser brings back."""
    answer = await http.post(path, params=ASKED | more, data=USER)
    assert answer.status_code == 303, answer.text
    to, query = answer.headers["location"].partition("?")[::2]
    assert to == BACK and parse_qs(query)["state"] == ["s&1"]
    return parse_qs(query)["code"][0]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", PAGES)
async def test_the_page_asks_for_a_log_in_and_shows_who_wants_it(http: httpx.AsyncClient, path: str) -> None:
    page = await http.get(path, params=ASKED)
    assert page.status_code == 200 and "app.example.com" in page.text and "<strong>app</strong>" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    wrong = await http.post(path, params=ASKED, data=USER | {"password": "<wrong>"})
    assert wrong.status_code == 401 and 'role="alert"' in wrong.text and "wrong&gt;" not in wrong.text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_code_becomes_a_token_in_either_shape(http: httpx.AsyncClient) -> None:
    grant = {"grant_type": "authorization_code", "redirect_uri": BACK}
    form = grant | {"client_id": "app", "client_secret": "app-secret"}
    telphin = await http.post("/oauth/token", data=form | {"code": await code_of(http)})
    assert list(telphin.json()) == ["access_token", "token_type", "expires_in", "scope"], telphin.text
    bearer = {"Authorization": f"Bearer {telphin.json()['access_token']}"}
    assert (await http.get("/api/ver1.0/client/@me/extension/", headers=bearer)).status_code == 200
    code = await code_of(http, PAGES[1], code_challenge=S256, code_challenge_method="S256")
    form = grant | {"code": code, "code_verifier": VERIFIER}
    ringcentral = await http.post("/restapi/oauth/token", data=form, auth=("app", "app-secret"))
    assert ringcentral.status_code == 200 and ringcentral.json()["owner_id"] == "100101", ringcentral.text
    again = await http.post("/restapi/oauth/token", data=form, auth=("app", "app-secret"))
    assert (again.status_code, again.json()["error"], again.json()["errorCode"]) == (400, "invalid_grant", "OAU-140")
    used = await http.post("/oauth/token", data=form | {"client_id": "app", "client_secret": "app-secret"})
    assert (used.status_code, used.json()["error"]) == (400, "invalid_grant")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_program_without_a_secret_proves_itself_by_pkce(http: httpx.AsyncClient) -> None:
    unproved = await http.get(PAGES[1], params=ASKED | {"client_id": "page"})
    assert unproved.status_code == 303 and "error=invalid_request" in unproved.headers["location"]
    pkce = {"client_id": "page", "code_challenge": S256, "code_challenge_method": "S256"}
    code = await code_of(http, PAGES[1], **pkce)
    form = {"grant_type": "authorization_code", "redirect_uri": BACK, "code": code, "client_id": "page"}
    given = await http.post("/restapi/oauth/token", data=form | {"code_verifier": VERIFIER})
    assert given.status_code == 200, given.text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": BACK + "?x"},
        {"client_id": "dev-client"},
        {"client_id": ""},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_the_programs(
    http: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    for path in PAGES:
        for answer in (
            await http.get(path, params=ASKED | wrong),
            await http.post(path, params=ASKED | wrong, data=USER),
        ):
            assert answer.status_code == 400 and "location" not in answer.headers
            assert "application/json" in answer.headers["content-type"]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_wrong_otherwise_is_told_to_the_program(http: httpx.AsyncClient) -> None:
    for wrong, error in (
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "MD5"}, "invalid_request"),
    ):
        answer = await http.post(PAGES[0], params=ASKED | {"redirect_uri": LOCAL} | wrong, data=USER)
        told = urlsplit(answer.headers["location"])
        assert told.netloc == "127.0.0.1:9000"
        assert parse_qs(told.query) == {"from": ["softphone"], "error": [error], "state": ["s&1"]}
    native = await http.post(PAGES[0], params=ASKED | {"redirect_uri": "com.example.app:/back"}, data=USER)
    assert native.headers["location"].startswith("com.example.app:/back?code=")
