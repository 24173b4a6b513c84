"""The same command with the same key is done once, whatever the network does."""

import asyncio

import httpx
import pytest

from softphone.api.http.idempotency import Answers, Idempotency
from softphone.server import Server
from tests.api.conftest import logged_in

V1 = "/api/v1/conferences"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_command_repeated(shared: Server, ada: httpx.AsyncClient) -> None:
    before = len((await ada.get(V1)).json()["conferences"])
    key = {"Idempotency-Key": "first"}
    first = await ada.post(V1, json={"max_members": 3}, headers=key)
    again = await ada.post(V1, json={"max_members": 3}, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await ada.get(V1)).json()["conferences"]) == before + 1
    other = await ada.post(V1, json={"max_members": 4}, headers=key)
    assert other.status_code == 422
    assert "used for another request" in other.json()["message"]
    path = f"{V1}/{first.json()['id']}"
    assert (await ada.delete(path, headers={"Idempotency-Key": "end"})).status_code == 204
    assert (await ada.delete(path, headers={"Idempotency-Key": "end"})).status_code == 204
    assert (await ada.delete(path)).status_code == 404
    assert (await ada.post(V1, headers={"Idempotency-Key": "x" * 256})).status_code == 400
    async with logged_in(shared, "102") as ben:
        assert (await ben.post(V1, headers=key)).json()["owner_id"] != first.json()["owner_id"]


@pytest.mark.asyncio(loop_scope="module")
async def test_at_the_same_time(ada: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "together"}
    answers = await asyncio.gather(*(ada.post(V1, headers=key) for _ in range(10)))
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}


async def asked(app: Idempotency, key: str = "k", body: bytes = b"") -> tuple[int, bytes]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/api/x", headers={"Idempotency-Key": key, "Authorization": "me"}, content=body)
    return answer.status_code, answer.content


class App:
    """Answers with `statuses` in turn, each when it is let go on, with the count of calls as its body."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.calls = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        assert callable(send)
        self.calls += 1
        body, status = b"%d" % self.calls, self.statuses.pop(0)
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def test_who_comes_meanwhile_waits_for_the_first() -> None:
    app = App(200)
    guarded = Idempotency(app, str)
    waiting = [asyncio.create_task(asked(guarded)) for _ in range(5)]
    while not app.calls:
        await asyncio.sleep(0)
    assert await asked(guarded, body=b"other") == (422, (await asked(guarded, body=b"other"))[1])
    app.go_on.set()
    assert await asyncio.gather(*waiting) == [(200, b"1")] * 5
    assert app.calls == 1


async def test_what_failed_on_our_side_is_done_again() -> None:
    app = App(503, 200, 200)
    app.go_on.set()
    guarded = Idempotency(app, str)
    assert [await asked(guarded) for _ in range(3)] == [(503, b"1"), (200, b"2"), (200, b"2")]


async def test_answers_are_kept_for_a_day() -> None:
    now = [0.0]
    app = App(200, 200)
    app.go_on.set()
    guarded = Idempotency(app, str, lambda: now[0])
    assert await asked(guarded) == (200, b"1")
    now[0] = 86_399.0
    assert await asked(guarded) == (200, b"1")
    now[0] = 86_400.0
    assert await asked(guarded) == (200, b"2")


def test_answers_are_bounded() -> None:
    answers = Answers(kept=3)
    for number in range(10):
        answers.begin(("me", str(number)), b"", float(number))
    assert len(answers) == 3
    assert answers.find(("me", "9"), 9.0) is not None
    assert answers.find(("me", "6"), 9.0) is None


def test_long_answers_are_bounded_too() -> None:
    answers = Answers(kept_bytes=100)
    for number in range(10):
        key = ("me", str(number))
        answers.end(key, answers.begin(key, b"", 0.0), {"type": "http.response.start"}, bytes(30))
    assert answers.find(("me", "9"), 0.0) is not None
    assert answers.find(("me", "6"), 0.0) is None
    assert len(answers) == 3
