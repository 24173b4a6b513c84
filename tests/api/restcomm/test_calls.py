"""Calls through Restcomm's API, with real telephones: made, led into conferences by RCML, commanded, listed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import pytest_asyncio

from softphone.api.restcomm.sids import call_sid, conference_sid
from softphone.focus.feed import EventType
from softphone.focus.session import ConferenceRole, TelephonySession
from softphone.server import Server
from softphone.testing.bridge import offer
from tests.api.restcomm.conftest import sid_of
from tests.api.restcomm.rcml_server import Documents, documents
from tests.api.restcomm.test_conferences import DATE
from tests.focus.phone import Phone, conference
from tests.focus.table import until
from tests.focus.test_two_party import answer, busy, reachable, ring

pytestmark = pytest.mark.asyncio(loop_scope="module")

FROM = {"From": "+16505550100", "To": "103"}


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncIterator[Documents]:
    async with documents() as found:
        yield found


async def make(client: httpx.AsyncClient, **form: str) -> dict[str, Any]:
    answer = await client.post("/Calls.json", data={**FROM, **form})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def read(client: httpx.AsyncClient, sid: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/Calls/{sid}.json")).json()
    return found


async def command(client: httpx.AsyncClient, sid: str, **form: str) -> int:
    return (await client.post(f"/Calls/{sid}.json", data=form)).status_code


def named(server: Server, name: str) -> TelephonySession:
    """The conference of a name."""
    (found,) = [each for each in server.control.conferences() if each.name == name]
    return found


async def inside(server: Server, name: str, count: int = 1) -> TelephonySession:
    """The conference of a name, once so many are in it."""
    await until(lambda: any(each.name == name and len(each.parties) == count for each in server.control.conferences()))
    return named(server, name)


def assert_queued(made: dict[str, Any], account: str) -> None:
    """What is answered to whoever has 103 called by 102."""
    uri = f"/2012-04-24/Accounts/{account}/Calls/{made['sid']}"
    times = {name: made[name] for name in ("date_created", "date_updated", "start_time")}
    assert all(DATE.fullmatch(each) for each in times.values())
    assert made == {
        "sid": made["sid"],
        "instance_id": "ID" + "0" * 32,
        **times,
        "account_sid": account,
        "to": "103",
        "from": "102",
        "status": "queued",
        "price": "0.0",
        "price_unit": "USD",
        "direction": "outbound-api",
        "api_version": "2012-04-24",
        "uri": f"{uri}.json",
        "subresource_uris": {"notifications": f"{uri}/Notifications", "recordings": f"{uri}/Recordings"},
    }


async def test_a_call_into_a_conference(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async with Phone(shared, "103") as phone:
        incoming = await reachable(phone, answer)
        made = await make(ben, Url=web.room("standup", startConferenceOnEnter="true", maxParticipants="7"))
        sid, account = made["sid"], sid_of(shared, "102")
        assert_queued(made, account)
        assert (await incoming.get()).invite.from_.uri.user == "102"
        session = await inside(shared, "standup")
        asked = {"CallSid": sid, "AccountSid": account, "From": "102", "To": "103", "CallStatus": "in-progress"}
        told = {**asked, "ApiVersion": "2012-04-24", "Direction": "outbound-api"}
        assert await web.asked.get() == ("POST", "/standup-0", told)
        assert session.rules is not None and session.rules.settings.max_members == 7
        (party,) = session.parties.values()
        assert party.role is ConferenceRole.HOST and (await read(ben, sid))["status"] == "in-progress"
        participants = (await ben.get(f"/Conferences/{conference_sid(session.id)}/Participants.json")).json()
        assert [each["sid"] for each in participants["calls"]] == [sid]
        shown = (await ben.get(f"/Conferences/{conference_sid(session.id)}.json")).json()
        assert (shown["friendly_name"], shown["status"]) == ("standup", "RUNNING_MODERATOR_PRESENT")
        for on in ("true", "false"):
            assert await command(ben, sid, Mute=on) == 200 and party.muted is (on == "true")
        assert await command(ben, sid, Status="completed") == 200
        assert await phone.hung_up() == "bye"
        over = await read(ben, sid)
        assert over["status"] == "completed" and over["duration"] >= 0 and DATE.fullmatch(over["end_time"])
        assert await command(ben, sid, Status="completed") == 410
        await until(lambda: shared.focus.parties == 0)
        await shared.control.end(session.id)


async def test_moderators_begin_and_end_it(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async with Phone(shared, "103") as guest, Phone(shared, "104") as host:
        await reachable(guest, answer)
        await reachable(host, answer)
        await make(ben, Url=web.room("town", startConferenceOnEnter="false", muted="true"))
        session = await inside(shared, "town")
        (waiting,) = session.parties.values()
        await until(lambda: waiting.place.value == "waiting")
        assert waiting.muted and waiting.role is ConferenceRole.PARTICIPANT
        await make(ben, To="client:104", Url=web.room("town", endConferenceOnExit="true"))
        await inside(shared, "town", 2)
        await until(lambda: waiting.place.value == "joined")
        views = (await ben.get(f"/Conferences/{conference_sid(session.id)}/Participants.json")).json()["calls"]
        flags = [(each["start_conference_on_enter"], each["end_conference_on_enter"]) for each in views]
        assert flags == [(False, False), (True, True)]
        assert await command(ben, views[1]["sid"], Status="completed") == 200
        assert [await host.hung_up(), await guest.hung_up()] == ["bye", "bye"]
        await until(lambda: shared.focus.parties == 0)
        assert session.id not in shared.focus.conferences


async def test_a_call_is_redirected(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async with Phone(shared, "103") as phone:
        await reachable(phone, answer)
        made = await make(ben, Url=web.room("one"))
        await inside(shared, "one")
        assert await command(ben, made["sid"], Url=web.room("two"), MoveConnectedCallLeg="true") == 200
        second = await inside(shared, "two")
        await until(lambda: not named(shared, "one").parties)
        page = (await ben.get("/Calls.json", params={"ConferenceSid": conference_sid(second.id)})).json()
        assert [each["sid"] for each in page["calls"]] == [made["sid"]]
        assert await command(ben, made["sid"], Url=web.put("bye", "<Hangup/>"), Method="GET") == 200
        assert await phone.hung_up() == "bye"
        assert (await read(ben, made["sid"]))["status"] == "completed"
        for name in ("one", "two"):
            await shared.control.end(named(shared, name).id)


async def test_a_call_that_is_not_answered_yet_is_redirected(
    shared: Server, ben: httpx.AsyncClient, web: Documents
) -> None:
    async with Phone(shared, "103") as phone:
        incoming = await reachable(phone, ring)
        made = await make(ben, Url=web.room("first"))
        call = await incoming.get()
        assert await command(ben, made["sid"], Url=web.room("instead")) == 200
        assert [(await read(ben, made["sid"]))["status"] for _ in range(20)] == ["ringing"] * 20
        assert web.asked.empty()
        await call.answer(offer())
        session = await inside(shared, "instead")
        assert (await read(ben, made["sid"]))["status"] == "in-progress"
        assert all(each.name != "first" for each in shared.control.conferences())
        await shared.control.end(session.id)
        assert await phone.hung_up() == "bye"


async def test_how_the_session_of_a_call_ends_is_told(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    def ends() -> list[str]:
        kept = map(shared.focus.feed.after, range(before, shared.focus.feed.last_id))
        return [each.data["reason"] for each in kept if each is not None and each.type is EventType.CALL_ENDED]

    async with Phone(shared, "103") as phone:
        incoming = await reachable(phone, answer)
        before = shared.focus.feed.last_id
        await make(ben, Url=web.room("onward"))
        session = await inside(shared, "onward")
        assert ends() == ["moved"]
        await shared.control.end(session.id)
        assert await phone.hung_up() == "bye"
        await incoming.get()
        made = await make(ben, Url=web.put("wait", "<Pause length='600'/>"))
        call = await incoming.get()
        while (await read(ben, made["sid"]))["status"] != "in-progress":
            await asyncio.sleep(0)
        await call.bye()
        await until(lambda: len(ends()) == 2)
        assert ends() == ["moved", "hung up"]
        assert (await read(ben, made["sid"]))["status"] == "completed"


async def test_one_document_leads_to_another(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async with Phone(shared, "103") as phone:
        await reachable(phone, answer)
        room = web.room("last")
        first = web.put("first", f'<Pause length="0"/><Redirect method="GET">{room}</Redirect>')
        await make(ben, Url=web.url + "/nowhere", FallbackUrl=first, FallbackMethod="get")
        session = await inside(shared, "last")
        asked = [await web.asked.get() for _ in range(3)]
        assert [each[:2] for each in asked] == [("POST", "/nowhere"), ("GET", "/first"), ("GET", "/last-0")]
        assert all(each[2]["CallStatus"] == "in-progress" for each in asked)
        await shared.control.end(session.id)
        assert await phone.hung_up() == "bye"


@pytest.mark.parametrize(
    "inside",
    [
        "<Say>hello</Say>",
        "<Play>http://127.0.0.1/x.wav</Play>",
        "<Dial><Queue>1</Queue></Dial>",
        "<Dial><Conference> </Conference></Dial>",
        '<Dial><Conference muted="perhaps">x</Conference></Dial>',
        '<Dial><Conference maxParticipants="0">x</Conference></Dial>',
        '<Pause length="-1"/>',
        "<Play>no-such-sound</Play>",
        "<Redirect/>",
        "</Response>",
    ],
)
async def test_what_cannot_be_done_ends_the_call(
    shared: Server, ben: httpx.AsyncClient, web: Documents, inside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Phone(shared, "103") as phone:
        await reachable(phone, answer)
        secret = "?key=hush-hush"
        made = await make(ben, Url=web.put("bad", inside) + secret)
        assert await phone.hung_up() == "bye"
        assert (await read(ben, made["sid"]))["status"] == "failed"
        logged = capsys.readouterr().out
        assert logged.count("rcml_not_followed") == 1 and f"url={web.url}" in logged
        assert secret not in logged and "/bad" not in logged
        await until(lambda: shared.focus.parties == 0)


async def test_who_is_told(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async with Phone(shared, "103") as phone:
        await reachable(phone, answer)
        url = web.put("bye", "<Hangup/>")
        events = "initiated ringing answered completed"
        made = await make(ben, Url=url, StatusCallback=f"{web.url}/told", StatusCallbackEvent=events)
        told: list[dict[str, str]] = []
        while not told or told[-1]["CallStatus"] != "completed":
            _, path, form = await web.asked.get()
            told += [form] if path == "/told" else []
        assert [each["CallStatus"] for each in told] in (
            ["queued", "ringing", "in-progress", "completed"],
            ["queued", "in-progress", "completed"],
        )
        assert {each["CallSid"] for each in told} == {made["sid"]}


async def test_who_does_not_answer(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async def became(sid: str, status: str) -> None:
        while (await read(ben, sid))["status"] != status:
            await asyncio.sleep(0)

    url = web.room("nobody")
    await became((await make(ben, To="105", Url=url))["sid"], "no-answer")
    async with Phone(shared, "103") as phone:
        await reachable(phone, busy)
        await became((await make(ben, Url=url))["sid"], "busy")
        assert await phone.hung_up() == "rejected"
        incoming = await reachable(phone, ring)
        made = await make(ben, Url=url)
        await incoming.get()
        await became(made["sid"], "ringing")
        assert await command(ben, made["sid"], Mute="true") == 409
        assert await command(ben, made["sid"], Status="canceled") == 200
        assert await phone.hung_up() == "cancelled"
        await became(made["sid"], "canceled")
        made = await make(ben, Url=url, Timeout="1")
        await became(made["sid"], "no-answer")
        assert await phone.hung_up() == "cancelled"
    assert [each[1] for each in _all(web)] == []


def _all(web: Documents) -> list[tuple[str, str, dict[str, str]]]:
    return [web.asked.get_nowait() for _ in range(web.asked.qsize())]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"From": ""}, "From can not be null."),
        ({"To": ""}, "To can not be null."),
        ({"Url": ""}, "Url can not be null."),
        ({"Url": "ftp://x/y"}, None),
        ({"Url": "http://10.0.0.1/x"}, None),
        ({"StatusCallback": "http://169.254.169.254/latest"}, None),
        ({"FallbackUrl": "nothing"}, None),
        ({"Method": "DELETE"}, "Method is GET or POST."),
        ({"Timeout": "0"}, None),
        ({"Timeout": "9999"}, None),
        ({"Timeout": "soon"}, None),
        ({"StatusCallback": "http://127.0.0.1/", "StatusCallbackEvent": "all"}, None),
        ({"To": "a b"}, None),
        ({"From": "<x>"}, None),
    ],
)
async def test_what_is_no_call(ben: httpx.AsyncClient, form: dict[str, str], message: str | None) -> None:
    whole = {**FROM, "Url": "http://127.0.0.1:1/x", **form}
    answer = await ben.post("/Calls.json", data=whole)
    assert answer.status_code == 400 and answer.json()["message"]
    assert message in (None, answer.json()["message"])
    root = ElementTree.fromstring((await ben.post("/Calls", data=whole)).content)
    assert root.findtext("Message") == answer.json()["message"]


async def test_commands_that_are_refused(
    shared: Server, ben: httpx.AsyncClient, ann: httpx.AsyncClient, web: Documents
) -> None:
    async with Phone(shared, "103") as phone:
        await reachable(phone, answer)
        made = await make(ann, Url=web.room("annes"))
        session = await inside(shared, "annes")
        for client, sid in ((ann, "CA" + "0" * 32), (ann, "CA1"), (ben, made["sid"])):
            assert await command(client, sid, Status="completed") == 406
            gone = await client.get(f"/Calls/{sid}.json")
            assert (gone.status_code, gone.content) == (404, b"")
        both = await ann.post(f"/Calls/{made['sid']}.json", data={"Url": web.url, "Status": "completed"})
        assert both.status_code == 409
        assert both.json()["message"].startswith('You can either redirect a running call using "Url" or change')
        assert await command(ann, made["sid"], Status="ringing") == 400
        assert await command(ann, made["sid"]) == 200
        await shared.control.end(session.id)
        assert await phone.hung_up() == "bye"


async def test_nobody_unmutes_itself_where_it_may_not(
    shared: Server, ben: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    session = await conference(shared, "101")
    room = shared.focus.conference(session.id)
    async with Phone(shared, "101") as host, Phone(shared, "102") as guest:
        await host.call(session.token)
        await guest.call(session.token)
        _, his = session.parties.values()
        assert await command(ben, call_sid(his.id), Mute="true") == 200 and his.muted
        assert await command(ben, call_sid(his.id), Mute="false") == 200 and not his.muted
        room.configure(replace(room.rules.settings, mute_non_moderator=True))
        assert his.muted
        assert await command(ben, call_sid(his.id), Mute="false") == 409 and his.muted
        assert await command(ann, call_sid(his.id), Mute="false") == 200 and not his.muted
    await shared.control.end(session.id)


async def test_calls_that_were_not_made_here(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    session = await conference(shared, "102")
    async with Phone(shared, "102") as host, Phone(shared) as guest:
        await host.call(session.token)
        await guest.call(session.token)
        _, theirs = session.parties.values()
        path = f"/Conferences/{conference_sid(session.id)}/Participants.json"
        _, second = (await ben.get(path)).json()["calls"]
        assert (await read(ben, second["sid"]))["status"] == "in-progress"
        assert await command(ben, second["sid"], Mute="true") == 200 and theirs.muted
        assert await command(ben, second["sid"], Url=web.room("elsewhere")) == 200
        await inside(shared, "elsewhere")
        (moved,) = (
            await ben.get(f"/Conferences/{conference_sid(named(shared, 'elsewhere').id)}/Participants.json")
        ).json()["calls"]
        assert await command(ben, moved["sid"], Status="completed") == 200
        assert await guest.hung_up() == "bye"
        assert (await read(ben, moved["sid"]))["status"] == "completed"
        await shared.control.end(named(shared, "elsewhere").id)
    await shared.control.end(session.id)


async def test_lists_of_calls(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async with Phone(shared, "103") as phone:
        await reachable(phone, busy)
        made = await make(ben, To="client:103", Url=web.room("none"))
        while (await read(ben, made["sid"]))["status"] != "busy":
            await asyncio.sleep(0)

    async def sids(**query: str) -> list[str]:
        page = (await ben.get("/Calls.json", params=query)).json()
        return [each["sid"] for each in page["calls"]]

    newest = (await ben.get("/Calls.json?PageSize=1")).json()
    assert newest["calls"][0]["sid"] == made["sid"] and newest["total"] >= 1
    assert made["sid"] in await sids(Status="busy", From="102", To="103", StartTime="2001-01-01", EndTime="9998-01-01")
    for none in ({"Status": "completed"}, {"From": "999"}, {"To": "102"}, {"StartTime": "9000-01-01"}):
        assert made["sid"] not in await sids(**none)
    assert await sids(ParentCallSid="CA1") == await sids(ConferenceSid="CF1") == await sids(Status="queued") == []
    assert await sids(EndTime="2001-01-01") == []
    root = ElementTree.fromstring((await ben.get("/Calls")).content)
    assert root[0].tag == "Calls" and {each.tag for each in root[0]} == {"Call"}
