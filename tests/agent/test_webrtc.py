"""Agents that call as browsers do: ICE, DTLS, SRTP, over any transport of SIP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import AsyncMock, patch

import msgspec
import pytest

from softphone import Agent, Call, CallRefused, IceServers, MediaError
from softphone.agent.handshakes import identity
from softphone.agent.ice_path import IcePath
from softphone.agent.webrtc import WebrtcCall
from softphone.media.contract.leg import LegSpec, RtpTimeout
from softphone.media.contract.messages import CloseLeg, UpdateLeg
from softphone.media.contract.security import Ice, Srtp
from softphone.sdp import IceDtls, IceSide, negotiation
from softphone.tasks import Tasks
from tests.agent.test_agent import listen, talking, until_heard
from tests.focus.phone import bridge, conference
from tests.media.workers.test_webrtc import PaperWorker
from tests.support.tones import mostly, sine

pytestmark = pytest.mark.realtime


@asynccontextmanager
async def called(webrtc: IceServers | None) -> AsyncIterator[tuple[Agent, "asyncio.Queue[Call]"]]:
    answered: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        answered.put_nowait(call)

    async with Agent("sip:callee@127.0.0.1", webrtc=webrtc, on_call=answer) as agent:
        yield agent, answered


async def hear_each_other(one: Call, two: Call) -> None:
    rate = 60.0
    async with talking(one, sine(440, rate, rate_hz=one.rate)), talking(two, sine(700, rate, rate_hz=two.rate)):
        await asyncio.gather(until_heard(one, 700), until_heard(two, 440))
        assert mostly(await listen(one, 20), 440) < 0.005


async def test_two_agents_hear_each_other_and_nothing_goes_in_clear() -> None:
    async with called(IceServers()) as (callee, answered), Agent("sip:a@127.0.0.1", webrtc=IceServers()) as caller:
        call = await caller.invite(callee.contact)
        there = await answered.get()
        await hear_each_other(call, there)
        await call.send_keys("5")
        assert await there.read_keys(1, timeout=10) == "5"
        for holds in (call, there):
            await holds.hold()
            await holds.unhold()
            await hear_each_other(call, there)
        assert (await there.stats()).packets_received > 0
        await call.hangup()


async def test_a_leg_is_silent_until_it_has_keys() -> None:
    early: list[bytes] = []
    take = IcePath.datagram_received

    def watched(path: IcePath, data: bytes, addr: tuple[str, int]) -> None:
        if path._dtls is None or path._dtls.keys is None:
            early.append(data)
        take(path, data, addr)

    connect = IcePath.connect

    async def slowly(path: IcePath, there: IceDtls) -> Srtp:
        await asyncio.sleep(0.2)
        return await connect(path, there)

    with patch.object(IcePath, "datagram_received", watched), patch.object(IcePath, "connect", slowly):
        async with called(IceServers()) as (callee, answered), Agent("sip:a@127.0.0.1", webrtc=IceServers()) as caller:
            call = await caller.invite(callee.contact)
            await hear_each_other(call, await answered.get())
    assert early == []


async def test_keys_are_those_of_the_peer_alone() -> None:
    connect = IcePath.connect

    async def wrong(path: IcePath, there: IceDtls) -> Srtp:
        keys = await connect(path, there)
        return msgspec.structs.replace(keys, receive=bytes(len(keys.receive)))

    async with called(IceServers()) as (callee, answered), Agent("sip:a@127.0.0.1", webrtc=IceServers()) as caller:
        with patch.object(IcePath, "connect", wrong):
            call = await caller.invite(callee.contact)
        there = await answered.get()
        async with talking(there, sine(700, 60.0, rate_hz=there.rate)):
            assert mostly(await listen(call, 50), 700) == 0


async def test_who_speaks_no_webrtc_refuses_and_is_called_in_clear_by_others() -> None:
    async with called(None) as (callee, answered):
        async with Agent("sip:a@127.0.0.1", webrtc=IceServers()) as caller:
            with pytest.raises(CallRefused) as refused:
                await caller.invite(callee.contact)
            assert refused.value.status == 488
        async with Agent("sip:b@127.0.0.1") as caller:
            await hear_each_other(await caller.invite(callee.contact), await answered.get())


async def test_who_speaks_it_answers_others_in_clear() -> None:
    async with called(IceServers()) as (callee, answered), Agent("sip:b@127.0.0.1") as caller:
        await hear_each_other(await caller.invite(callee.contact), await answered.get())


async def test_a_peer_that_is_not_reached_is_hung_up_on() -> None:
    async def nowhere(path: IcePath, there: object) -> object:
        raise ConnectionError("no pair works")

    async with called(IceServers()) as (callee, answered), Agent("sip:a@127.0.0.1", webrtc=IceServers()) as caller:
        with patch.object(IcePath, "connect", nowhere), pytest.raises(MediaError, match="no pair works"):
            await caller.invite(callee.contact)
        async with asyncio.timeout(30):
            while callee.calls or caller.calls:
                await asyncio.sleep(0.01)


async def test_a_lost_way_ends_the_call() -> None:
    async with called(IceServers()) as (callee, answered), Agent("sip:a@127.0.0.1", webrtc=IceServers()) as caller:
        call = await caller.invite(callee.contact)
        there = await answered.get()
        control = call._control
        path = control.media._webrtc._path  # type: ignore[union-attr]
        assert path is not None
        await path._connection.close()
        assert await asyncio.wait_for(call.wait_ended(), 30) == "no-media"
        await asyncio.wait_for(there.wait_ended(), 30)


async def test_a_bot_joins_a_conference_as_a_web_phone_does(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        url = server.https_url.replace("https", "wss")
        web = Agent(
            "sip:101@softphone.local",
            password="dev-101",
            registrar=url,
            ca_file=tmp_path / "certificate.pem",
            webrtc=IceServers(),
        )
        plain = Agent("sip:102@softphone.local", password="dev-102", registrar=f"sip:127.0.0.1:{server.stack.port}")
        async with web, plain:
            session = await conference(server)
            one, two = [await agent.invite(str(session.token)) for agent in (web, plain)]
            await hear_each_other(one, two)
            await one.hold()
            await one.unhold()
            await hear_each_other(one, two)
            await one.hangup()
            await two.hangup()


async def test_a_peer_that_is_not_reached_when_it_begins_anew_ends_the_call() -> None:
    inner, tasks = PaperWorker(), Tasks()
    events: list[object] = []
    inner.on_event = events.append
    call = WebrtcCall(inner, "127.0.0.1", identity(), IceServers(), tasks)

    async def described(ufrag: str) -> None:
        side = IceSide(ufrag, "p" * 24, call.fingerprint)
        await call.read(negotiation.offer("127.0.0.1", 9, session_id=1, version=1, side=side))
        ours = call.side()
        prints = (("sha-256", call.fingerprint.partition(" ")[2]),)
        await call.ask(UpdateLeg(1, LegSpec(ice=Ice(ours.ufrag, ours.password, ufrag, prints))))

    async def nowhere(*_: object) -> None:
        raise ConnectionError("no pair works")

    with patch.object(IcePath, "connect", AsyncMock(return_value=Srtp("AEAD_AES_128_GCM", bytes(28), bytes(28)))):
        await described("first")
        await call.carried()
    with patch.object(IcePath, "go_on", nowhere):
        await described("second")
        with pytest.raises(MediaError, match="no pair works"):
            await call.carried()
    assert events == [RtpTimeout(1)]
    await call.ask(CloseLeg(1))
    await tasks.settle(None)
