"""Recordings of a real worker: over its socket, and what is left of them when it is killed."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixer.frame import TICK_S
from mixer.g711 import ENCODE_ULAW, encode
from mixer.recording import mend
from softphone.errors import MediaError, NoSuchLeg
from softphone.media.contract.leg import Event, LegSpec, RecordingEnded, WorkerLost
from softphone.media.contract.messages import (
    CreateRoom,
    JoinRoom,
    MediaRequest,
    OpenLeg,
    PauseRecording,
    Record,
    RecordLeg,
    StopRecording,
    Track,
)
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.pool import Pool
from tests.media.engine.test_recording import TICK
from tests.media.peer import Peer, tone
from tests.support.tones import RATE_HZ, Pcm, read_wav, tones_in

pytestmark = pytest.mark.realtime


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(WorkerSettings(capacity=16, gate=False))  # a gate takes its time with a voice that is torn
    await pool.start()
    yield pool
    await pool.stop()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.01)


class Talker:
    """A phone that says a tone without end."""

    def __init__(self, hz: float) -> None:
        self.peer, self._hz = Peer(), hz
        self.said = 0
        self._task: asyncio.Task[None]

    async def call(self, pool: Pool, room: int) -> int:
        info = await pool.ask(OpenLeg(LegSpec(remote=self.peer.address), room=room))
        await pool.ask(JoinRoom(info.leg, room))
        self.peer.meet(info)
        self._task = asyncio.create_task(self._talk())
        return info.leg

    async def _talk(self) -> None:
        frame = encode(tone(self._hz, 1), ENCODE_ULAW).tobytes()
        due = time.monotonic()
        while True:
            self.peer.say(frame)
            self.said += 1
            due += TICK_S
            await asyncio.sleep(due - time.monotonic())
            missed = max(0, int((time.monotonic() - due) / TICK_S))  # held up: that is not said any more
            self.peer.timestamp += missed * TICK
            due += missed * TICK_S

    def close(self) -> None:
        self._task.cancel()
        self.peer.close()


async def ticks(pool: Pool, *, skipped: bool = False) -> int:
    """What the worker has done; with what it has left out, it is the time of its recordings."""
    (worker,) = await pool.metrics()
    return worker.ticks + skipped * worker.skipped_ticks


async def go_on(pool: Pool, count: int, *talkers: Talker) -> None:
    """Let the worker do so many ticks more, and the talkers say as much."""
    goal, said = await ticks(pool) + count, [talker.said + count for talker in talkers]
    async with asyncio.timeout(60):
        while await ticks(pool) < goal or any(talker.said < so for talker, so in zip(talkers, said, strict=True)):
            await asyncio.sleep(0.01)


def sound_of(path: Path, first: int = 0, last: int | None = None) -> Pcm:
    """What is not silent in some ticks of a recording, still written or not; a tick holds whole waves of our tones."""
    if not path.exists() or not path.stat().st_size:
        return np.zeros(0, np.int16)
    cut = read_wav(path)[0].reshape(-1, TICK)[first:last]
    return cut[cut.any(axis=1)].reshape(-1)


def said_in(pcm: Pcm) -> set[float]:
    """The talkers' tones that are in any half second.

    A busy machine may tear one, or bring it long after the other, or faster or slower until it is on time again.
    """
    size = RATE_HZ // 2
    halves = (pcm[at : at + size] for at in (*range(0, len(pcm) - size, TICK), len(pcm) - size))
    return {hz for half in halves for hz in tones_in(half, [400, 1000], floor=0.05, off=0.1)}


async def test_a_killed_worker_leaves_all_but_the_last_second(pool: Pool, tmp_path: Path) -> None:
    events: list[Event] = []
    pool.on_event = events.append
    room = (await pool.ask(CreateRoom())).value
    talkers = {"anna": Talker(400), "boris": Talker(1000)}
    legs = {await talker.call(pool, room): name for name, talker in talkers.items()}
    await pool.ask(Record(room, str(tmp_path / "mix.wav"), tracks=legs))
    began = await ticks(pool)
    await go_on(pool, 115, *talkers.values())
    recorded_s = (await ticks(pool) - began) * TICK_S
    os.kill(pool.pids[0], signal.SIGKILL)
    await until(lambda: any(isinstance(event, WorkerLost) for event in events))
    for name, tones in {"mix": {400, 1000}, "anna": {400}, "boris": {1000}}.items():
        pcm, _ = read_wav(tmp_path / f"{name}.wav")
        assert len(pcm) / RATE_HZ > recorded_s - 1
        assert said_in(pcm[RATE_HZ // 2 :]) == tones
        assert mend(tmp_path / f"{name}.wav") >= len(pcm)
    for talker in talkers.values():
        talker.close()


async def test_every_request_through_a_pool(pool: Pool, tmp_path: Path) -> None:
    events: list[Event] = []
    pool.on_event = events.append
    room = (await pool.ask(CreateRoom())).value
    talker, late = Talker(400), Talker(1000)
    leg = await talker.call(pool, room)
    earliest = await ticks(pool, skipped=True)
    recording = (await pool.ask(Record(room, str(tmp_path / "mix.wav"), tracks={leg: "anna"}))).value
    latest = await ticks(pool, skipped=True)
    name = (await pool.ask(RecordLeg(leg, str(tmp_path / "name.wav"), 0.3))).value
    await until(lambda: any(isinstance(event, RecordingEnded) for event in events))
    assert RecordingEnded(name, str(tmp_path / "name.wav"), 0.3, "time") in events
    await pool.ask(Track(recording, await late.call(pool, room), "boris"))
    await go_on(pool, 10, talker)
    await pool.ask(PauseRecording(recording, True))
    paused = await ticks(pool, skipped=True) - earliest
    await go_on(pool, 10 + latest - earliest)
    going_on = await ticks(pool, skipped=True) - latest
    await pool.ask(PauseRecording(recording, False))
    resumed = await ticks(pool, skipped=True) - earliest
    files = {x: tmp_path / f"{x}.wav" for x in ("mix", "anna", "boris")}
    await until(lambda: len(sound_of(files["boris"], resumed)) >= 25 * TICK)
    info = await pool.ask(StopRecording(recording))
    assert info.reason == "stopped" and sorted(info.tracks) == [str(files[x]) for x in ("anna", "boris")]
    assert going_on - paused >= 10
    for x, tones in {"mix": {400, 1000}, "anna": {400}, "boris": {1000}}.items():
        assert len(read_wav(files[x])[0]) == round(info.seconds * RATE_HZ)
        assert not len(sound_of(files[x], paused, going_on))
        assert said_in(sound_of(files[x])) == said_in(sound_of(files[x], resumed)) == tones
    late_ones: list[MediaRequest[Any]] = [PauseRecording(recording, on) for on in (True, False)]
    for request in (*late_ones, StopRecording(recording)):
        with pytest.raises(NoSuchLeg):
            await pool.ask(request)
    with pytest.raises(MediaError, match="cannot be called"):
        await pool.ask(Record(room, str(tmp_path / "next.wav"), tracks={leg: "../x"}))
    talker.close()
    late.close()


async def test_a_file_that_cannot_be_made_is_an_error_of_whoever_records(pool: Pool, tmp_path: Path) -> None:
    room = (await pool.ask(CreateRoom())).value
    with pytest.raises(MediaError, match="cannot record to .*No such file"):
        await pool.ask(Record(room, str(tmp_path / "no" / "x.wav")))
    recording = (await pool.ask(Record(room, str(tmp_path / "x.wav")))).value
    with pytest.raises(MediaError, match="File exists"):
        await pool.ask(Record(room, str(tmp_path / "x.wav")))
    assert (await pool.ask(StopRecording(recording))).reason == "stopped"
