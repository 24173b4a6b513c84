"""What happens to one party of a conference costs the bridge the same however many are there."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mixer.rules.roles import Role
from mixer.rules.settings import Settings
from softphone.media.contract.leg import LegTalking
from softphone.testing.bridge import PaperBridge
from softphone.testing.clock import run
from tests.support.work import Work

SPOKEN = Settings(max_members=10_000, prompts=True, music=True, entry_notices=True, silence_limit_s=9e9)
QUIET = Settings(max_members=10_000)
# The name of everybody: from outside many have none of their own.
NAME = "Anonymous"


async def crowded(bridge: PaperBridge, size: int, settings: Settings) -> dict[str, Any]:
    """Fill a conference; say what a join, a key, a mute and a leave cost, and what the worker was asked for."""
    room = await bridge.room(settings)
    await asyncio.gather(*(bridge.call(room, f"9{number}", name=NAME) for number in range(size)))
    # One that has gone, so that the next finds all as it would after any other.
    (await bridge.call(room, "90000", name="Ben")).end()
    await asyncio.sleep(100.0)
    asked = bridge.media.asked = []  # type: ignore[attr-defined]
    taken: dict[str, Any] = {}

    async def cost(what: str, *deeds: Any) -> None:
        with Work() as work:
            for deed in deeds:
                await deed if asyncio.iscoroutine(deed) else deed()
            await asyncio.sleep(100.0)
        taken[what] = work.instructions

    await cost("join", bridge.call(room, "101", name="Ada", role=Role.MODERATOR))
    party = room.session.id.replace("s-", "p-") + "-1"
    member = room.members[party]
    await cost("key", *(lambda key=key: member.keeper.key(member, key) for key in "*1*1"))
    await cost("mute", bridge.control.mute(room.session.id, party, True))
    await cost("volume", bridge.control.volume(room.session.id, party, in_db=3.0))
    await cost("whisper", bridge.control.whisper(room.session.id, party, []))
    await cost("talk", *[partial(member.keeper.noticed, member, LegTalking(1, on)) for on in (True, False)])
    await cost("phone", lambda: member.keeper.held(member, True))
    await cost("leave", bridge.calls[-1].end)
    return taken | {"asked": [type(request).__name__ for request in asked]}


class WatchedBridge(PaperBridge):
    """Notes what the worker is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        ask = self.media.ask

        async def noted(request: Any) -> Any:
            getattr(self.media, "asked", []).append(request)
            return await ask(request)

        self.media.ask = noted  # type: ignore[method-assign]


@pytest.mark.parametrize(("settings", "few", "many"), [(QUIET, 3, 1000), (SPOKEN, 100, 900)], ids=["quiet", "spoken"])
def test_what_happens_to_one_costs_the_same_in_a_crowd(tmp_path: Path, settings: Settings, few: int, many: int) -> None:
    """The number of others is said to who comes; both numbers are of two words."""

    async def among(size: int) -> Mapping[str, Any]:
        return await crowded(WatchedBridge(tmp_path), size, settings)

    one, other = run(among(few)), run(among(many))
    assert one == other
    assert [each for each in one["asked"] if each != "Play"][:3] == ["OpenLeg", "JoinRoom", "Configure"]
