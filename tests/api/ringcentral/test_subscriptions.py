"""Subscriptions over HTTP: every status and body, and webhooks that a real HTTP server gets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from softphone.api.ringcentral.subscriptions import MOST_OF_ONE
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.ringcentral.gateways import OWN_SESSIONS, SESSIONS_OF_ALL, SUBSCRIPTION, A
from tests.api.ringcentral.test_telephony import SESSIONS, code, make
from tests.focus.phone import Phone
from tests.support.listening import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

Answer = Callable[[dict[str, str]], bytes]


def echo(headers: dict[str, str]) -> bytes:
    return f"HTTP/1.1 200 OK\r\nValidation-Token: {headers['validation-token']}\r\nContent-Length: 0\r\n\r\n".encode()


class Receiver:
    """An HTTP server: answers a handshake and all else as it is told, and keeps what it is sent."""

    def __init__(self, handshake: Answer) -> None:
        self.handshake = handshake
        self.url = ""
        self.asked = 0
        self.status = "200 OK"
        self.told: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:]) if name}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if "validation-token" in headers:
            self.asked += 1
            writer.write(self.handshake(headers))
        else:
            self.told.put_nowait((headers, json.loads(body)))
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())


@asynccontextmanager
async def receiving(handshake: Answer = echo) -> AsyncIterator[Receiver]:
    receiver = Receiver(handshake)
    async with listening(receiver.serve) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver


def wish(address: str | None = None, *filters: str, **more: Any) -> dict[str, Any]:
    mode = {"transportType": "WebHook"} | ({"address": address} if address else {})
    return {"eventFilters": list(filters or (OWN_SESSIONS,)), "deliveryMode": mode, **more}


async def clean(client: httpx.AsyncClient) -> None:
    for each in (await client.get(SUBSCRIPTION)).json()["records"]:
        await client.delete(f"{SUBSCRIPTION}/{each['id']}")


@pytest.mark.parametrize("path", [SUBSCRIPTION, SUBSCRIPTION + "/"])
async def test_a_webhook_from_its_beginning_to_its_end(shared: Server, ada: httpx.AsyncClient, path: str) -> None:
    async with receiving() as receiver:
        made = await ada.post(path, json=wish(receiver.url, expiresIn=3600))
        body = made.json()
        assert made.status_code == 200 and receiver.asked == 1
        own = f"{A}/{shared.accounts.account_id}/extension/100101/telephony/sessions"
        assert body["uri"] == f"{shared.http_url}{SUBSCRIPTION}/{body['id']}"
        assert (body["eventFilters"], body["expiresIn"], body["status"]) == ([own], 3600, "Active")
        assert body["deliveryMode"] == {"transportType": "WebHook", "encryption": False, "address": receiver.url}
        assert body["creationTime"].endswith("Z") and body["creationTime"] < body["expirationTime"]
        session = await make(ada)
        async with Phone(shared, "101") as phone:
            await phone.call(session["voiceCallToken"])
            headers, told = await asyncio.wait_for(receiver.told.get(), 30)
        assert "validation-token" not in headers and headers["content-type"] == "application/json"
        assert (told["event"], told["subscriptionId"], told["ownerId"]) == (own, body["id"], "100101")
        assert told["body"]["parties"][0]["status"] == {"code": "Setup", "rcc": False}
        await ada.delete(f"{SESSIONS}/{session['id']}")
        mine = f"{SUBSCRIPTION}/{body['id']}"
        shown = (await ada.get(mine)).json()
        assert {**shown, "expiresIn": 3600} == body and shown["expiresIn"] <= 3600
        listed = (await ada.get(path)).json()
        assert body["id"] in [each["id"] for each in listed["records"]] and listed["uri"].endswith(SUBSCRIPTION)
        for renewed in (await ada.post(f"{mine}/renew"), await ada.put(mine), await ada.put(mine, json={})):
            assert renewed.status_code == 200 and renewed.json()["expiresIn"] == 3600
        changed = await ada.put(mine, json={"eventFilters": [SESSIONS_OF_ALL], "expiresIn": 60})
        assert (changed.json()["expiresIn"], changed.json()["id"]) == (60, body["id"])
        assert changed.json()["eventFilters"] == [f"{A}/{shared.accounts.account_id}/telephony/sessions"]
        gone = await ada.delete(mine)
        assert (gone.status_code, gone.content) == (204, b"")
        for again in (await ada.get(mine), await ada.delete(mine), await ada.post(f"{mine}/renew")):
            assert code(again) == (404, "CMN-102")


@pytest.mark.parametrize(
    ("body", "status", "error", "parameter"),
    [
        ({}, 400, "CMN-101", "eventFilters"),
        ({"eventFilters": []}, 400, "CMN-101", "eventFilters"),
        ({"eventFilters": "x"}, 400, "CMN-101", "eventFilters"),
        ({"eventFilters": [OWN_SESSIONS]}, 400, "CMN-101", "deliveryMode"),
        ({"eventFilters": [OWN_SESSIONS], "deliveryMode": {}}, 400, "CMN-101", "deliveryMode.transportType"),
        ({"eventFilters": [OWN_SESSIONS], "deliveryMode": {"transportType": "PubNub"}}, 400, "CMN-101",
         "deliveryMode.transportType"),
        ({"eventFilters": [OWN_SESSIONS], "deliveryMode": {"transportType": "WebSocket"}}, 400, "CMN-101",
         "deliveryMode.transportType"),
        (wish(), 400, "CMN-101", "deliveryMode.address"),
        (wish("ftp://example.test/"), 400, "CMN-101", "deliveryMode.address"),
        (wish("http://169.254.169.254/latest"), 400, "CMN-101", "deliveryMode.address"),
        (wish("http://10.1.2.3/"), 400, "CMN-101", "deliveryMode.address"),
        (wish("http://example.test/", expiresIn=0), 400, "CMN-101", "expiresIn"),
        (wish("http://example.test/", expiresIn="soon"), 400, "CMN-101", "expiresIn"),
        (wish("http://example.test/", "/restapi/v1.0/account/~/nothing"), 400, "SUB-508", None),
        (wish("http://example.test/", OWN_SESSIONS, ""), 400, "SUB-508", None),
        (wish("http://example.test/", f"{A}/99/telephony/sessions"), 403, "SUB-406", None),
    ],
)  # fmt: skip
async def test_what_is_no_subscription(
    ada: httpx.AsyncClient, body: dict[str, Any], status: int, error: str, parameter: str | None
) -> None:
    answer = await ada.post(SUBSCRIPTION, json=body)
    assert code(answer) == (status, error), answer.text
    assert answer.json().get("parameterName") == parameter


@pytest.mark.parametrize(
    ("event", "status", "error"),
    [
        (f"{A}/~/extension/100101/telephony/sessions", 403, "SUB-405"),
        (f"{A}/~/extension/nobody/presence", 403, "SUB-405"),
        (SESSIONS_OF_ALL, 403, "CMN-402"),
        (f"{A}/~/presence", 403, "CMN-402"),
    ],
)
async def test_whom_a_user_may_not_watch(shared: Server, event: str, status: int, error: str) -> None:
    async with logged_in(shared, "102") as ben:
        assert code(await ben.post(SUBSCRIPTION, json=wish("http://example.test/", event))) == (status, error)


async def test_an_administrator_watches_any_extension_that_there_is(shared: Server, ada: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        made = await ada.post(SUBSCRIPTION, json=wish(receiver.url, f"{A}/~/extension/100102/telephony/sessions"))
        assert made.status_code == 200
        unknown = await ada.post(SUBSCRIPTION, json=wish(receiver.url, f"{A}/~/extension/1/telephony/sessions"))
        assert code(unknown) == (403, "SUB-408")
        session = await make(ada)
        async with Phone(shared, "102") as phone:
            await phone.call(session["voiceCallToken"])
            _, told = await asyncio.wait_for(receiver.told.get(), 30)
        assert told["body"]["parties"][0]["extensionId"] == "100102" and told["ownerId"] == "100101"
        await ada.delete(f"{SESSIONS}/{session['id']}")
        await clean(ada)


@pytest.mark.parametrize(
    "answer",
    [
        lambda headers: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        lambda headers: b"HTTP/1.1 200 OK\r\nValidation-Token: other\r\nContent-Length: 0\r\n\r\n",
        lambda headers: echo(headers).replace(b"200 OK", b"204 No"),
        lambda headers: echo(headers).replace(b"200 OK", b"302 Found"),
        lambda headers: echo(headers).replace(
            b"Content-Length: 0\r\n\r\n", b"Content-Length: 1100\r\n\r\n" + b"x" * 1100
        ),
        lambda headers: echo(headers).replace(b"\r\nContent", b"\r\nX-Long: " + b"y" * 1024 + b"\r\nContent"),
        lambda headers: b"no http at all\r\n\r\n",
        lambda headers: b"",
    ],
)
async def test_a_webhook_that_does_not_agree(ada: httpx.AsyncClient, answer: Answer) -> None:
    before = len((await ada.get(SUBSCRIPTION)).json()["records"])
    async with receiving(answer) as receiver:
        assert code(await ada.post(SUBSCRIPTION, json=wish(receiver.url))) == (400, "SUB-525")
        assert receiver.asked == 1
    assert len((await ada.get(SUBSCRIPTION)).json()["records"]) == before


async def test_a_webhook_that_nobody_answers(ada: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        url = receiver.url
    assert code(await ada.post(SUBSCRIPTION, json=wish(url))) == (400, "SUB-525")


async def test_another_address_has_to_agree_too(ada: httpx.AsyncClient) -> None:
    async with receiving() as first, receiving() as second, receiving(lambda _: b"") as third:
        made = (await ada.post(SUBSCRIPTION, json=wish(first.url))).json()
        path = f"{SUBSCRIPTION}/{made['id']}"
        moved = await ada.put(path, json={"deliveryMode": {"transportType": "WebHook", "address": second.url}})
        assert moved.json()["deliveryMode"]["address"] == second.url and second.asked == 1
        assert code(await ada.put(path, json={"deliveryMode": {"address": third.url}})) == (400, "SUB-525")
        assert code(await ada.put(path, json={"deliveryMode": {"transportType": "WebSocket"}})) == (400, "CMN-101")
        assert code(await ada.put(path, json={"eventFilters": ["x"]})) == (400, "SUB-508")
        assert (await ada.get(path)).json()["deliveryMode"]["address"] == second.url
        await clean(ada)


async def test_what_waits_for_an_old_address_is_dropped_unless_another_subscription_has_it(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    async with receiving() as first, receiving() as second:
        first.status = "503 Away"
        paths = [f"{SUBSCRIPTION}/{(await ada.post(SUBSCRIPTION, json=wish(first.url))).json()['id']}" for _ in "12"]
        session = await make(ada)
        async with Phone(shared, "101") as phone:
            await phone.call(session["voiceCallToken"])
            await asyncio.wait_for(first.told.get(), 30)
        waiting = []
        for path in paths:
            await ada.put(path, json={"deliveryMode": {"address": second.url}})
            waiting.append([each.url for each in shared.notifications.sender._outbox.waiting if each.url == first.url])
        assert waiting[0] and not waiting[1]
        await ada.delete(f"{SESSIONS}/{session['id']}")
        await clean(ada)


async def test_nobody_has_more_than_so_many(shared: Server) -> None:
    async with logged_in(shared, "103") as cid, receiving() as receiver:
        for _ in range(MOST_OF_ONE):
            assert (await cid.post(SUBSCRIPTION, json=wish(receiver.url))).status_code == 200
        assert code(await cid.post(SUBSCRIPTION, json=wish(receiver.url))) == (403, "SUB-505")
        assert receiver.asked == MOST_OF_ONE
        await clean(cid)


async def test_those_of_others_are_not_there(shared: Server, ada: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    async with receiving() as receiver, logged_in(shared, "102") as ben:
        path = f"{SUBSCRIPTION}/{(await ada.post(SUBSCRIPTION, json=wish(receiver.url))).json()['id']}"
        for answer in (
            await ben.get(path),
            await ben.put(path),
            await ben.delete(path),
            await ben.post(path + "/renew"),
        ):
            assert code(answer) == (404, "CMN-102") and answer.json()["parameterName"] == "subscriptionId"
        assert (await ben.get(SUBSCRIPTION)).json()["records"] == []
        for answer in (await http.get(path), await http.post(SUBSCRIPTION), await http.get(SUBSCRIPTION)):
            assert answer.status_code == 401
        await clean(ada)


async def test_one_whose_time_is_over(shared: Server, ada: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        made = (await ada.post(SUBSCRIPTION, json=wish(receiver.url, expiresIn=60))).json()
        service = shared.notifications
        now = service.now
        service.now = lambda: now() + 61
        try:
            assert code(await ada.get(f"{SUBSCRIPTION}/{made['id']}")) == (404, "SUB-507")
            assert (await ada.get(SUBSCRIPTION)).json()["records"] == []
        finally:
            service.now = now
