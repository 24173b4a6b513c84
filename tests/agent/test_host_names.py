"""Host names in the place of media addresses, at an agent: of whom it calls, and of its own server; of nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from softphone import Agent, Call, CallRefused, SdpError
from softphone.resolver import Resolver
from softphone.sip.driver import StackSettings
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.support.nameserver import NameServer, name_server


def named(host: str) -> str:
    return offer("0").replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {host}")


@asynccontextmanager
async def agent(registrar: str | None = None) -> AsyncIterator[tuple[Agent, NameServer]]:
    """An agent that answers what it can, and the name server that it asks."""

    async def answer(call: Call) -> None:
        await call.accept()

    async with name_server(phone=["127.0.0.9"], other=["127.0.0.8"]) as asked:
        lookup = Resolver(["127.0.0.1"], asked.port, hosts=Path("/dev/null"), timeout_s=1.0)
        made = Agent("sip:bot@127.0.0.1", on_call=answer)
        made._terms = replace(made._terms, lookup=lookup)
        async with made:
            if registrar is not None:
                made._line._servers.add(registrar)
            yield made, asked


@asynccontextmanager
async def telephone(answer: str = "") -> AsyncIterator[tuple[Stack, str]]:
    async def ringing(call: InviteSession) -> None:
        await call.answer(answer)

    stack = Stack(StackSettings(), on_invite=ringing)
    await stack.start()
    try:
        yield stack, f"sip:phone@127.0.0.1:{stack.port}"
    finally:
        await stack.stop()


def remote(call: Call) -> str | None:
    there = call._control.leg.spec.remote
    return there.host if there is not None else None


async def test_whom_it_calls_may_have_a_name() -> None:
    async with agent() as (caller, asked), telephone(named("phone.example")) as (stack, uri):
        call = await caller.invite(uri)
        assert remote(call) == "127.0.0.9"
        (theirs,) = stack.calls
        await theirs.reinvite(named("other.example"))
        assert remote(call) == "127.0.0.8"
        with pytest.raises(CallRefused, match="488"):
            await theirs.reinvite(named("nowhere.example"))
        assert remote(call) == "127.0.0.8"
        assert asked.asked == ["phone.example A", "other.example A", "nowhere.example A"]


@pytest.mark.parametrize("host", ["nowhere.example", "a.tarpit.example"])
async def test_whom_it_calls_is_hung_up_on_when_the_name_has_no_address(host: str) -> None:
    async with agent() as (caller, _), telephone(named(host)) as (_, uri):
        with pytest.raises(SdpError, match=host):
            await caller.invite(uri)


@pytest.mark.parametrize("known", [True, False])
async def test_who_calls_it_may_have_a_name_if_it_is_its_server(known: bool) -> None:
    async with agent("127.0.0.1" if known else None) as (called, asked), telephone() as (stack, uri):
        placed = asyncio.create_task(stack.invite(called.contact, named("phone.example"), from_uri=uri))
        if known:
            await (await placed).bye()
        else:
            with pytest.raises(CallRefused, match="488"):
                await placed
        assert asked.asked == (["phone.example A"] if known else [])


def test_only_servers_are_known() -> None:
    bot = Agent("sip:bot@192.0.2.1", registrar="sip:192.0.2.2", outbound_proxy="sip:192.0.2.3")
    assert [bot._line.knows(f"192.0.2.{number}") for number in (1, 2, 3, 4)] == [False, True, True, False]
