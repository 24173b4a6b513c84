"""Webhooks through the API, told to a real HTTP server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from softphone.server import Server
from softphone.webhooks import verify
from tests.api.conftest import logged_in
from tests.focus.phone import Phone, bridge
from tests.support.listening import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/webhooks"


@dataclass
class Receiver:
    """An HTTP server that keeps what it is told, and answers with `statuses` in turn, then 204."""

    statuses: list[int] = field(default_factory=list)
    told: "asyncio.Queue[tuple[dict[str, str], bytes]]" = field(default_factory=asyncio.Queue)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:]) if name}
        body = await reader.readexactly(int(headers["content-length"]))
        status = self.statuses.pop(0) if self.statuses else 204
        self.told.put_nowait((headers, body))  # before the answer: the next one comes by another connection
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)

    async def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        headers, body = await asyncio.wait_for(self.told.get(), 30)
        told: dict[str, Any] = json.loads(body)
        return headers, told


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(statuses))
    async with listening(receiver.serve) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook?x=1"
        yield receiver


async def test_what_happens_is_told_signed_and_again(ada: httpx.AsyncClient) -> None:
    async with receiving(503) as receiver:
        made = await ada.post(PATH, json={"url": receiver.url, "events": ["conference.created", "conference.ended"]})
        assert made.status_code == 201, made.text
        hook = made.json()
        session = (await ada.post("/api/v1/conferences")).json()["id"]
        await ada.patch(f"/api/v1/conferences/{session}", json={"locked": True})
        await ada.delete(f"/api/v1/conferences/{session}")
        first, _ = await receiver.next()
        headers, created = await receiver.next()
        assert headers["x-softphone-delivery"] == first["x-softphone-delivery"]
        assert (headers["x-softphone-event"], created["type"]) == ("conference.created", "conference.created")
        assert created["session"] == session
        _, ended = await receiver.next()
        assert (ended["type"], ended["session"]) == ("conference.ended", session)
        assert (await ada.delete(f"{PATH}/{hook['id']}")).status_code == 204


async def test_keys_are_told(shared: Server, ada: httpx.AsyncClient) -> None:
    async with receiving() as receiver, Phone(shared, "103") as phone:
        hook = (await ada.post(PATH, json={"url": receiver.url, "events": ["party.keys"]})).json()
        session = (await ada.post("/api/v1/conferences", json={"rules": {"tell_keys": "unknown"}})).json()
        call = await phone.call(session["token"])
        (party,) = shared.focus.session(session["id"]).parties
        await phone.keys(call, "*147")  # *1 mutes
        for key in "47":
            headers, told = await receiver.next()
            assert headers["x-softphone-event"] == told["type"] == "party.keys"
            assert (told["session"], told["party"], told["data"]) == (session["id"], party, {"keys": key})
        await ada.delete(f"/api/v1/conferences/{session['id']}")
        await ada.delete(f"{PATH}/{hook['id']}")


async def test_the_signature_is_by_the_secret_that_is_shown_once(ada: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        hook = (await ada.post(PATH, json={"url": receiver.url})).json()
        shown = await ada.get(f"{PATH}/{hook['id']}")
        assert shown.json() == {name: value for name, value in hook.items() if name != "secret"}
        assert shown.json() in (await ada.get(PATH)).json()["webhooks"]
        await ada.post("/api/v1/conferences")
        headers, body = await asyncio.wait_for(receiver.told.get(), 30)
        given = (headers["x-softphone-timestamp"], body, headers["x-softphone-signature"], time.time())
        assert verify(hook["secret"], *given)
        assert not verify(hook["secret"] + "x", *given)
        assert Webhook(hook["secret"]).verify(body, headers) == json.loads(body)
        changed = await ada.put(f"{PATH}/{hook['id']}", json={"url": receiver.url, "events": ["party.joined"]})
        assert changed.json() == shown.json() | {"events": ["party.joined"]}
        await ada.post("/api/v1/conferences")
        await ada.put(f"{PATH}/{hook['id']}", json={"url": receiver.url, "secret": "0123456789abcdef"})
        last = (await ada.post("/api/v1/conferences")).json()["id"]
        headers, body = await asyncio.wait_for(receiver.told.get(), 30)
        assert json.loads(body)["session"] == last
        given = (headers["x-softphone-timestamp"], body, headers["x-softphone-signature"], time.time())
        assert verify("0123456789abcdef", *given)
        await ada.delete(f"{PATH}/{hook['id']}")


async def test_a_private_address_is_refused_when_the_webhook_is_made(ada: httpx.AsyncClient) -> None:
    """Loopback is not, while the server is on loopback."""
    for host in ("10.0.0.1", "169.254.169.254", "[fd00::1]"):
        refused = await ada.post(PATH, json={"url": f"http://{host}/"})
        assert (refused.status_code, refused.json()["parameterName"]) == (400, "url")
        assert "webhooks.allowed_networks" in refused.json()["message"]
    made = (await ada.post(PATH, json={"url": "http://127.0.0.1:1/", "events": ["conference.ended"]})).json()
    moved = await ada.put(f"{PATH}/{made['id']}", json={"url": "http://192.168.0.1/"})
    assert moved.status_code == 400
    assert (await ada.get(f"{PATH}/{made['id']}")).json()["url"] == "http://127.0.0.1:1/"
    await ada.delete(f"{PATH}/{made['id']}")


async def test_who_may(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "102") as ben:
        assert (await ben.get(PATH)).status_code == 403
        assert (await ben.post(PATH, json={"url": "http://127.0.0.1/"})).status_code == 403
    for wrong in ({"url": "ftp://x/"}, {"url": "http://"}, {"url": "http://x/", "events": ["unknown"]}, {}):
        assert (await ada.post(PATH, json=wrong)).status_code == 400
    wrong_event = (await ada.post(PATH, json={"url": "http://x/", "events": ["party.left", "unknown"]})).json()
    assert wrong_event["parameterName"] == "events.1"
    assert (await ada.get(f"{PATH}/nobody")).status_code == 404
    assert (await ada.put(f"{PATH}/nobody", json={"url": "http://x/"})).status_code == 404
    assert (await ada.delete(f"{PATH}/nobody")).status_code == 404


async def test_it_stands_after_a_restart_and_the_end_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("hooked")
    async with receiving() as receiver:
        async with bridge(data) as server, logged_in(server, "101") as ada:
            await ada.post(PATH, json={"url": receiver.url, "events": ["conference.ended"]})
        async with bridge(data) as server, logged_in(server, "101") as ada:
            session = (await ada.post("/api/v1/conferences")).json()["id"]
        _, ended = await receiver.next()
        assert (ended["session"], ended["data"]) == (session, {"reason": "server stops"})
