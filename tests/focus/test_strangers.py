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
