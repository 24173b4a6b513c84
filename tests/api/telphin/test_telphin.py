"""Properties of conference extensions in the shape of Telphin's API: each row of its contract."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import update

from softphone.errors import CallRefused
from softphone.server import Server
from softphone.store import tables
from softphone.store.properties import ConferenceProperties
from softphone.store.seed import Seedling
from tests.api.conftest import logged_in
from tests.focus.phone import Phone, bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANT = {"grant_type": "client_credentials", "client_id": "dev-client", "client_secret": "dev-secret"}
BARE, FULL = "/extension/{}/conference/", "/api/ver1.0/extension/{}/conference/"
FRESH = {
    "announce_caller_name": False,
    "enter_sound": None,
    "max_members": None,
    "moderator_pin": None,
    "music_on_hold_sound": None,
    "mute_non_moderator": False,
    "pin": None,
    "record_enabled": False,
}


@pytest_asyncio.fixture(loop_scope="module")
async def program(http: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a token of the account."""
    answer = await http.post("/oauth/token", data=GRANT)
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    yield http


def path_of(server: Server, number: str, form: str = FULL) -> str:
    return form.format(server.accounts.extensions[number].id)


@pytest.mark.parametrize(
    "form",
    [{"data": GRANT}, {"files": {name: (None, value) for name, value in GRANT.items()}}, {"params": GRANT}],
    ids=["urlencoded", "multipart", "query"],
)
async def test_a_token_by_each_form(shared: Server, http: httpx.AsyncClient, form: dict[str, Any]) -> None:
    answer = await http.post("/oauth/token", **form)
    assert answer.status_code == 200, answer.text
    token = answer.json()
    assert token == {"access_token": token["access_token"], "token_type": "Bearer", "expires_in": 3600, "scope": "all"}
    http.headers["Authorization"] = f"Bearer {token['access_token']}"
    assert (await http.get(path_of(shared, "202"))).status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (GRANT | {"client_secret": "wrong"}, "invalid_client"),
        (GRANT | {"grant_type": "none"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
async def test_no_token(http: httpx.AsyncClient, form: dict[str, str], error: str) -> None:
    answer = await http.post("/oauth/token", data=form)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error", "message"}
    assert answer.json()["error"] == error


@pytest.mark.parametrize("form", [BARE, FULL, BARE.rstrip("/"), FULL.rstrip("/")])
async def test_every_path(shared: Server, program: httpx.AsyncClient, form: str) -> None:
    path = path_of(shared, "203", form)
    assert (await program.get(path)).json() == FRESH | {
        "pin": "1234",
        "moderator_pin": "9876",
        "mute_non_moderator": True,
        "max_members": (await program.get(path)).json()["max_members"],
    }
    assert (await program.put(path, json={})).json() == (await program.get(path)).json()
    assert (await program.delete(path)).status_code == 405


async def test_the_number_is_taken_as_well_as_the_id(shared: Server, program: httpx.AsyncClient) -> None:
    by_id = (await program.get(path_of(shared, "203"))).json()
    assert (await program.get(FULL.format("203"))).json() == by_id
    assert (await program.put(BARE.format("203"), json={"max_members": 9})).json()["max_members"] == 9
    assert (await program.get(path_of(shared, "203"))).json()["max_members"] == 9
    await program.put(path_of(shared, "203"), json={"max_members": by_id["max_members"]})
    for user in ("101", "999"):
        assert (await program.get(FULL.format(user))).status_code == 404


async def test_an_id_goes_before_a_number(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with bridge(tmp_path_factory.mktemp("both")) as server, logged_in(server, "101") as admin:
        room = server.accounts.extensions["201"]
        other = replace(server.accounts.extensions["202"], id="4711", number=room.id)
        server.accounts.put(Seedling(other, properties=ConferenceProperties()))
        assert (await admin.get(FULL.format(room.id))).json()["pin"] == "1234"
        assert (await admin.get(FULL.format(other.id))).json()["pin"] is None


async def test_the_extensions_are_listed(shared: Server, program: httpx.AsyncClient) -> None:
    path = "/api/ver1.0/client/@me/extension/"
    everybody = (await program.get(path)).json()
    assert [each["label"] for each in everybody][:2] == ["Ada Admin", "Ben User"]
    rooms = (await program.get(path, params={"type": "conference"})).json()
    assert rooms == [each for each in everybody if each["type"] == "conference"]
    assert rooms[0] == {
        "id": int(shared.accounts.extensions["201"].id),
        "name": "16505550100*201",
        "type": "conference",
        "status": "active",
        "label": "Room 201",
        "domain": "softphone.local",
        "create_date": f"{shared.accounts.extensions['201'].created:%Y-%m-%d %H:%M:%S}",
        "client_id": 1,
        "extension_group_id": None,
        "caller_id_name": "Room 201",
        "extra_params": None,
        "dial_rule_id": None,
        "dial_rule_limit": None,
        "ani_rfc3325": False,
        "did_as_transfer_caller_id": None,
        "message_did": None,
    }
    second = await program.get(path.rstrip("/"), params={"type": "conference", "page": 2, "per_page": 2})
    assert second.json() == rooms[2:4]
    for room in rooms:
        assert (await program.get(FULL.format(room["id"]))).status_code == 200
    async with logged_in(shared, "102") as user:
        assert (await user.get(path)).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"announce_caller_name": True},
        {"max_members": 7},
        {"max_members": None},
        {"pin": "1"},
        {"pin": "1234", "moderator_pin": "99"},
        {"moderator_pin": None},
        {"mute_non_moderator": True},
        {"record_enabled": True},
    ],
)
async def test_any_subset_is_changed(shared: Server, program: httpx.AsyncClient, change: dict[str, Any]) -> None:
    path = path_of(shared, "202")
    before = (await program.get(path)).json()
    assert before.keys() == FRESH.keys()
    answer = await program.put(path, json=change)
    assert answer.status_code == 200, answer.text
    assert answer.json() == before | change == (await program.get(path)).json()


