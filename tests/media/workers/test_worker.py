"""The real worker process, the pool, and the engine in the application's loop."""

import asyncio
import errno
import os
import resource
import signal
import socket
import subprocess
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.errors import MediaError, NoSuchLeg, WorkerGone
from softphone.media.contract.frames import Splitter, frame
from softphone.media.contract.leg import Event, KeyPressed, LegSpec, MediaAddress, RtpTimeout, WorkerLost
from softphone.media.contract.messages import (
    CloseLeg,
    CreateRoom,
    Done,
    GetStats,
    JoinRoom,
    OpenLeg,
    Ping,
    Record,
    RemoveRoom,
    SendKeys,
    StopRecording,
    UpdateLeg,
)
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.client import Media
from softphone.media.workers.local import LocalMedia
from softphone.media.workers.pool import Pool
from softphone.media.workers.process import WorkerProcess
from tests.media.peer import Peer, tone

pytestmark = pytest.mark.realtime

SETTINGS = WorkerSettings(capacity=32)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so; the test's time-out is the limit."""
    while not condition():
        await asyncio.sleep(0.01)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(SETTINGS, workers=2)
    await made.start()
    yield made
    await made.stop()


async def keys_between(media: Media) -> list[Event]:
    """Two legs of one engine send to each other; give what was reported of the keys one pressed."""
    events: list[Event] = []
    media.on_event = events.append
    room = (await media.ask(CreateRoom())).value
    one = await media.ask(OpenLeg(LegSpec(), room=room))
    other = await media.ask(OpenLeg(LegSpec(), room=room))
    await media.ask(UpdateLeg(one.leg, LegSpec(remote=MediaAddress(other.host, other.port))))
    await media.ask(UpdateLeg(other.leg, LegSpec(remote=MediaAddress(one.host, one.port))))
    await media.ask(JoinRoom(one.leg, room))
    await media.ask(SendKeys(one.leg, "42#", tone_s=0.04, gap_s=0.04))
    await until(lambda: len([event for event in events if isinstance(event, KeyPressed)]) == 3)
    stats = await media.ask(CloseLeg(other.leg))
    assert stats.packets_received > 0
    await media.ask(CloseLeg(one.leg))
    await media.ask(RemoveRoom(room))
    assert [event.leg for event in events if isinstance(event, KeyPressed)] == [other.leg] * 3
    return events


async def test_keys_over_a_worker(pool: Pool) -> None:
    events = await keys_between(pool)
    assert [event.key for event in events if isinstance(event, KeyPressed)] == list("42#")


async def test_keys_in_the_loop() -> None:
    media = LocalMedia()
    events = await keys_between(media)
    assert [event.key for event in events if isinstance(event, KeyPressed)] == list("42#")
    assert media._timer is None  # no leg, no timer
    media.close()


async def test_recording_is_closed_when_stop_returns(pool: Pool, tmp_path: Path) -> None:
    room = (await pool.ask(CreateRoom())).value
    peer = Peer()
    info = await pool.ask(OpenLeg(LegSpec(remote=peer.address), room=room))
    await pool.ask(JoinRoom(info.leg, room))
    recording = (await pool.ask(Record(room, str(tmp_path / "room.wav")))).value
    peer.heard()  # what came before is not in it
    peer.rtp.setblocking(True)
    peer.rtp.settimeout(30)
    await asyncio.to_thread(lambda: [peer.rtp.recv(500) for _ in range(10)])
    info_of = await pool.ask(StopRecording(recording))
    with wave.open(info_of.path) as file:
        assert file.getnframes() / 8000 == pytest.approx(info_of.seconds)
        assert info_of.seconds >= 0.16
    with pytest.raises(NoSuchLeg):
        await pool.ask(StopRecording(recording))
    peer.close()


async def test_rooms_are_spread_and_numbers_are_the_pools(pool: Pool) -> None:
    rooms = [(await pool.ask(CreateRoom())).value for _ in range(4)]
    legs = [(await pool.ask(OpenLeg(LegSpec(), room=room))).leg for room in rooms]
    assert len({*rooms, *legs}) == 8
    assert [metrics.rooms for metrics in await pool.metrics()] == [2, 2]
    with pytest.raises(MediaError, match="different workers"):
        await pool.ask(JoinRoom(legs[0], rooms[1]))
    for leg, room in zip(legs, rooms, strict=True):
        await pool.ask(JoinRoom(leg, room))


