"""Nobody is told of a recording that is not made; and who was told of one that stops is told that, too."""

import resource
from pathlib import Path
from typing import Any

import pytest

from softphone.focus.errors import WrongState
from softphone.focus.feed import FeedEvent
from softphone.recordings.active import ActiveRecording
from softphone.server import Server
from tests.focus.phone import conference
from tests.focus.table import CONFNO, TONES, Table, sounding_bridge, until, write_tone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]


def recording_events(server: Server) -> list[FeedEvent]:
    feed, last = server.focus.feed, 0
    found: list[FeedEvent] = []
    while (event := feed.after(last)) is not None:
        last = event.id
        found += [event] if event.type.value.startswith("recording.") else []
    return found


def gone(server: Server, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Where the folder of recordings was, there is a file."""
    recordings = folder / "data" / "recordings"
    if recordings.exists():
        recordings.rename(recordings.with_name("elsewhere"))
    recordings.write_text("")


def full(server: Server, folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ActiveRecording, "path", Path("/dev/full"))


def nowhere(server: Server, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The folder of the one recording vanishes before its file is made."""
    patch.setattr(ActiveRecording, "path", folder / "no" / "such" / "mix.wav")


def crowded(server: Server, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The worker may write no byte more."""
    for pid in server.worker_pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))


@pytest.mark.parametrize("spoil", [gone, full, nowhere, crowded])
async def test_where_nothing_can_be_written_nobody_is_told_of_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any
) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        write_tone(tmp_path / "pack" / "recording-tone.wav", CONFNO, 20.0)
        session = await conference(server)
        await table.call("101", session.token, speak=False)
        with monkeypatch.context() as patch:
            spoil(server, tmp_path, patch)
            with pytest.raises(WrongState, match="cannot be recorded"):
                await server.control.start_recording(session.id)
            assert server.control.recording(session.id) is None
            await table.expect([set()])
            await table.call("guest", session.token, speak=False)
            await table.expect([set(), set()])
        (failed,) = recording_events(server)
        assert failed.type.value == "recording.failed" and failed.session == session.id
        assert failed.data["reason"] and "/" not in failed.data["reason"]
        assert server.recordings.entries == ()


async def test_a_recording_that_dies_is_told_of_and_another_can_be_made(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        session, control = await conference(server), server.control
        await table.call("101", session.token)
        begun = await control.start_recording(session.id)
        (pid,) = server.worker_pids
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (50_000, hard))
        await until(lambda: control.recording(session.id) is None)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        started, ended, *_ = recording_events(server)
        assert (started.type.value, ended.type.value) == ("recording.started", "recording.ended")
        assert (ended.data["recording"], ended.data["reason"] != "") == (begun.id, True)
        assert "/" not in ended.data["reason"] and "/" not in (await server.recordings.get(begun.id)).reason
        again = await control.start_recording(session.id)
        assert again.id != begun.id and control.recording(session.id) is not None
        await table.expect([set()])
        await control.stop_recording(session.id)
        assert TONES


async def test_it_is_one_failure_however_many_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sounding_bridge(tmp_path, conference={"menu": "host"}) as server, Table(server) as table:
        write_tone(tmp_path / "pack" / "recording-tone.wav", CONFNO, 20.0)
        host = await table.call("101", "201", speak=False)
        await host.call.send_keys("9876#")
        await until(server.control.conferences)
        with monkeypatch.context() as patch:
            full(server, tmp_path, patch)
            await host.call.send_keys("*#9")
            await until(lambda: recording_events(server))
        assert [event.type.value for event in recording_events(server)] == ["recording.failed"]
        await host.call.send_keys("*#9")
        await until(lambda: len(recording_events(server)) == 2)
        assert recording_events(server)[1].type.value == "recording.started", "the key begins it, it is not on"
