"""Recordings and playbacks at the best rate that somebody hears as they begin, with parties at several rates."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from softphone.media.contract.leg import RecordingEnded
from softphone.media.contract.messages import (
    CloseLeg,
    JoinRoom,
    LeaveRoom,
    Number,
    Play,
    Record,
    RecordLeg,
    StopRecording,
)
from softphone.media.engine.engine import Engine
from tests.media.peer import Driver, decoded
from tests.support.tones import sine, write_wav

HZ = {8000: 400.0, 16_000: 700.0, 48_000: 1000.0}


@pytest.fixture
def driver() -> Iterator[Driver]:
    engine = Engine(capacity=16, gate=False)
    driver = Driver(engine)
    yield driver
    engine.close(driver.now)


class Seat:
    """An application at some rate that says a tone."""

    def __init__(self, driver: Driver, room: int, rate_hz: int) -> None:
        self.driver, self.rate_hz, self.tick = driver, rate_hz, 0
        self.heard: list[NDArray[np.int16]] = []
        self.leg = driver.engine.open_app(room, lambda frame: self.heard.append(frame.copy()), rate_hz)

    def say(self) -> None:
        at = np.arange(self.tick * self.rate_hz // 50, (self.tick + 1) * self.rate_hz // 50) / self.rate_hz
        self.driver.engine.push(self.leg, (6000 * np.sin(2 * np.pi * HZ[self.rate_hz] * at)).astype(np.int16))
        self.tick += 1


def talk(driver: Driver, ticks: int, *seats: Seat) -> None:
    for _ in range(ticks):
        for seat in seats:
            seat.say()
        driver.tick()


def number(driver: Driver, request: Record | RecordLeg | Play) -> int:
    reply = driver.engine.handle(request, driver.now)
    assert isinstance(reply, Number), reply
    return reply.value


def tones(path: Path) -> tuple[int, float, set[int]]:
    """Rate and length of a file, and whose tones are in the middle of it."""
    sound, rate_hz = soundfile.read(path)
    middle = sound[len(sound) // 4 : len(sound) * 3 // 4]
    at = np.arange(len(middle)) / rate_hz
    loud = {who for who, hz in HZ.items() if abs(2 * np.mean(middle * np.exp(-2j * np.pi * hz * at))) > 0.1}
    return rate_hz, len(sound) / rate_hz, loud


@pytest.mark.parametrize("rates_hz", [(8000,), (8000, 16_000), (16_000, 48_000), (8000, 16_000, 48_000)])
def test_a_room_and_its_tracks_have_the_best_rate_and_everybody_is_in_them(
    driver: Driver, tmp_path: Path, rates_hz: tuple[int, ...]
) -> None:
    room = driver.room()
    seats = [Seat(driver, room, rate_hz) for rate_hz in rates_hz]
    talk(driver, 2, *seats)
    tracks = {seat.leg: f"at{seat.rate_hz}" for seat in seats}
    recording = number(driver, Record(room, str(tmp_path / "room.wav"), tracks))
    talk(driver, 100, *seats)
    late = Seat(driver, room, 48_000)
    talk(driver, 2, *seats)
    driver.engine.handle(CloseLeg(late.leg), driver.now)
    driver.engine.handle(StopRecording(recording), driver.now)
    driver.engine._tape.close()
    assert tones(tmp_path / "room.wav") == (max(rates_hz), 2.04, set(rates_hz))
    for rate_hz in rates_hz:
        assert tones(tmp_path / f"at{rate_hz}.wav") == (max(rates_hz), 2.04, {rate_hz})


def test_who_is_in_no_room_is_recorded_at_his_own_rate(driver: Driver, tmp_path: Path) -> None:
    room = driver.room()
    wide, narrow = Seat(driver, room, 16_000), Seat(driver, room, 8000)
    talk(driver, 2, wide, narrow)
    driver.engine.handle(LeaveRoom(wide.leg), driver.now)
    number(driver, RecordLeg(wide.leg, str(tmp_path / "name.wav"), 1.0))
    talk(driver, 60, wide, narrow)
    driver.engine._tape.close()
    assert [each.reason for each in driver.events + driver.engine.events() if isinstance(each, RecordingEnded)] == [
        "time"
    ]
    assert tones(tmp_path / "name.wav") == (16_000, 1.0, {16_000})


def test_a_track_is_silent_while_its_party_is_elsewhere(driver: Driver, tmp_path: Path) -> None:
    room, other = driver.room(), driver.room()
    stays, goes = Seat(driver, room, 16_000), Seat(driver, room, 8000)
    talk(driver, 2, stays, goes)
    recording = number(driver, Record(room, str(tmp_path / "room.wav"), {goes.leg: "goes"}))
    talk(driver, 25, stays, goes)
    driver.engine.handle(JoinRoom(goes.leg, other), driver.now)
    talk(driver, 25, stays, goes)
    driver.engine.handle(StopRecording(recording), driver.now)
    driver.engine._tape.close()
    track, rate_hz = soundfile.read(tmp_path / "goes.wav")
    assert rate_hz == 16_000
    assert np.abs(track[: rate_hz // 2]).max() > 0.1 and not track[rate_hz // 2 + rate_hz // 50 :].any()


def test_a_prompt_is_played_at_the_best_rate_that_somebody_hears(driver: Driver, tmp_path: Path) -> None:
    path = str(write_wav(tmp_path / "hiss.wav", sine(6000.0, 1.0, rate_hz=16_000), 16_000))
    room = driver.room()
    wide, narrow = Seat(driver, room, 16_000), Seat(driver, room, 8000)
    for listeners, heard in (([narrow.leg], False), ([wide.leg], True), ([], True)):
        number(driver, Play([path], listeners) if listeners else Play([path], room=room))
        decoded(driver.engine)
        for seat in (wide, narrow):
            seat.heard.clear()
        driver.tick(60)
        assert (np.abs(np.concatenate(wide.heard)).max() > 5000) == heard
        assert np.concatenate(narrow.heard).astype(float).std() < 50, "6 kHz is above what it has"
