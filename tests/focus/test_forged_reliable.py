"""What a forged INVITE gets that wants reliable provisional responses."""

import asyncio
from pathlib import Path

from softphone.testing.bridge import offer
from tests.focus.test_unproven import Flooded, flood, open_room


def test_what_a_forged_caller_wants_to_be_reliable_is_soon_given_up(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        flooded.forge("INVITE", await open_room(flooded), body=offer(), headers="Require: 100rel\r\n")
        await asyncio.sleep(100)

    flooded = flood(tmp_path, work)
    statuses = [int(line.split()[1]) for line in flooded.first_lines()]
    assert statuses.count(183) <= 4 and statuses.count(504) == 1 and set(statuses) == {100, 183, 504}
