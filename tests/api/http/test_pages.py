"""One paging rule for all lists: a place in an order, and 400 for nonsense."""

import asyncio
import base64
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.http.errors import ApiError
from softphone.api.http.pages import Parts, Place
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.focus.phone import Phone
from tests.focus.test_two_party import connected

MODULE = pytest.mark.asyncio(loop_scope="module")

PLACES = st.lists(st.tuples(st.integers(-3, 3), st.text("ab", max_size=2)), unique=True, max_size=30)


@given(PLACES, PLACES, st.sets(st.integers(0, 29)), st.integers(1, 7))
def test_what_stays_is_seen_once_whatever_comes_and_goes(
    there: list[Place], coming: list[Place], going: set[int], limit: int
) -> None:
    items, stays, seen, after = list(there), set(there), list[Place](), None
    while True:
        found = Parts(after, limit).of("things", items, lambda place: place)
        assert len(found.items) <= limit and found.items == sorted(found.items)
        seen += found.items
        if found.next is None:
            break
        after = found.next
        items = [each for number, each in enumerate(items) if number not in going or each in seen[-1:]]
        items += [each for each in coming[:3] if each not in items]
        coming = coming[3:]
        stays &= set(items)
    assert len(set(seen)) == len(seen) and seen == sorted(seen)
    assert stays <= set(seen)


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_a_place_that_was_made_up_is_refused(mark: str) -> None:
    with pytest.raises(ApiError) as refused:
        Parts(mark, 3).of("things", [(1, "a")], lambda place: place)
    assert refused.value.status == 400


def test_a_place_of_another_list_is_refused() -> None:
    mark = Parts(None, 1).of("one", [(1, ""), (2, "")], lambda place: place).next
    assert Parts(mark, 1).of("one", [(1, ""), (2, "")], lambda place: place).items == [(2, "")]
    with pytest.raises(ApiError):
        Parts(mark, 1).of("two", [(1, ""), (2, "")], lambda place: place)


NONSENSE: list[dict[str, str]] = [
    *({"limit": each} for each in ("0", "-1", "1001", "x", "1e3", "", "9" * 40, "1.5", "\x00")),
    *({"after": each} for each in ("x", "", "AAAA", "9" * 40, "-1", "\x00", "é", "x" * 5000)),
    *(
        {"after": base64.urlsafe_b64encode(each).decode()}
        for each in (b"[]", b'["conferences"]', b'["x",1,"y"]', b"\xff")
    ),
    {"after": base64.urlsafe_b64encode(b'["calls","0001-01-01T00:00:00+14:00","x"]').decode()},
]
TIMES = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "yesterday",
    "-1",
    "9" * 30,
    "",
]


def lists(described: Any) -> list[tuple[str, dict[str, Any], str]]:
    """The operations of ``/openapi.json`` whose answer is a list: path, operation, name of the list's member.

    What is written whole, by PUT, is read whole, too.
    """
    found = []
    for path, methods in described["paths"].items():
        content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        of = described["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
        arrays = [name for name, each in of.items() if each.get("type") == "array"]
        if "put" not in methods and len(arrays) == 1 and set(of) <= {arrays[0], "next"}:
            found.append((path, methods["get"], arrays[0]))
    return found


@MODULE
async def test_every_list_has_the_one_rule(shared: Server, ada: httpx.AsyncClient) -> None:
    described = (await ada.get("/openapi.json")).json()
    conference = (await ada.post("/api/v1/conferences")).json()
    async with Phone(shared, "102") as phone, connected(shared, "104") as (call, _caller, _callee):
        await phone.call(conference["token"])
        assert await shared.history.flush(5.0)
        names = []
        for path, operation, _member in lists(described):
            there = path.replace("{id}", call.id if path.startswith("/api/v1/calls/") else conference["id"])
            parameters = {each["name"]: each for each in operation["parameters"]}
            assert {"after", "limit"} <= parameters.keys(), path
            assert (await ada.get(there)).status_code == 200, path
            times = [{name: time} for time in TIMES for name in ("since", "until")] if "since" in parameters else []
            answers = await asyncio.gather(*(ada.get(there, params=each) for each in (*NONSENSE, *times)))
            assert {answer.status_code for answer in answers} == {400}, [(each.url, each.text) for each in answers]
            names.append(path)
        assert len(names) >= 11
        await ada.delete(f"/api/v1/conferences/{conference['id']}")


@MODULE
async def test_every_list_of_nothing_but_numbers_takes_them(shared: Server, ada: httpx.AsyncClient) -> None:
    """Telphin's list has pages with numbers; what is no number is refused there, too."""
    path = "/api/ver1.0/client/@me/extension/"
    for nonsense in ({"page": "0"}, {"page": "-1"}, {"page": "9" * 40}, {"per_page": "x"}, {"per_page": "1001"}):
        assert (await ada.get(path, params=nonsense)).status_code == 400, nonsense


@MODULE
async def test_a_list_in_parts_is_the_list(shared: Server, ada: httpx.AsyncClient) -> None:
    made = [(await ada.post("/api/v1/conferences")).json()["id"] for _ in range(5)]
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 2}
    while True:
        part = (await ada.get("/api/v1/conferences", params=parameters)).json()
        seen += [each["id"] for each in part["conferences"]]
        if len(seen) == 2:  # what was told already may go, and new ones come
            await ada.delete(f"/api/v1/conferences/{seen[-1]}")
        if "next" not in part:
            break
        parameters["after"] = part["next"]
    assert [each for each in seen if each in made] == made
    async with logged_in(shared, "102") as ben:
        foreign = (await ben.get("/api/v1/history/calls", params={"after": part.get("next", "x")})).status_code
    assert foreign == 400
    for each in made:
        await ada.delete(f"/api/v1/conferences/{each}")
