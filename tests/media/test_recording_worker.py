"""Recordings of a real worker: over its socket, and what is left of them when it is killed."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from mixer.g711 import ENCODE_ULAW, encode
from mixer.recording import mend
from softphone.errors import MediaError, NoSuchLeg
from softphone.media.leg import Event, LegSpec, RecordingEnded, WorkerLost
from softphone.media.pool import Pool
from softphone.media.worker import WorkerSettings
from tests.media.peer import Peer, tone
from tests.support.tones import RATE_HZ, read_wav, tones_in


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(WorkerSettings(capacity=16))
    await pool.start()
    yield pool
    await pool.stop()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not done():
            await asyncio.sleep(0.01)


class Talker:
    """A phone that says a tone without end."""

    def __init__(self, hz: float) -> None:
        self.peer, self._hz = Peer(), hz
        self._task: asyncio.Task[None]

    async def call(self, pool: Pool, room: int) -> int:
        info = await pool.open_leg(LegSpec(remote=self.peer.address), room=room)
        await pool.join(info.leg, room)
        self.peer.meet(info)
        self._task = asyncio.create_task(self._talk())
        return info.leg

    async def _talk(self) -> None:
        codes = encode(tone(self._hz, 50), ENCODE_ULAW)
        due = time.monotonic()
        while True:
            for frame in codes:
                self.peer.say(frame.tobytes())
                due += 0.02
                await asyncio.sleep(due - time.monotonic())

    def close(self) -> None:
        self._task.cancel()
        self.peer.close()


async def test_a_killed_worker_leaves_all_but_the_last_second(pool: Pool, tmp_path: Path) -> None:
    events: list[Event] = []
    pool.on_event = events.append
    room = await pool.create_room()
    talkers = {"anna": Talker(400), "boris": Talker(1000)}
    legs = {await talker.call(pool, room): name for name, talker in talkers.items()}
    began = time.monotonic()
    await pool.record(room, str(tmp_path / "mix.wav"), tracks=legs)
    await asyncio.sleep(2.3)
    os.kill(pool.pids[0], signal.SIGKILL)
    recorded_s = time.monotonic() - began
    await until(lambda: any(isinstance(event, WorkerLost) for event in events))
    for name, tones in {"mix": {400, 1000}, "anna": {400}, "boris": {1000}}.items():
        pcm, _ = read_wav(tmp_path / f"{name}.wav")
        assert len(pcm) / RATE_HZ > recorded_s - 1
        assert tones_in(pcm[RATE_HZ // 2 :], [400, 1000]) == tones
        assert mend(tmp_path / f"{name}.wav") >= len(pcm)
    for talker in talkers.values():
        talker.close()


async def test_every_request_through_a_pool(pool: Pool, tmp_path: Path) -> None:
    events: list[Event] = []
    pool.on_event = events.append
    room = await pool.create_room()
    talker, late = Talker(400), Talker(1000)
    leg = await talker.call(pool, room)
    recording = await pool.record(room, str(tmp_path / "mix.wav"), tracks={leg: "anna"})
    name = await pool.record_leg(leg, str(tmp_path / "name.wav"), 0.3)
    await until(lambda: bool(events and isinstance(events[-1], RecordingEnded)))
    assert events[-1] == RecordingEnded(name, str(tmp_path / "name.wav"), 0.3, "time")
    await pool.track(recording, await late.call(pool, room), "boris")
    await pool.pause_recording(recording)
    await asyncio.sleep(0.2)
    await pool.resume_recording(recording)
    await asyncio.sleep(0.4)
    info = await pool.stop_recording(recording)
    assert info.reason == "stopped" and sorted(info.tracks) == [str(tmp_path / f"{x}.wav") for x in ("anna", "boris")]
    mix, anna, boris = (read_wav(tmp_path / f"{x}.wav")[0] for x in ("mix", "anna", "boris"))
    assert len(mix) == len(anna) == len(boris) == round(info.seconds * RATE_HZ)
    assert tones_in(anna, [400, 1000]) == {400} and tones_in(boris, [400, 1000]) == {1000}
    silent = np.flatnonzero(~mix.reshape(-1, 160).astype(bool).any(axis=1))
    assert 5 <= len(silent[silent > 10]) <= 40
    for request in (pool.pause_recording, pool.resume_recording, pool.stop_recording):
        with pytest.raises(NoSuchLeg):
            await request(recording)
    with pytest.raises(MediaError, match="cannot be called"):
        await pool.record(room, str(tmp_path / "next.wav"), tracks={leg: "../x"})
    talker.close()
    late.close()


async def test_a_file_that_cannot_be_made_is_an_error_of_whoever_records(pool: Pool, tmp_path: Path) -> None:
    room = await pool.create_room()
    with pytest.raises(MediaError, match="cannot record to .*No such file"):
        await pool.record(room, str(tmp_path / "no" / "x.wav"))
    recording = await pool.record(room, str(tmp_path / "x.wav"))
    with pytest.raises(MediaError, match="File exists"):
        await pool.record(room, str(tmp_path / "x.wav"))
    assert (await pool.stop_recording(recording)).reason == "stopped"
