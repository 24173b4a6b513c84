import asyncio
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from softphone.config import Config
from softphone.store import history as module
from softphone.store.database import Database, url_of
from softphone.store.errors import PropertyError
from softphone.store.events import Event
from softphone.store.history import JOURNAL, History
from softphone.store.store import Store
from softphone.store.values import MuteInterval
from softphone.store.writing import write
from tests.store.databases import Databases

START = datetime(2026, 2, 3, 10, 15, 20, 123456, tzinfo=UTC)

# How long a test waits for what must happen; never for what must not.
PATIENCE_S = 30.0

# After so long a database counts as away here: it is waited for, but a busy machine takes less for what we ask.
AWAY_S = 2.0


class Clock:
    """A wall clock that moves a second whenever somebody looks at it."""

    def __init__(self) -> None:
        self.seconds = -1

    def __call__(self) -> datetime:
        self.seconds += 1
        return at(self.seconds)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def tell_story(history: History, conference: str = "s-1") -> None:
    """A conference of two, ten events in ten seconds."""
    history.conference_created(conference, kind="extension", owner_id="100101", extension_id="100201")
    history.joined(conference, "p-1", number="101", name="Ada", role="moderator", extension_id="100101")
    history.joined(conference, "p-2", number="+4930123456", role="participant", muted=True)
    history.muted(conference, "p-2", False)
    history.muted(conference, "p-1", True)
    history.recording_started(f"r-{conference}", conference, "/data/r.wav")
    history.left(conference, "p-2", "hung up")
    history.recording_paused(f"r-{conference}")
    history.muted(conference, "p-1", True)
    history.conference_ended(conference, "requested")


async def assert_story(store: Store, conference: str = "s-1", offset: int = 0) -> None:
    told = await store.archive.conference(conference)
    assert (told.kind, told.owner_id, told.extension_id, told.reason) == (
        "extension",
        "100101",
        "100201",
        "requested",
    )
    assert (told.created, told.started, told.ended) == (at(offset), at(offset + 1), at(offset + 9))
    first, second = await store.archive.participations(conference)
    assert (first.number, first.name, first.role, first.extension_id) == ("101", "Ada", "moderator", "100101")
    assert (first.joined, first.left, first.reason) == (at(offset + 1), at(offset + 9), "requested")
    assert first.mutes == (MuteInterval(at(offset + 4), at(offset + 9)),)
    assert (second.number, second.name, second.extension_id) == ("+4930123456", "", None)
    assert (second.joined, second.left, second.reason) == (at(offset + 2), at(offset + 6), "hung up")
    assert second.mutes == (MuteInterval(at(offset + 2), at(offset + 3)),)


async def test_a_conference_is_remembered(store: Store, database: Databases) -> None:
    async with History(store.database, database.data, Clock()) as history:
        tell_story(history)
        assert await history.flush(PATIENCE_S)
        await assert_story(store)
        recording = await store.archive.recording("r-s-1")
        assert (recording.state, recording.conference_id, recording.seconds) == ("paused", "s-1", None)
        history.recording_resumed("r-s-1")
        history.recording_ended("r-s-1", seconds=3.5, reason="disk full", path="/data/r.flac", tracks=["/a", "/b"])
        assert await history.flush(PATIENCE_S)
        recording = await store.archive.recording("r-s-1")
        assert (recording.state, recording.path, recording.seconds) == ("ready", "/data/r.flac", 3.5)
        assert (recording.started, recording.ended, recording.tracks) == (at(5), at(11), ("/a", "/b"))
        history.recording_deleted("r-s-1")
        assert await history.flush(PATIENCE_S)
        assert [r.state for r in (await store.archive.recordings(conference_id="s-1")).items] == ["deleted"]
        assert (await store.archive.recordings(state="ready")).items == ()


