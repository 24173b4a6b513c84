"""Strangers of whom nothing shows that they are there: how many are taken, and for how long."""

import asyncio
from pathlib import Path

import pytest

from softphone.focus.entrance import strangers
from tests.focus.phone import Phone, bridge, conference
from tests.focus.table import until
from tests.focus.test_invite_router import refusal
from tests.support.raw import RawPhone, offer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_forged_datagram_takes_a_leg_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "PER_ADDRESS", 2)
    monkeypatch.setattr(strangers, "FEW", 1)
    monkeypatch.setattr(strangers, "PATIENCE_S", 0.1)
    async with bridge(tmp_path) as server:
        session = await conference(server)
        with (
            RawPhone(server.focus.node, str(session.token), "first") as first,
            RawPhone(server.focus.node, str(session.token), "second") as second,
        ):
            for phone in (first, second):
                phone.send("INVITE", offer())
                await asyncio.to_thread(phone.receive, "200")
            async with Phone(server) as stranger, Phone(server, "103") as known:
                # The first, of few, has all the time that there is; the second had one tenth of a second.
                await until(lambda: len(session.parties) == 1)
                monkeypatch.setattr(strangers, "PATIENCE_S", 30.0)
                await (await stranger.call(session.token)).bye()
                monkeypatch.setattr(strangers, "PER_ADDRESS", 1)
                assert await refusal(stranger, session.token) == 503
                await (await known.call(session.token)).bye()


async def test_a_challenge_does_not_wait_for_many_strangers(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        session = await conference(server, max_members=50)
        with RawPhone(server.focus.node, str(session.token)) as phone:
            for number in range(30):
                phone.call_id = f"stranger-{number}"
                phone.send("INVITE", offer())
            phone.call_id, phone.user = "extension", "102"
            phone.send("INVITE", offer())  # all of them are there before the server looks at the first
            await asyncio.to_thread(phone.receive, "407")
            answered = [message for message in phone.unread if message.startswith("SIP/2.0 200")]
            assert len(answered) < 8
            await until(lambda: len(session.parties) == 30)
            await server.control.end(session.id)


async def test_strangers_have_their_turns_in_order_and_others_have_theirs_between() -> None:
    turns, seen = strangers.Turns(), ""

    async def stranger(name: str) -> None:
        nonlocal seen
        await turns.wait()
        seen += name

    async def known() -> None:
        nonlocal seen
        for _ in range(3):
            seen += "k"
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stranger(name)) for name in "abcd"]
        group.create_task(known())
        await asyncio.sleep(0)
        tasks[1].cancel()
    assert seen.replace("k", "") == "acd"
    assert "kkk" not in seen and "ac" not in seen
    await asyncio.wait_for(turns.wait(), 10)
