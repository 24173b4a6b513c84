"""A call of an agent ends in every state: what is answered wrongly, given up, crossed, or left behind."""

import asyncio
import re
import socket
import struct

import pytest

from softphone import Agent, Call, CallEnded, CallRefused, CallState, MediaFull, NoCommonCodec, SdpError
from softphone.agent import control as control_module
from tests.support.callee import Callee
from tests.support.processes import LOOPBACK
from tests.support.raw import header, offer

NO_CODEC_OF_OURS = offer().replace("RTP/AVP 0", "RTP/AVP 9").replace("a=sendrecv", "a=rtpmap:9 G722/8000")
REFUSED_STREAM = offer().replace("audio 9", "audio 0")
NO_STREAM = offer().partition("m=")[0]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", SdpError),
        ("garbage", SdpError),
        (NO_STREAM, SdpError),
        (NO_CODEC_OF_OURS, NoCommonCodec),
        (REFUSED_STREAM, NoCommonCodec),
        (offer().replace("127.0.0.1", "224.0.0.1"), NoCommonCodec),
    ],
)
async def test_an_answer_that_is_none_gets_ack_and_bye_and_a_clear_error(body: str, error: type[SdpError]) -> None:
    async with Callee() as phone, Agent() as agent:
        calling = asyncio.create_task(agent.invite(phone.uri))
        await phone.take(body)
        phone.answer(await phone.receive("BYE"), "200 OK")
        with pytest.raises(error, match=phone.uri) as told:
            await calling
        assert type(told.value) is error
        assert agent.calls == []


async def test_a_peer_that_does_not_answer_the_bye_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "GOODBYE_S", 0.05)
    monkeypatch.setattr("softphone.agent.agent.GOODBYE_S", 0.05)
    before = asyncio.all_tasks()
    async with Callee() as phone, asyncio.timeout(20.0), Agent() as agent:  # without a limit it is 32 s
        calling = [asyncio.create_task(agent.invite(phone.uri)) for _ in range(2)]
        for _ in calling:
            await phone.take()
        first, second = await asyncio.gather(*calling)
        await first.hangup()
        assert first.state is CallState.ENDED and second.state is CallState.CONNECTED
    assert asyncio.all_tasks() == before


async def test_two_answers_of_a_fork_are_one_call() -> None:
    async with Callee() as phone, Agent() as agent:
        calling = asyncio.create_task(agent.invite(phone.uri))
        invite = await phone.receive("INVITE")
        for tag in ("a", "b"):
            phone.answer(invite, "200 OK", tag=tag, body=offer())
        bye = await phone.receive("BYE")
        assert "tag=b" in header(bye, "To")
        phone.answer(bye, "200 OK")
        call = await calling
        assert agent.calls == [call]
        ending = asyncio.create_task(call.hangup())
        bye = await phone.receive("BYE")
        assert "tag=a" in header(bye, "To")
        phone.answer(bye, "200 OK")
        await ending


async def test_an_agent_that_is_left_while_it_dials_cancels_and_says_so() -> None:
    async with Callee() as phone:
        async with Agent() as agent:
            calling = asyncio.create_task(agent.invite(phone.uri))
            invite = await phone.receive("INVITE")
            phone.answer(invite, "180 Ringing")

            async def end() -> None:
                phone.answer(await phone.receive("CANCEL"), "200 OK")
                phone.answer(invite, "487 Request Terminated")
                await phone.receive("ACK")

            ending = asyncio.create_task(end())
        with pytest.raises(CallEnded, match="left"):
            await calling
        await ending
        with pytest.raises(CallEnded, match="left"):
            await agent.invite(phone.uri)


@pytest.mark.parametrize("after", ["INVITE", "180", "200"])
async def test_a_cancelled_invite_leaves_nothing_behind(after: str) -> None:
    async with Callee() as phone, Agent() as agent:
        calling = asyncio.create_task(agent.invite(phone.uri))
        invite = await phone.receive("INVITE")
        if after != "INVITE":
            phone.answer(invite, "180 Ringing")
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        phone.answer(invite, "180 Ringing")
        if after == "200":  # it crosses the CANCEL
            phone.answer(invite, "200 OK", body=offer())
            await phone.receive("ACK")
            phone.answer(await phone.receive("BYE"), "200 OK")
        else:
            phone.answer(await phone.receive("CANCEL"), "200 OK")
            phone.answer(invite, "487 Request Terminated")
            await phone.receive("ACK")
        assert agent.calls == []


