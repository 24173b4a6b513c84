"""A bot that is asked to call somebody else (REFER)."""

import asyncio

from softphone import Agent, Call, CallRefused
from softphone.sip.driver import StackSettings
from softphone.sip.message.message import Request, Response, response
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from tests.support.raw import offer

REFER_TO = [("Refer-To", "<sip:carol@127.0.0.1>")]


async def test_a_bot_may_follow() -> None:
    followed: list[str] = []
    told: asyncio.Queue[str] = asyncio.Queue()

    async def follow(uri: str) -> None:
        followed.append(uri)
        if len(followed) > 1:
            raise CallRefused(603, "Decline")

    async def answer(call: Call) -> None:
        call.on_refer = follow
        await call.accept()

    async def notified(request: Request, source: Hop) -> Response:
        told.put_nowait(request.body.decode().strip())
        return response(request, 200)

    phone = Stack(StackSettings(), on_request={"NOTIFY": notified})
    await phone.start()
    try:
        async with Agent("sip:bot@127.0.0.1", on_call=answer) as bot:
            call = await phone.invite(bot.contact, offer(), from_uri="sip:phone@127.0.0.1")
            for end in ("200 OK", "603 Decline"):
                assert (await call.request("REFER", headers=REFER_TO)).status == 202
                heard = [await asyncio.wait_for(told.get(), 10) for _ in range(2)]
                assert heard == ["SIP/2.0 100 Trying", f"SIP/2.0 {end}"]
            assert followed == ["sip:carol@127.0.0.1"] * 2
            await call.bye()
    finally:
        await phone.stop()


async def test_a_bot_that_follows_nobody_says_so() -> None:
    phone = Stack(StackSettings())
    await phone.start()
    try:
        async with Agent("sip:bot@127.0.0.1", on_call=Call.accept) as bot:
            call = await phone.invite(bot.contact, offer(), from_uri="sip:phone@127.0.0.1")
            answer = await call.request("REFER", headers=REFER_TO)
            assert answer.status == 405 and "REFER" not in answer.tokens("Allow")
            await call.bye()
    finally:
        await phone.stop()
