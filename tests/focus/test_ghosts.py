"""Parties that say nothing and are gone: found out by a question, while those that are there stay."""

import asyncio
from pathlib import Path

import pytest

from tests.focus.phone import bridge, conference
from tests.focus.table import until
from tests.support.raw import RawPhone, offer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
async def test_a_party_that_sends_nothing_is_asked_whether_it_is_there(tmp_path: Path, direction: str) -> None:
    async with bridge(tmp_path, sip={"probe_s": 0.2}, media={"rtp_timeout_s": 30.0}) as server:
        session = await conference(server)
        with RawPhone(("127.0.0.1", server.stack.port), str(session.token)) as phone:
            await asyncio.to_thread(phone.invite, offer())
            (call,) = server.stack.calls
            await until(lambda: call.is_confirmed)
            assert not any(message.startswith("OPTIONS") for message in phone.unread)
            await asyncio.to_thread(phone.invite, offer(direction))
            for _ in range(2):
                phone.answer(await asyncio.to_thread(phone.receive, "OPTIONS"))
            assert len(session.parties) == 1
            # Its user has pulled the plug, and somebody else has its address.
            phone.answer(await asyncio.to_thread(phone.receive, "OPTIONS"), "481 Call Does Not Exist")
            await until(lambda: not session.parties)
            phone.answer(await asyncio.to_thread(phone.receive, "BYE"))
        await server.control.end(session.id)
