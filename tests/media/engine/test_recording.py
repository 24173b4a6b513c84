"""Recordings of an engine: what is in the mix, what in each track, where in time, and what the disk can do to it."""

import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mixer.g711 import ENCODE_ULAW, encode
from mixer.recording import WavFile
from softphone.media.contract.leg import RecordingEnded, WorkerMetrics
from softphone.media.contract.messages import (
    CloseLeg,
    Configure,
    Done,
    Failed,
    GetMetrics,
    JoinRoom,
    LeaveRoom,
    Number,
    PauseRecording,
    Play,
    Record,
    RecordLeg,
    RemoveRoom,
    StopRecording,
    Track,
    Whisper,
)
from softphone.media.engine import recorder
from softphone.media.engine.engine import Engine
from softphone.media.engine.outcomes import EngineEvent, RecordingOpened
from tests.media.peer import Driver, Peer, decoded, tone
from tests.support.signals import Pcm
from tests.support.tones import RATE_HZ, amplitude_of, read_wav, sine, tones_in, write_wav

TICK = 160


@pytest.fixture
def driver() -> Iterator[Driver]:
    engine = Engine(capacity=16, gate=False)
    driver = Driver(engine)
    yield driver
    engine.close(driver.now)


class Voice:
    """An application that says a tone whenever it is asked to."""

    def __init__(self, driver: Driver, room: int, hz: float) -> None:
        self.engine, self.hz = driver.engine, hz
        self.leg = driver.engine.open_app(room, lambda frame: None)

    def say(self) -> None:
        self.engine.push(self.leg, tone(self.hz, 1)[0])


def talk(driver: Driver, ticks: int, *voices: Voice) -> None:
    for _ in range(ticks):
        for voice in voices:
            voice.say()
        driver.tick()


def start(driver: Driver, request: Record | RecordLeg, number: int = 0) -> int:
    reply = driver.engine.handle(request, driver.now, number)
    assert isinstance(reply, Number), reply
    return reply.value


def ask(
    driver: Driver, request: Track | PauseRecording | StopRecording | Configure | Whisper | JoinRoom | LeaveRoom
) -> None:
    assert driver.engine.handle(request, driver.now) == Done()


def ended(driver: Driver) -> list[RecordingEnded]:
    """Wait for the disk's thread, then give the recordings that have ended."""
    driver.engine._tape.close()
    events: list[EngineEvent] = [*driver.events, *driver.engine.events()]
    return [event for event in events if isinstance(event, RecordingEnded)]


def pcm_of(path: Path) -> Pcm:
    pcm, rate_hz = read_wav(path)
    assert rate_hz == RATE_HZ
    return pcm