@pytest.mark.parametrize(
    "change",
    [
        {"moderator_pin": "5", "pin": None},
        {"pin": "12a"},
        {"pin": 1234},
        {"max_members": 0},
        {"max_members": 10**30},
        {"mute_non_moderator": "yes"},
        {"enter_sound": 4711},
        {"unknown": 1},
        [1],
        "text",
    ],
)
async def test_wrong_values(shared: Server, program: httpx.AsyncClient, change: object) -> None:
    path = path_of(shared, "202")
    before = (await program.get(path)).json()
    answer = await program.put(path, json=change)
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"message"}
    assert (await program.get(path)).json() == before


@pytest.mark.parametrize("content", [b"{", b"[" * 1500, b"\xff"])
async def test_no_json(shared: Server, program: httpx.AsyncClient, content: bytes) -> None:
    answer = await program.put(path_of(shared, "202"), content=content)
    assert (answer.status_code, answer.json()) == (400, {"message": "JSON can't be parsed."})


async def test_who_may(shared: Server, program: httpx.AsyncClient) -> None:
    for number in ("101", "102"):
        answer = await program.get(path_of(shared, number))
        assert (answer.status_code, answer.json()) == (404, {"message": "Not found"})
    assert (await program.get(FULL.format("nobody"))).json() == {"message": "Not found"}
    async with logged_in(shared, "101") as admin, logged_in(shared, "102") as user:
        assert (await admin.get(path_of(shared, "202"))).status_code == 200
        refused = await user.get(path_of(shared, "202"))
        assert refused.status_code == 403
        assert refused.json().keys() == {"message"}
    assert (await program.get("/api/v1/conferences")).status_code == 401
    for header in ({}, {"Authorization": "Bearer nonsense"}):
        async with httpx.AsyncClient(base_url=shared.http_url, headers=header) as stranger:
            answer = await stranger.get(path_of(shared, "202"))
            assert answer.status_code == 401
            assert answer.json().keys() == {"message"}


async def test_a_repeated_change(shared: Server, program: httpx.AsyncClient) -> None:
    path, key = path_of(shared, "202"), {"Idempotency-Key": "telphin"}
    first = await program.put(path, json={"max_members": 5}, headers=key)
    await program.put(path, json={"max_members": 6})
    assert (await program.put(path, json={"max_members": 5}, headers=key)).json() == first.json()
    assert (await program.get(path)).json()["max_members"] == 6
    assert (await program.put(path, json={"max_members": 8}, headers=key)).json().keys() == {"message"}


