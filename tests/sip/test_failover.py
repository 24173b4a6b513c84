"""Domains with several servers: names from a name server on loopback, and requests that go on to the next server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from softphone.errors import CallRefused, SipNetworkError
from softphone.resolver import Resolver
from softphone.sip.driver import StackSettings
from softphone.sip.message.message import Request, Response, request, response
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from tests.sip.test_stack import OFFER, answering
from tests.support.nameserver import NameServer, name_server

PATIENCE_S = 30.0
Asked = Callable[[Request, Hop], Awaitable[Response]]


async def busy(call: InviteSession) -> None:
    call.reject(503)


@asynccontextmanager
async def there(*servers: Stack) -> AsyncIterator[None]:
    async with AsyncExitStack() as exit:
        for server in servers:
            await server.start()
            exit.push_async_callback(server.stop)
        yield


@asynccontextmanager
async def caller() -> AsyncIterator[tuple[Stack, NameServer]]:
    """A stack that asks a name server of its own."""
    async with name_server(here=["127.0.0.1"]) as names:
        resolver = Resolver(["127.0.0.1"], names.port, hosts=Path("/nonexistent"), timeout_s=PATIENCE_S)
        stack = Stack(StackSettings(), resolver=resolver)
        async with there(stack):
            yield stack, names


def servers(names: NameServer, transport: str, *ports: int) -> None:
    """Name the servers of pbx.example, the best first."""
    records = [f"{priority} 0 {port} here.example." for priority, port in enumerate(ports)]
    names.zone[f"_sip._{transport}.pbx.example", "SRV"] = records


async def test_a_call_goes_on_to_the_next_server_and_stays_there() -> None:
    first, second = Stack(StackSettings(), on_invite=busy), Stack(StackSettings(), on_invite=answering)
    async with there(first, second), caller() as (stack, names):
        servers(names, "udp", first.port, second.port)
        call = await stack.invite("sip:bob@pbx.example", OFFER, from_uri="sip:a@h")
        assert call.source == Hop("udp", "127.0.0.1", second.port) and len(second.calls) == 1 and not first.calls
        await call.bye()
        assert not second.calls


async def test_a_server_that_is_not_there_is_passed_over_and_then_tried_last() -> None:
    gone, there_still = Stack(StackSettings()), Stack(StackSettings(), on_invite=answering)
    async with there(there_still), caller() as (stack, names):
        await gone.start()
        await gone.stop()
        servers(names, "tcp", gone.port, there_still.port)
        for _ in range(2):
            call = await stack.invite("sip:bob@pbx.example", OFFER, from_uri="sip:a@h")
            assert call.source.transport == "tcp" and call.source.port == there_still.port
            assert call.dialog.contact.uri.params == {"transport": "tcp"}
            ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            call.on_ended = ended.set_result
            await there_still.calls[0].bye()
            assert await ended == "bye"


async def test_the_last_server_has_the_last_word() -> None:
    both = [Stack(StackSettings(), on_invite=busy) for _ in range(2)]
    async with there(*both), caller() as (stack, names):
        servers(names, "udp", *(each.port for each in both))
        with pytest.raises(CallRefused, match="503"):
            await stack.invite("sip:bob@pbx.example", OFFER, from_uri="sip:a@h")


async def test_a_registration_finds_its_server_by_its_domain() -> None:
    asked: list[int] = []

    def registrar(status: int) -> Asked:
        async def handle(request: Request, source: Hop) -> Response:
            asked.append(status)
            return response(request, status, headers=[("Contact", f"{request.contacts[0]};expires=60")])

        return handle

    first, second = (Stack(StackSettings(), on_request={"REGISTER": registrar(status)}) for status in (503, 200))
    async with there(first, second), caller() as (stack, names):
        names.zone["pbx.example", "NAPTR"] = ['10 10 "s" "SIP+D2U" "" _sip._udp.pbx.example.']
        servers(names, "udp", first.port, second.port)
        registration = await stack.register("sip:pbx.example", "sip:bot@pbx.example")
        await registration.unregister()
        assert asked == [503, 200, 200]  # the second time it knows who does not answer


async def test_who_waits_for_a_name_is_told_that_this_side_stops() -> None:
    async with caller() as (stack, names):
        asking = asyncio.create_task(stack.invite("sip:bob@pbx.tarpit.example", OFFER, from_uri="sip:a@h"))
        async with asyncio.timeout(PATIENCE_S):
            while not names.asked:
                await asyncio.sleep(0)
        await stack.stop()
        with pytest.raises(SipNetworkError, match="this side is stopped"):
            await asking


async def test_a_name_that_nobody_knows_is_told_to_who_asks() -> None:
    async with caller() as (stack, names):
        with pytest.raises(SipNetworkError, match=r"cannot resolve 'nobody\.example': there is no such name"):
            await stack.invite("sip:bob@nobody.example", OFFER, from_uri="sip:a@h")
        options = request("OPTIONS", "sip:nobody.example", from_="<sip:a@h>;tag=1", to="<sip:b@h>", call_id="1", cseq=1)
        with pytest.raises(SipNetworkError, match="there is no such name"):
            await stack.request(options)
        assert "nobody.example NAPTR" in names.asked
