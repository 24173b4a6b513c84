"""Every status and body of Restcomm's contract, asked in both representations and compared to the last character."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from xml.etree import ElementTree

import httpx
import pytest
import pytest_asyncio

from softphone.api.restcomm.sids import call_sid, conference_sid
from softphone.server import Server
from tests.api.restcomm.conftest import sid_of
from tests.api.restcomm.test_conferences import blotted
from tests.focus.phone import Phone, conference
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

EITHER = (
    'You can either redirect a running call using "Url" or change the state of a Call with "Status" or mute a call '
    'using "Mute=true"'
)
NOT_ALLOWED = "Method is not allowed"
NOBODY = "CA" + "0" * 32
NO_ROOM = "CF" + "0" * 32


@dataclass
class Live:
    """A conference of 102's that runs, who is in it, and a call that is over."""

    room: str
    host: str
    guest: str
    over: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(shared: Server) -> AsyncIterator[Live]:
    session = await conference(shared, "102")
    async with Phone(shared, "102") as host, Phone(shared) as guest, Phone(shared) as third:
        for phone in (host, guest):
            await phone.call(session.token)
        call = await third.call(session.token)
        first, second, last = map(call_sid, session.parties)
        await call.bye()
        await until(lambda: len(session.parties) == 2)
        yield Live(conference_sid(session.id), first, second, last)
        await shared.control.end(session.id)


PAGED = ("/Conferences", "/Conferences/{room}/Participants", "/Calls", "/Recordings", "/Calls/{host}/Recordings")

# Method, path, form, status, message: empty where the answer has no body.
REFUSED = [
    ("GET", f"/Conferences/{NO_ROOM}", {}, 404, ""),
    ("GET", "/Conferences/CF1", {}, 404, ""),
    ("GET", f"/Conference/{NO_ROOM}", {}, 404, ""),
    *((method, "/Conferences", {}, 405, NOT_ALLOWED) for method in ("POST", "PUT", "DELETE")),
    *((method, "/Conferences/{room}", {}, 405, NOT_ALLOWED) for method in ("POST", "PUT", "DELETE")),
    *(
        ("GET", f"{path}?{query}", {}, 400, "")
        for path in PAGED
        for query in ("Page=999999", "Page=x", "Page=-1", "PageSize=x", "PageSize=0", "PageSize=1.5", "Limit=x")
    ),
    ("GET", "/Conferences?DateCreated=yesterday", {}, 400, ""),
    ("GET", "/Conferences?DateUpdated=2026-2-3", {}, 400, ""),
    ("GET", "/Calls?StartTime=2026-02-30", {}, 400, ""),
    ("GET", "/Calls?EndTime=Tue", {}, 400, ""),
    ("GET", f"/Conferences/{{room}}/Participants/{NOBODY}", {}, 404, ""),
    ("GET", f"/Conferences/{NO_ROOM}/Participants/{{guest}}", {}, 404, ""),
    ("GET", "/Conferences/{room}/Participants/{over}", {}, 404, ""),
    ("POST", f"/Conferences/{{room}}/Participants/{NOBODY}", {"Mute": "true"}, 406, ""),
    ("POST", f"/Conferences/{NO_ROOM}/Participants/{{guest}}", {"Mute": "true"}, 406, ""),
    ("POST", "/Conferences/{room}/Participants/{over}", {"Mute": "true"}, 406, ""),
    *((method, "/Conferences/{room}/Participants/{guest}", {}, 405, NOT_ALLOWED) for method in ("PUT", "DELETE")),
    *((method, "/Conferences/{room}/Participants", {}, 405, NOT_ALLOWED) for method in ("POST", "PUT", "DELETE")),
    ("POST", "/Calls", {}, 400, "From can not be null."),
    ("POST", "/Calls", {"From": "102"}, 400, "To can not be null."),
    ("POST", "/Calls", {"From": "102", "To": "103"}, 400, "Url can not be null."),
    ("GET", f"/Calls/{NOBODY}", {}, 404, ""),
    ("POST", f"/Calls/{NOBODY}", {"Status": "completed"}, 406, ""),
    ("POST", "/Calls/{over}", {"Status": "completed"}, 410, ""),
    ("POST", "/Calls/{guest}", {"Url": "http://127.0.0.1:9/", "Status": "completed"}, 409, EITHER),
    ("POST", "/Calls/{guest}", {"Mute": "true", "Status": "completed"}, 409, EITHER),
    ("POST", "/Calls/{guest}", {"Status": "busy"}, 400, "Status is completed or canceled."),
    ("GET", f"/Recordings/RE{'0' * 32}", {}, 404, ""),
    ("GET", f"/Recordings/RE{'0' * 32}.wav", {}, 404, ""),
    ("GET", "/Nothing", {}, 404, ""),
]  # fmt: skip


def asked(path: str, live: Live, suffix: str = "") -> str:
    """A path as it is asked for, with the suffix before its query."""
    bare, mark, query = path.format(**vars(live)).partition("?")
    return bare + suffix + mark + query


