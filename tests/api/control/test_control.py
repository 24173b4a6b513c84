"""The control API over real HTTP, with real calls where there are parties."""

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from softphone.errors import CallRefused
from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in
from tests.focus.phone import Phone
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1/conferences"


async def made(client: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await client.post(V1, json=wish)
    assert answer.status_code == 201, answer.text
    conference: dict[str, Any] = answer.json()
    return conference


async def roster(client: httpx.AsyncClient, conference: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{V1}/{conference}/parties")
    assert answer.status_code == 200, answer.text
    parties: list[dict[str, Any]] = answer.json()["parties"]
    return parties


async def test_a_conference_from_beginning_to_end(ada: httpx.AsyncClient) -> None:
    conference = await made(ada, max_members=3)
    path = f"{V1}/{conference['id']}"
    assert conference["kind"] == "token"
    assert conference["sip_uri"].startswith(f"sip:{conference['token']}@")
    assert (await ada.get(path)).json() == conference
    assert conference in (await ada.get(V1)).json()["conferences"]
    changed = await ada.patch(path, json={"locked": True, "muted_all": True})
    assert changed.json() == conference | {"locked": True, "muted_all": True}
    assert (await ada.patch(path, json={"locked": False})).json() == conference | {"muted_all": True}
    notices = not conference["notices"]
    assert (await ada.patch(path, json={"notices": notices})).json()["notices"] is notices
    assert (await ada.delete(path)).status_code == 204
    assert (await ada.get(path)).status_code == 404


async def test_the_log_says_who_commanded_what(shared: Server, ada: httpx.AsyncClient) -> None:
    """On all faces; with the number that people know, and neither the token nor the whole id."""
    conference = await made(ada)
    path = f"{V1}/{conference['id']}"
    telephony = f"/restapi/v1.0/account/~/telephony/sessions/{conference['id']}"
    with capture_logs() as lines:
        await ada.patch(path, json={"locked": True})
        await ada.delete(f"{telephony}/parties/p-0")
        await ada.delete(telephony, headers={"User-Agent": "curl/8"})
        async with logged_in(shared, "102") as ben:
            await made(ben, extension="102")
    told = [line for line in lines if line["event"] == "command"]
    assert [(line["who"], line["way"], line["program"], line["command"]) for line in told] == [
        ("extension 101", "http", "dev-client", "lock"),
        ("extension 101", "http", "dev-client", "remove"),
        ("extension 101", "http", "dev-client", "end"),
        ("extension 102", "http", "dev-client", "open"),
    ]
    assert [line["outcome"] for line in told] == ["done", "NoSuchParty: p-0", "done", "done"]
    assert told[2]["agent"] == "curl/8"
    assert ada.headers["Authorization"].partition(" ")[2] not in str(lines)


async def test_the_room_of_an_extension_is_opened_once(shared: Server, ada: httpx.AsyncClient) -> None:
    first, second = await made(ada, extension="202"), await made(ada, extension="202")
    assert first["id"] == second["id"]
    assert (first["kind"], first["extension"], first["token"]) == ("extension", "202", None)
    assert (await ada.post(V1, json={"extension": "999"})).status_code == 404
    async with logged_in(shared, "102") as ben:
        assert (await ben.post(V1, json={"extension": "202"})).status_code == 403
        assert (await made(ben, extension="102"))["kind"] == "bridge"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"max_members": 0}),
        ("POST", "", {"unknown": 1}),
        ("POST", "", {"extension": "bob"}),
        ("POST", "", {"extension": "202", "max_members": 3}),
        ("PATCH", "/{id}", {}),
        ("PATCH", "/{id}", {"locked": None}),
        ("PATCH", "/{id}", {"locked": "maybe"}),
        ("POST", "/{id}/playbacks", {"sounds": []}),
        ("POST", "/{id}/playbacks", {"sounds": ["../../etc/passwd"]}),
        ("POST", "/{id}/dials", {"number": "sip:evil@example.com"}),
    ],
)
async def test_wrong_requests_are_400(ada: httpx.AsyncClient, method: str, path: str, body: object) -> None:
    conference = (await made(ada))["id"]
    answer = await ada.request(method, V1 + path.format(id=conference), json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["errorCode"] == "CMN-101"


async def test_a_wrong_request_says_how_it_is_mended(ada: httpx.AsyncClient) -> None:
    answer = (await ada.post(V1, json={"extension": "202", "max_members": 3})).json()
    assert answer["message"].endswith("the room of an extension has a max_members of its own: leave it out")
    answer = (await ada.get("/api/v1/history/conferences", params={"after": "garbage"})).json()
    assert (answer["errorCode"], answer["parameterName"]) == ("CMN-101", "after")


async def test_nobody_invites_nobody(ada: httpx.AsyncClient) -> None:
    path = f"{V1}/{(await made(ada))['id']}/dials"
    assert (await ada.post(path, json={"number": "103", "by": "p-nobody"})).status_code == 404
    assert (await ada.get(path)).json() == {"dials": []}


async def test_what_others_have_does_not_exist(shared: Server, ada: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}"
    async with logged_in(shared, "102") as ben, Phone(shared, "102") as phone, Phone(shared, "103") as other:
        requests: list[tuple[str, str, dict[str, Any] | None]] = [
            ("GET", path, None),
            ("PATCH", path, {"locked": True}),
            ("DELETE", path, None),
            ("GET", f"{path}/parties", None),
            ("POST", f"{path}/dials", {"number": "104"}),
            ("POST", f"{path}/recording", None),
        ]
        for method, where, body in requests:
            assert (await ben.request(method, where, json=body)).status_code == 404, (method, where)
        assert conference["id"] not in (await ben.get(V1)).text
        call = await phone.call(conference["token"])
        await other.call(conference["token"])
        for method, where, body in requests:
            expected = 200 if method == "GET" else 403
            assert (await ben.request(method, where, json=body)).status_code == expected, (method, where)
        mine, theirs = await roster(ben, conference["id"])
        assert (mine["number"], theirs["number"]) == ("102", "103")
        assert (await ben.patch(f"{path}/parties/{mine['id']}", json={"muted": True})).json()["muted"] is True
        assert (await ben.patch(f"{path}/parties/{mine['id']}", json={"held": True})).status_code == 403
        assert (await ben.patch(f"{path}/parties/{theirs['id']}", json={"muted": True})).status_code == 403
        assert (await ben.delete(f"{path}/parties/{theirs['id']}")).status_code == 403
        await call.bye()
    assert (await http.get(path)).status_code == 401


async def test_parties_are_commanded(shared: Server, ada: httpx.AsyncClient) -> None:
    conference, elsewhere = await made(ada), await made(ada)
    path = f"{V1}/{conference['id']}"
    async with Phone(shared, "102") as first, Phone(shared) as second:
        await first.call(conference["token"])
        await second.call(conference["token"])
        ben, guest = [party["id"] for party in await roster(ada, conference["id"])]
        changes: list[dict[str, Any]] = [
            {"muted": True},
            {"deaf": True},
            {"volume_in_db": -6.0, "volume_out_db": 3.0},
            {"level_voice": True},
            {"role": "moderator"},
            {"whispers_to": [guest]},
        ]
        for change in changes:
            answer = await ada.patch(f"{path}/parties/{ben}", json=change)
            expected = {"role": "host"} if "role" in change else change
            assert expected.items() <= answer.json().items(), answer.text
        assert (await ada.patch(f"{path}/parties/{ben}", json={"whispers_to": None})).json()["whispers_to"] is None
        held = await ada.patch(f"{path}/parties/{ben}", json={"held": True})
        assert held.json()["stage"] == "held"
        assert (await ada.patch(f"{path}/parties/{ben}", json={"held": False})).json()["stage"] == "joined"
        assert (await ada.post(f"{path}/parties/{ben}/admit")).status_code == 409
        assert (await ada.patch(f"{path}/parties/{ben}", json={"whispers_to": ["p-0-9"]})).status_code == 404
        moved = await ada.post(f"{path}/parties/{ben}/move", json={"to": elsewhere["id"]})
        assert moved.status_code == 200, moved.text
        assert [party["id"] for party in await roster(ada, elsewhere["id"])] == [moved.json()["id"]]
        assert (await ada.delete(f"{path}/parties/{guest}", params={"ban": True})).status_code == 204
        await second.hung_up()
        assert await roster(ada, conference["id"]) == []
        with pytest.raises(Exception, match="403"):
            await second.call(conference["token"])


async def test_a_change_with_a_mistake_changes_nothing(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    async with Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        (before,) = await roster(ada, conference["id"])
        wish = {"role": "moderator", "muted": True, "volume_in_db": 3.0, "whispers_to": ["nobody"]}
        path = f"{V1}/{conference['id']}/parties/{before['id']}"
        assert (await ada.patch(path, json=wish)).status_code == 404
        assert await roster(ada, conference["id"]) == [before]


async def test_who_is_banned_stays_out_until_it_is_let_in_again(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}"
    async with logged_in(shared, "102") as member, Phone(shared, "102") as ben, Phone(shared, "15550001111") as out:
        for phone in (ben, out):
            await phone.call(conference["token"])
        for party in await roster(ada, conference["id"]):
            assert (await ada.delete(f"{path}/parties/{party['id']}", params={"ban": True})).status_code == 204
        assert (await ada.get(f"{path}/bans")).json() == {"numbers": ["102", "15550001111"]}
        assert (await member.get(f"{path}/bans")).status_code == 404
        with pytest.raises(CallRefused, match="403"):
            await ben.call(conference["token"])
        assert (await ada.delete(f"{path}/bans/102")).status_code == 204
        assert (await ada.delete(f"{path}/bans/102")).status_code == 404
        await ben.call(conference["token"])
        assert (await ada.get(f"{path}/bans")).json() == {"numbers": ["15550001111"]}


async def test_who_hides_its_number_cannot_be_banned(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    async with Phone(shared, "anonymous") as phone:
        await phone.call(conference["token"])
        (party,) = await roster(ada, conference["id"])
        path = f"{V1}/{conference['id']}/parties/{party['id']}"
        assert (await ada.delete(path, params={"ban": True})).status_code == 409
        assert await roster(ada, conference["id"]) == [party]
        assert (await ada.delete(path)).status_code == 204
        await phone.hung_up()


async def test_what_the_rules_do_not_let_be_done(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "102") as phone, logged_in(shared, "102") as ben:
        call = await phone.call("203")
        await phone.keys(call, "1234#")
        session = await shared.control.open("203")
        await until(lambda: session.parties)
        (party,) = session.parties
        path = f"{V1}/{session.id}/parties/{party}"
        old = f"/restapi/v1.0/account/~/telephony/sessions/{session.id}/parties/{party}"
        changes: list[dict[str, Any]] = [{"held": True}, {"deaf": True}, {"whispers_to": []}]
        for change in changes:
            assert (await ada.patch(path, json=change)).status_code == 409, "it waits for the host"
        for where in (path, old):
            assert (await ben.patch(where, json={"muted": False})).status_code == 403
            assert (await ada.patch(where, json={"muted": False})).status_code == 200
            assert (await ben.patch(where, json={"muted": True})).status_code == 200
        assert (await ada.patch(path, json={"role": "listener"})).json()["role"] == "listener"
        assert (await roster(ada, session.id))[0]["role"] == "listener"
        assert (await ada.get(old)).json()["conferenceRole"] == "Participant"
        assert (await ada.patch(path, json={"muted": False})).status_code == 409
        await call.bye()


async def test_sounds_are_played_and_stopped(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}/playbacks"
    async with Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        party = (await roster(ada, conference["id"]))[0]["id"]
        answer = await ada.post(path, json={"sounds": ["conf-muted", 42], "loop": True})
        assert answer.status_code == 201, answer.text
        assert (await ada.delete(f"{path}/{answer.json()['id']}")).status_code == 204
        assert (await ada.delete(f"{path}/{answer.json()['id'] + 100}")).status_code == 404
        assert (await ada.post(path, json={"sounds": ["beep"], "party": party})).status_code == 201
        assert (await ada.post(path, json={"sounds": ["no-such-sound"]})).status_code == 409


async def test_people_are_called_in(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}/dials"
    async with Phone(shared, "103") as phone:
        await phone.register()
        rang = asyncio.Event()
        forever = asyncio.Event()

        async def ring(call: Any) -> None:
            await call.ring()
            rang.set()
            await forever.wait()

        phone.behaviour = ring
        answer = await ada.post(path, json={"number": "103"})
        assert answer.status_code == 202, answer.text
        dial = answer.json()
        assert (dial["number"], dial["state"]) == ("103", "ringing")
        await asyncio.wait_for(rang.wait(), PATIENCE_S)
        assert (await ada.get(path)).json() == {"dials": [dial]}
        assert (await ada.delete(f"{path}/{dial['id']}")).json()["state"] == "dropped"
        assert (await ada.delete(f"{path}/{dial['id']}")).status_code == 404
