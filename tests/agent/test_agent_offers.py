"""An agent and what telephones offer: theirs comes in the ACK, or does not; they hold, and take back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from softphone import Agent, Call, CallEnded, CallState, SdpError
from softphone.sip.driver import StackSettings
from softphone.sip.message.uri import Uri
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from tests.support.processes import LOOPBACK
from tests.support.raw import RawPhone, header, offer


@asynccontextmanager
async def called() -> AsyncIterator[tuple[RawPhone, "asyncio.Queue[Call | BaseException]", Agent]]:
    """A telephone, an agent that answers it, and what became of that."""
    outcome: asyncio.Queue[Call | BaseException] = asyncio.Queue()

    async def answer(call: Call) -> None:
        try:
            await call.accept()
            outcome.put_nowait(call)
        except SdpError as error:
            outcome.put_nowait(error)

    async with Agent("sip:agent@127.0.0.1", on_call=answer) as agent:
        with RawPhone((LOOPBACK, Uri.parse(agent.contact).port or 0), "agent") as phone:
            yield phone, outcome, agent


@pytest.mark.parametrize("line", ["m=video 6000 RTP/AVP 34", "m=audio 6000 RTP/AVP 109\r\na=rtpmap:109 EVS/16000"])
async def test_what_cannot_be_answered_does_not_ring(line: str) -> None:
    """The application is not told of it either, and the next call is answered."""
    async with called() as (phone, outcome, agent):
        phone.send("INVITE", f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{line}\r\n")
        said: list[str] = []
        while not said or said[-1].startswith("SIP/2.0 1"):
            said.append(await asyncio.to_thread(phone.receive, "SIP/2.0"))
        assert [text[8:11] for text in said if not text.startswith("SIP/2.0 100")] == ["488"]
        assert "nothing in common" in header(said[-1], "Warning")
        phone.send("ACK", number=phone.number)
        assert outcome.empty() and not agent.calls
        await asyncio.to_thread(phone.invite, offer())
        assert isinstance(await outcome.get(), Call)


@pytest.mark.parametrize("answer", ["", "nonsense"])
async def test_a_late_answer_that_is_none_ends_the_call(answer: str) -> None:
    async with called() as (phone, outcome, agent):
        await asyncio.to_thread(phone.invite, ack=answer)
        assert isinstance(await outcome.get(), SdpError)
        bye = await asyncio.to_thread(phone.receive, "BYE")
        assert header(bye, "Reason").startswith("SIP;cause=488;text=")
        phone.answer(bye)
        async with asyncio.timeout(20):
            while agent.calls:
                await asyncio.sleep(0.01)


async def test_a_late_answer_is_applied() -> None:
    async with called() as (phone, outcome, _):
        await asyncio.to_thread(phone.invite, ack=offer())
        call = await outcome.get()
        assert isinstance(call, Call)
        before = (await call.stats()).packets_sent
        await asyncio.to_thread(phone.invite, ack=offer("inactive"))
        async with asyncio.timeout(20):
            while (sent := (await call.stats()).packets_sent) != before:
                before = sent
                await asyncio.sleep(0.1)
        ending = asyncio.create_task(call.hangup())
        phone.answer(await asyncio.to_thread(phone.receive, "BYE"))
        await ending


async def test_who_holds_us_may_be_silent() -> None:
    """Each of three holds in a way of its own; a fourth, who does not, shows that their time is over."""
    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    holds = ("a=sendonly", "a=inactive", "c=IN IP4 0.0.0.0")
    theirs: asyncio.Queue[InviteSession] = asyncio.Queue()

    async def answer(call: InviteSession) -> None:
        await call.answer(sdp)
        theirs.put_nowait(call)

    phone = Stack(StackSettings(), on_invite=answer)
    await phone.start()
    try:
        async with Agent(media_timeout_s=2.0) as agent:
            ours, holding = [], []
            for hold in holds:
                ours.append(await agent.invite(f"sip:phone@{phone.host}:{phone.port}"))
                holding.append(await theirs.get())
                await holding[-1].reinvite(f"{sdp}{hold}\r\n")
            other = await agent.invite(f"sip:phone@{phone.host}:{phone.port}")
            assert await other.wait_ended() == "no-media"
            assert {call.state for call in ours} == {CallState.CONNECTED}
            await asyncio.gather(*(call.reinvite(sdp) for call in holding))
            assert [await call.wait_ended() for call in ours] == ["no-media"] * 3
    finally:
        await phone.stop()


async def test_who_hangs_up_right_behind_the_ack_is_gone() -> None:
    outcome: asyncio.Queue[CallState] = asyncio.Queue()

    async def answer(call: Call) -> None:
        with suppress(CallEnded):
            await call.accept()
            outcome.put_nowait(CallState.CONNECTED)
        assert await call.wait_ended() == "bye"
        outcome.put_nowait(call.state)

    async with Agent("sip:agent@127.0.0.1", on_call=answer) as agent:
        with RawPhone((LOOPBACK, Uri.parse(agent.contact).port or 0), "agent") as phone:
            phone.send("INVITE", offer())
            phone.to = header(await asyncio.to_thread(phone.receive, "200"), "To")
            phone.send("ACK", number=phone.number)
            phone.send("BYE")
            assert await outcome.get() is CallState.ENDED


async def test_who_waits_for_the_answer_to_a_bye_is_let_go_when_the_agent_leaves() -> None:
    async with called() as (phone, outcome, _):
        await asyncio.to_thread(phone.invite, offer())
        call = await outcome.get()
        assert isinstance(call, Call)
        ending = asyncio.create_task(call.hangup())
        await asyncio.to_thread(phone.receive, "BYE")
    async with asyncio.timeout(20):
        await ending