async def test_calls_are_remembered(store: Store, database: Databases) -> None:
    async with History(store.database, database.data, Clock()) as history:
        history.call_started("a", session_id="s-1", direction="outbound", caller="101", callee="102", extension_id="x")
        history.call_started("b", session_id="s-2", direction="inbound", caller="+1", callee="101")
        history.call_answered("a")
        history.call_ended("b", "busy")
        history.call_started("b", session_id="s-2", direction="inbound", caller="+1", callee="101")
        history.call_ended("a", "hung up")
        assert await history.flush(PATIENCE_S)
        first, second = (await store.archive.calls()).items
        assert (first.id, first.answered, first.ended, first.reason) == ("b", None, at(3), "busy")
        assert (second.id, second.started, second.answered, second.ended) == ("a", at(0), at(2), at(5))
        assert [call.id for call in (await store.archive.calls(session_id="s-2")).items] == ["b"]
        assert [call.id for call in (await store.archive.calls(extension_id="x")).items] == ["a"]
        assert [call.id for call in (await store.archive.calls(since=at(1))).items] == ["b"]


async def test_who_comes_back_has_two_participations(store: Store, database: Databases) -> None:
    async with History(store.database, database.data, Clock()) as history:
        history.joined("s-1", "p-1", number="101", role="participant", muted=True)
        history.left("s-1", "p-1", "moved")
        history.joined("s-1", "p-1", number="101", role="participant")
        history.muted("s-1", "p-1", True)
        assert await history.flush(PATIENCE_S)
        first, second = await store.archive.participations("s-1")
        assert (first.left, first.mutes) == (at(1), (MuteInterval(at(0), at(1)),))
        assert (second.left, second.mutes) == (None, (MuteInterval(at(3), None),))


async def test_lists_come_in_parts(store: Store, database: Databases) -> None:
    same = at(0)
    async with History(store.database, database.data, lambda: same) as history:
        for number in range(7):
            history.conference_created(f"s-{number}", kind="token", owner_id="a" if number % 2 else "b")
        history.conference_ended("s-3", "over")
        assert await history.flush(PATIENCE_S)
        seen, after = [], None
        while True:
            page = await store.archive.conferences(after=after, limit=3)
            seen += [conference.id for conference in page.items]
            if (after := page.next) is None:
                break
        assert seen == [f"s-{number}" for number in range(6, -1, -1)]
        assert [c.id for c in (await store.archive.conferences(owner_id="a", live=True)).items] == ["s-5", "s-1"]
        assert [c.id for c in (await store.archive.conferences(live=False)).items] == ["s-3"]
        assert (await store.archive.conferences(until=at(0))).items == ()
        for nonsense in ("", "x", "%%%", "e30=", "WyJ4IiwgInkiXQ=="):
            with pytest.raises(PropertyError, match="after: it is not"):
                await store.archive.conferences(after=nonsense)


async def test_peers_may_send_any_text(store: Store, history: History) -> None:
    history.joined("s-1", "p-1", number="\0\ud800☎", name="x" * 5000, role="participant")
    assert await history.flush(PATIENCE_S)
    (party,) = await store.archive.participations("s-1")
    assert party.number == "?☎"
    assert party.name == "x" * 1000


async def test_one_event_that_cannot_be_written_does_not_hold_up_the_others(store: Store, history: History) -> None:
    with capture_logs() as logs:
        history.conference_created("s-1", kind="token", owner_id=None)
        history.conference_created("s-1", kind="token", owner_id=None)
        history.conference_created("s-2", kind="token", owner_id=None)
        assert await history.flush(PATIENCE_S)
    assert {each.id for each in (await store.archive.conferences()).items} == {"s-1", "s-2"}
    assert [entry["event_type"] for entry in logs if entry["event"] == "history_event_skipped"] == ["ConferenceCreated"]