async def test_a_caller_that_gives_up_while_the_application_thinks() -> None:
    told: asyncio.Queue[str] = asyncio.Queue()

    async def think(call: Call) -> None:
        told.put_nowait(await call.wait_ended())
        with pytest.raises(CallEnded):
            await call.accept()
        await call.hangup()
        told.put_nowait("done")

    async with Agent("sip:callee@127.0.0.1", on_call=think) as callee, Agent() as caller:
        calling = asyncio.create_task(caller.invite(callee.contact))
        while not callee.calls:
            await asyncio.sleep(0.01)
        calling.cancel()
        assert [await told.get(), await told.get()] == ["cancelled", "done"]


async def test_a_call_that_was_accepted_by_a_task_that_is_cancelled_is_hung_up() -> None:
    tasks: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()

    async def answer(call: Call) -> None:
        task = asyncio.create_task(call.accept())
        tasks.put_nowait(task)
        await asyncio.wait([task])

    async with Agent("sip:callee@127.0.0.1", on_call=answer) as callee, Callee() as phone:
        port = int(callee.contact.rpartition(":")[2])
        phone.peer = ("127.0.0.1", port)
        phone.raw(
            f"INVITE {callee.contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{phone.port};branch=z9hG4bK-1\r\n"
            f"From: <sip:raw@127.0.0.1>;tag=raw\r\nTo: <{callee.contact}>\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\n"
            f"Max-Forwards: 70\r\nContact: <{phone.uri}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(offer())}\r\n\r\n{offer()}"
        )
        ok = await phone.receive("200")
        (await tasks.get()).cancel()
        phone.raw(
            f"ACK {callee.contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{phone.port};branch=z9hG4bK-2\r\n"
            f"From: <sip:raw@127.0.0.1>;tag=raw\r\nTo: {header(ok, 'To')}\r\nCall-ID: one\r\nCSeq: 1 ACK\r\n"
            f"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        phone.answer(await phone.receive("BYE"), "200 OK")


async def test_a_handler_that_fails_does_not_keep_the_caller_waiting() -> None:
    async def fail_at_once(call: Call) -> None:
        raise RuntimeError("in the application")

    async def fail_later(call: Call) -> None:
        await call.accept()
        raise RuntimeError("in the application")

    async with Agent("sip:callee@127.0.0.1", on_call=fail_at_once) as callee, Agent() as caller:
        with pytest.raises(CallRefused, match="500"):
            await caller.invite(callee.contact)
        callee.on_call = fail_later
        call = await caller.invite(callee.contact)
        assert await call.wait_ended() == "bye"


async def test_the_limit_is_the_agents_own_and_named() -> None:
    async def answer(call: Call) -> None:
        await call.accept()

    async with Agent("sip:callee@127.0.0.1", on_call=answer, max_calls=3) as callee, Agent(max_calls=2) as caller:
        first = await caller.invite(callee.contact)
        await caller.invite(callee.contact)
        with pytest.raises(MediaFull, match="max_calls is 2"):
            await caller.invite(callee.contact)
        await first.hangup()
        await first.wait_ended()
        await asyncio.sleep(0)
        await caller.invite(callee.contact)
        async with Agent() as other:
            await other.invite(callee.contact)
            with pytest.raises(CallRefused, match="503"):
                await other.invite(callee.contact)


@pytest.mark.parametrize("keys", ["5", "*1", "12#"])
async def test_keys_right_before_the_bye_are_heard(keys: str) -> None:
    """The packets and the BYE are in the agent's sockets before it looks at either."""
    heard: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind((LOOPBACK, 0))
        port = media.getsockname()[1]
        body = offer().replace("audio 9 RTP/AVP 0", f"audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000")
        async with Callee() as phone, Agent() as agent:
            calling = asyncio.create_task(agent.invite(phone.uri))
            invite = await phone.take(body)
            call = await calling
            call.on_key = heard.append
            there = re.search(r"m=audio (\d+)", invite)
            assert there is not None
            for number, key in enumerate(keys):
                event, stamp = "0123456789*#".index(key), 8000 * number
                head = struct.pack("!BBHII", 0x80, 0x80 | 101, number, stamp, 1)
                media.sendto(head + struct.pack("!BBH", event, 10, 160), (LOOPBACK, int(there[1])))
            phone.ask(invite, "BYE", number=2)
            assert await call.wait_ended() == "bye"
            assert "".join(heard) == keys
