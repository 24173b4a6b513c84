"""Many connections, odd ones, and those that never read: others are served all the same."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.http import serving
from softphone.api.http.gate import HttpConnections, RequestGate
from softphone.api.http.serving import HttpServer, PatientProtocol
from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in

MODULE = pytest.mark.asyncio(loop_scope="module")


@dataclass(eq=False)
class Client:
    address: str
    idle: bool = True
    open: HttpConnections | None = field(default=None, repr=False)
    dropped: bool = False

    def drop(self) -> None:
        self.dropped = True


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_an_idle_one_of_the_greediest_gives_way(those: list[tuple[str, bool]]) -> None:
    connections, clients = HttpConnections(most=10, share=5), [Client(address, idle) for address, idle in those]
    for client in clients:
        before = [each for each in clients[: clients.index(client)] if not each.dropped]
        connections.opened(client)
        assert not client.dropped and not any(each.dropped and not each.idle for each in clients)
        gone = [each for each in before if each.dropped]
        assert len(gone) <= 1
        if gone and sum(each.address == client.address for each in before) >= 5:
            assert gone[0].address == client.address, "its own share"
    kept = [each for each in clients if not each.dropped]
    assert len(kept) == len(connections)
    for client in clients:
        connections.closed(client)
    assert len(connections) == 0


def test_a_thousand_of_one_address_do_not_keep_another_out() -> None:
    connections = HttpConnections()
    many = [Client("10.0.0.1") for _ in range(2000)]
    other, new = Client("10.0.0.2"), Client("10.0.0.2")
    connections.opened(other)
    for each in many:
        connections.opened(each)
    connections.opened(new)
    assert not other.dropped and not new.dropped and len(connections) == 502
    assert [each.dropped for each in many] == [True] * 1500 + [False] * 500, "the oldest went"


async def opened(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = server.http_url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def exchange(server: Server, request: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    reader, writer = await opened(server)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    finally:
        writer.close()


@MODULE
async def test_idle_connections_keep_nobody_out(shared: Server, ada: httpx.AsyncClient) -> None:
    http: Any = shared
    http._http.open._most, http._http.open._share = 20, 15
    async with AsyncExitStack() as those:
        for _ in range(60):
            _, writer = await opened(shared)
            those.callback(writer.close)
        assert len(http._http.open) <= 20
        assert (await ada.get("/healthz")).status_code == 200
        assert (await ada.get("/api/v1/conferences")).status_code == 200
    http._http.open._most, http._http.open._share = 1000, 500


@MODULE
@pytest.mark.parametrize(
    ("head", "closes"),
    [
        ("HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", True),
        ("HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", True),
        ("HTTP/1.1\r\nTransfer-Encoding: Chunked\r\ncontent-length: 0", True),
        ("HTTP/1.0\r\nTransfer-Encoding: chunked", True),
        ("HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6", True),
        ("HTTP/1.1\r\nTransfer-Encoding: gzip, chunked", True),
        ("HTTP/1.1\r\nContent-Length: -1", True),
    ],
)
async def test_a_body_whose_end_is_doubtful_ends_the_connection(shared: Server, head: str, closes: bool) -> None:
    smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    got = await exchange(shared, f"POST /api/v1/conferences {head}\r\nHost: x\r\n\r\n{smuggled}".encode())
    first, _, rest = got.partition(b"\r\n\r\n")
    assert first.split()[1] in (b"400", b"501")
    assert got.count(b"HTTP/1.1 ") == 1 and b"ok" not in rest
    assert json.loads(rest)["errors"][0]["errorCode"] == "CMN-104"


@MODULE
async def test_answers_are_not_held_back(shared: Server) -> None:
    """By the option of the socket: how long an answer takes says more of the machine."""
    reader, writer = await opened(shared)
    for _ in range(2):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"}")
    server: Any = shared
    kept = [each for each in server._http._server.server_state.connections if isinstance(each, PatientProtocol)]
    assert kept
    for each in kept:
        option = each.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert option != 0
    writer.close()


@MODULE
async def test_secrets_are_in_no_cache(shared: Server, ada: httpx.AsyncClient) -> None:
    form = {"grant_type": "password", "username": "101", "password": "dev-101"}
    answers = [
        await ada.post("/restapi/oauth/token", data=form, auth=("dev-client", "dev-secret")),
        await ada.post("/restapi/oauth/token", data=form, auth=("dev-client", "wrong")),
        await ada.post("/api/v1/conferences"),
        await ada.get("/api/v1/extensions/~/codes"),
        await ada.get("/api/v1/nothing"),
        await ada.get("/restapi/v1.0/account/~/extension/~/conferencing"),
    ]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert [answer.headers.get("pragma") for answer in answers[:3]] == ["no-cache", "no-cache", None]


class Slow:
    """An application whose requests wait."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/healthz":
            await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def client_of(app: Any, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@MODULE
async def test_requests_of_one_address_leave_room_for_others_and_for_health() -> None:
    app = Slow()
    gate = RequestGate(app, most=6, share=4)
    async with client_of(gate, "10.0.0.1") as one, client_of(gate, "10.0.0.2") as two:
        waiting = [asyncio.create_task(one.get("/x")) for _ in range(4)]
        await asyncio.sleep(0)
        refused = await asyncio.wait_for(one.get("/x"), PATIENCE_S)
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        waiting += [asyncio.create_task(two.get("/x")) for _ in range(2)]
        await asyncio.sleep(0)
        assert (await two.get("/x")).status_code == 503, "there are so many in all"
        assert (await one.get("/healthz")).status_code == 200
        app.go_on.set()
        assert {(await each).status_code for each in waiting} == {200}
        assert (await one.get("/x")).status_code == 200


@MODULE
async def test_who_never_reads_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STALLED_S", 0.2)
    ended = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while (await asyncio.wait_for(_sent(send, receive), PATIENCE_S)) != "http.disconnect":
                pass
        finally:
            ended.set()

    async def _sent(send: Any, receive: Any) -> str:
        await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        await asyncio.sleep(0)
        return "" if len(server.open) else "http.disconnect"

    app: Any = endless
    server = HttpServer(app, ["127.0.0.1"], 0, head_s=10.0)
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert len(server.open) == 0
    writer.close()
    await server.stop()


@MODULE
async def test_one_who_reads_slowly_gets_all(shared: Server) -> None:
    async with logged_in(shared, "101") as ada:
        assert len((await ada.get("/openapi.json")).content) > 10_000
