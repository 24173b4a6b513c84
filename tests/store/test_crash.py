import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from softphone.config import Config
from softphone.store.history import SIGN_S, History
from softphone.store.store import Store
from tests.store.databases import Databases

ROOT = Path(__file__).parents[2]


class Victim:
    """The process, by its pipes."""

    def __init__(self, database: Databases) -> None:
        command = [sys.executable, "-m", "tests.store.victim", str(database.data), database.url]
        self.process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.expect("flushed")

    def expect(self, word: str) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if line != word:
            self.process.kill()
            raise AssertionError(f"{line!r} {self.process.communicate()[1]}")

    def one_more(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.expect("told")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("away", [False, True])
async def test_kill_9_in_the_middle_of_a_conference_loses_nothing(
    config: Config, database: Databases, away: bool
) -> None:
    victim = Victim(database)
    if away:
        with database.away():
            victim.one_more()
            victim.one_more()
            victim.kill()
    else:
        victim.one_more()
        victim.one_more()
        victim.kill()
    died = datetime.now(UTC)
    async with Store(config, database.data) as store, History(store.database, database.data) as history:
        assert await history.flush(30)
        conference = await store.archive.conference("s-1")
        parties = await store.archive.participations("s-1")
    assert conference.reason == "restart"
    assert conference.ended is not None
    assert abs(died - conference.ended) < timedelta(seconds=SIGN_S + 30)
    assert [(party.party_id, party.reason, party.left) for party in parties] == [
        (f"p-{number}", "restart", conference.ended) for number in (1, 2, 3)
    ]
    assert all(party.joined <= conference.ended for party in parties)
    assert [mute.ended for party in parties for mute in party.mutes] == [conference.ended] * 2
