"""Files played to legs and rooms, and whispers, as real UDP peers hear them."""

import asyncio
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from mixer import g711
from softphone.errors import MediaError, NoSuchLeg
from softphone.media.contract.leg import Event, LegSpec, PlaybackEnded
from softphone.media.contract.messages import (
    CloseLeg,
    Configure,
    CreateRoom,
    Failed,
    JoinRoom,
    LeaveRoom,
    MediaRequest,
    Number,
    OpenLeg,
    Outcome,
    Play,
    PlayTo,
    Record,
    RemoveRoom,
    StopPlayback,
    StopRecording,
    Whisper,
)
from softphone.media.engine import player, sounds
from softphone.media.engine.engine import Engine
from softphone.media.workers.client import Media, MediaChannel
from softphone.media.workers.local import LocalMedia
from softphone.media.workers.pool import Pool
from tests.media.engine.test_sounds import broken_files, noise
from tests.media.peer import SILENCE, Driver, Peer, decoded, power, tone
from tests.media.workers.test_worker import SETTINGS, until

Pcm = NDArray[np.int16]
HZ = 600.0
# Of a tone as loud as `tone` makes them, heard through G.711; and of what is not there.
HEARD, UNHEARD = 0.02, 1e-5


class Stage(Driver):
    """An engine with peers in one room."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        super().__init__(engine)
        self.folder, self.peers = folder, [Peer() for _ in range(3)]
        self.main = self.room()
        self.legs = [self.open(peer, self.main).leg for peer in self.peers]

    def file(self, name: str, pcm: Pcm, rate_hz: int = 8000) -> str:
        path = str(self.folder / name)
        soundfile.write(path, pcm, rate_hz)
        return path

    def play(self, *paths: str, **options: object) -> int:
        playback = self.begin(*paths, **options)
        decoded(self.engine)
        return playback

    def begin(self, *paths: str, **options: object) -> int:
        """Play files that are not decoded yet."""
        reply = self.engine.handle(Play(list(paths), **options), self.now)  # type: ignore[arg-type]
        if isinstance(reply, Failed):
            raise reply.error()
        assert isinstance(reply, Number)
        return reply.value

    def do(
        self, request: Configure | JoinRoom | LeaveRoom | CloseLeg | RemoveRoom | PlayTo | StopPlayback | Whisper
    ) -> None:
        assert not isinstance(reply := self.engine.handle(request, self.now), Failed), reply

    def hear(self, ticks: int = 10, hz: float = HZ, say: dict[int, float] | None = None) -> list[bool]:
        """Who hears a tone in the next ticks; `say`: pitches that peers send meanwhile."""
        for peer in self.peers:
            peer.heard()
        voices = {k: g711.encode(tone(pitch, ticks), g711.ENCODE_ULAW) for k, pitch in (say or {}).items()}
        for tick in range(ticks):
            for k, codes in voices.items():
                self.peers[k].say(codes[tick].tobytes())
            self.tick()
        return [self.audible(peer.heard()[2:], hz) for peer in self.peers]

    def audible(self, datagrams: list[bytes], hz: float) -> bool:
        found = power(datagrams, hz, g711.DECODE_ULAW) if datagrams else 0.0
        assert found > HEARD or found < UNHEARD, found
        return found > HEARD

    def ended(self) -> list[PlaybackEnded]:
        found = [event for event in self.events if isinstance(event, PlaybackEnded)]
        self.events.clear()
        return found

    def record(self) -> int:
        reply = self.engine.handle(Record(self.main, str(self.folder / "room.wav")), self.now)
        assert isinstance(reply, Number)
        return reply.value

    def recorded(self, recording: int) -> Pcm:
        self.engine.handle(StopRecording(recording), self.now)
        self.engine._tape.close()
        with wave.open(str(self.folder / "room.wav")) as file:
            return np.frombuffer(file.readframes(1 << 20), np.int16)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    engine = Engine(capacity=16)
    made = Stage(engine, tmp_path)
    yield made
    engine.close(2000.0)
    for peer in made.peers:
        peer.close()


def long_tone(seconds: float = 1.0, hz: float = HZ, rate_hz: int = 8000) -> Pcm:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_one_leg_hears_a_file_and_nobody_else(stage: Stage, name: str, rate_hz: int) -> None:
    recording = stage.record()
    mono = long_tone(rate_hz=rate_hz)
    playback = stage.play(stage.file(name, np.stack((mono, mono), axis=1), rate_hz), legs=stage.legs[:1])
    assert stage.hear(40) == [True, False, False]
    stage.tick(20)
    assert stage.ended() == [PlaybackEnded(playback, "finished")]
    assert stage.hear() == [False] * 3
    assert not stage.recorded(recording).any()


@pytest.mark.parametrize("recorded", [False, True])
def test_a_room_hears_a_file_and_the_recording_has_it_on_request(stage: Stage, recorded: bool) -> None:
    recording = stage.record()
    stage.play(stage.file("a.wav", long_tone()), room=stage.main, recorded=recorded)
    assert stage.hear(30) == [True] * 3
    found = stage.recorded(recording)
    assert len(found) == 30 * 160 and bool(found.any()) == recorded


def test_a_voice_is_recorded_beside_what_is_not(stage: Stage) -> None:
    recording = stage.record()
    stage.play(stage.file("a.wav", long_tone()), room=stage.main)
    assert stage.hear(30, 1000.0, say={0: 1000.0}) == [False, True, True]
    at = np.exp(-2j * np.pi * np.arange(20 * 160) / 8000)
    found = stage.recorded(recording)[10 * 160 :] / 32767
    assert abs(2 * np.mean(found * at**1000)) > 0.2
    assert abs(2 * np.mean(found * at**600)) < 0.001


def test_many_hear_the_same_bytes_deaf_in_a_room_or_in_none(stage: Stage) -> None:
    for leg in stage.legs[:2]:
        stage.do(Configure(leg, deaf=True))
    stage.do(LeaveRoom(stage.legs[2]))
    stage.play(stage.file("a.wav", long_tone(0.3)), legs=stage.legs, loop=True)
    assert stage.hear(50, say={1: 1000.0}) == [True] * 3
    stage.tick(10)
    first, second, _ = ([datagram[12:] for datagram in peer.heard()] for peer in stage.peers)
    assert first == second


def app_hears(stage: Stage, room: int, ticks: int) -> Pcm:
    frames: list[Pcm] = []
    stage.engine.open_app(room, lambda frame: frames.append(frame.copy()))
    stage.tick(ticks)
    return np.concatenate(frames)


@pytest.mark.parametrize("loop", [False, True])
def test_files_join_without_a_gap_sample_by_sample(stage: Stage, loop: bool) -> None:
    parts = [noise(1234, 1), noise(77, 2), noise(3200, 3)]
    playback = stage.play(*(stage.file(f"{k}.wav", pcm) for k, pcm in enumerate(parts)), room=stage.main, loop=loop)
    whole = np.concatenate(parts * 3 if loop else [*parts, np.zeros(9000, np.int16)])
    np.testing.assert_array_equal(app_hears(stage, stage.main, 50), whole[: 50 * 160])
    assert stage.ended() == ([] if loop else [PlaybackEnded(playback, "finished")])


def test_a_full_chunk_ends_too(stage: Stage) -> None:
    playback = stage.play(stage.file("a.wav", noise(3200, 1)), room=stage.main)
    stage.tick(20)
    assert stage.ended() == []
    stage.tick()
    assert stage.ended() == [PlaybackEnded(playback, "finished")]


def test_gain(stage: Stage) -> None:
    pcm = noise(160, 1)
    stage.play(stage.file("a.wav", pcm), room=stage.main, gain=0.5)
    np.testing.assert_array_equal(app_hears(stage, stage.main, 1), np.rint(pcm * 0.5))


def test_stopping(stage: Stage) -> None:
    path = stage.file("a.wav", long_tone())
    playback = stage.play(path, legs=stage.legs[:1])
    assert stage.hear()[0]
    stage.do(StopPlayback(playback))
    assert not stage.hear()[0]
    assert stage.ended() == [PlaybackEnded(playback, "stopped")]
    with pytest.raises(AssertionError, match="no playback"):
        stage.do(StopPlayback(playback))
    stage.do(StopPlayback(stage.begin(path, legs=stage.legs[:1])))  # while it is being decoded
    decoded(stage.engine)
    assert not stage.hear()[0]


def test_a_playback_follows_its_legs_and_ends_with_the_last(stage: Stage) -> None:
    playback = stage.play(stage.file("a.wav", long_tone()), legs=stage.legs[:2], loop=True)
    side = stage.room()
    stage.do(JoinRoom(stage.legs[0], side))
    stage.do(LeaveRoom(stage.legs[1]))
    assert stage.hear() == [True, True, False]
    stage.do(CloseLeg(stage.legs[0]))
    assert stage.hear() == [False, True, False]
    stage.do(CloseLeg(stage.legs[1]))
    stage.tick()
    assert stage.ended() == [PlaybackEnded(playback, "nobody listens")]


def test_who_hears_a_running_playback_changes(stage: Stage) -> None:
    playback = stage.play(stage.file("a.wav", long_tone()), legs=stage.legs[:1], loop=True)
    stage.do(PlayTo(playback, stage.legs[1:]))
    assert stage.hear() == [False, True, True]
    stage.do(PlayTo(playback, []))
    assert stage.hear() == [False] * 3
    assert stage.ended() == [PlaybackEnded(playback, "nobody listens")]


def test_a_removed_room_ends_its_playbacks(stage: Stage) -> None:
    playback = stage.play(stage.file("a.wav", long_tone()), room=stage.main, loop=True)
    mine = stage.play(stage.file("b.wav", long_tone()), legs=stage.legs[:1], loop=True)
    stage.do(RemoveRoom(stage.main))
    assert stage.hear() == [True, False, False]
    assert stage.ended() == [PlaybackEnded(playback, "room removed")]
    stage.engine.close(stage.now)
    assert PlaybackEnded(mine, "closed") in stage.engine.events()


def test_ticks_go_on_while_something_is_played(stage: Stage) -> None:
    for leg in stage.legs:
        stage.do(CloseLeg(leg))
    stage.play(stage.file("a.wav", noise(160, 1)), room=stage.main)
    assert stage.engine.active
    stage.tick(2)
    assert not stage.engine.active


def test_what_cannot_be_played_is_told_and_nothing_else_happens(stage: Stage) -> None:
    good = stage.file("good.wav", long_tone())
    stage.play(good, legs=stage.legs[:1], loop=True)
    for name, words in broken_files(stage.folder).items():
        playback = stage.play(*([] if "silent" in name else [good]), str(stage.folder / name), legs=stage.legs[1:2])
        assert stage.hear() == [True, False, False], name
        (event,) = stage.ended()
        assert event.playback == playback and words in event.reason and name in event.reason
    assert np.count_nonzero(stage.engine.bridge.parties["source"]) == 1


def test_too_long_and_too_large(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "SECONDS_MAX", 1.5)
    path = stage.file("a.wav", long_tone(1.0))
    for paths in ([path, path], [stage.file("b.wav", long_tone(1.6))]):
        stage.play(*paths, legs=stage.legs[:1])
        stage.tick()
        assert "too long" in stage.ended()[0].reason
    monkeypatch.setattr(sounds, "FILE_BYTES_MAX", 1000)
    stage.play(path, legs=stage.legs[:1])
    stage.tick()
    assert "larger than" in stage.ended()[0].reason


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "to legs or to a room"),
        ({"legs": [2], "room": 1}, "to legs or to a room"),
        ({"legs": [2], "recorded": True}, "recorded"),
        ({"legs": [2], "gain": float("nan")}, "gain"),
        ({"legs": [2], "gain": 17.0}, "gain"),
        ({"legs": [77]}, "no leg 77"),
        ({"room": 77}, "no room 77"),
    ],
)
def test_requests_that_make_no_sense(stage: Stage, options: dict[str, object], words: str) -> None:
    with pytest.raises(MediaError, match=words):
        stage.play("a.wav", **options)
    assert not stage.engine._player.busy and not stage.engine.bridge.parties["source"].any()
    with pytest.raises(MediaError, match="0 files"):
        stage.play(legs=stage.legs)


def test_a_whisper_is_heard_by_its_listener_only(stage: Stage) -> None:
    recording = stage.record()
    stage.do(Whisper(stage.legs[0], [stage.legs[2]]))
    stage.do(Configure(stage.legs[2], deaf=True))
    assert stage.hear(20, 1000.0, say={0: 1000.0}) == [False, False, True]
    assert not stage.recorded(recording).any()
    stage.do(Whisper(stage.legs[0], None))
    assert stage.hear(20, 1000.0, say={0: 1000.0}) == [False, True, False]
    with pytest.raises(AssertionError, match="no leg 77"):
        stage.do(Whisper(stage.legs[0], [77]))


def test_many_begin_one_after_another(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "BEGIN_MAX", 2)
    path = stage.file("a.wav", long_tone())
    for leg in stage.legs:
        stage.play(path, legs=[leg])
    stage.tick()
    assert [peer.heard()[-1][12:] == SILENCE for peer in stage.peers] == [False, False, True]
    assert stage.hear() == [True] * 3


class AtOnce(MediaChannel):
    """Media whose every playback is over before the request is answered."""

    def transmit(self, number: int, request: MediaRequest[Any]) -> None:
        assert isinstance(request, Play)
        told: list[tuple[int, Outcome]] = [(0, PlaybackEnded(7, "finished")), (number, Number(7))]
        asyncio.get_running_loop().call_soon(self.take, told)


async def test_the_end_is_told_after_the_number() -> None:
    media, told = AtOnce(), list[Event]()
    media.on_event = told.append
    playback = (await media.ask(Play(["a.wav"], room=1))).value
    assert not told
    await until(lambda: told == [PlaybackEnded(playback, "finished")])


async def played(media: Media, folder: Path) -> None:
    """A leg hears a file; a missing one is told after `play` has returned; a whisper is accepted."""
    soundfile.write(folder / "a.wav", long_tone(0.2), 8000)
    events: list[Event] = []
    media.on_event = events.append
    room, peer = (await media.ask(CreateRoom())).value, Peer()
    leg, other = [(await media.ask(OpenLeg(LegSpec(remote=peer.address), room=room))).leg for _ in range(2)]
    await media.ask(JoinRoom(leg, room))
    playback = (await media.ask(Play([str(folder / "a.wav")], legs=[leg]))).value
    await until(lambda: PlaybackEnded(playback, "finished") in events)
    sounding = [datagram for datagram in peer.heard() if datagram[12:] != SILENCE]
    assert len(sounding) >= 9 and power(sounding, HZ, g711.DECODE_ULAW) > HEARD
    music = (await media.ask(Play([str(folder / "a.wav")], legs=[leg], loop=True))).value
    await media.ask(PlayTo(music, [leg, other]))
    await media.ask(Whisper(leg, [other]))
    await media.ask(Whisper(leg, None))
    await media.ask(StopPlayback(music))
    await until(lambda: PlaybackEnded(music, "stopped") in events)
    known: list[int] = []
    media.on_event = lambda event: known.append(event.playback) if isinstance(event, PlaybackEnded) else None
    missing = (await media.ask(Play([str(folder / "none.wav")], room=room))).value
    assert missing not in known
    await until(lambda: missing in known)
    with pytest.raises(NoSuchLeg):
        await media.ask(StopPlayback(missing))
    with pytest.raises(MediaError, match="gain"):
        await media.ask(Play([str(folder / "a.wav")], room=room, gain=-1))
    for each in (leg, other):
        await media.ask(CloseLeg(each))
    await media.ask(RemoveRoom(room))
    peer.close()


async def test_over_workers(tmp_path: Path) -> None:
    pool = Pool(SETTINGS, workers=2)
    await pool.start()
    try:
        await played(pool, tmp_path)
        rooms = [(await pool.ask(CreateRoom())).value for _ in range(2)]
        legs = [(await pool.ask(OpenLeg(LegSpec(), room=room))).leg for room in rooms]
        with pytest.raises(MediaError, match="different workers"):
            await pool.ask(Play(["a.wav"], legs=legs))
        with pytest.raises(MediaError, match="different workers"):
            await pool.ask(Whisper(legs[0], [legs[1]]))
        with pytest.raises(MediaError, match="to legs or to a room"):
            await pool.ask(Play(["a.wav"]))
    finally:
        await pool.stop()


async def test_in_the_loop(tmp_path: Path) -> None:
    media = LocalMedia()
    await played(media, tmp_path)
    media.close()
