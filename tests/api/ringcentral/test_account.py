"""The account, its extensions, and how people dial in: to whom they are told."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from mixer.rules.roles import Place
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.ringcentral.test_telephony import code
from tests.focus.phone import Phone, bridge, extension
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNT = "/restapi/v1.0/account"
OWN = f"{ACCOUNT}/~/extension/~"


async def ask(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_extension_shows_itself(shared: Server, ada: httpx.AsyncClient) -> None:
    own = await ask(ada, OWN)
    uri = f"{shared.http_url}{ACCOUNT}/1"
    assert own["uri"] == f"{uri}/extension/100101"
    # Numbers and strings are not the same to clients.
    assert (own["id"], own["extensionNumber"], own["account"]) == (100101, "101", {"uri": uri, "id": "1"})
    assert (own["name"], own["type"], own["status"]) == ("Ada Admin", "User", "Enabled")
    assert own["contact"] == {"firstName": "Ada", "lastName": "Admin"}
    assert own["permissions"]["admin"] == {"enabled": True}
    assert {"featureName": "Conferencing", "enabled": True} in own["serviceFeatures"]
    assert own == await ask(ada, f"{ACCOUNT}/1/extension/100101")
    async with logged_in(shared, "105") as eve:
        features = {each["featureName"]: each for each in (await ask(eve, OWN))["serviceFeatures"]}
    assert features["Conferencing"] == {
        "featureName": "Conferencing", "enabled": False, "reason": "AccountLimitation",
    }  # fmt: skip


async def test_the_account_and_its_extensions(shared: Server, ada: httpx.AsyncClient) -> None:
    account = await ask(ada, f"{ACCOUNT}/~")
    assert (account["id"], account["mainNumber"]) == (1, "+16505550100")
    found = await ask(ada, f"{ACCOUNT}/~/extension")
    types = {each["extensionNumber"]: each["type"] for each in found["records"]}
    assert (types["101"], types["201"]) == ("User", "Room")
    assert found["paging"]["totalElements"] == len(found["records"]) == len(shared.accounts.extensions)
    assert found["navigation"]["firstPage"]["uri"].startswith(found["uri"])


async def test_service_info(ada: httpx.AsyncClient) -> None:
    info = await ask(ada, f"{ACCOUNT}/~/service-info")
    assert {"featureName": "Conferencing", "enabled": True} in info["serviceFeatures"]
    assert all(type(each["enabled"]) is bool for each in info["serviceFeatures"])
    assert {"uri", "servicePlanName", "brand", "contractedCountry", "servicePlan", "billingPlan", "limits"} <= set(info)


async def test_conferencing_is_what_the_document_shows(shared: Server, ada: httpx.AsyncClient) -> None:
    answer = await ada.get(f"{OWN}/conferencing", params={"countryId": "1"})
    codes = shared.accounts.codes("100101")
    assert codes is not None and "application/json" in answer.headers["content-type"]
    assert answer.json() == {
        "uri": f"{shared.http_url}{ACCOUNT}/1/extension/100101/conferencing",
        "phoneNumber": "16505550100",
        "hostCode": codes.host,
        "participantCode": codes.participant,
    }
    assert code(await ada.get(f"{OWN}/conferencing", params={"countryId": "44"})) == (400, "CMN-101")


async def test_conferencing_is_chosen_among_what_there_is(ada: httpx.AsyncClient) -> None:
    path = f"{OWN}/conferencing"
    for form in ("16505550100", "+16505550100"):
        wish = {"phoneNumbers": [{"phoneNumber": form, "default": True}], "allowJoinBeforeHost": False}
        changed = await ada.put(path, json=wish)
        assert changed.status_code == 200 and changed.json()["hostCode"] == (await ask(ada, path))["hostCode"]
        assert changed.json()["phoneNumbers"][0]["phoneNumber"] == "16505550100"
    assert (await ada.put(path)).status_code == 200
    for body, expected in (
        ({"phoneNumbers": [{"phoneNumber": "1999"}]}, (400, "CMN-101")),
        ({"phoneNumbers": "1999"}, (400, "CMN-101")),
        ({"allowJoinBeforeHost": "maybe"}, (400, "CMN-101")),
    ):
        assert code(await ada.put(path, json=body)) == expected


async def test_each_user_says_whether_others_wait_for_it(tmp_path: Path) -> None:
    path = f"{OWN}/conferencing"
    async with bridge(tmp_path) as server, logged_in(server, "102") as ben, Phone(server, "103") as guest:
        codes = server.accounts.codes("100102")
        assert codes is not None
        call = await guest.call("*8102")
        await guest.keys(call, f"{codes.participant}#")
        await until(lambda: server.focus.conferences)
        (room,) = server.focus.conferences.values()
        await until(lambda: [each.place for each in room.session.parties.values()] == [Place.WAITING])
        # What it says holds at once, in the room that is open.
        changed = await ben.put(path, json={"allowJoinBeforeHost": True})
        assert (changed.status_code, changed.json()["allowJoinBeforeHost"]) == (200, True)
        await until(lambda: [each.place for each in room.session.parties.values()] == [Place.JOINED])
        async with logged_in(server, "101") as ada:
            assert (await ada.put(path, json={})).json()["allowJoinBeforeHost"] is False
            other = path.replace("extension/~", "extension/100102")
            assert (await ada.put(other, json={})).json()["allowJoinBeforeHost"] is True
        await server.control.end(room.session.id)
    async with bridge(tmp_path) as server:
        ben_now, ada_now = (extension(server, number) for number in ("102", "101"))
        assert server.focus.settings_of(ada_now).wait_for_host and not server.focus.settings_of(ben_now).wait_for_host


@pytest.mark.parametrize("below", ["", "/conferencing", "/device"])
async def test_who_is_told(shared: Server, ada: httpx.AsyncClient, http: httpx.AsyncClient, below: str) -> None:
    others = f"{ACCOUNT}/~/extension/100101{below}"
    async with logged_in(shared, "102") as ben:
        assert code(await ben.get(others)) == (403, "CMN-404")
        assert code(await ben.get(others.replace("~", "2", 1))) == (404, "CMN-102")
    assert (await ada.get(f"{ACCOUNT}/~/extension/100102{below}")).status_code == 200
    missing = await ada.get(f"{ACCOUNT}/~/extension/100999{below}")
    assert (code(missing), missing.json()["parameterName"]) == ((404, "CMN-102"), "extensionId")
    assert code(await http.get(others)) == (401, "OAU-134")


async def test_whose_conferencing_is_none(shared: Server, ada: httpx.AsyncClient) -> None:
    assert code(await ada.get(f"{ACCOUNT}/~/extension/100201/conferencing")) == (403, "CMN-112")
    assert code(await ada.get(f"{ACCOUNT}/~/extension/100105/conferencing")) == (403, "BIL-103")
    assert code(await ada.put(f"{ACCOUNT}/~/extension/100105/conferencing")) == (403, "BIL-103")
