"""Participants of a conference in Restcomm's shape, with real calls: listed, shown, muted."""

from xml.etree import ElementTree

import httpx
import pytest

from softphone.api.restcomm.sids import call_sid, conference_sid
from softphone.focus.session import Party
from softphone.server import Server
from tests.api.restcomm.conftest import sid_of
from tests.api.restcomm.test_conferences import DATE
from tests.focus.phone import Phone, conference

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = [
    "sid",
    "conference_sid",
    "date_created",
    "date_updated",
    "account_sid",
    "muted",
    "hold",
    "start_conference_on_enter",
    "end_conference_on_enter",
    "end_conference_on_exit",
    "uri",
]


async def test_participants(shared: Server, ben: httpx.AsyncClient) -> None:
    session, sid = await conference(shared, "102"), sid_of(shared, "102")
    path = f"/Conferences/{conference_sid(session.id)}/Participants"
    async with Phone(shared, "102") as host, Phone(shared) as guest:
        await host.call(session.token)
        await guest.call(session.token)
        page = (await ben.get(f"{path}.json")).json()
        assert page["uri"] == f"/2012-04-24/Accounts/{sid}{path}"
        assert (page["total"], page["page_size"], page["end"], len(page["calls"])) == (2, 50, "2", 2)
        first, second = page["calls"]
        assert list(first) == KEYS
        assert [first["sid"], second["sid"]] == [call_sid(each) for each in session.parties]
        assert [first["start_conference_on_enter"], second["start_conference_on_enter"]] == [True, False]
        assert first["conference_sid"] == conference_sid(session.id) and first["account_sid"] == sid
        assert DATE.fullmatch(first["date_created"]) and DATE.fullmatch(first["date_updated"])
        assert first["uri"] == f"/2012-04-24/Accounts/{sid}/Calls/{first['sid']}.json"
        assert (await ben.get(f"{path}.json?PageSize=1&Page=1")).json()["calls"] == [second]
        assert (await ben.get(f"{path}.json?Page=1")).status_code == 400
        # Every spelling that clients use.
        in_list = f"/Conferences.json/{conference_sid(session.id)}/Participants.json"
        for one in (f"{path}/{second['sid']}.json", f"{path}.json/{second['sid']}", f"{in_list}/{second['sid']}"):
            assert (await ben.get(one)).json() == second
        root = ElementTree.fromstring((await ben.get(f"{path}/{second['sid']}")).content)
        assert [each.tag for each in root[0]] == ["".join(map(str.capitalize, key.split("_"))) for key in KEYS]
        assert root[0].tag == "Call" and root.findtext("Call/Muted") == "false"
        listed = ElementTree.fromstring((await ben.get(path)).content)
        assert listed[0].tag == "Calls" and [each.tag for each in listed[0]] == ["Call", "Call"]
        await check_mute(ben, f"{in_list}/{second['sid']}", session.parties[list(session.parties)[1]])
        await check_others(ben, path, second["sid"])
    await shared.control.end(session.id)
    for where in (path, f"/Conferences/CF{'0' * 32}/Participants"):
        gone = (await ben.get(f"{where}.json")).json()
        assert (gone["total"], gone["calls"], gone["num_pages"]) == (0, [], 0)
        assert (await ben.get(f"{where}/{second['sid']}")).status_code == 404
        assert (await ben.post(f"{where}/{second['sid']}")).status_code == 406


async def check_mute(ben: httpx.AsyncClient, path: str, party: Party) -> None:
    for given, muted in (("true", True), ("TRUE", True), (None, True), ("no", False), ("true", True), ("", False)):
        data = {} if given is None else {"Mute": given}
        answer = await ben.post(path, data=data)
        assert answer.status_code == 200 and answer.json()["muted"] is muted
        assert party.muted is muted


async def check_others(ben: httpx.AsyncClient, path: str, sid: str) -> None:
    for method in ("DELETE", "PUT"):
        assert (await ben.request(method, f"{path}/{sid}")).status_code == 405
    unknown = f"{path}/CA{'0' * 32}.json"
    assert [(await ben.get(unknown)).status_code, (await ben.post(unknown)).status_code] == [404, 406]
    assert (await ben.post(unknown, data={"Mute": "true"})).content == b""


async def test_participants_of_others(shared: Server, ben: httpx.AsyncClient, ann: httpx.AsyncClient) -> None:
    session = await conference(shared, "101")
    async with Phone(shared, "101") as host:
        await host.call(session.token)
        path = f"/Conferences/{conference_sid(session.id)}/Participants"
        sid = call_sid(next(iter(session.parties)))
        assert (await ben.get(f"{path}.json")).json()["total"] == 0
        assert (await ben.post(f"{path}/{sid}.json", data={"Mute": "true"})).status_code == 406
        assert (await ann.post(f"{path}/{sid}.json", data={"Mute": "true"})).json()["muted"] is True
        assert (await ann.get(f"{path}/{sid}.json")).json()["muted"] is True
    await shared.control.end(session.id)
