"""Which way requests go back to a telephone that came by TCP: its connection, the next one, or its Contact."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, response
from softphone.sip.services.notifier import Notifier
from softphone.sip.stack import Stack
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.allowance import Allowances
from softphone.sip.ua.call import InviteSession
from softphone.sip.where.locate import Target
from tests.sip.test_stack import answering, node, running
from tests.sip.wire import ALICE, invite
from tests.support.sip_pair import Pair, scene


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
        while stack._driver._transport.connections > connections:  # type: ignore[attr-defined]
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
    calls: list[InviteSession] = []

    async def taken(call: InviteSession) -> None:
        calls.append(call)
        await answering(call)

    async with running(bridge := node(taken)):
        phone = TcpPhone(bridge, "sip:a@nowhere.invalid;transport=tcp")
        async with phone.connection() as (reader, writer):
            await phone.invite(reader, writer)
            async with phone.connection() as (later, again):
                again.write(phone.request("INFO", 2))
                assert (await later.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
                assert [each.is_held for each in bridge._driver._transport.flows] == [False, True]  # type: ignore[attr-defined]
                ending = asyncio.create_task(calls[0].bye())
                assert (await later.readuntil(b"\r\n\r\n")).startswith(b"BYE sip:a@nowhere.invalid")
                ending.cancel()


class Told:
    """A sender of NOTIFYs that notes where they go."""

    def __init__(self) -> None:
        self.targets: asyncio.Queue[Target | None] = asyncio.Queue()

    async def request(self, request: Request, target: Target | None = None) -> Response:
        self.targets.put_nowait(target)
        return response(request, 200)

    def flow(self, target: Hop) -> Flow | None:
        return None


class Clock:
    """A package whose state is always another one."""

    name, content_type = "clock", "text/plain"

    def state(self, resource: str) -> int | None:
        return 1

    def document(self, state: int, previous: int | None, version: int) -> bytes | None:
        return b"tick"


def subscribe(number: int, to: str = "<sip:clock@h>", **headers: str) -> Request:
    changed = {"method": "SUBSCRIBE", "CSeq": f"{number} SUBSCRIBE", "Event": "clock", "To": to, **headers}
    return invite(**changed)


VICTIM = {"Record_Route": "<sip:203.0.113.9:53;lr>"}


@pytest.mark.parametrize(
    ("named", "source", "goes"),
    [
        ({}, ALICE, ALICE),
        ({"Contact": "<sip:alice@192.0.2.1:7000>"}, ALICE, Hop("udp", "192.0.2.1", 7000)),
        ({"Contact": "<sip:x@10.0.0.5:6379;transport=tcp>"}, ALICE, ALICE),
        (VICTIM, ALICE, ALICE),
        (VICTIM, Hop("tcp", "192.0.2.1", 999, 3), Hop("tcp", "192.0.2.1", 999, 3)),
        ({"Record_Route": "<sip:192.0.2.1:5062;lr>"}, ALICE, Hop("udp", "192.0.2.1", 5062)),
    ],
)
async def test_no_notify_goes_where_only_a_stranger_says(named: dict[str, str], source: Hop, goes: Hop) -> None:
    notifier = Notifier(told := Told(), Clock(), Allowances(0.0), lambda: 0.0, pace_s=0.0)
    assert notifier.handle(subscribe(1, **named), source, "clock", Address.parse("<sip:b@h>")).status == 200
    assert await told.targets.get() == goes
    await notifier.close()


async def test_a_refreshed_subscription_is_told_where_it_was_refreshed_from() -> None:
    notifier = Notifier(told := Told(), Clock(), Allowances(0.0), lambda: 0.0, pace_s=0.0)
    answer = notifier.handle(subscribe(1), ALICE, "clock", Address.parse("<sip:b@h>"))
    assert await told.targets.get() == ALICE
    moved = Hop("udp", "198.51.100.7", 41_000)
    assert notifier.handle(subscribe(2, str(answer.to)), moved, "clock", Address.parse("<sip:b@h>")).status == 200
    assert await told.targets.get() == moved
    await notifier.close()


@pytest.mark.parametrize(
    "named",
    [
        "Contact: <sip:raw@10.0.0.5:6379;transport=tcp>",
        "Record-Route: <sip:10.0.0.5:53;lr>\nContact: <sip:raw@127.0.0.1:9>",
        "Record-Route: <sip:names.are.not.looked.up.invalid;lr>\nContact: <sip:raw@127.0.0.1:9>",
        "Contact: <sips:raw@10.0.0.5>",
    ],
)
def test_no_bye_goes_where_only_a_stranger_says(named: str) -> None:
    async def work(pair: Pair) -> None:
        pair.ether.inject(
            "INVITE sip:bob@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\n"
            f"From: <sip:raw@h>;tag=r\nTo: <sip:bob@h>\nCall-ID: raw\nCSeq: 1 INVITE\n{named}\nContent-Length: 0\n\n",
            pair.bob.port,
        )
        await asyncio.sleep(1)
        pair.ether.targets.clear()
        (call,) = pair.calls
        pair.ether.inject(
            "ACK sip:bob@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKy\n"
            f"From: <sip:raw@h>;tag=r\nTo: <sip:bob@h>;tag={call.dialog.local.tag}\nCall-ID: raw\nCSeq: 1 ACK\n"
            "Content-Length: 0\n\n",
            pair.bob.port,
        )
        await asyncio.sleep(1)
        pair.ether.targets.clear()
        await call.bye()
        assert {(target.transport, target.host) for target in pair.ether.targets} == {("udp", "127.0.0.1")}

    scene(work)
