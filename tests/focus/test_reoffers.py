"""A new offer within a call: what is agreed is in force when the media worker has said yes, and not before."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mixer.rules.settings import Settings
from softphone.errors import CallRefused, MediaFull
from softphone.focus.session import PartyStatus
from softphone.media.contract.leg import LegInfo
from softphone.media.contract.messages import UpdateLeg
from softphone.testing.bridge import PaperBridge, offer
from softphone.testing.clock import run


@pytest.mark.parametrize(
    "new",
    [offer(direction="inactive"), offer().replace("audio 9", "audio 4444"), offer().replace("audio 9", "audio 0")],
)
def test_an_offer_that_cannot_be_served_changes_nothing(tmp_path: Path, new: str) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        room = await bridge.room(Settings())
        call: Any = await bridge.call(room)
        (member,) = room.members.values()
        update, specs = bridge.media.serve[UpdateLeg], []

        async def full(request: UpdateLeg) -> LegInfo:
            raise MediaFull("no port is left")

        async def served(request: UpdateLeg) -> Any:
            specs.append(request.spec)
            return await update(request)

        leg = member.media
        before, spec = leg.session.agreement, leg.spec
        bridge.media.serve[UpdateLeg] = full
        with pytest.raises(CallRefused, match="500"):
            await call.on_reinvite(new)
        assert (leg.session.agreement, leg.spec, member.party.status) == (before, spec, PartyStatus.ANSWERED)
        bridge.media.serve[UpdateLeg] = served
        answers = [await call.on_reinvite(offer()) for _ in range(2)]
        assert specs == [spec] * 2
        assert answers[0] == answers[1]
        room.close("requested")
        await asyncio.sleep(10.0)

    run(scene())
