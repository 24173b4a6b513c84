"""Files on their way in: on the disk, few at a time, and nothing left of half ones."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from softphone.api.http import intake
from softphone.api.http.idempotency import Answers
from softphone.api.http.intake import IN_ALL, PER_USER, BodyLimit, UploadIntake
from tests.api.conftest import PATIENCE_S

MAX = 1_000_000


class Kept:
    """Takes what comes, in pieces."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.largest = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            self.largest = max(self.largest, len(message["body"]))
            if not message["more_body"]:
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": hashlib.sha256(body).hexdigest().encode()})


def app_of(folder: Path) -> tuple[Kept, UploadIntake]:
    kept = Kept()
    return kept, UploadIntake(BodyLimit(kept, 1000, 5.0), folder, MAX, lambda header: header or None)


@asynccontextmanager
async def client(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:
        yield http


class Half:
    """A body that begins, and ends when it is let."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.begun = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x" * 1000
        self.begun.set()
        await self.go_on.wait()
        yield b"y"


async def put(http: httpx.AsyncClient, who: str, body: Any) -> httpx.Response:
    return await asyncio.wait_for(http.post("/api/v1/sounds", content=body, headers={"Authorization": who}), PATIENCE_S)


async def test_a_file_comes_as_it_is_in_pieces(tmp_path: Path) -> None:
    kept, app = app_of(tmp_path)
    async with client(app) as http:
        for size in (0, 1, intake.BLOCK - 1, intake.BLOCK, intake.BLOCK + 1, MAX):
            body = os.urandom(size)
            assert (await put(http, "ada", body)).status_code == 201
            assert kept.bodies[-1] == body
        assert kept.largest <= intake.BLOCK
        assert (await put(http, "ada", bytes(MAX + 1))).status_code == 413
        assert (await put(http, "", bytes(2000))).status_code == 413, "a stranger's is a body like others"
    assert list(tmp_path.iterdir()) == []


async def test_few_at_a_time_of_a_user_and_in_all(tmp_path: Path) -> None:
    _, app = app_of(tmp_path)
    halves = [Half() for _ in range(IN_ALL)]
    async with client(app) as http:
        coming = [
            asyncio.create_task(put(http, f"user {number // PER_USER}", half)) for number, half in enumerate(halves)
        ]
        for half in halves:
            await asyncio.wait_for(half.begun.wait(), PATIENCE_S)
        one_more = await put(http, "user 0", b"z")
        assert (one_more.status_code, "retry-after" in one_more.headers) == (429, True)
        assert (await put(http, "user 99", b"z")).status_code == 503
        assert list(tmp_path.iterdir()) == [], "they have no names"
        coming[0].cancel()
        await asyncio.gather(coming[0], return_exceptions=True)
        assert (await put(http, "user 99", b"z")).status_code == 201
        for half in halves:
            half.go_on.set()
        assert {(await each).status_code for each in coming[1:]} == {201}
        assert (await put(http, "user 0", b"z")).status_code == 201
    assert app._coming == {}


async def test_a_half_one_ends_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "UPLOAD_S", 0.05)
    _, app = app_of(tmp_path)
    async with client(app) as http:
        answer = await put(http, "ada", Half())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert app._coming == {} and list(tmp_path.iterdir()) == []


async def test_a_disk_that_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, app = app_of(tmp_path)
    full = Path("/dev/full")
    monkeypatch.setattr("softphone.api.http.intake.tempfile.TemporaryFile", lambda dir: full.open("wb", buffering=0))
    async with client(app) as http:
        assert (await put(http, "ada", b"x" * 100)).status_code == 503
    assert app._coming == {}


def test_answers_of_one_user_push_out_no_others() -> None:
    answers = Answers(kept=5, kept_bytes=100)
    mine = answers.begin(("me", "mine"), b"", 0.0)
    answers.end(("me", "mine"), mine, {"type": "http.response.start"}, b"x" * 10)
    for number in range(10_000):
        key = (f"flood {number % 3}", str(number))
        answers.end(key, answers.begin(key, b"", 1.0), {"type": "http.response.start"}, b"y" * 50)
    assert answers.find(("me", "mine"), 2.0) is mine
    assert len(answers) <= 1 + 3 * 3
    for number in range(1000):
        answers.begin((f"user {number}", "k"), b"", 3.0)
    assert len(answers) == 50