async def test_in_force_at_once_and_after_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("restart")
    async with bridge(data) as server, logged_in(server, "101") as admin, Phone(server, "102") as phone:
        await phone.call("202")
        await admin.put(path_of(server, "202"), json={"max_members": 1})
        async with Phone(server, "103") as late:
            with pytest.raises(CallRefused, match="486"):
                await late.call("202")
            await admin.put(path_of(server, "202"), json={"max_members": 2})
            await late.call("202")
    async with bridge(data) as server, logged_in(server, "101") as admin:
        assert (await admin.get(path_of(server, "202"))).json()["max_members"] == 2


EXTENSIONS = "/api/ver1.0/client/@me/extension"


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_conference_extension_is_made(shared: Server, program: httpx.AsyncClient, slash: str) -> None:
    number = f"30{len(slash)}"
    wish = {"name": f"16505550100*{number}", "type": "conference", "label": "Town hall", "status": "active"}
    made = await program.post(EXTENSIONS + slash, json=wish)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["name"], shown["label"], shown["type"]) == (wish["name"], "Town hall", "conference")
    assert shown in (await program.get(EXTENSIONS, params={"type": "conference"})).json()
    assert (await program.get(FULL.format(shown["id"]))).json() == FRESH
    changed = await program.put(FULL.format(shown["id"]), json={"max_members": 1})
    assert changed.json() == FRESH | {"max_members": 1}
    async with Phone(shared, "102") as phone, Phone(shared, "103") as late:
        call = await phone.call(number)
        with pytest.raises(CallRefused) as refused:
            await late.call(number)
        assert refused.value.status == 486
        await call.bye()
    again = await program.post(EXTENSIONS + slash, json=wish)
    assert (again.status_code, again.json()) == (400, {"message": f"there is an extension {number}"})


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"name": "310"},
        {"name": "310", "type": "phone"},
        {"name": "three", "type": "conference"},
        {"name": "1*2*3", "type": "conference"},
        {"name": "0101", "type": "conference"},
        {"name": "101", "type": "conference"},
        {"name": "310", "type": "conference", "label": "x" * 200},
    ],
)
async def test_what_is_no_extension(program: httpx.AsyncClient, wish: dict[str, str]) -> None:
    before = (await program.get(EXTENSIONS)).json()
    answer = await program.post(EXTENSIONS, json=wish)
    assert answer.status_code == 400 and list(answer.json()) == ["message"]
    assert (await program.get(EXTENSIONS)).json() == before


async def test_an_extension_keeps_the_date_at_which_it_came_into_the_store(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("dated")
    async with bridge(data) as server:
        came = server.accounts.extensions["201"].created
        assert came is not None and came.tzinfo is not None
    async with bridge(data, store={"seed": "always"}) as server:
        assert server.accounts.extensions["201"].created == came
        async with server.store.database.write() as connection:  # one from before dates were kept
            await connection.execute(update(tables.EXTENSIONS).values(created=None))
    async with bridge(data) as server:
        later = server.accounts.extensions["201"].created
        assert later is not None and later > came


async def test_a_made_extension_is_there_after_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("made")
    async with bridge(data) as server:
        made = await server.store.add_conference("333", "")
    async with bridge(data) as server:
        found = server.accounts.extensions["333"]
        assert (found, found.created) == (made, made.created)


@pytest.mark.parametrize("how", ["data", "params"])
async def test_a_token_of_an_administrator_by_password(shared: Server, http: httpx.AsyncClient, how: str) -> None:
    asked = GRANT | {"grant_type": "password", "username": "101", "password": "dev-101"}
    given = await http.post("/oauth/token", **{how: asked})  # type: ignore[arg-type]
    assert given.status_code == 200, given.text
    assert list(given.json()) == ["access_token", "token_type", "expires_in", "scope"]
    http.headers["Authorization"] = f"Bearer {given.json()['access_token']}"
    assert (await http.get(path_of(shared, "202"))).status_code == 200
    for wrong in ({"password": "x"}, {"username": "999"}, {"password": ""}):
        refused = await http.post("/oauth/token", data=asked | wrong)
        assert refused.status_code == 400
        assert refused.json() == {"error": "invalid_grant", "message": "wrong username or password"}
    given = await http.post("/oauth/token", data=asked | {"username": "102", "password": "dev-102"})
    http.headers["Authorization"] = f"Bearer {given.json()['access_token']}"
    for answer in (await http.get(EXTENSIONS), await http.post(EXTENSIONS, json={"name": "1", "type": "conference"})):
        assert answer.status_code == 403 and list(answer.json()) == ["message"]
