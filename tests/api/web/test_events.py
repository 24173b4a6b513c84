"""The WebSocket of a party that has joined by HTTP, with real connections to a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.websockets import WebSocketDisconnect, WebSocketState
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from softphone.api.web import events
from softphone.api.web.boards import OVER, Follower
from softphone.api.web.events import LONGEST
from softphone.api.web.rates import BURST, AskingRate
from softphone.server import Server
from softphone.testing.bridge import offer
from tests.api.conftest import ORIGIN, PATIENCE_S
from tests.support.web import GUEST, HOST

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def joins(http: httpx.AsyncClient, to: str, **wish: Any) -> dict[str, Any]:
    answer = await http.post("/web/join", json={"to": to, "offer": offer(), **wish})
    assert answer.status_code == 201, answer.text
    joined: dict[str, Any] = answer.json()
    return joined


@asynccontextmanager
async def socket_of(web: Server, key: object, **options: Any) -> AsyncIterator[ClientConnection]:
    where = f"ws{web.http_url.removeprefix('http')}/web/events"
    async with connect(where, open_timeout=PATIENCE_S, **options) as socket:
        await socket.send(json.dumps({"key": key}))
        yield socket


async def told(socket: ClientConnection, event: str, **having: Any) -> dict[str, Any]:
    """The next message of a kind that has these members."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["event"] == event and having.items() <= message.items():
                return message


