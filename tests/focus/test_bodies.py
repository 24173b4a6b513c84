"""Descriptions in a multipart body, over the wire: the bridge, and an agent that calls."""

import asyncio

import pytest

from softphone.agent.agent import Agent
from softphone.server import Server
from tests.focus.phone import conference
from tests.focus.table import until
from tests.support.raw import RawPhone, header, offer

pytestmark = pytest.mark.asyncio(loop_scope="module")

KIND = 'multipart/mixed; boundary="cut here"'


def packed(sdp: str, disposition: str = "signal") -> str:
    return (
        f"--cut here\r\nContent-Type: application/isup\r\nContent-Disposition: {disposition}\r\n\r\nabc\r\n"
        f"--cut here\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--cut here--\r\n"
    )


async def test_a_call_with_something_beside_its_description(shared: Server) -> None:
    session = await conference(shared)
    phone = RawPhone(("127.0.0.1", shared.stack.port), str(session.token))
    try:
        answer = await asyncio.to_thread(phone.invite, packed(offer()), kind=KIND)
        assert "m=audio" in answer and "a=sendrecv" in answer
        held = await asyncio.to_thread(phone.invite, packed(offer("sendonly"), "signal;handling=optional"), kind=KIND)
        assert "a=recvonly" in held
        phone.send("UPDATE", packed(offer()), kind=KIND)
        assert "a=sendrecv" in await asyncio.to_thread(phone.receive, "200", f"{phone.number} UPDATE")
        phone.send("INVITE", packed(offer("sendonly"), "signal;handling=required"), kind=KIND)
        refusal = await asyncio.to_thread(phone.receive, "415")
        assert header(refusal, "Accept") == "application/sdp, multipart/mixed, multipart/alternative"
        phone.send("ACK", number=phone.number)
        # The late offer's answer comes in an ACK.
        offered = await asyncio.to_thread(phone.invite, ack="")
        assert "m=audio" in offered
        phone.send("BYE")
        await asyncio.to_thread(phone.receive, "200", f"{phone.number} BYE")
        await until(lambda: not session.parties)
    finally:
        phone.socket.close()
    await shared.control.end(session.id)


async def test_an_agent_is_answered_with_something_beside_the_description() -> None:
    phone = RawPhone(("127.0.0.1", 9), "peer")
    try:
        async with Agent("sip:agent@127.0.0.1") as agent:
            calling = asyncio.create_task(agent.invite(f"sip:peer@127.0.0.1:{phone.port}"))
            invite = await asyncio.to_thread(phone.receive, "INVITE")
            sender = header(invite, "Via").split()[1].split(";")[0]
            host, _, port = sender.partition(":")
            phone.address = (host, int(port))
            copied = "".join(f"{name}: {header(invite, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
            body = packed(offer())
            phone.raw(
                f"SIP/2.0 200 OK\r\n{copied}To: {header(invite, 'To')};tag=peer\r\n"
                f"Contact: <sip:peer@127.0.0.1:{phone.port}>\r\nContent-Type: {KIND}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            )
            call = await calling
            await asyncio.to_thread(phone.receive, "ACK")
            over = asyncio.create_task(call.hangup())
            phone.answer(await asyncio.to_thread(phone.receive, "BYE"))
            await over
    finally:
        phone.socket.close()
