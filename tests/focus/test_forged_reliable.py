"""What a forged INVITE gets that wants reliable provisional responses."""

import asyncio
from pathlib import Path

from softphone.testing.bridge import offer
from tests.focus.flooded import Flooded, flood, open_room


def test_a_forged_caller_that_wants_them_to_be_reliable_gets_no_provisional_responses(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        flooded.forge("INVITE", await open_room(flooded), body=offer(), headers="Require: 100rel\r\n")
        await asyncio.sleep(100)

    flooded = flood(tmp_path, work)
    statuses = [int(line.split()[1]) for line in flooded.first_lines()]
    assert statuses == [200, 200]