async def closed(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(PATIENCE_S):
        await socket.wait_closed()
    return socket.close_code


async def test_roster_changes_commands_and_the_end(web: Server, http: httpx.AsyncClient) -> None:
    host, guest = await joins(http, HOST, name="Ada"), await joins(http, GUEST, name="Gus")
    async with socket_of(web, host["key"]) as ada, socket_of(web, guest["key"]) as gus:
        roster = await told(ada, "roster")
        assert (roster["you"], [each["name"] for each in roster["parties"]]) == (host["party"], ["Ada", "Gus"])
        assert (await told(gus, "roster"))["you"] == guest["party"]
        await ada.send(json.dumps({"n": 1, "do": "mute", "party": guest["party"]}))
        assert await told(ada, "done", of=1)
        assert (await told(gus, "party"))["party"] == {"id": guest["party"], "muted": True}
        await gus.send(json.dumps({"n": 7, "do": "lock"}))
        refused = await told(gus, "refused", of=7)
        assert (refused["code"], refused["message"]) == ("refused", "Only a host of the conference may do that")
        await gus.send("no command")
        assert (await told(gus, "refused", of=0))["code"] == "bad_command"
        await ada.send(json.dumps({"n": 2, "do": "kick", "party": guest["party"]}))
        assert (await told(gus, "over"))["reason"] == "removed"
        assert await closed(gus) == 1000
        assert (await told(ada, "left"))["party"] == guest["party"]
        await ada.send(json.dumps({"n": 3, "do": "leave"}))
        assert (await told(ada, "over"))["reason"] == "left"
        assert await closed(ada) == 1000
    async with socket_of(web, guest["key"]) as again:
        assert (await told(again, "over"))["reason"] == "removed", "who comes back is told, too"
        assert await closed(again) == 1000


async def test_a_connection_that_is_lost_comes_back_with_the_same_key(web: Server, http: httpx.AsyncClient) -> None:
    host = await joins(http, HOST)
    async with socket_of(web, host["key"]) as first:
        await told(first, "roster")
        first.transport.abort()
    session = web.focus.session(f"s-{host['party'].split('-')[1]}")
    await web.control.lock(session.id, True)
    async with socket_of(web, host["key"]) as second:
        assert (await told(second, "roster"))["conference"]["locked"] is True
        assert host["party"] in session.parties
    await web.control.end(session.id)


@pytest.mark.parametrize("key", ["nobody's", "", "x" * 5000, None, 7, {"key": "x"}])
async def test_who_has_no_key_hears_nothing(web: Server, key: object) -> None:
    async with socket_of(web, key) as socket:
        assert await closed(socket) == 4404
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_page_of_another_origin_is_refused_and_our_own_is_not(web: Server, http: httpx.AsyncClient) -> None:
    host = await joins(http, HOST)
    for origin in ("https://evil.example.com", "null", f"http://127.0.0.1.evil.example.com:{web.http_url[-5:]}"):
        with pytest.raises(InvalidStatus) as refused:
            async with socket_of(web, host["key"], origin=origin):
                pass
        assert refused.value.response.status_code == 403
    for allowed in (ORIGIN, web.http_url):
        async with socket_of(web, host["key"], origin=allowed) as socket:
            await told(socket, "roster")
    await web.control.end(f"s-{host['party'].split('-')[1]}")


async def test_frames_that_are_too_long_or_too_many_end_the_connection_and_not_the_party(
    web: Server, http: httpx.AsyncClient
) -> None:
    host = await joins(http, HOST)
    async with socket_of(web, host["key"]) as socket:
        await told(socket, "roster")
        await socket.send("x" * (LONGEST + 1))
        assert await closed(socket) == 1009
    async with socket_of(web, host["key"]) as socket:
        await told(socket, "roster")
        await socket.send(b"\x00")
        assert await closed(socket) == 1009
    # What it is refused waits unread, and the close frame comes after: a client stops reading when its queue is full.
    async with socket_of(web, host["key"], max_queue=None) as socket:
        await told(socket, "roster")
        for number in range(1000):
            try:
                await socket.send(json.dumps({"n": number, "do": "mute"}))
            except ConnectionClosed:
                break
        assert await closed(socket) == 1008
    async with socket_of(web, host["key"]) as socket:
        assert (await told(socket, "roster"))["you"] == host["party"]
    await web.control.end(f"s-{host['party'].split('-')[1]}")


async def test_commands_are_counted_over_time() -> None:
    rate = AskingRate(100.0)
    assert [rate.spend(100.0) for _ in range(int(BURST) + 5)] == [True] * int(BURST) + [False] * 5
    assert [rate.spend(100.5) for _ in range(6)] == [True] * 5 + [False]
    assert all(rate.spend(1000.0 + number) for number in range(100))


class PaperSocket:
    """A connection whose client says nothing, until `fault`, and takes nothing of its closing."""

    client_state = application_state = WebSocketState.CONNECTED

    def __init__(self, fault: Exception | None) -> None:
        self._fault = fault

    async def receive(self) -> Any:
        if self._fault is not None:
            if str(self._fault) == "closed":
                self.application_state = WebSocketState.DISCONNECTED
            raise self._fault
        await asyncio.Event().wait()

    async def send_text(self, text: str) -> None: ...

    async def close(self, code: int, reason: str) -> None:
        await asyncio.Event().wait()


async def serves(fault: Exception | None, closing: tuple[int, str] | None = None) -> list[Any]:
    """What the log says of a connection."""
    follower = Follower(party=SimpleNamespace(), closing=closing)  # type: ignore[arg-type]
    boards: Any = SimpleNamespace(follow=lambda _party: follower, leave=lambda _follower: None)
    context: Any = SimpleNamespace()
    socket: Any = PaperSocket(fault)
    with capture_logs() as logs:
        await events._Client(socket, context, boards, follower.party).serve()
    return [each["event"] for each in logs]


@pytest.mark.parametrize("fault", [ValueError("ours"), KeyError("type"), OSError("disk"), RuntimeError("ours")])
async def test_a_fault_of_ours_ends_the_connection_and_is_logged(fault: Exception) -> None:
    assert await serves(fault) == ["web_connection_failed"]


@pytest.mark.parametrize("fault", [WebSocketDisconnect(1006), RuntimeError("closed"), TimeoutError()])
async def test_a_client_that_is_gone_is_no_fault(fault: Exception) -> None:
    assert await serves(fault) == []


async def test_a_client_that_does_not_take_its_closing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CLOSING_S", 0.0, raising=False)
    assert await serves(None, OVER) == []


async def test_who_goes_on_while_its_commands_are_at_work_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()
    monkeypatch.setattr(events, "carry_out", lambda *_: go_on.wait())
    frames = [{"type": "websocket.receive", "text": json.dumps({"n": 1, "do": "mute"})}] * 200

    class Flood(PaperSocket):
        async def receive(self) -> Any:
            return frames.pop() if frames else {"type": "websocket.disconnect"}

    follower = Follower(party=SimpleNamespace())  # type: ignore[arg-type]
    boards: Any = SimpleNamespace(follow=lambda _party: follower)
    socket: Any = Flood(None)
    client = events._Client(socket, SimpleNamespace(), boards, follower.party)  # type: ignore[arg-type]
    await client._receive()
    go_on.set()
    await asyncio.gather(*client._working)
    assert follower.closing == events.TOO_MANY
    assert frames, "nothing more was taken of it"
