"""An agent whose peer hands the call over: somebody else takes its place, and the application goes on (RFC 3891)."""

import asyncio

import pytest

from softphone import Agent, Call, CallEnded, CallRefused, CallState
from softphone.sip.dialog.replaces import Replaces
from softphone.testing.bridge import offer


def naming(call: Call) -> list[tuple[str, str]]:
    """As a third party is told to name a call of ours."""
    return [("Replaces", str(Replaces.naming(call._control.sip.dialog))), ("Require", "replaces")]


async def test_somebody_else_takes_the_place_of_the_peer() -> None:
    came: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        came.put_nowait(call)

    async with (
        Agent("sip:bot@127.0.0.1", on_call=answer) as bot,
        Agent("sip:ann@127.0.0.1") as ann,
        Agent("sip:ben@127.0.0.1") as ben,
    ):
        first = await ann.invite(bot.contact)
        call = await came.get()
        keys: list[str] = []
        call.on_key = keys.append
        second = await ben.invite(bot.contact, headers=naming(first))
        assert await first.wait_ended() == "bye"
        assert call.state is CallState.CONNECTED and len(bot.calls) == 1 and came.empty()
        assert call.remote_uri == "sip:ben@127.0.0.1"
        await second.send_keys("5", "info")
        assert keys == ["5"]
        # Nobody takes the same place twice.
        with pytest.raises(CallRefused, match="603"):
            await ben.invite(bot.contact, headers=naming(first))
        await second.hangup()
        assert await call.wait_ended() == "bye"


async def test_who_cannot_take_it_changes_nothing() -> None:
    came: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        came.put_nowait(call)

    async with Agent("sip:bot@127.0.0.1", on_call=answer) as bot, Agent("sip:ann@127.0.0.1") as ann:
        first = await ann.invite(bot.contact)
        call = await came.get()
        bad = offer().replace("RTP/AVP 0", "RTP/AVP 18")
        for sdp, status in ((bad, "488"), ("nonsense", "488")):
            with pytest.raises(CallRefused, match=status):
                await ann._stack.invite(bot.contact, sdp, from_uri="sip:ben@127.0.0.1", headers=naming(first))
        assert call.state is first.state is CallState.CONNECTED and call.remote_uri == "sip:ann@127.0.0.1"
        await call.hold()
        await call.hangup()
        with pytest.raises(CallEnded):
            await first.send_keys("1")
