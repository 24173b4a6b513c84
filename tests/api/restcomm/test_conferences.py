"""Conferences in Restcomm's shape: pages as the document prints them, filters, statuses, and one alone."""

import re
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import pytest_asyncio

from softphone.api.restcomm.sids import conference_sid
from softphone.focus.session import TelephonySession
from softphone.focus.words import role_named
from softphone.server import Server
from tests.api.restcomm.conftest import client_of, sid_of
from tests.focus.phone import Phone, bridge, conference
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What the document prints, sids and times aside.
PAGE = """{
    "page": 0,
    "num_pages": 0,
    "page_size": 1,
    "total": 1,
    "limit": LIMIT,
    "start": "0",
    "end": "1",
    "uri": "/2012-04-24/Accounts/AC/Conferences",
    "first_page_uri": "/2012-04-24/Accounts/AC/Conferences?Page=0&PageSize=1&Limit=LIMIT",
    "previous_page_uri": "null",
    "next_page_uri": "null",
    "last_page_uri": "/2012-04-24/Accounts/AC/Conferences?Page=0&PageSize=1&Limit=LIMIT",
    "conferences": [{
        "sid": "CF",
        "date_created": "Tue, 31 May 2016 16:15:51 +0300",
        "date_updated": "Tue, 31 May 2016 16:19:35 +0300",
        "account_sid": "AC",
        "status": "COMPLETED",
        "api_version": "2012-04-24",
        "friendly_name": "1111",
        "uri": "/2012-04-24/Accounts/AC/Conferences/CF.json",
        "subresource_uris": {
            "participants": "/2012-04-24/Accounts/AC/Conferences/CF/Participants.json"
        }
    }]
}"""
DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [1-9][0-9]? [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}"
)


