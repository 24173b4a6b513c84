"""Calls of two with phones that nobody here wrote: as trunks, and as those that hand a call over or are handed on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from softphone import Agent, Call, CallState
from softphone.config import TrunkConfig
from softphone.server import Server
from tests.focus.phone import bridge
from tests.focus.table import until
from tests.focus.test_bringing_in import SILENT, hear
from tests.peers.baresip import baresip
from tests.peers.sipp import Sipp
from tests.support.processes import LOOPBACK
from tests.support.tones import sine

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]


@asynccontextmanager
async def extension(server: Server, number: str, taken: list[Call] | None = None) -> AsyncIterator[Agent]:
    """Our agent as the telephone of an extension."""

    async def take(call: Call) -> None:
        if taken is not None:
            taken.append(call)
        await call.accept()

    uri = f"sip:{number}@{server.stack.host}:{server.stack.port}"
    async with Agent(uri, password=f"dev-{number}", registrar=server.sip_uri, on_call=take) as agent:
        yield agent


async def heard(listener: Call, speaker: Call) -> bool:
    """Whether one hears the other."""
    saying = asyncio.create_task(speaker.write(sine(440, 3.0)))
    levels = await hear(listener, 75)
    saying.cancel()
    return max(levels) > SILENT


@pytest.mark.peer("sipp")
async def test_sipp_has_no_line_and_another_sipp_answers(tmp_path: Path) -> None:
    with Sipp(tmp_path, "unavailable") as full, Sipp(tmp_path, "answer", "-rtp_echo") as free:
        trunks = tuple(
            TrunkConfig(name=str(each.port), uri=f"sip:{LOOPBACK}:{each.port}", from_domain="itsp.example")
            for each in (full, free)
        )
        async with bridge(tmp_path / "data", {"trunk": trunks}) as server, extension(server, "101") as agent:
            call = await agent.invite("+16505550177")
            assert call.state is CallState.CONNECTED
            await call.hangup()
            await asyncio.to_thread(full.finish)
            await asyncio.to_thread(free.finish)
            await until(lambda: not server.focus.rooms)


def account(server: Server, number: str) -> str:
    """Of baresip as the telephone of an extension, which answers by itself."""
    uri = f"sip:{number}@{server.stack.host}:{server.stack.port}"
    return f"<{uri}>;auth_user={number};auth_pass=dev-{number};regint=60;answermode=auto"


@pytest.mark.peer("baresip")
async def test_baresip_hands_a_call_over(tmp_path: Path) -> None:
    bobs: list[Call] = []
    cids: list[Call] = []
    async with (
        bridge(tmp_path / "data") as server,
        extension(server, "102", bobs),
        extension(server, "103", cids),
        baresip(tmp_path / "phone", 440.0, account(server, "101")) as phone,
    ):
        await asyncio.to_thread(phone.wait_registered)
        await asyncio.to_thread(phone.dial, f"sip:102@{server.stack.host}:{server.stack.port}")
        phone.command("transfer", f"sip:103@{server.stack.host}:{server.stack.port}")
        await until(lambda: bool(cids) and server.focus.parties == 2)
        assert await heard(bobs[0], cids[0]) and await heard(cids[0], bobs[0])
        await cids[0].hangup()
        assert await bobs[0].wait_ended() == "bye"
        await until(lambda: not server.focus.rooms)


@pytest.mark.peer("baresip")
@pytest.mark.parametrize("first", ["102", "103"])
async def test_baresip_is_handed_on_to_another_peer(tmp_path: Path, first: str) -> None:
    """Our agent joins its two calls: baresip is whom it hands on, or to whom."""
    cids: list[Call] = []
    async with (
        bridge(tmp_path / "data") as server,
        extension(server, "101") as ann,
        extension(server, "103", cids),
        baresip(tmp_path / "phone", 440.0, account(server, "102")) as phone,
    ):
        await asyncio.to_thread(phone.wait_registered)
        one, two = await ann.invite(first), await ann.invite({"102": "103", "103": "102"}[first])
        await until(lambda: all(room.answered for room in server.focus.calls.values()))
        await ann.transfer(one, two)
        assert ann.calls == [] and len(server.focus.calls) == 1
        # Baresip sends its tone all the time.
        assert max(await hear(cids[0], 75)) > SILENT
        await asyncio.to_thread(phone.listen, 1.0)
        await cids[0].hangup()
        await asyncio.to_thread(phone.wait, "CALL_CLOSED")
        await until(lambda: not server.focus.rooms)
