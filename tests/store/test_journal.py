import os
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from softphone.store import journal as module
from softphone.store.events import CallAnswered, Event, JournalEntry
from softphone.store.journal import Journal, JournalFull

NOW = datetime(2026, 2, 3, tzinfo=UTC)


def add(journal: Journal, *names: str) -> None:
    for name in names:
        journal.append(journal.entry(CallAnswered(at=NOW, call_id=name)))


def names(entries: list[JournalEntry]) -> list[str]:
    return [entry.event.call_id for entry in entries if isinstance(entry.event, CallAnswered)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal"


def test_what_was_confirmed_is_not_read_again(path: Path) -> None:
    journal = Journal(path)
    add(journal, "a", "b")
    assert names(journal.read()) == ["a", "b"]
    assert names(journal.read()) == ["a", "b"]
    journal.confirm()
    add(journal, "c")
    assert names(journal.read()) == ["c"]
    assert journal.pending_bytes > 0
    journal.confirm()
    assert (journal.read(), journal.pending_bytes) == ([], 0)
    journal.close()


def test_the_file_is_for_its_owner_and_says_who_wrote_it(path: Path) -> None:
    first = Journal(path)
    assert first.last_sign is None
    first.close()
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
    second = Journal(path)
    assert second.last_sign == NOW
    assert second.node == first.node
    second.touch()
    assert path.stat().st_mtime > NOW.timestamp()
    second.close()


def test_the_last_event_is_a_sign_of_life(path: Path) -> None:
    journal = Journal(path)
    add(journal, "a")
    journal.close()
    os.utime(path, (NOW.timestamp() - 1, NOW.timestamp() - 1))
    journal = Journal(path)
    assert journal.last_sign == NOW
    journal.close()


def test_numbers_go_on_over_restarts_and_renewals(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_BYTES", 0)
    journal = Journal(path)
    add(journal, "a", "b")
    journal.read()
    journal.confirm()
    add(journal, "c")
    journal.close()
    journal = Journal(path)
    add(journal, "d")
    assert [(entry.sequence, *names([entry])) for entry in journal.read()] == [(3, "c"), (4, "d")]
    journal.confirm()
    journal.close()
    journal = Journal(path)
    assert journal.entry(CallAnswered(at=NOW, call_id="e")).sequence == 5
    journal.number_from(9)
    assert journal.entry(CallAnswered(at=NOW, call_id="f")).sequence == 9
    journal.close()


def test_a_full_journal_says_so_and_stays_whole(path: Path) -> None:
    journal = Journal(path, max_bytes=200)
    add(journal, "a")
    with pytest.raises(JournalFull):
        add(journal, *("b" * 9))
    written = len(names(journal.read()))
    assert written > 0
    journal.close()
    journal = Journal(path)
    assert len(names(journal.read())) == written
    journal.close()


@pytest.mark.parametrize("torn", [b"x", b'{"sequence":7,"event":{"type":"Call', b"\xff" * 200_000])
def test_a_torn_line_is_cut_off(path: Path, torn: bytes) -> None:
    journal = Journal(path)
    add(journal, "a")
    journal.close()
    with path.open("ab") as file:
        file.write(torn)
    journal = Journal(path)
    add(journal, "b")
    assert names(journal.read()) == ["a", "b"]
    journal.close()


def test_a_line_without_sense_is_skipped(path: Path) -> None:
    journal = Journal(path)
    add(journal, "a")
    journal.close()
    with path.open("ab") as file:
        file.write((b"\xff" * 1000 + b"\n{}\n") * 100)
    journal = Journal(path)
    add(journal, "b")
    found = []
    with capture_logs() as logs:
        while entries := journal.read():
            found += names(entries)
            journal.confirm()
    assert found == ["a", "b"]
    assert len(logs) == 200
    journal.close()


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"nonsense"])
def test_a_file_that_is_no_journal_is_put_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    journal = Journal(path)
    add(journal, "a")
    assert names(journal.read()) == ["a"]
    assert path.with_suffix(".broken").exists()
    journal.close()


def test_one_process_at_a_time(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(OSError, match="another server"):
        Journal(path)
    journal.close()
    Journal(path).close()


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["add", "read", "confirm", "die", "stop"]), max_size=40),
    cut=st.integers(0, 30),
)
def test_every_event_is_read_at_least_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    journal, added, confirmed, last_read = Journal(path), 0, 0, 0
    for step in [*steps, "read"]:
        if step == "add":
            added += 1
            add(journal, str(added))
        elif step == "read":
            numbers = [int(name) for name in names(journal.read())]
            assert numbers == list(range(numbers[0] if numbers else added + 1, added + 1))
            assert not numbers or numbers[0] <= confirmed + 1
            assert numbers or confirmed == added
            last_read = added
        elif step == "confirm":
            journal.confirm()
            confirmed = max(confirmed, last_read)
        else:
            journal.close()
            if step == "die":
                with path.open("ab") as file:
                    file.write(b"torn"[: cut % 5])
            journal = Journal(path)
            last_read = confirmed
    journal.close()


def test_a_journal_is_written_in_the_words_of_older_ones() -> None:
    """What a server of another version left behind is read: names of classes may change, what is written may not."""
    words = {kind.__struct_config__.tag for kind in get_args(Event)}
    assert words == {
        *("ConferenceCreated", "ConferenceEnded", "Joined", "Left", "Muted", "Unmuted", "Restarted"),
        *("RecordingStarted", "RecordingPaused", "RecordingResumed", "RecordingEnded", "RecordingLost"),
        *("RecordingDeleted", "CallStarted", "CallAnswered", "CallMeasured", "CallEnded"),
    }