def blotted(text: str) -> str:
    """Without what differs from server to server; all else stays, to the last blank."""
    text = re.sub(r"\b(AC|CF|CA|ID)[0-9a-f]{32}", r"\1", DATE.sub("DATE", text))
    return re.sub(r"\bs-[0-9a-f]{32}", "s-ID", text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with a single conference, 202, which is over."""
    async with bridge(tmp_path_factory.mktemp("one")) as server:
        session = await server.control.open("202")
        session_name = session.extension
        await server.control.end(session.id)
        assert session_name == "202"
        yield server


@pytest.mark.parametrize(("query", "limit"), [("?PageSize=1", "10000"), ("?PageSize=1&Limit=500", "500")])
async def test_the_page_as_the_document_prints_it(one: Server, query: str, limit: str) -> None:
    async with client_of(one, "101") as client:
        answer = await client.get(f"/Conferences.json{query}")
    wanted = PAGE.replace("LIMIT", limit).replace("1111", "202")
    assert answer.status_code == 200 and blotted(answer.text) == blotted(wanted)


async def test_the_same_in_xml(one: Server) -> None:
    async with client_of(one, "101") as client:
        listed = (await client.get("/Conferences.json")).json()
        root = ElementTree.fromstring((await client.get("/Conferences")).content)
        alone = ElementTree.fromstring((await client.get(f"/Conferences/{listed['conferences'][0]['sid']}")).content)
    assert root.tag == alone.tag == "RestcommResponse"
    (page,) = root
    said = {name.replace("_", ""): str(value) for name, value in listed.items() if name != "conferences"}
    assert (page.tag, page.attrib) == ("Conferences", said)
    (shown,) = page
    members = ["Sid", "DateCreated", "DateUpdated", "AccountSid", "Status", "ApiVersion", "FriendlyName", "Uri"]
    assert [each.tag for each in shown] == [*members, "SubresourceUris"]
    assert ElementTree.tostring(shown) == ElementTree.tostring(alone[0])
    uri = f"{listed['uri']}/{listed['conferences'][0]['sid']}"
    assert (shown.findtext("Uri"), shown.findtext("SubresourceUris/Participants")) == (uri, f"{uri}/Participants")


async def names(client: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/Conferences.json", params=query)
    assert answer.status_code == 200, answer.text
    return [each["friendly_name"] for each in answer.json()["conferences"]]


async def status(client: httpx.AsyncClient, session: TelephonySession) -> Any:
    """The status of one, alone and among all with that status."""
    sid = conference_sid(session.id)
    alone = (await client.get(f"/Conferences/{sid}.json")).json()
    assert (await client.get(f"/Conference/{sid}.json")).json() == alone
    assert alone["sid"] == sid and DATE.fullmatch(alone["date_created"])
    found = (await client.get("/Conferences.json", params={"Status": alone["status"]})).json()["conferences"]
    assert alone in found
    return alone["status"]


async def test_statuses_are_those_of_the_room(shared: Server, ann: httpx.AsyncClient) -> None:
    session = await shared.control.open("202")
    assert await status(ann, session) == "RUNNING_MODERATOR_ABSENT"
    async with Phone(shared, "103") as guest:
        await guest.call("202")
        assert await status(ann, session) == "RUNNING_MODERATOR_ABSENT"
        await shared.control.role(session.id, next(iter(session.parties)), role_named("host"))
        assert await status(ann, session) == "RUNNING_MODERATOR_PRESENT"
    await shared.control.end(session.id)
    assert await status(ann, session) == "COMPLETED"
    own = await conference(shared, "101")
    assert await status(ann, own) == "RUNNING_MODERATOR_ABSENT"
    async with Phone(shared, "101") as host:
        call = await host.call(own.token)
        assert await status(ann, own) == "RUNNING_MODERATOR_PRESENT"
        await call.bye()
        await until(lambda: not own.parties)
    assert await status(ann, own) == "RUNNING_MODERATOR_ABSENT"
    await shared.control.end(own.id)
    assert await status(ann, own) == "COMPLETED"


async def test_filters(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with bridge(tmp_path_factory.mktemp("filters")) as server, client_of(server, "101") as client:
        for number in ("202", "203", "201"):
            await server.control.open(number)
        await server.control.end((await server.control.open("203")).id)
        assert await names(client) == ["201", "203", "202"]
        assert await names(client, FriendlyName="202") == ["202"]
        assert await names(client, FriendlyName="20%") == ["201", "203", "202"]
        assert await names(client, FriendlyName="_03") == ["203"]
        assert await names(client, Status="COMPLETED") == ["203"]
        assert await names(client, Status="RUNNING%") == ["201", "202"]
        assert await names(client, Status="completed") == await names(client, Status="FAILED") == []
        assert await names(client, DateCreated="2001-01-31") == await names(client)
        assert await names(client, DateCreated="9000-01-01") == await names(client, DateUpdated="2001-01-01") == []
        assert await names(client, DateUpdated="9998-12-31", Status="%", FriendlyName="203") == ["203"]
        # As the document has them, and as other servers do: taken, and nothing else.
        rest = {"StartTime": "x", "EndTime": "y", "CallSid": "CA1", "AfterSid": "CF1", "status": "COMPLETED"}
        assert await names(client, **rest) == await names(client)
        assert await names(client, PageSize="2") == ["201", "203"]
        assert await names(client, PageSize="2", Page="1") == ["202"]
        assert await names(client, Limit="1") == ["201"]
        for wrong in ({"DateCreated": "yesterday"}, {"DateUpdated": "2026-02-30"}, {"Page": "1"}, {"Page": "x"}):
            answer = await client.get("/Conferences.json", params=wrong)
            assert (answer.status_code, answer.content) == (400, b"")


async def test_links_lead_through_the_list(shared: Server, ann: httpx.AsyncClient) -> None:
    for _ in range(3):
        session = await shared.control.open("201")
        await shared.control.end(session.id)
    seen: list[str] = []
    uri = "/Conferences?PageSize=2&FriendlyName=201"
    link = f"{shared.http_url}/restcomm/2012-04-24/Accounts/{sid_of(shared, '101')}{uri}"
    while True:
        page = (await ann.get(link, headers={"Accept": "application/json"})).json()
        seen += [each["sid"] for each in page["conferences"]]
        if page["next_page_uri"] == "null":
            break
        link = shared.http_url + page["next_page_uri"]
    assert len(seen) == len(set(seen)) == page["total"] >= 3


async def test_conferences_of_others_are_not_there(
    shared: Server, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    theirs, own = await conference(shared, "101"), await conference(shared, "102")
    assert await names(ben) == [own.id]
    assert {theirs.id, own.id} <= set(await names(ann, PageSize="1000"))
    for sid in (conference_sid(theirs.id), "CF" + "0" * 32, "CF1", "%00", "x" * 200):
        answer = await ben.get(f"/Conferences/{sid}.json")
        assert (answer.status_code, answer.content) in ((404, b""), (400, answer.content))
    for each in (theirs, own):
        await shared.control.end(each.id)
