"""Which way requests go back to a telephone that came by TCP: its connection, the next one, or its Contact."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from softphone.sip.call import Call
from softphone.sip.stack import Stack
from tests.sip.test_stack import answering, node, running


class TcpPhone:
    """A telephone of text on a connection; one dialog, over as many connections as it is given."""

    def __init__(self, stack: Stack, contact: str) -> None:
        self.stack = stack
        self.contact = contact
        self.tag = ""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(self.stack.host, self.stack.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    def request(self, method: str, number: int) -> bytes:
        return (
            f"{method} sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{number}{method}\r\n"
            f"From: <sip:a@h>;tag=a\r\nTo: <sip:x@h>{self.tag}\r\nCall-ID: tcp\r\nCSeq: {number} {method}\r\n"
            f"Contact: <{self.contact}>\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    async def invite(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.request("INVITE", 1))
        while not (head := (await reader.readuntil(b"\r\n\r\n")).decode()).startswith("SIP/2.0 200"):
            pass
        await reader.readexactly(int(head.rpartition("Content-Length: ")[2]))
        self.tag = (re.search(r"To: .*(;tag=\w+)", head) or [""])[1]
        writer.write(self.request("ACK", 1))


async def gone(stack: Stack, connections: int) -> None:
    async with asyncio.timeout(10):
        while len(stack._driver._transport._connections) > connections:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)


async def test_a_bye_goes_to_the_contact_when_the_connection_is_gone() -> None:
    came: asyncio.Queue[str] = asyncio.Queue()

    async def listening(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.put_nowait((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.close()

    server = await asyncio.start_server(listening, "127.0.0.1")
    async with server, running(bridge := node(answering)):
        contact = f"sip:a@127.0.0.1:{server.sockets[0].getsockname()[1]};transport=tcp"
        phone = TcpPhone(bridge, contact)
        async with phone.connection() as (reader, writer):
            await phone.invite(reader, writer)
        await gone(bridge, 0)
        (call,) = bridge.calls
        ending = asyncio.create_task(call.bye())
        assert (await asyncio.wait_for(came.get(), 10)).startswith(f"BYE {contact} SIP/2.0")
        ending.cancel()


async def test_a_telephone_is_reached_by_the_connection_that_it_spoke_by_last() -> None:
    calls: list[Call] = []

    async def taken(call: Call) -> None:
        calls.append(call)
        await answering(call)

    async with running(bridge := node(taken)):
        phone = TcpPhone(bridge, "sip:a@nowhere.invalid;transport=tcp")
        async with phone.connection() as (reader, writer):
            await phone.invite(reader, writer)
            async with phone.connection() as (later, again):
                again.write(phone.request("INFO", 2))
                assert (await later.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
                assert bridge._driver.directory.connections() == {2}
                ending = asyncio.create_task(calls[0].bye())
                assert (await later.readuntil(b"\r\n\r\n")).startswith(b"BYE sip:a@nowhere.invalid")
                ending.cancel()