async def test_what_happens_while_the_database_is_away_is_written_later(config: Config, database: Databases) -> None:
    async with (
        Store(config, database.data, timeout_s=AWAY_S) as store,
        History(store.database, database.data, Clock()) as history,
    ):
        tell_story(history, "s-1")
        assert await history.flush(PATIENCE_S)
        with capture_logs() as logs:
            with database.away():
                tell_story(history, "s-2")
                while not history.unavailable:
                    await asyncio.sleep(0.01)
                tell_story(history, "s-3")
                assert history.pending_bytes > 0
            assert await history.flush(PATIENCE_S)
        assert not history.unavailable
        assert history.dropped == 0
        for number in range(3):
            await assert_story(store, f"s-{number + 1}", number * 10)
        told = [(entry["event"], entry["log_level"]) for entry in logs]
        assert told == [("history_waits", "error"), ("history_goes_on", "info")]


async def test_a_mistake_of_ours_loses_nothing_and_stops_nobody(
    store: Store, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = write, iter([RuntimeError("a mistake")])

    async def failing(connection: AsyncConnection, node: str, happened: Sequence[Event]) -> None:
        for error in failures:
            raise error
        await real(connection, node, happened)

    monkeypatch.setattr(module, "write", failing)
    with capture_logs() as logs:
        history.conference_created("s-1", kind="token", owner_id=None)
        assert await history.flush(PATIENCE_S)
    assert (await store.archive.conference("s-1")).kind == "token"
    assert [entry["event"] for entry in logs] == ["history_waits", "history_goes_on"]
    assert str(logs[0]["exc_info"]) == "a mistake"


async def test_what_was_not_written_before_the_end_is_written_by_the_next_start(
    config: Config, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_S", 0.1)
    async with Store(config, database.data, timeout_s=AWAY_S) as store:
        history = History(store.database, database.data, Clock())
        await history.__aenter__()
        with database.away():
            tell_story(history)
            await history.__aexit__(None, None, None)
        assert (await store.archive.conferences()).items == ()
        async with History(store.database, database.data) as history:
            assert await history.flush(PATIENCE_S)
        await assert_story(store)


async def test_a_journal_that_is_read_twice_changes_nothing(store: Store, database: Databases, tmp_path: Path) -> None:
    async with History(store.database, database.data, Clock()) as history:
        tell_story(history)
        assert await history.flush(PATIENCE_S)
        before = tmp_path / "before"
        shutil.copy(database.data / JOURNAL, before)
        tell_story(history, "s-2")
    shutil.copy(before, database.data / JOURNAL)
    async with History(store.database, database.data, Clock()) as history:
        assert await history.flush(PATIENCE_S)
        await assert_story(store)
        assert len(await store.archive.participations("s-1")) == 2
        history.conference_created("s-3", kind="token", owner_id=None)
        assert await history.flush(PATIENCE_S)
    assert (await store.archive.conference("s-3")).ended is None, "numbered on after what the database knows"


def begin_story(history: History) -> None:
    """Much is open when this is told."""
    history.conference_created("s-1", kind="token", owner_id="100101")
    history.joined("s-1", "p-1", number="101", role="moderator", muted=True)
    history.joined("s-1", "p-2", number="102", role="participant")
    history.left("s-1", "p-2", "hung up")
    history.recording_started("r", "s-1", "/r.wav")
    history.call_started("c", session_id="s-1", direction="outbound", caller="101", callee="103")
    history.conference_created("s-2", kind="token", owner_id="100101")
    history.conference_ended("s-2", "unclaimed")


async def test_a_restart_closes_what_was_open_at_the_last_sign_of_life(store: Store, database: Databases) -> None:
    other = database.data.parent / "other"
    async with (
        History(store.database, other, Clock()) as neighbour,
        History(store.database, database.data, Clock()) as history,
    ):
        neighbour.conference_created("s-9", kind="token", owner_id=None)
        begin_story(history)
        assert await history.flush(PATIENCE_S)
        assert await neighbour.flush(PATIENCE_S)
    os.utime(database.data / JOURNAL, (at(60).timestamp(), at(60).timestamp()))
    async with History(store.database, database.data, Clock()) as history:
        history.conference_created("s-3", kind="token", owner_id=None)
        assert await history.flush(PATIENCE_S)
        died = at(60).replace(microsecond=0)
        ended = {
            c.id: (c.ended and c.ended.replace(microsecond=0), c.reason)
            for c in (await store.archive.conferences()).items
        }
        assert ended == {
            "s-1": (died, "restart"),
            "s-2": (at(7).replace(microsecond=0), "unclaimed"),
            "s-3": (None, None),
            "s-9": (None, None),
        }
        first, second = await store.archive.participations("s-1")
        assert (first.left and first.left.replace(microsecond=0), first.reason) == (died, "restart")
        assert first.mutes[0].ended == first.left
        assert (second.left, second.reason) == (at(3), "hung up")
        recording = await store.archive.recording("r")
        assert (recording.state, recording.reason, recording.ended) == ("interrupted", "restart", first.left)
        (call,) = (await store.archive.calls()).items
        assert (call.ended, call.reason) == (first.left, "restart")
        history.recording_ended("r", seconds=54.5)
        assert await history.flush(PATIENCE_S)
        recording = await store.archive.recording("r")
        assert (recording.state, recording.seconds, recording.ended) == ("ready", 54.5, first.left)


async def test_a_recording_of_which_nothing_is_left(store: Store, history: History) -> None:
    history.recording_started("r", "s-1", "/r.wav")
    history.recording_lost("r", "the sound is gone")
    assert await history.flush(PATIENCE_S)
    recording = await store.archive.recording("r")
    assert (recording.state, recording.reason, recording.seconds) == ("lost", "the sound is gone", None)
    assert recording.ended is not None


async def test_nothing_ends_before_it_begins(store: Store, database: Databases) -> None:
    moments = iter([at(100), at(100), at(50), at(50)])
    async with History(store.database, database.data, lambda: next(moments)) as history:
        history.conference_created("s-1", kind="token", owner_id=None)
        history.joined("s-1", "p-1", number="1", role="participant")
        history.left("s-1", "p-1", "the clock was set back")
        history.conference_ended("s-1", "over")
        assert await history.flush(PATIENCE_S)
    assert (await store.archive.conference("s-1")).ended == at(100)
    assert (await store.archive.participations("s-1"))[0].left == at(100)


async def test_memory_holds_what_the_disk_refuses_up_to_a_limit(
    store: Store, database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 4)
    async with History(store.database, database.data, Clock(), max_bytes=300) as history:
        with capture_logs() as logs:
            for number in range(10):
                history.conference_created(f"s-{number}", kind="token", owner_id=None)
        on_disk = (database.data / JOURNAL).read_bytes().count(b"\n") - 1
        assert on_disk > 0
        assert history.dropped == 10 - on_disk - 4
        assert [entry["event"] for entry in logs] == ["history_journal_failed"]
        assert await history.flush(PATIENCE_S)
        assert {c.id for c in (await store.archive.conferences()).items} == {f"s-{n}" for n in range(on_disk + 4)}
        history.conference_created("s-last", kind="token", owner_id=None)
        assert await history.flush(PATIENCE_S)
        assert (await store.archive.conference("s-last")).kind == "token"


async def test_a_data_folder_has_one_server(store: Store, history: History, database: Databases) -> None:
    with pytest.raises(OSError, match="another server uses this data folder"):
        await History(store.database, database.data).__aenter__()
    history.conference_created("s-1", kind="token", owner_id=None)
    assert await history.flush(PATIENCE_S)


async def test_sqlite_lets_others_read_while_we_write(tmp_path: Path) -> None:
    database = Database(url_of("", tmp_path))
    await database.start()
    with closing(sqlite3.connect(tmp_path / "softphone.db")) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await database.stop()
