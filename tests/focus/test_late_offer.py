"""Telephones that want our offer: the answer comes in the ACK, to the INVITE and to a re-INVITE."""

import asyncio

import pytest

from softphone.focus.session import PartyStatus
from softphone.server import Server
from tests.focus.phone import conference
from tests.focus.table import until
from tests.support.raw import RawPhone, header, offer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_answer_in_the_ack_is_applied(shared: Server) -> None:
    session = await conference(shared)
    with RawPhone(shared.focus.node, str(session.token)) as phone:
        answer = await asyncio.to_thread(phone.invite, ack=offer())
        assert header(answer, "Content-Type") == "application/sdp"
        (party,) = session.parties.values()
        await until(lambda: party.status is PartyStatus.ANSWERED)
        await asyncio.to_thread(phone.invite, ack=offer("inactive"))
        await until(lambda: party.status is PartyStatus.HOLD)
        await asyncio.to_thread(phone.invite, ack=offer())
        await until(lambda: party.status is PartyStatus.ANSWERED)
        await shared.control.end(session.id)
        phone.answer(await asyncio.to_thread(phone.receive, "BYE"))


@pytest.mark.parametrize(
    "ack",
    [
        "",
        "nonsense",
        offer().replace("RTP/AVP 0", "RTP/AVP 18"),
        offer().replace("c=IN IP4 127.0.0.1", "c=IN IP4 239.1.2.3"),
    ],
)
async def test_without_a_good_answer_there_is_no_call(shared: Server, ack: str) -> None:
    session = await conference(shared)
    with RawPhone(shared.focus.node, str(session.token), f"raw-{len(ack)}") as phone:
        await asyncio.to_thread(phone.invite, ack=ack)
        bye = await asyncio.to_thread(phone.receive, "BYE")
        assert header(bye, "Reason").startswith("SIP;cause=488;text=")
        phone.answer(bye)
        await until(lambda: not session.parties)
        await shared.control.end(session.id)


async def test_a_reinvite_whose_ack_has_no_answer_changes_nothing(shared: Server) -> None:
    session = await conference(shared)
    with RawPhone(shared.focus.node, str(session.token), "quiet") as phone:
        await asyncio.to_thread(phone.invite, offer("inactive"))
        (party,) = session.parties.values()
        await asyncio.to_thread(phone.invite)
        await asyncio.to_thread(phone.invite, ack="nonsense")
        assert party.status is PartyStatus.HOLD
        phone.send("BYE")
        await asyncio.to_thread(phone.receive, "200")
        await until(lambda: not session.parties)