async def test_death_of_a_worker(pool: Pool) -> None:
    events: list[Event] = []
    pool.on_event = events.append
    rooms = [(await pool.ask(CreateRoom())).value for _ in range(2)]
    legs = [(await pool.ask(OpenLeg(LegSpec(), room=room))).leg for room in rooms]
    before = pool.pids
    os.kill(before[0], signal.SIGKILL)
    await until(lambda: bool(events))
    assert events == [WorkerLost(before[0], [legs[0]], [rooms[0]])]
    with pytest.raises(NoSuchLeg):
        await pool.ask(GetStats(legs[0]))
    await pool.ask(GetStats(legs[1]))
    await until(lambda: len(pool.pids) == 2)
    assert before[0] not in pool.pids and before[1] in pool.pids
    assert (await pool.ask(CreateRoom())).value not in rooms


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_worker_that_is_late_with_everything_is_not_killed(
    monkeypatch: pytest.MonkeyPatch, speaks: bool
) -> None:
    monkeypatch.setattr("softphone.media.workers.process.PING_S", 0.01)
    monkeypatch.setattr("softphone.media.workers.process.HUNG_S", 0.2)
    worker = WorkerProcess()
    worker._transport = Mock(is_closing=lambda: False)
    worker._process = Mock()
    watching = asyncio.create_task(worker._watch())
    for _ in range(10):
        await asyncio.sleep(0.06)
        if speaks:
            worker.data_received(frame(0, RtpTimeout(1)))
    watching.cancel()
    assert worker._process.kill.called is not speaks


async def test_a_worker_that_hangs_is_killed_and_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(SETTINGS)
    await pool.start()
    events: list[Event] = []

    def lost(event: Event) -> None:
        monkeypatch.undo()  # the next one is not to hang: it may take its time, on a machine that is busy
        events.append(event)

    pool.on_event = lost
    hung = pool.pids[0]
    room = (await pool.ask(CreateRoom())).value
    os.kill(hung, signal.SIGSTOP)
    monkeypatch.setattr("softphone.media.workers.process.PING_S", 0.05)
    monkeypatch.setattr("softphone.media.workers.process.HUNG_S", 0.3)
    await until(lambda: bool(events))
    assert events == [WorkerLost(hung, [], [room])]
    await until(lambda: bool(pool.pids))
    assert await pool._workers[0].ask(Ping()) == Done()
    await pool.stop()


