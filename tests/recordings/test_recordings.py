"""The library of recordings: made with real media, kept, found again after a kill, deleted in time."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import soundfile
from structlog.testing import capture_logs

from softphone.config import RecordingConfig
from softphone.errors import MediaError, NoSuchRecording, RecordingRunning
from softphone.media.contract.leg import Event, LegSpec, RecordingEnded, WorkerLost
from softphone.media.contract.messages import CreateRoom, JoinRoom, OpenLeg
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.pool import Pool
from softphone.recordings.active import Speaker, clip_spans, track_name
from softphone.recordings.entry import METADATA, Entry, PartySpan, Stored, expired
from softphone.recordings.files import RecordingFiles
from softphone.recordings.library import Library
from tests.support.recordings import TONES, one_recording, room_of_two, ticks, until
from tests.support.tones import RATE_HZ, read_wav, tones_in


async def course(library: Library) -> Entry:
    """Anna talks; Boris comes; a pause; Anna goes; the end."""
    async with room_of_two() as (media, room, apps):
        anna = Speaker("anna", apps["anna"].leg, "101", "Anna")
        running = await library.start(media, room, conference="s-1", parties=[anna])
        assert (running.active, running.paused, library.entries[0].running) == (True, False, True)
        with pytest.raises(RecordingRunning):
            library.file(running.id)
        with pytest.raises(RecordingRunning):
            await library.delete(running.id)
        running.talking("anna", True)
        await ticks(media, 10)
        running.joined(Speaker("boris", apps["boris"].leg, "102"))
        await running.pause()
        await running.pause()
        assert (await library.get(running.id)).state == "paused"
        await ticks(media, 10)
        await running.resume()
        running.talking("anna", False)
        running.left("anna")
        apps["anna"].close()
        await ticks(media, 10)
        stopped = await running.stop()
        assert (stopped.state, stopped.reason, running.active) == ("converting", "stopped", False)
        with pytest.raises(MediaError):
            await running.stop()
        return stopped


async def test_the_whole_course_of_a_recording(tmp_path: Path) -> None:
    async with Library(tmp_path / "recordings", RecordingConfig(tracks=True)) as library:
        ready: list[Entry] = []
        library.on_ready = ready.append
        stopped = await course(library)
        await until(lambda: bool(ready))
        await library._finished.join()
        entry = await library.get(stopped.id)
        paths = [library.file(entry.id, name).path for name in entry.files]
    assert entry == ready[0] == msgspec.structs.replace(stopped, state="ready", size=entry.size, told=True)
    folder = tmp_path / "recordings" / entry.id
    assert sorted(path.name for path in folder.iterdir()) == ["anna.wav", "boris.wav", "mix.wav", METADATA]
    assert json.loads((folder / METADATA).read_text())["conference"] == "s-1"
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    (pause,), (speech,), (anna_was, boris_was) = entry.pauses, entry.speech, entry.parties
    assert pause.end_s is not None and pause.end_s - pause.start_s >= 0.18
    assert anna_was.end_s is not None and speech.end_s is not None and boris_was.end_s == entry.seconds
    assert speech.party == "anna" and pause.end_s <= speech.end_s <= anna_was.end_s <= entry.seconds - 0.18
    who = [(span.party, span.number, span.name) for span in entry.parties]
    assert who == [("anna", "101", "Anna"), ("boris", "102", "")]
    assert entry.ended is not None and (entry.ended - entry.started).total_seconds() == pytest.approx(entry.seconds)
    mix, anna, boris = (read_wav(path)[0] for path in paths)
    assert len(mix) == len(anna) == len(boris) == round(entry.seconds * RATE_HZ)
    # A machine that stands still leaves silence in them.
    said = [track.reshape(-1, 160)[track.reshape(-1, 160).any(axis=1)].ravel() for track in (anna, boris)]
    assert [tones_in(each, [*TONES.values()]) for each in said] == [{400}, {1000}]
    middle = slice(round((pause.start_s + 0.06) * RATE_HZ), round((pause.end_s - 0.06) * RATE_HZ))
    assert not mix[middle].any() and mix[: middle.start].any() and mix[middle.stop :].any()
    assert not anna[-160:].any()


async def test_nothing_but_files_of_recordings_can_be_had(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(b"x")
    async with Library(tmp_path / "recordings", RecordingConfig()) as library:
        deleted: list[Entry] = []
        library.on_deleted = deleted.append
        entry = await one_recording(library, 0.1)
        for name in ("../secret.wav", METADATA, "", ".", "/etc/passwd", "mix.flac"):
            with pytest.raises(NoSuchRecording):
                library.file(entry.id, name)
        for id in ("..", ".", "", "../recordings/" + entry.id, "none"):
            with pytest.raises(NoSuchRecording):
                library.file(id)
            with pytest.raises(NoSuchRecording):
                await library.get(id)
            with pytest.raises(NoSuchRecording):
                await library.delete(id)
        await library.delete(entry.id)
        assert [each.id for each in deleted] == [entry.id] and library.entries == ()
        assert not list((tmp_path / "recordings").iterdir()) and (tmp_path / "secret.wav").exists()


KILLED = """
import asyncio, sys
from pathlib import Path
from softphone.config import RecordingConfig
from softphone.recordings.library import Library
from softphone.recordings.active import Speaker
from tests.support.recordings import room_of_two, ticks
async def main():
    settings = RecordingConfig(tracks=True)
    async with Library(Path(sys.argv[1]), settings) as library, room_of_two() as (media, room, apps):
        speakers = [Speaker(name, app.leg) for name, app in apps.items()]
        running = await library.start(media, room, conference="s-1", parties=speakers)
        running.talking("anna", True)
        await ticks(media, 35)
        apps["boris"].close()
        await library._save()
        await ticks(media, 45)
        print("now", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_a_killed_server_finds_its_recording_again(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    async with Library(tmp_path, RecordingConfig(format="flac", tracks=True)) as library:
        await until(lambda: library.entries[0].state == "ready")
        await library._finished.join()
        (short,) = library.entries
        entry = await library.get(short.id)
        assert (entry.reason, entry.format) == ("restart", "flac")
        assert entry.seconds >= 0.6 and entry.speech[0].end_s == entry.parties[0].end_s == entry.seconds
        assert entry.ended == entry.started + timedelta(seconds=entry.seconds)
        mix, anna, boris = (soundfile.read(library.file(entry.id, name).path, dtype="int16")[0] for name in entry.files)
        assert len(mix) == len(anna) == len(boris) == round(entry.seconds * RATE_HZ)
        assert tones_in(anna, [*TONES.values()]) == {400}
    async with Library(tmp_path, RecordingConfig()) as library:
        assert library.entries == (msgspec.structs.replace(entry, speech=()),)


# Bytes: sound is written each half second.
HALF_SECOND = 8000


async def test_a_lost_worker_and_a_full_disk_end_it_with_what_there_is(tmp_path: Path) -> None:
    pool = Pool(WorkerSettings(capacity=8))
    await pool.start()
    events: list[Event] = []
    pool.on_event = events.append
    async with Library(tmp_path, RecordingConfig(tracks=True)) as library:
        room = (await pool.ask(CreateRoom())).value
        leg = (await pool.ask(OpenLeg(LegSpec(), room=room))).leg
        await pool.ask(JoinRoom(leg, room))
        runnings = [await library.start(pool, room, conference="s-1", parties=[Speaker("anna", leg)]) for _ in range(2)]
        await until(lambda: all(running.path.stat().st_size > HALF_SECOND for running in runnings))
        await limit_files(pool.pids[0])
        await until(lambda: len([event for event in events if isinstance(event, RecordingEnded)]) == 2)
        full = next(event for event in events if isinstance(event, RecordingEnded))
        hit = next(running for running in runnings if running.number == full.recording)
        entry = await hit.ended(full)
        assert "File too large" in entry.reason and entry.seconds >= 0.5
        other = next(running for running in runnings if running is not hit)
        os.kill(pool.pids[0], signal.SIGKILL)
        await until(lambda: any(isinstance(event, WorkerLost) for event in events))
        lost = await other.lost()
        assert lost.reason == "worker lost" and lost.seconds >= 0.5
        assert (await other.lost()) == lost
        await until(lambda: all(entry.state == "ready" for entry in library.entries))
        for each in library.entries:
            assert [len(read_wav(library.file(each.id, name).path)[0]) for name in each.files] == [
                round(each.seconds * RATE_HZ)
            ] * 2
        await until(lambda: bool(pool.pids))
        with pytest.raises(MediaError):
            await library.start(pool, room, conference="s-1")
        assert len(library.entries) == len(list(tmp_path.iterdir())) == 2
    await pool.stop()


async def limit_files(pid: int) -> None:
    """Let no file of a process grow any more."""
    command = ["prlimit", f"--pid={pid}", "--fsize=100:100"]
    await asyncio.to_thread(lambda: subprocess.run(command, check=True, timeout=10))


def stored(*ages_and_sizes: tuple[float, int]) -> list[Stored]:
    return [Stored(f"{age:g}", 1000 - age, size) for age, size in ages_and_sizes]


@pytest.mark.parametrize(
    ("ages_and_sizes", "max_age_s", "max_bytes", "gone"),
    [
        ([], 10, 10, []),
        ([(5, 1), (900, 1)], 0, 0, []),
        ([(5, 1), (10, 1), (11, 1)], 10, 0, ["11"]),
        ([(5, 4), (6, 4), (7, 4)], 0, 12, []),
        ([(5, 4), (7, 4), (6, 4)], 0, 11, ["7"]),
        ([(5, 4), (6, 4), (7, 4)], 0, 4, ["7", "6"]),
        ([(5, 4), (6, 4), (7, 1)], 0, 5, ["7", "6"]),
        ([(5, 100)], 0, 10, []),
        ([(5, 4), (6, 4), (70, 4)], 10, 8, ["70"]),
        ([(5, 9), (6, 4), (70, 4)], 10, 12, ["70", "6"]),
    ],
)
def test_what_has_to_go(
    ages_and_sizes: list[tuple[float, int]], max_age_s: float, max_bytes: int, gone: list[str]
) -> None:
    assert expired(stored(*ages_and_sizes), 1000.0, max_age_s=max_age_s, max_bytes=max_bytes) == gone


async def test_old_recordings_go_when_another_is_ready(tmp_path: Path) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    async with Library(tmp_path, RecordingConfig(max_age_days=1), now=lambda: day) as library:
        first = await one_recording(library, 0.1)
        day += timedelta(hours=23)
        second = await one_recording(library, 0.1)
        assert {entry.id for entry in library.entries} == {first.id, second.id}
        day += timedelta(hours=2)
        third = await one_recording(library, 0.1)
        await library._finished.join()
        assert {entry.id for entry in library.entries} == {second.id, third.id}
        assert {path.name for path in tmp_path.iterdir()} == {second.id, third.id}
    day += timedelta(days=2)
    async with Library(tmp_path, RecordingConfig(max_age_days=1), now=lambda: day) as library:
        await until(lambda: library.entries == ())


async def interrupted(root: Path, id: str, *, state: str = "recording") -> Entry:
    """A recording that a server left behind, without sound."""
    entry = Entry(id=id, conference="s-1", state=state, started=datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
    await asyncio.to_thread(RecordingFiles(root).make, entry)
    return entry


@pytest.mark.parametrize("state", ["recording", "converting"])
async def test_a_recording_without_sound_is_lost_and_those_behind_it_are_not(tmp_path: Path, state: str) -> None:
    await interrupted(tmp_path, "none", state=state)
    library = Library(tmp_path, RecordingConfig())
    lost: list[Entry] = []
    library.on_lost = lost.append
    async with library:
        second = await one_recording(library, 0.1)
        (entry,) = lost
        assert (entry.id, entry.state, await library.get("none")) == ("none", "lost", entry)
        with pytest.raises(NoSuchRecording):
            library.file("none")
    async with Library(tmp_path, RecordingConfig()) as library:
        assert {each.id: each.state for each in library.entries} == {"none": "lost", second.id: "ready"}
        await library.delete("none")


async def test_sound_that_goes_while_it_is_recorded_is_a_lost_recording(tmp_path: Path) -> None:
    async with Library(tmp_path, RecordingConfig()) as library, room_of_two() as (media, room, _):
        running = await library.start(media, room, conference="s-1")
        await ticks(media, 5)
        running.path.unlink()
        entry = await running.stop()
        assert (entry.state, entry.running) == ("lost", False) and "mix.wav" in entry.reason
        await one_recording(library, 0.1)


async def test_a_recording_that_nobody_can_be_told_of_does_not_hold_up_the_next(tmp_path: Path) -> None:
    ready: list[str] = []

    def fail_once(entry: Entry) -> None:
        ready.append(entry.id)
        if len(ready) == 1:
            raise NoSuchRecording(entry.id)

    with capture_logs() as logs:
        async with Library(tmp_path, RecordingConfig()) as library:
            library.on_ready = fail_once
            told = [(await one_recording(library, 0.1)).id for _ in range(2)]
            await until(lambda: ready == told)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("recording_not_ready", "error")]


@pytest.mark.parametrize("step", ["has_mix", "size", "save"])
async def test_a_recording_that_is_deleted_while_it_is_made_ready_stays_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    loop, real = asyncio.get_running_loop(), getattr(RecordingFiles, step)
    deleting: list[Future[None]] = []

    def delete_first(shelf: RecordingFiles, entry: Entry) -> object:  # in a thread
        if entry.state != "recording" and not library._running and not deleting:
            deleting.append(asyncio.run_coroutine_threadsafe(library.delete(entry.id), loop))
            if step == "save":  # is done first, as it has begun first
                asyncio.run_coroutine_threadsafe(until(lambda: not library.entries), loop).result(20)
            else:
                deleting[0].result(20)
        return real(shelf, entry)

    ready: list[Entry] = []
    with capture_logs() as logs:
        async with Library(tmp_path, RecordingConfig()) as library, room_of_two() as (media, room, _):
            library.on_ready = library.on_lost = ready.append
            running = await library.start(media, room, conference="s-1")
            monkeypatch.setattr(RecordingFiles, step, delete_first)
            await running.stop()
            await library._finished.join()
            await asyncio.wrap_future(deleting[0])
            assert (library.entries, ready, list(tmp_path.iterdir())) == ((), [], [])
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("recording_deleted", "info")]


async def test_what_is_called_ready_can_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    loop, real = asyncio.get_running_loop(), RecordingFiles.tidy

    def tidy(shelf: RecordingFiles, entry: Entry) -> None:  # in a thread
        real(shelf, entry)
        shown = asyncio.run_coroutine_threadsafe(library.get(entry.id), loop).result(20)
        seen.extend((shown.state, library.entries[0].state, library.file(entry.id, shown.mix).path.name))

    monkeypatch.setattr(RecordingFiles, "tidy", tidy)
    async with Library(tmp_path, RecordingConfig(format="flac")) as library:
        entry = await one_recording(library, 0.1)
        assert library.file(entry.id).path.exists()
    assert seen == ["converting", "converting", "mix.flac"]


async def test_what_a_disk_refused_is_found_again_by_the_next_start(tmp_path: Path) -> None:
    async with Library(tmp_path, RecordingConfig()) as library:
        entry = await one_recording(library, 0.1)
    await asyncio.to_thread(RecordingFiles(tmp_path).save, msgspec.structs.replace(entry, state="lost", reason="disk"))
    async with Library(tmp_path, RecordingConfig()) as library:
        await until(lambda: library.entries[0].state == "ready")
        assert library.entries[0].seconds == entry.seconds


async def test_what_a_full_disk_refused_is_saved_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softphone.recordings.library.SAVE_S", 0.01)

    save = RecordingFiles.save

    def full(shelf: RecordingFiles, entry: Entry) -> None:
        if not entry.running:
            raise OSError(28, "No space left on device")
        save(shelf, entry)

    async with Library(tmp_path, RecordingConfig()) as library:
        with monkeypatch.context() as refusing, capture_logs() as logs:
            refusing.setattr(RecordingFiles, "save", full)
            shown = await one_recording(library, 0.1)
            await library._finished.join()
        assert shown.state == "ready" and {entry["event"] for entry in logs} == {"recording_not_saved"}
        await until(lambda: RecordingFiles(tmp_path).read(shown.id).state == "ready")
        assert await library.get(shown.id) == msgspec.structs.replace(shown, told=True)


def test_nothing_goes_on_after_the_sound() -> None:
    spans = (PartySpan("p", "1", "", 0.5, 9.0), PartySpan("p", "1", "", 1.0), PartySpan("p", "1", "", 8.0, 9.0))
    entry = Entry(id="x", conference="s-1", started=datetime(2026, 1, 1, tzinfo=UTC), parties=spans)
    clipped = clip_spans(entry, 2.0).parties
    assert [(span.start_s, span.end_s) for span in clipped] == [(0.5, 2.0), (1.0, 2.0), (2.0, 2.0)]


async def test_what_is_no_recording_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / METADATA).write_text("{")
    async with Library(tmp_path, RecordingConfig()) as library:
        assert library.entries == ()
    assert (tmp_path / "broken" / METADATA).read_text() == "{"


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with Library(tmp_path / "file", RecordingConfig()) as library, room_of_two() as (media, room, _):
        with pytest.raises(MediaError, match="cannot record"):
            await library.start(media, room, conference="s-1")
        assert library.entries == ()


def test_names_of_tracks_are_names_of_files() -> None:
    assert track_name("p-1.x", 0) == "p-1.x"
    for party in ("../x", "", ".x", "mix", "ä", "x" * 99):
        assert track_name(party, 2) == "party-3"
