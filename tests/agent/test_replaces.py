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


async def test_somebody_else_answers_in_the_place_of_the_telephone_that_rings() -> None:
    ringing: asyncio.Queue[Call] = asyncio.Queue()

    async with (
        Agent("sip:desk@127.0.0.1", on_call=ringing.put) as desk,
        Agent("sip:ann@127.0.0.1") as ann,
        Agent("sip:ben@127.0.0.1") as ben,
    ):
        calling = asyncio.create_task(ann.invite(desk.contact))
        theirs = await ringing.get()
        bad = offer().replace("RTP/AVP 0", "RTP/AVP 18")
        with pytest.raises(CallRefused, match="488"):
            await ben._stack.invite(ann.contact, bad, from_uri="sip:ben@127.0.0.1", headers=naming(theirs))
        assert theirs.state is CallState.RINGING
        taken = await ben.invite(ann.contact, headers=naming(theirs))
        call = await calling
        assert await theirs.wait_ended() == "cancelled"
        assert call.state is CallState.CONNECTED and call.remote_uri == "sip:ben@127.0.0.1"
        assert ann.calls == [call]
        keys: list[str] = []
        call.on_key = keys.append
        await taken.send_keys("7", "info")
        assert keys == ["7"]
        await call.hangup()
        assert await taken.wait_ended() == "bye"
        with pytest.raises(CallRefused, match="603"):
            await ben.invite(ann.contact, headers=[("Replaces", str(Replaces.naming(taken._control.sip.dialog)))])


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
