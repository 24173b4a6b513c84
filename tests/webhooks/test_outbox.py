"""The file of what is to be sent: killed at any moment, on a disk that refuses, and never larger than it has to be."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from softphone.webhooks import outbox as module
from softphone.webhooks.outbox import Outbox, Parcel


def parcel(number: int, size: int = 10) -> Parcel:
    return Parcel(f"id-{number}", "http://x.example/", "quiet", "party.left", "x" * size)


def opened(path: Path) -> Outbox:
    outbox = Outbox(path)
    outbox.open()
    return outbox


def test_another_process_finds_what_is_left_in_its_order(tmp_path: Path) -> None:
    first = opened(tmp_path / "new" / "outbox.jsonl")
    for number in range(4):
        first.add(parcel(number))
    first.done("id-1")
    first.done("id-1")
    first.done("unknown")
    expected = (parcel(0), parcel(2), parcel(3))
    assert first.waiting == expected
    assert opened(tmp_path / "new" / "outbox.jsonl").waiting == expected


def test_a_line_torn_by_a_crash_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    first = opened(path)
    first.add(parcel(0))
    first.add(parcel(1))
    path.write_bytes(path.read_bytes()[:-5])
    with capture_logs() as logs:
        assert opened(path).waiting == (parcel(0),)
    assert [entry["event"] for entry in logs] == ["outbox_line_skipped"]


def test_the_file_is_begun_anew_when_it_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_BYTES", 2000)
    path = tmp_path / "outbox.jsonl"
    outbox = opened(path)
    outbox.add(parcel(0))
    for number in range(1, 100):
        outbox.add(parcel(number))
        outbox.done(f"id-{number}")
        assert path.stat().st_size < 2500
    assert opened(path).waiting == (parcel(0),)


def test_a_disk_that_refuses_is_logged_once_and_given_all_when_it_takes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox.jsonl"
    outbox = opened(path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with capture_logs() as logs, monkeypatch.context() as refusing:
        refusing.setattr("softphone.webhooks.outbox.os.write", full)
        outbox.add(parcel(0))
        outbox.add(parcel(1))
    assert [entry["event"] for entry in logs] == ["outbox_not_written"]
    outbox.done("id-0")
    assert opened(path).waiting == (parcel(1),)


def test_without_a_file_it_is_a_queue_in_memory() -> None:
    outbox = Outbox(None)
    outbox.open()
    outbox.add(parcel(0))
    assert outbox.holds("id-0") and "quiet" not in repr(outbox.waiting)
    outbox.done("id-0")
    assert not outbox.holds("id-0")
