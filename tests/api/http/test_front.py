"""Pages for people, numbers for few, and refusals in one shape."""

from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from softphone.api.app import create_app
from softphone.api.http.errors import ApiError
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.focus.phone import bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Links(HTMLParser):
    """What a page wants from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.wanted += [value or "" for name, value in attrs if name in ("src", "href")]


async def test_the_description_needs_nothing_from_outside(shared: Server, http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Links()
    page.feed(answer.text)
    assert not {"script", "link", "img", "iframe"} & page.tags
    for wanted in page.wanted:
        assert "//" not in wanted
        assert (await http.get(f"/{wanted}")).status_code == 200, wanted
    described = (await http.get("/openapi.json")).json()
    assert all(path in answer.text for path in described["paths"])


async def test_numbers_are_for_this_machine_for_a_token_and_for_administrators(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = {"port": 0, "metrics_token": "scrape-me"}
    async with bridge(tmp_path_factory.mktemp("metrics"), http=settings) as server:
        app: Any = create_app(server.api, server.notifications)

        async def status(host: str, token: str = "") -> int:
            transport = httpx.ASGITransport(app=app, client=(host, 1))
            headers = [(b"Authorization", f"Bearer {token}".encode("latin-1"))] if token else []
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return (await client.get("/metrics", headers=headers)).status_code

        assert [await status(host) for host in ("127.0.0.1", "::1", "192.0.2.1", "")] == [200, 200, 401, 401]
        assert [await status("192.0.2.1", token) for token in ("scrape-me", "scrape-m", "wröng")] == [200, 401, 401]
        for number, answer in (("101", 200), ("102", 403)):
            async with logged_in(server, number) as client:
                assert await status("192.0.2.1", client.headers["authorization"].split()[1]) == answer


async def test_without_a_token_in_the_settings_there_is_none(shared: Server) -> None:
    app: Any = create_app(shared.api, shared.notifications)
    transport = httpx.ASGITransport(app=app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for header in ({"Authorization": "Bearer "}, {"Authorization": ""}, {}):
            assert (await client.get("/metrics", headers=header)).status_code == 401


async def test_refusals_have_one_shape(shared: Server, http: httpx.AsyncClient, ada: httpx.AsyncClient) -> None:
    v1 = "/api/v1/conferences"
    conference = (await ada.post(v1)).json()["id"]
    async with logged_in(shared, "102") as ben:
        answers = {
            400: [await ada.post(v1, content=b"{"), await ada.get(v1, params={"limit": "x"})],
            401: [await http.get(v1), await http.get(v1, headers={"Authorization": "Bearer x"})],
            403: [await ben.get("/api/v1/webhooks"), await ben.get("/api/v1/extensions")],
            404: [await ada.get("/nowhere"), await ada.get(f"{v1}/s-0"), await ben.get(f"{v1}/{conference}")],
            405: [await ada.put(v1), await ada.delete("/healthz")],
            409: [await ada.post(f"{v1}/{conference}/recording")],
            413: [await ada.post(v1, content=b" " * 3000), await http.post("/x", content=b" " * 3000)],
        }
    for status, those in answers.items():
        for answer in those:
            assert answer.status_code == status, answer.url
            assert answer.headers["content-type"] == "application/json"
            told = answer.json()
            assert told["errorCode"] and told["message"], answer.url
            assert [each["errorCode"] for each in told["errors"]] == [told["errorCode"]]
            assert answer.headers["cache-control"] == "no-store"
    await ada.delete(f"{v1}/{conference}")


async def test_where_files_are_is_for_administrators_only(shared: Server, ada: httpx.AsyncClient) -> None:
    from tests.focus.phone import Phone

    async with logged_in(shared, "102") as ben, Phone(shared, "102") as phone:
        conference = (await ben.post("/api/v1/conferences")).json()
        await phone.call(conference["token"])
        path = f"/api/v1/conferences/{conference['id']}/recording"
        mine = [
            await ben.post(path),
            await ben.get(path),
            await ben.patch(path, json={"paused": True}),
            await ben.delete(path),
        ]
        assert [(answer.status_code, answer.json()["path"]) for answer in mine] == [(200, "")] * 4
        assert (await ada.post(path)).json()["path"].endswith("mix.wav")
        await ben.delete(f"/api/v1/conferences/{conference['id']}")


async def test_what_a_caller_wrote_is_not_told_back_as_it_was() -> None:
    """Keys and values of others, in messages: one line, readable, not without end."""
    answer = ApiError(400, "X", "bad \x1b[2J\n\u202e" + "y" * 5000, extra={"parameterName": "z" * 5000 + "\ud800"})
    body = bytes(answer.response().body).decode()
    assert len(body) < 4000 and "\\u001b" not in body and "\u202e" not in body