def spans(pcm: Pcm) -> list[tuple[int, int]]:
    """First and one past the last tick of each stretch of sound."""
    loud = pcm.reshape(-1, TICK).astype(bool).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud, [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def test_the_mix_from_tick_to_tick(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    speaker = Voice(driver, room, 400)
    recording = start(driver, Record(room, str(tmp_path / "room.wav")))
    talk(driver, 60, speaker)
    ask(driver, StopRecording(recording))
    assert ended(driver) == [RecordingEnded(recording, str(tmp_path / "room.wav"), 1.2, "stopped")]
    np.testing.assert_array_equal(pcm_of(tmp_path / "room.wav"), np.tile(tone(400, 1)[0], 60))


def test_each_track_has_one_voice_at_its_time(driver: Driver, tmp_path: Path) -> None:
    """One is there from the start and goes, one comes late, one is moved away and comes back; then there is a pause."""
    room, other = driver.room(), driver.room()
    early, moved = Voice(driver, room, 400), Voice(driver, room, 700)
    recording = start(driver, Record(room, str(tmp_path / "mix.wav"), {early.leg: "early", moved.leg: "moved"}))
    talk(driver, 10, early, moved)
    late = Voice(driver, room, 1000)
    ask(driver, Track(recording, late.leg, "late"))
    talk(driver, 10, early, late, moved)
    driver.engine.handle(CloseLeg(early.leg), driver.now)
    ask(driver, JoinRoom(moved.leg, other))
    talk(driver, 10, late, moved)
    ask(driver, JoinRoom(moved.leg, room))
    talk(driver, 10, late, moved)
    ask(driver, PauseRecording(recording, True))
    talk(driver, 40, late, moved)
    ask(driver, PauseRecording(recording, False))
    talk(driver, 10, late, moved)
    driver.tick(10)
    ask(driver, StopRecording(recording))
    (event,) = ended(driver)
    assert (event.seconds, event.reason) == (2.0, "stopped")
    assert sorted(event.tracks) == [str(tmp_path / f"{name}.wav") for name in ("early", "late", "moved")]
    mix, *tracks = (pcm_of(tmp_path / f"{name}.wav") for name in ("mix", "early", "late", "moved"))
    assert {len(pcm) for pcm in (mix, *tracks)} == {100 * TICK}
    assert [spans(track) for track in tracks] == [[(0, 20)], [(10, 40), (80, 90)], [(0, 20), (30, 40), (80, 90)]]
    gone = slice(20 * TICK, 20 * TICK + TICK // 2)  # in the mix, who goes fades
    np.testing.assert_array_equal(np.delete(mix, gone), np.delete(sum(tracks), gone))
    for track, hz in zip(tracks, (400, 1000, 700), strict=True):
        for first, last in spans(track):
            assert tones_in(track[first * TICK : last * TICK], [400, 700, 1000]) == {hz}


def test_a_track_goes_on_with_another_leg(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    first = Voice(driver, room, 400)
    recording = start(driver, Record(room, str(tmp_path / "mix.wav"), {first.leg: "anna"}))
    talk(driver, 5, first)
    driver.engine.handle(CloseLeg(first.leg), driver.now)
    driver.tick(5)
    second = Voice(driver, room, 700)
    ask(driver, Track(recording, second.leg, "anna"))
    talk(driver, 5, second)
    ask(driver, StopRecording(recording))
    ended(driver)
    assert spans(pcm_of(tmp_path / "anna.wav")) == [(0, 5), (10, 15)]


def test_muted_and_whispering_parties_are_not_in_it(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    speaker, other = Voice(driver, room, 400), Voice(driver, room, 700)
    recording = start(driver, Record(room, str(tmp_path / "mix.wav"), {speaker.leg: "speaker"}))
    talk(driver, 5, speaker)
    ask(driver, Configure(speaker.leg, muted=True))
    talk(driver, 5, speaker)
    ask(driver, Configure(speaker.leg, muted=False))
    ask(driver, Whisper(speaker.leg, [other.leg]))
    talk(driver, 5, speaker)
    ask(driver, Whisper(speaker.leg, None))
    talk(driver, 5, speaker)
    ask(driver, StopRecording(recording))
    ended(driver)
    assert spans(pcm_of(tmp_path / "speaker.wav")) == [(0, 5), (15, 20)]
    assert spans(pcm_of(tmp_path / "mix.wav")) == [(0, 6), (15, 20)], "10 ms in which it is faded out"


def test_prompts_are_left_out_unless_asked_for(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    speaker = Voice(driver, room, 400)
    prompt = str(write_wav(tmp_path / "prompt.wav", sine(1000, 1)))
    recordings = []
    for recorded in (False, True):
        recordings.append(tmp_path / f"{recorded}.wav")
        number = start(driver, Record(room, str(recordings[-1])))
        play = Play([prompt], room=room, recorded=recorded)
        assert isinstance(driver.engine.handle(play, driver.now), Number)
        decoded(driver.engine)
        while driver.engine._player.busy:
            talk(driver, 1, speaker)
        ask(driver, StopRecording(number))
    ended(driver)
    without, along = (pcm_of(path) for path in recordings)
    assert amplitude_of(without, 400) > 0.2 and amplitude_of(without, 1000) < 0.001
    assert amplitude_of(along, 400) > 0.2 and amplitude_of(along, 1000) > 0.02


def test_peers_over_udp(driver: Driver, tmp_path: Path) -> None:
    """Two phones start to speak at the same tick, one of them later again; tracks agree with the mix in time."""
    room = driver.room()
    peers = {"anna": (Peer(), 400.0), "boris": (Peer(), 1000.0)}
    legs = {driver.open(peer, room).leg: name for name, (peer, _) in peers.items()}
    recording = start(driver, Record(room, str(tmp_path / "mix.wav"), legs))
    for tick in range(100):
        for name, (peer, hz) in peers.items():
            if name == "anna" or tick >= 50:
                peer.say(encode(tone(hz, tick + 1)[tick], ENCODE_ULAW).tobytes())
        driver.tick()
    ask(driver, StopRecording(recording))
    ended(driver)
    mix, anna, boris = (pcm_of(tmp_path / f"{name}.wav") for name in ("mix", "anna", "boris"))
    assert len(mix) == len(anna) == len(boris) == 100 * TICK
    assert tones_in(mix, [400, 1000]) == {400, 1000}
    assert tones_in(anna, [400, 1000]) == {400} and tones_in(boris, [400, 1000]) == {1000}
    assert spans(boris)[0][0] in (50, 51)
    np.testing.assert_array_equal(mix, anna + boris)
    for peer, _ in peers.values():
        peer.close()


def test_left_out_ticks_are_silence(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    speaker = Voice(driver, room, 400)
    recording = start(driver, Record(room, str(tmp_path / "mix.wav"), {speaker.leg: "speaker"}))
    talk(driver, 5, speaker)
    driver.engine.skip(20)
    talk(driver, 5, speaker)
    ask(driver, StopRecording(recording))
    ended(driver)
    for name in ("mix", "speaker"):
        assert spans(pcm_of(tmp_path / f"{name}.wav")) == [(0, 5), (25, 30)]


def test_a_disk_that_is_too_slow_leaves_silence(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = driver.room()
    speaker = Voice(driver, room, 400)
    recording = start(driver, Record(room, str(tmp_path / "mix.wav")))
    talk(driver, 50, speaker)
    monkeypatch.setattr(recorder, "QUEUE_BYTES", 0)
    talk(driver, 25, speaker)
    monkeypatch.undo()
    talk(driver, 25, speaker)
    ask(driver, StopRecording(recording))
    (event,) = ended(driver)
    assert (event.seconds, event.dropped_s) == (2.0, 0.5)
    metrics = driver.engine.handle(GetMetrics(), driver.now)
    assert isinstance(metrics, WorkerMetrics) and metrics.unrecorded_s == 0.5
    assert spans(pcm_of(tmp_path / "mix.wav")) == [(0, 50), (75, 100)]


def test_a_removed_room_ends_its_recordings(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    recording = start(driver, Record(room, str(tmp_path / "room.wav")))
    driver.tick(2)
    driver.engine.handle(RemoveRoom(room), driver.now)
    assert ended(driver) == [RecordingEnded(recording, str(tmp_path / "room.wav"), 0.04, "room removed")]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """A disk on which no file grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_ends_that_recording_and_nothing_else(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    speaker = Voice(driver, room, 400)
    other = start(driver, Record(driver.room(), str(tmp_path / "other.wav")))
    talk(driver, 150, speaker)
    full = start(driver, Record(room, str(tmp_path / "mix.wav"), {speaker.leg: "speaker"}))
    talk(driver, 50, speaker)
    ask(driver, PauseRecording(other, True))
    wait_for(driver, lambda: samples_in(tmp_path / "speaker.wav") == 8000)
    with file_limit(20_000):
        talk(driver, 50, speaker)
        wait_for(driver, lambda: any(isinstance(event, RecordingEnded) for event in driver.events))
    ask(driver, PauseRecording(other, False))
    reply = driver.engine.handle(StopRecording(full), driver.now)
    assert isinstance(reply, Failed) and reply.kind == "NoSuchLeg"
    talk(driver, 10, speaker)
    ask(driver, StopRecording(other))
    failed, stopped = ended(driver)
    assert (failed.recording, failed.tracks) == (full, [str(tmp_path / "speaker.wav")])
    assert "File too large" in failed.reason and failed.seconds == 1.245
    assert (stopped.recording, stopped.reason) == (other, "stopped")
    assert len(pcm_of(tmp_path / "mix.wav")) == 9960 and len(pcm_of(tmp_path / "speaker.wav")) >= 8000


def samples_in(path: Path) -> int:
    """What a file announces; 0 of one that is not there, or was made this moment and is empty."""
    return len(pcm_of(path)) if path.exists() and path.stat().st_size else 0


def wait_for(driver: Driver, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.001)
        driver.events += driver.engine.events()


def test_one_leg_for_a_time(driver: Driver, tmp_path: Path) -> None:
    speaker = Voice(driver, driver.room(), 400)
    ask(driver, LeaveRoom(speaker.leg))
    timed = start(driver, RecordLeg(speaker.leg, str(tmp_path / "name.wav"), 0.2))
    stopped = start(driver, RecordLeg(speaker.leg, str(tmp_path / "stopped.wav"), 5))
    closed = start(driver, RecordLeg(speaker.leg, str(tmp_path / "closed.wav"), 5))
    talk(driver, 15, speaker)
    ask(driver, StopRecording(stopped))
    talk(driver, 5, speaker)
    driver.engine.handle(CloseLeg(speaker.leg), driver.now)
    driver.tick(2)
    assert {event.recording: (event.seconds, event.reason) for event in ended(driver)} == {
        timed: (0.2, "time"),
        stopped: (0.3, "stopped"),
        closed: (0.4, "leg closed"),
    }
    np.testing.assert_array_equal(pcm_of(tmp_path / "name.wav"), np.tile(tone(400, 1)[0], 10))


def test_a_time_that_ends_in_ticks_left_out_is_no_longer(driver: Driver, tmp_path: Path) -> None:
    speaker = Voice(driver, driver.room(), 400)
    timed = start(driver, RecordLeg(speaker.leg, str(tmp_path / "name.wav"), 0.2))
    talk(driver, 7, speaker)
    driver.engine.skip(20)
    talk(driver, 7, speaker)
    assert ended(driver) == [RecordingEnded(timed, str(tmp_path / "name.wav"), 0.2, "time")]
    assert spans(pcm_of(tmp_path / "name.wav")) == [(0, 7)]


def test_what_cannot_be_recorded(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    leg = Voice(driver, room, 400).leg
    mix = str(tmp_path / "mix.wav")

    def refusal(request: Record | RecordLeg | Track | PauseRecording) -> str:
        reply = driver.engine.handle(request, driver.now)
        assert isinstance(reply, Failed)
        return reply.message

    assert "no room" in refusal(Record(99, mix))
    assert "no leg" in refusal(Record(room, mix, {99: "x"}))
    assert "nothing" in refusal(RecordLeg(leg, mix, 0))
    assert "no recording" in refusal(PauseRecording(99, True))
    for name in ("", "..", "../x", "a/b", ".hidden", "mix", "x" * 65, "a\n"):
        assert "cannot be called" in refusal(Record(room, mix, {leg: name}))
    assert "two tracks" in refusal(Record(room, mix, {leg: "x", Voice(driver, room, 400).leg: "x"}))
    assert not list(tmp_path.iterdir())
    recording = start(driver, Record(room, mix))
    assert "cannot be called" in refusal(Track(recording, leg, "mix"))


def test_a_file_that_cannot_be_made_is_told_and_nothing_is_recorded(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    speaker = Voice(driver, room, 400)
    good = start(driver, Record(room, str(tmp_path / "mix.wav")), 1)
    bad = start(driver, Record(room, str(tmp_path / "no" / "x.wav")), 2)
    twice = start(driver, RecordLeg(speaker.leg, str(tmp_path / "mix.wav"), 5), 3)
    wait_for(driver, lambda: len(driver.events) >= 3)
    told = [event for event in driver.events if isinstance(event, RecordingOpened)]
    assert [(event.recording, event.token) for event in told] == [(good, 1), (bad, 2), (twice, 3)]
    for event, error in zip(told, ("", "No such file", "File exists"), strict=True):
        assert error in event.error and bool(error) == bool(event.error)
    talk(driver, 30, speaker)
    for recording in (bad, twice):
        reply = driver.engine.handle(StopRecording(recording), driver.now)
        assert isinstance(reply, Failed) and reply.kind == "NoSuchLeg"
    ask(driver, StopRecording(good))
    (end,) = ended(driver)
    assert (end.recording, end.seconds) == (good, 0.6)
    assert not driver.engine._tape.busy


def test_a_disk_that_takes_its_time_does_not_hold_up_the_tick(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned = threading.Event()

    def slow(path: str, rate_hz: int) -> WavFile:
        assert turned.wait(60)
        return WavFile(path, rate_hz)

    monkeypatch.setattr(recorder, "WavFile", slow)
    room = driver.room()
    speaker = Voice(driver, room, 400)
    recording = start(driver, Record(room, str(tmp_path / "mix.wav")))
    talk(driver, 30, speaker)
    assert not [event for event in driver.events if isinstance(event, RecordingOpened)]
    turned.set()  # only now has the disk turned
    ask(driver, StopRecording(recording))
    (event,) = ended(driver)
    assert event.seconds == 0.6
    np.testing.assert_array_equal(pcm_of(tmp_path / "mix.wav"), np.tile(tone(400, 1)[0], 30))
