"""What a forged INVITE has an agent send to whom it names, and whether honest callers have their calls."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from softphone import Agent, Call
from softphone.agent.plane import NETWORK, Network
from softphone.sip.transport.hop import Hop
from softphone.testing.bridge import offer
from softphone.testing.clock import run
from softphone.testing.ports import Ports
from softphone.testing.wire import Ether, Rule, keep_all

VICTIM = Hop("udp", "203.0.113.9", 9)
FACTOR = 3
Behaviour = Callable[[Call], Coroutine[Any, Any, object]]


async def accepts(call: Call) -> None:
    await call.accept()


async def picks_up_late(call: Call) -> None:
    await asyncio.sleep(20)
    await call.accept()


async def refuses(call: Call) -> None:
    await asyncio.sleep(5)
    await call.reject()


async def rings(call: Call) -> None:
    await asyncio.sleep(1_000)


class Stage:
    """An agent on a wire in memory, and what goes to whom a datagram names."""

    def __init__(self, on_call: Behaviour | None, lost: Rule = keep_all) -> None:
        self.ether = Ether(lost)
        self.on_call = on_call
        self.forged = 0

    def play(self, work: Callable[["Stage"], Awaitable[None]]) -> "Stage":
        async def scene() -> None:
            clock = asyncio.get_running_loop().time
            token = NETWORK.set(Network(self.ether.transport, Ports().open_port, clock))
            try:
                async with Agent("sip:bot@127.0.0.1", host="127.0.0.1", on_call=self.on_call) as agent:
                    self.agent = agent
                    (self.port,) = self.ether.carriers
                    await work(self)
            finally:
                NETWORK.reset(token)

        run(scene())
        return self

    def forge(self, number: int = 1, more: str = "") -> None:
        body = offer()
        text = (
            f"INVITE sip:bot@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:9;branch=z9hG4bK-{number};rport\r\n"
            f"From: <sip:caller@203.0.113.9>;tag=f{number}\r\nTo: <sip:bot@127.0.0.1>\r\nCall-ID: forged-{number}\r\n"
            f"CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:caller@203.0.113.9:9>\r\n{more}"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        self.forged += len(text)
        self.ether.carriers[self.port].receive(text, VICTIM)

    @property
    def sent(self) -> list[bytes]:
        pairs = zip(self.ether.messages, self.ether.targets, strict=True)
        return [data for data, target in pairs if target.host == VICTIM.host]

    @property
    def statuses(self) -> list[str]:
        return [
            data.split(b" ")[1].decode() if data.startswith(b"SIP") else data.split()[0].decode() for data in self.sent
        ]


@pytest.mark.parametrize("on_call", [accepts, picks_up_late, refuses, rings, None])
@pytest.mark.parametrize("more", ["", f"Subject: {'x' * 600}\r\n"])
def test_a_forged_invite_brings_no_more_than_it_has_paid_for(on_call: Behaviour | None, more: str) -> None:
    async def work(stage: Stage) -> None:
        stage.forge(more=more)
        await asyncio.sleep(400)

    stage = Stage(on_call).play(work)
    assert stage.statuses
    assert sum(map(len, stage.sent)) <= FACTOR * stage.forged


def test_of_many_each_is_answered_less() -> None:
    async def work(stage: Stage) -> None:
        for number in range(300):
            stage.forge(number)
            await asyncio.sleep(0.01)
        await asyncio.sleep(400)

    stage = Stage(accepts).play(work)
    assert sum(map(len, stage.sent)) <= FACTOR * stage.forged


@pytest.mark.parametrize("line", ["SIP/2.0 200 OK", "SIP/2.0 180 Ringing", "SIP/2.0 100 Trying", "ACK"])
def test_a_stranger_has_its_call_though_a_message_is_lost(line: str) -> None:
    async def work(stage: Stage) -> None:
        phone = stage.ether.stack()
        await phone.start()
        call = await phone.invite(stage.agent.contact, offer(), from_uri="sip:guest@127.0.0.1")
        await asyncio.sleep(10)
        assert call.is_confirmed and [each.state.value for each in stage.agent.calls] == ["connected"]
        await call.bye()
        await phone.stop()

    Stage(accepts, lambda first, before: first.startswith(line) and before == 0).play(work)


def test_a_short_invite_of_a_stranger_is_told_that_it_rings() -> None:
    """Callers wait for the 180 before they give up: it is lent, though answer and 100 take what is paid for."""

    async def work(stage: Stage) -> None:
        stage.forge()
        await asyncio.sleep(1)

    assert Stage(rings).play(work).statuses[:2] == ["100", "180"]
