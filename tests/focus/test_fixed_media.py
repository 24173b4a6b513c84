"""A party whose client cannot be told to send its media elsewhere, and a room on another worker; on paper."""

import asyncio
from pathlib import Path

import pytest

from mixer.rules.settings import Settings
from softphone.focus.errors import WrongState
from softphone.testing.clock import run
from tests.support.web import GUEST, WebBridge


def test_who_cannot_be_told_to_send_elsewhere_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A WHIP client has no connection over which it could be asked for another offer."""

    async def scene() -> None:
        bridge = WebBridge(tmp_path)
        there = await bridge.room(Settings())
        joined = await bridge.comes(GUEST)
        here, party = joined.party.session, joined.party.id
        monkeypatch.setattr(bridge.media, "apart", lambda leg, room: room == there.room)
        with pytest.raises(WrongState, match="cannot be told"):
            await bridge.control.move(here, party, there.session.id)
        await asyncio.sleep(1.0)
        assert joined.party.session == here and not joined.party.member.over
        joined.party.client.can_be_asked = lambda: True
        await bridge.control.move(here, party, there.session.id)
        await asyncio.sleep(1.0)
        assert joined.party.session == there.session.id

    run(scene())
