"""Transfers: REFER out, and what the peer says became of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from softphone import Agent, BadMessage, Call, CallEnded, CallRefused, CallState, SipTimeout
from tests.agent.test_agent import Answering
from tests.support.callee import Callee
from tests.support.raw import header

STATE = "Event: refer\r\nSubscription-State: {}\r\nContent-Type: message/sipfrag\r\n"


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Callee, str, Call]]:
    """A phone, the INVITE that it took, and the call."""
    async with Callee() as phone, Agent("sip:bot@127.0.0.1") as agent:
        calling = asyncio.create_task(agent.invite(phone.uri))
        invite = await phone.take()
        call = await calling
        try:
            yield phone, invite, call
        finally:
            if call.state is CallState.CONNECTED:
                ending = asyncio.create_task(call.hangup())
                phone.answer(await phone.receive("BYE"), "200 OK")
                await ending


async def notify(phone: Callee, invite: str, number: int, line: str, state: str) -> None:
    phone.ask(invite, "NOTIFY", number=number, headers=STATE.format(state), body=line)
    await phone.receive("200")


async def test_a_transfer_is_over_when_the_peer_has_reached_whom_it_calls() -> None:
    async with talking() as (phone, invite, call):
        moving = asyncio.create_task(call.transfer("sip:other@192.0.2.1"))
        refer = await phone.receive("REFER")
        assert header(refer, "Refer-To") == "<sip:other@192.0.2.1>"
        assert header(refer, "Referred-By") == "<sip:bot@127.0.0.1>"
        phone.answer(refer, "202 Accepted")
        await notify(phone, invite, 1, "SIP/2.0 100 Trying\r\n", "active;expires=60")
        await notify(phone, invite, 2, "SIP/2.0 180 Ringing\r\n", "active;expires=60")
        assert not moving.done()
        await notify(phone, invite, 3, "SIP/2.0 200 OK\r\n", "terminated;reason=noresource")
        phone.answer(await phone.receive("BYE"), "200 OK")
        await moving
        assert await call.wait_ended() == "hangup"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SIP/2.0 486 Busy Here", "486 Busy Here"),
        ("SIP/2.0 603", "603"),
        ("nonsense", "408"),
        ("SIP/2.0 100 Trying", "408"),
    ],
)
async def test_a_transfer_that_fails_leaves_the_call(line: str, said: str) -> None:
    async with talking() as (phone, invite, call):
        moving = asyncio.create_task(call.transfer("sip:other@192.0.2.1"))
        phone.answer(await phone.receive("REFER"), "202 Accepted")
        await notify(phone, invite, 1, line, "terminated;reason=noresource")
        with pytest.raises(CallRefused, match=said):
            await moving
        assert call.state is CallState.CONNECTED


async def test_a_peer_that_does_no_transfers() -> None:
    async with talking() as (phone, _, call):
        moving = asyncio.create_task(call.transfer("sip:other@192.0.2.1"))
        phone.answer(await phone.receive("REFER"), "405 Method Not Allowed")
        with pytest.raises(CallRefused, match="405"):
            await moving
        assert call.state is CallState.CONNECTED


@pytest.mark.parametrize("silent", [True, False])
async def test_a_peer_that_does_not_say_is_taken_at_its_word(silent: bool) -> None:
    async with talking() as (phone, invite, call):
        moving = asyncio.create_task(call.transfer("sip:other@192.0.2.1"))
        refer = await phone.receive("REFER")
        phone.answer(refer, "202 Accepted", headers="Refer-Sub: false\r\n" if silent else "")
        if silent:
            phone.answer(await phone.receive("BYE"), "200 OK")
        else:
            phone.ask(invite, "BYE", number=1)
        await moving
        assert await call.wait_ended() == ("hangup" if silent else "bye")


async def test_a_peer_that_takes_too_long() -> None:
    async with talking() as (phone, _, call):
        moving = asyncio.create_task(call.transfer("sip:other@192.0.2.1", timeout_s=0.05))
        phone.answer(await phone.receive("REFER"), "202 Accepted")
        with pytest.raises(SipTimeout, match="other@192.0.2.1"):
            await moving


async def test_notifies_of_other_things_are_not_for_us() -> None:
    async with talking() as (phone, invite, call):
        moving = asyncio.create_task(call.transfer("sip:other@192.0.2.1", timeout_s=0.2))
        phone.answer(await phone.receive("REFER"), "202 Accepted")
        phone.ask(invite, "NOTIFY", number=1, headers=STATE.format("terminated").replace("refer", "dialog"))
        await phone.receive("489")
        with pytest.raises(SipTimeout):
            await moving


@pytest.mark.parametrize("wrong", ["", "102", "sip:a@b>\r\nX: y", "http://x"])
async def test_whom_to_call_is_checked_before_anything_is_sent(wrong: str) -> None:
    async with talking() as (phone, _, call):
        with pytest.raises(BadMessage):
            await call.transfer(wrong)
        assert not any(each.startswith("REFER") for each in phone.seen)


async def test_an_agent_transfers_an_agent() -> None:
    async with Answering() as target, Answering() as callee, Agent("sip:caller@127.0.0.1") as caller:
        call = await caller.invite(callee.contact)
        end = await callee.answered.get()
        end.on_refer = callee.invite
        await call.transfer(target.contact)
        assert (await target.answered.get()).state is CallState.CONNECTED
        assert await end.wait_ended() == "bye"
        with pytest.raises(CallEnded):
            await call.transfer(target.contact)