async def test_a_worker_is_started_anew_however_often_it_takes(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softphone.media.workers.pool.RESTART_S", 0.01)
    start, tries = WorkerProcess._spawn, 0

    def spawn(self: WorkerProcess, fd: int) -> "subprocess.Popen[bytes]":
        nonlocal tries
        tries += 1
        if tries < 4:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return start(self, fd)

    monkeypatch.setattr(WorkerProcess, "_spawn", spawn)
    os.kill(pool.pids[0], signal.SIGKILL)
    await until(lambda: len(pool.pids) == 1)
    await until(lambda: len(pool.pids) == 2)
    assert tries == 4


@pytest.mark.parametrize("turns", range(5))
async def test_a_pool_stopped_while_it_replaces_a_worker_leaves_none(
    monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """However far the new one has come: each turn of the loop is a step of its start."""
    spawn, spawned = WorkerProcess._spawn, list["subprocess.Popen[bytes]"]()

    def noted(self: WorkerProcess, fd: int) -> "subprocess.Popen[bytes]":
        spawned.append(spawn(self, fd))
        return spawned[-1]

    monkeypatch.setattr(WorkerProcess, "_spawn", noted)
    pool, lost = Pool(SETTINGS), asyncio.Event()
    await pool.start()
    pool.on_event = lambda event: lost.set()
    os.kill(pool.pids[0], signal.SIGKILL)
    await lost.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    await pool.stop()
    assert not pool.pids and len(asyncio.all_tasks()) == 1
    assert [process.returncode is None for process in spawned] == [False, False]


async def test_a_pool_that_does_not_come_up_leaves_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, spawned = WorkerProcess._spawn, list["subprocess.Popen[bytes]"]()

    def once(self: WorkerProcess, fd: int) -> "subprocess.Popen[bytes]":
        if spawned:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        spawned.append(spawn(self, fd))
        return spawned[-1]

    monkeypatch.setattr(WorkerProcess, "_spawn", once)
    pool = Pool(SETTINGS, workers=2)
    with pytest.raises(OSError, match="temporarily"):
        await pool.start()
    assert not pool.pids and [process.returncode is None for process in spawned] == [False]


async def test_requests_of_a_dying_worker_fail() -> None:
    worker = WorkerProcess(SETTINGS)
    await worker.start()
    os.kill(worker.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, worker.pid, os.WSTOPPED)  # it runs for a moment yet: it might answer
    asked = [asyncio.create_task(worker.ask(CreateRoom())) for _ in range(3)]
    await asyncio.sleep(0)
    os.kill(worker.pid, signal.SIGKILL)
    for outcome in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(outcome, WorkerGone)
    with pytest.raises(WorkerGone):
        await worker.ask(CreateRoom())
    await worker.stop()


async def test_a_taken_port_fails_the_start() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        worker = WorkerProcess(WorkerSettings(capacity=4, port=taken.getsockname()[1]))
        with pytest.raises(MediaError, match="ended at its start"):
            await worker.start()
        assert worker._process is not None and worker._process.returncode == 1  # it was waited for


async def test_a_worker_may_open_all_that_the_system_grants() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    worker = WorkerProcess(SETTINGS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        await worker.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(worker.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    await worker.stop()


async def test_the_worker_ends_with_its_control_process() -> None:
    worker = WorkerProcess(SETTINGS)
    await worker.start()
    process = worker._process
    assert process is not None and worker._transport is not None
    worker._stopping = True
    worker._transport.abort()
    assert await asyncio.to_thread(process.wait, 30) == 0


async def test_metrics(pool: Pool) -> None:
    room = (await pool.ask(CreateRoom())).value
    peer = Peer()
    info = await pool.ask(OpenLeg(LegSpec(remote=peer.address), room=room))
    await pool.ask(JoinRoom(info.leg, room))
    await until(lambda: bool(peer.heard()))
    busy = max(await pool.metrics(), key=lambda metrics: metrics.ticks)
    assert busy.legs == busy.rooms == 1
    assert busy.pid in pool.pids
    assert sum(busy.lateness_counts) == busy.ticks > 0
    assert len(busy.lateness_counts) == len(busy.lateness_ms) + 1
    assert busy.memory_bytes > 1 << 20 and busy.tick_max_ms >= busy.tick_p50_ms > 0
    peer.close()


async def test_an_application_in_the_loop_hears_its_room() -> None:
    media = LocalMedia()
    room = (await media.ask(CreateRoom())).value
    speaker, listener = media.open_app(room), media.open_app(room)
    heard: list[NDArray[np.int16]] = []
    listener.on_frame = lambda frame: heard.append(frame.copy())
    sound = tone(500, 5).reshape(-1)
    assert speaker.write(sound) == 800
    await until(lambda: speaker.queued == 0 and len(heard) > 6)
    np.testing.assert_array_equal(np.trim_zeros(np.concatenate(heard)), np.trim_zeros(sound))
    speaker.close()
    listener.close()
    await media.ask(RemoveRoom(room))
    assert media._timer is None
    media.close()


def test_frames_are_cut_out_of_the_stream() -> None:
    splitter = Splitter()
    wire = b"\0\0\0\3abc\0\0\0\0\0\0\0\1z"
    assert [body for i in range(len(wire)) for body in splitter.feed(wire[i : i + 1])] == [b"abc", b"", b"z"]
    with pytest.raises(ValueError, match="bytes"):
        splitter.feed(b"\xff\xff\xff\xff")
