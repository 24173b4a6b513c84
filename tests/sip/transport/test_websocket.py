"""SIP over WebSocket (RFC 7118), against a client that nobody here wrote."""

import asyncio
import contextlib
import os
import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from softphone.api.http.serving import HttpServer
from softphone.sip.transport.connection import Limits
from softphone.sip.transport.hop import Hop, Send
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.transport.tls import TlsContexts, TlsSettings
from softphone.sip.transport.websocket import WebSocketDoor
from tests.sip.nodes import INVITE, PATIENCE_S, Arrivals

OK = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


class Node:
    """A transport behind an HTTP server, whose own application answers other WebSockets with a word."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.came: Arrivals = asyncio.Queue()
        self.failed: asyncio.Queue[str | None] = asyncio.Queue()
        self.door = WebSocketDoor()
        self.transport = SocketTransport(
            lambda data, source: self.came.put_nowait((data, source)),
            self.failed.put_nowait,
            limits,
            websockets=self.door,
        )
        self.http = HttpServer(self.door.before(other), ["127.0.0.1"], 0, head_s=10)

    def _came(self, data: bytes, source: Hop) -> None:
        self.came.put_nowait((data, source))

    def connect(self, path: str = "/", *subprotocols: str, **options: Any) -> connect:
        named: Any = list(subprotocols or ("sip",))
        return connect(f"ws://127.0.0.1:{self.http.port}{path}", subprotocols=named, **options)

    async def next(self) -> tuple[bytes, Hop]:
        return await asyncio.wait_for(self.came.get(), PATIENCE_S)


async def other(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None})
    await send({"type": "websocket.send", "text": "not for you"})


@contextlib.asynccontextmanager
async def node(limits: Limits | None = None) -> AsyncIterator[Node]:
    made = Node(limits)
    await made.transport.start()
    await made.http.start()
    try:
        yield made
    finally:
        await made.transport.stop()
        await made.http.stop()


async def heard(client: ClientConnection) -> str | bytes:
    return await asyncio.wait_for(client.recv(), PATIENCE_S)


@pytest.mark.parametrize("path", ["/", "/sip", "/a/path?token=1", "/restapi/oauth/token"])
async def test_a_message_is_a_text_frame_both_ways_by_any_path(path: str) -> None:
    async with node() as server, server.connect(path, "xmpp", "sip") as client:
        assert client.subprotocol == "sip"
        await client.send(INVITE.decode())
        data, source = await server.next()
        assert data == INVITE and source.transport == "ws" and server.transport.flow(source) is not None
        for _ in range(3):
            server.transport.send(Send(OK, source))
        assert [await heard(client) for _ in range(3)] == [OK.decode()] * 3


async def test_what_asks_for_no_sip_is_somebody_elses() -> None:
    async with node() as server, server.connect("/", "chat") as client:
        assert await heard(client) == "not for you"
        assert server.transport.connections == 0


async def test_keep_alives_are_answered_and_no_others_are_sent() -> None:
    async with node() as server, server.connect() as client:
        await client.send("\r\n\r\n")
        assert await heard(client) == "\r\n"
        for nothing in ("\r\n", "", "\r\n\r\n\r\n"):
            await client.send(nothing)
        await client.send(INVITE)  # a binary frame is a message, too
        _, source = await server.next()
        server.transport.ping(source)
        server.transport.send(Send(OK, source))
        assert await heard(client) == OK.decode()
        assert server.came.empty()


async def test_what_cannot_be_said_any_more_is_told() -> None:
    async with node() as server:
        async with server.connect() as client:
            await client.send(INVITE.decode())
            _, source = await server.next()
            flow = server.transport.flow(source)
            assert flow is not None
            lost = asyncio.Event()
            flow.hold(lost.set)
        await asyncio.wait_for(lost.wait(), PATIENCE_S)
        server.transport.send(Send(OK, source, "answer"))
        assert await asyncio.wait_for(server.failed.get(), PATIENCE_S) == "answer"
        # Nor is a connection opened, whatever a hop says.
        server.transport.send(Send(INVITE, Hop("ws", "127.0.0.1", server.http.port), "call"))
        assert await asyncio.wait_for(server.failed.get(), PATIENCE_S) == "call"
        assert server.transport.connections == 0


async def test_a_message_that_is_too_long_ends_its_connection_alone() -> None:
    async with node(Limits(message=2_000)) as server, server.connect() as client, server.connect() as long:
        await long.send("x" * 2_001)
        with pytest.raises(ConnectionClosed) as closed:
            await heard(long)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        await client.send(INVITE.decode())
        assert (await server.next())[0] == INVITE


async def test_one_too_many_takes_the_place_of_one_that_nobody_holds() -> None:
    async with node(Limits(connections=2, per_address=2)) as server, contextlib.AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(server.connect()) for _ in range(3)]
        with pytest.raises(ConnectionClosed):
            await heard(clients[0])
        for client in clients[1:]:
            await client.send(INVITE.decode())
            flow = server.transport.flow((await server.next())[1])
            assert flow is not None
            flow.hold()
        with pytest.raises(InvalidStatus) as refused:
            await opened.enter_async_context(server.connect())
        assert refused.value.response.status_code == 403
        assert server.transport.counters.refused == 1 and server.transport.connections == 2


async def test_who_does_not_read_is_let_go() -> None:
    async with node(Limits(unread=200_000)) as server, server.connect() as client:
        await client.send(INVITE.decode())
        _, source = await server.next()
        client.transport.pause_reading()
        flow = server.transport.flow(source)
        assert flow is not None
        closed = asyncio.Event()
        flow.hold(closed.set)
        # Noise: anything else is compressed to nothing.
        long = b"SIP/2.0 200 OK\r\nX: " + os.urandom(30_000).hex().encode() + b"\r\n\r\n"
        async with asyncio.timeout(PATIENCE_S):
            while not closed.is_set():
                server.transport.send(Send(long, source))
                await asyncio.sleep(0)
        assert server.transport.connections == 0
        client.transport.abort()


async def test_spoiled_frames_do_no_harm() -> None:
    chance = random.Random(7118)
    async with node() as server, server.connect() as client:
        for _ in range(10_000):
            spoiled = bytearray(INVITE)
            for _ in range(chance.randrange(1, 30)):
                spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
            await client.send(bytes(spoiled))
        await client.send(INVITE.decode())
        while (await server.next())[0] != INVITE:
            pass
        assert server.transport.counters.faults == 0


async def test_a_client_that_says_nothing_is_let_go() -> None:
    async with node(Limits(partial_s=0.4)) as server, server.connect() as client:
        with pytest.raises(ConnectionClosed):
            await heard(client)
        assert server.transport.connections == 0


async def test_those_that_are_there_when_the_server_stops_are_told() -> None:
    async with node() as server:
        client = await server.connect()
        await client.send(INVITE.decode())
        await server.next()
        await server.transport.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await heard(client)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001


@contextlib.asynccontextmanager
async def dialling(**options: Any) -> AsyncIterator[tuple[SocketTransport, Arrivals, "asyncio.Queue[str | None]"]]:
    """A transport that opens connections, what came to it, and what it could not send."""
    came: Arrivals = asyncio.Queue()
    failed: asyncio.Queue[str | None] = asyncio.Queue()
    transport = SocketTransport(lambda data, source: came.put_nowait((data, source)), failed.put_nowait, **options)
    await transport.start()
    try:
        yield transport, came, failed
    finally:
        await transport.stop()


async def test_a_connection_that_we_open_carries_messages_both_ways_until_either_side_goes() -> None:
    async with node() as server, dialling() as (transport, came, failed):
        to = Hop("ws", "127.0.0.1", server.http.port)
        for key in ("one", "two"):
            transport.send(Send(INVITE, to, key))
            data, source = await server.next()
            assert data == INVITE
        assert transport.connections == server.transport.connections == 1
        server.transport.send(Send(OK, source))
        data, came_from = await asyncio.wait_for(came.get(), PATIENCE_S)
        assert data == OK and (came_from.host, came_from.port) == (to.host, to.port)
        for flow in server.transport.flows:
            flow.close()
        assert {await asyncio.wait_for(failed.get(), PATIENCE_S) for _ in range(2)} == {"one", "two"}
        transport.send(Send(INVITE, to, "three"))
        assert (await server.next())[0] == INVITE


async def test_the_server_is_told_when_we_go() -> None:
    came: asyncio.Queue[str | bytes] = asyncio.Queue()
    gone: asyncio.Queue[int | None] = asyncio.Queue()

    async def listen(connection: Any) -> None:
        came.put_nowait(await connection.recv())
        await connection.wait_closed()
        gone.put_nowait(connection.close_code)

    async with serve(listen, "127.0.0.1", 0, subprotocols=[Subprotocol("sip")]) as server:
        async with dialling() as (transport, _, _):
            transport.send(Send(INVITE, Hop("ws", "127.0.0.1", server.sockets[0].getsockname()[1])))
            assert await asyncio.wait_for(came.get(), PATIENCE_S) == INVITE.decode()
        assert await asyncio.wait_for(gone.get(), PATIENCE_S) == 1001


@pytest.mark.parametrize("spoken", ["chat", None])
async def test_who_speaks_no_sip_over_web_sockets_is_not_sent_any(spoken: str | None) -> None:
    def choose(*_: Any) -> Any:
        return spoken

    async def never(connection: Any) -> None:
        async for message in connection:
            raise AssertionError(message)

    async with serve(never, "127.0.0.1", 0, select_subprotocol=choose) as other, dialling() as (transport, _, failed):
        transport.send(Send(INVITE, Hop("ws", "127.0.0.1", other.sockets[0].getsockname()[1]), "key"))
        assert await asyncio.wait_for(failed.get(), PATIENCE_S) == "key"
        assert transport.connections == 0


@pytest.mark.parametrize(("believed", "name"), [(True, "pbx.example"), (True, "other.example"), (False, "pbx.example")])
async def test_a_secure_server_has_to_show_a_certificate_for_its_name(
    believed: bool, name: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("pbx.example").configure_cert(context)
    (ca := tmp_path / "ca.pem").write_bytes((authority if believed else trustme.CA()).cert_pem.bytes())
    asked: list[str] = []

    async def echo(connection: Any) -> None:
        asked.append(connection.request.path)
        async for message in connection:
            await connection.send(message)

    tls = TlsContexts(TlsSettings(ca=str(ca)))
    async with (
        serve(echo, "127.0.0.1", 0, subprotocols=[Subprotocol("sip")], ssl=context) as server,
        dialling(tls=tls, websocket_path="/ws") as made,
    ):
        transport, came, failed = made
        port = server.sockets[0].getsockname()[1]
        transport.send(Send(INVITE, Hop("wss", "127.0.0.1", port, name=name), "key"))
        if believed and name == "pbx.example":
            assert (await asyncio.wait_for(came.get(), PATIENCE_S))[0] == INVITE and asked == ["/ws"]
        else:
            assert await asyncio.wait_for(failed.get(), PATIENCE_S) == "key" and not asked
            assert transport.counters.handshakes == 1
