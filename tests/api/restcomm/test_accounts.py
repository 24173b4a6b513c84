"""Who may ask Restcomm's API about which account, in which spelling, and how failures are written."""

from base64 import b64encode

import httpx
import pytest

from softphone.server import Server
from tests.api.restcomm.conftest import BASE, client_of, sid_of
from tests.focus.phone import bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

REALM = 'Basic realm="Restcomm realm"'


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("user", ["{sid}", "102", "102@softphone.local", "16505550100*102"])
async def test_a_user_by_each_of_its_names(shared: Server, http: httpx.AsyncClient, user: str) -> None:
    sid = sid_of(shared, "102")
    answer = await http.get(f"{BASE}/{sid}/Conferences.json", headers=basic(user.format(sid=sid), "dev-102"))
    assert answer.status_code == 200 and answer.json()["uri"] == f"/2012-04-24/Accounts/{sid}/Conferences"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("{sid}", "wrong"),
        basic("{sid}", ""),
        basic("{other}", "dev-102"),
        basic("nobody", "dev-102"),
        basic("202", ""),
        {"Authorization": "Basic !"},
        {"Authorization": "Bearer dev-102"},
    ],
)
@pytest.mark.parametrize("suffix", ["", ".json"])
async def test_who_has_not_proved_it(
    shared: Server, http: httpx.AsyncClient, headers: dict[str, str], suffix: str
) -> None:
    answer = await http.get(f"{BASE}/{sid_of(shared, '102')}/Conferences{suffix}", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"], answer.content) == (401, REALM, b"")


@pytest.mark.parametrize("foreign", ["103", "101", None])
async def test_the_account_of_somebody_else(shared: Server, ben: httpx.AsyncClient, foreign: str | None) -> None:
    sid = sid_of(shared, foreign) if foreign else "AC" + "9" * 32
    answer = await ben.get(f"{shared.http_url}{BASE}/{sid}/Conferences.json")
    assert (answer.status_code, answer.headers["www-authenticate"], answer.content) == (401, REALM, b"")


async def test_an_administrator_asks_about_others(shared: Server, ann: httpx.AsyncClient) -> None:
    answer = await ann.get(f"{shared.http_url}{BASE}/{sid_of(shared, '103')}/Conferences.json")
    assert answer.status_code == 200 and answer.json()["total"] == 0
    answer = await ann.get(f"{shared.http_url}{BASE}/AC{'9' * 32}/Conferences.json")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/restcomm/2012-04-24/Accounts/{sid}/Conferences.json", "*/*", "application/json"),
        ("/2012-04-24/Accounts/{sid}/Conferences.json", "*/*", "application/json"),
        ("/2012-04-24/Accounts/{sid}.json/Conferences", "text/html", "application/json"),
        ("/2012-04-24/Accounts.json/{sid}/Conferences/", "", "application/json"),
        ("/2012-04-24.json/Accounts/{sid}/Conferences", "", "application/json"),
        ("/2012-04-24/Accounts/{sid}/Conferences", "application/json", "application/json"),
        ("/2012-04-24/Accounts/{sid}/Conferences", "text/xml, application/hal+json", "application/json"),
        ("/2012-04-24/Accounts/{sid}/Conferences", "*/*", "application/xml"),
        ("/2012-04-24/Accounts/{sid}/Conferences", "", "application/xml"),
        ("/restcomm/2012-04-24/Accounts/{sid}/Conferences", "application/xml", "application/xml"),
        ("/restcomm/2012-04-24/Accounts/{sid}/Conferences/", "text/html", "application/xml"),
    ],
)
async def test_the_representation(shared: Server, ben: httpx.AsyncClient, path: str, accept: str, kind: str) -> None:
    url = shared.http_url + path.format(sid=sid_of(shared, "102"))
    answer = await ben.get(url, params={"FriendlyName": "a.json"}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    assert "FriendlyName=a.json" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/Conferences", "/Conferences/CF" + "0" * 32])
async def test_what_is_not_supported(ben: httpx.AsyncClient, method: str, path: str) -> None:
    for suffix in ("", ".json"):
        answer = await ben.request(method, path + suffix)
        assert answer.status_code == 405 and "GET" in answer.headers["allow"]
        message = "<RestcommResponse><Message>Method is not allowed</Message></RestcommResponse>"
        assert answer.text == ('{"message":"Method is not allowed"}' if suffix else message)


async def test_unknown_paths(ben: httpx.AsyncClient) -> None:
    for path in ("/Nothing", "/Conferences/CF1/Nothing.json", ""):
        answer = await ben.get(path)
        assert (answer.status_code, answer.content) == (404, b"")


async def test_who_guesses_has_to_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    http = {"port": 0, "login_failures_user": 2}
    async with bridge(tmp_path_factory.mktemp("guessed"), http=http) as server, client_of(server, "102") as client:
        wrong = (sid_of(server, "102"), "wrong")
        for _ in range(2):
            assert (await client.get("/Conferences", auth=wrong)).status_code == 401
        for auth in (wrong, ("102", "dev-102")):
            answer = await client.get("/Conferences.json", auth=auth)
            assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
            assert answer.json() == {"message": "Request rate exceeded"}
        async with client_of(server, "103") as other:
            assert (await other.get("/Conferences")).status_code == 200