@pytest.mark.parametrize(("method", "path", "form", "status", "message"), REFUSED)
async def test_what_is_refused(
    ben: httpx.AsyncClient, live: Live, method: str, path: str, form: dict[str, str], status: int, message: str
) -> None:
    for suffix, kind, body in (
        (".json", "application/json", f'{{"message":{httpx.Response(200, json=message).text}}}'),
        ("", "application/xml", f"<RestcommResponse><Message>{message}</Message></RestcommResponse>"),
    ):
        answer = await ben.request(method, asked(path, live, suffix), data=form or None)
        told = answer.headers.get("content-type")
        assert (answer.status_code, answer.text, told) == (status, body if message else "", kind if message else None)


CALL = "/2012-04-24/Accounts/AC/Calls/CA"
ROOM = "/2012-04-24/Accounts/AC/Conferences/CF"

# What each resource is, ids and times aside; the URIs end in `.json` in JSON alone.
SHOWN = {
    "/Conferences/{room}": f"""{{
    "sid": "CF",
    "date_created": "DATE",
    "date_updated": "DATE",
    "account_sid": "AC",
    "status": "RUNNING_MODERATOR_PRESENT",
    "api_version": "2012-04-24",
    "friendly_name": "s-ID",
    "uri": "{ROOM}.json",
    "subresource_uris": {{
        "participants": "{ROOM}/Participants.json"
    }}
}}""",
    "/Conferences/{room}/Participants/{guest}": f"""{{
    "sid": "CA",
    "conference_sid": "CF",
    "date_created": "DATE",
    "date_updated": "DATE",
    "account_sid": "AC",
    "muted": false,
    "hold": false,
    "start_conference_on_enter": false,
    "end_conference_on_enter": false,
    "end_conference_on_exit": false,
    "uri": "{CALL}.json"
}}""",
    "/Calls/{guest}": f"""{{
    "sid": "CA",
    "instance_id": "ID",
    "date_created": "DATE",
    "date_updated": "DATE",
    "account_sid": "AC",
    "to": "conference",
    "from": "guest",
    "status": "in-progress",
    "start_time": "DATE",
    "price": "0.0",
    "price_unit": "USD",
    "direction": "inbound",
    "api_version": "2012-04-24",
    "uri": "{CALL}.json",
    "subresource_uris": {{
        "notifications": "{CALL}/Notifications",
        "recordings": "{CALL}/Recordings"
    }}
}}""",
}


@pytest.mark.parametrize("path", SHOWN)
async def test_what_is_shown(ben: httpx.AsyncClient, live: Live, path: str) -> None:
    answer = await ben.get(asked(path, live, ".json"))
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert blotted(answer.text) == SHOWN[path]
    other = await ben.get(asked(path, live))
    assert other.headers["content-type"] == "application/xml"
    (shown,) = ElementTree.fromstring(other.content)
    assert shown.tag == ("Conference" if path.count("/") == 2 and "Conf" in path else "Call")
    assert same(shown, answer.json())


def same(element: ElementTree.Element, said: object) -> bool:
    """Whether an element says what JSON does: its members in the same order, named as XML does, without a suffix."""
    if not isinstance(said, dict):
        return (element.text or "") == (
            str(said).lower() if isinstance(said, bool) else str(said).removesuffix(".json")
        )
    tags = ["".join(each.capitalize() for each in name.split("_")) for name in said]
    return [each.tag for each in element] == tags and all(map(same, element, said.values()))


@pytest.mark.parametrize("name", ["/Conferences", "/Conferences/{room}/Participants", "/Calls", "/Recordings"])
async def test_the_attributes_of_a_page(shared: Server, ben: httpx.AsyncClient, live: Live, name: str) -> None:
    listed = (await ben.get(asked(name, live, ".json?PageSize=1"))).json()
    page = (await ben.get(asked(f"{name}?PageSize=1", live))).text
    said = " ".join(
        f'{key.replace("_", "")}="{str(value).replace("&", "&amp;")}"'
        for key, value in listed.items()
        if not isinstance(value, list)
    )
    assert page.startswith(f"<RestcommResponse><{name.rpartition('/')[2].replace('Participants', 'Calls')} {said}")
    assert listed["uri"] == f"/2012-04-24/Accounts/{sid_of(shared, '102')}{asked(name, live)}"


@pytest.mark.parametrize(
    ("form", "muted"), [({"Mute": "true"}, True), ({}, True), ({"Mute": "yes"}, False), ({"Mute": ""}, False)]
)
async def test_a_microphone_is_turned_off_and_on(
    ben: httpx.AsyncClient, live: Live, form: dict[str, str], muted: bool
) -> None:
    path = asked("/Conferences/{room}/Participants/{guest}", live, ".json")
    await ben.post(path, data={"Mute": "true"})
    answer = await ben.post(path, data=form)
    wanted = SHOWN["/Conferences/{room}/Participants/{guest}"].replace(
        '"muted": false', f'"muted": {str(muted).lower()}'
    )
    assert (answer.status_code, blotted(answer.text)) == (200, wanted)
    await ben.post(path, data={"Mute": "false"})
