"""Codes of rooms over HTTP."""

import httpx
import pytest

from mixer.rules.entrance import Code, CodeVerdict
from softphone.focus.room.admission import Admission
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.focus.phone import bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_administrator_opens_what_wrong_codes_have_closed(shared: Server, ada: httpx.AsyncClient) -> None:
    room, codes = shared.accounts.extensions["201"], shared.door.codes
    caller = Admission("102", "", shared.accounts.extensions["102"])
    while codes.judge(room, Code("0"), caller)[0] is not CodeVerdict.CLOSED:
        pass
    async with logged_in(shared, "102") as ben:
        assert (await ben.delete("/api/v1/wrong-codes")).status_code == 403
    assert codes.judge(room, Code("9876"), caller)[0] is CodeVerdict.CLOSED
    assert (await ada.delete("/api/v1/wrong-codes")).status_code == 204
    assert codes.judge(room, Code("9876"), caller)[0] is CodeVerdict.RIGHT


def conferencing(extension: str = "~") -> str:
    return f"/restapi/v1.0/account/~/extension/{extension}/conferencing"


async def test_a_user_learns_its_codes_and_an_administrator_all(shared: Server, ada: httpx.AsyncClient) -> None:
    ben = shared.accounts.extensions["102"]
    codes = shared.accounts.codes(ben.id)
    assert codes is not None
    expected = {"phone_number": "+16505550100", "host_code": codes.host, "participant_code": codes.participant}
    async with logged_in(shared, "102") as own, logged_in(shared, "103") as other:
        for client, number in ((own, "~"), (own, "102"), (ada, "102")):
            assert (await client.get(f"/api/v1/extensions/{number}/codes")).json() == expected
        assert (await other.get("/api/v1/extensions/102/codes")).status_code == 403
    assert (await ada.get("/api/v1/extensions/999/codes")).status_code == 404


async def test_conferencing_as_documented(shared: Server, ada: httpx.AsyncClient) -> None:
    ben = shared.accounts.extensions["102"]
    codes = shared.accounts.codes(ben.id)
    assert codes is not None
    async with logged_in(shared, "102") as own:
        answer = await own.get(conferencing(), headers={"Accept": "application/json"})
        assert answer.json() == {
            "uri": f"{shared.http_url}/restapi/v1.0/account/1/extension/{ben.id}/conferencing",
            "phoneNumber": "16505550100",
            "hostCode": codes.host,
            "participantCode": codes.participant,
        }
        assert (await ada.get(conferencing(ben.id))).json() == answer.json()
        info = (await own.get("/restapi/v1.0/account/~/service-info")).json()
        assert {"featureName": "Conferencing", "enabled": True} in info["serviceFeatures"]


@pytest.mark.parametrize(
    ("asks", "number", "status", "code"),
    [
        ("105", "105", 403, "BIL-103"),
        ("101", "201", 403, "CMN-112"),
        ("102", "103", 403, "CMN-404"),
        ("102", "201", 403, "CMN-404"),
    ],
)
async def test_who_has_no_codes(shared: Server, asks: str, number: str, status: int, code: str) -> None:
    async with logged_in(shared, asks) as client:
        for path in (conferencing(shared.accounts.extensions[number].id), f"/api/v1/extensions/{number}/codes"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
            assert answer.json()["errors"][0]["message"] == answer.json()["message"]


async def test_conferencing_of_nobody(ada: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    answer = await ada.get(conferencing("4711"))
    assert (answer.status_code, answer.json()["parameterName"]) == (404, "extensionId")
    assert (await http.get(conferencing())).status_code == 401
    assert (await ada.get(conferencing().replace("~", "2", 1))).json()["parameterName"] == "accountId"


async def test_an_account_without_a_bridge_number(tmp_path_factory: pytest.TempPathFactory) -> None:
    account = {"id": "1", "main_number": ""}
    async with (
        bridge(tmp_path_factory.mktemp("bridgeless"), account=account) as server,
        logged_in(server, "101") as ada,
    ):
        refused = await ada.get(conferencing())
        assert (refused.status_code, refused.json()["errorCode"]) == (403, "BIL-103")
        info = (await ada.get("/restapi/v1.0/account/1/service-info")).json()
        assert {"featureName": "Conferencing", "enabled": False} in info["serviceFeatures"]
