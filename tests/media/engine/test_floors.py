"""The engine tells who takes the floor of a room, and who talks while its microphone is off."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pytest

from softphone.media.contract.leg import LegDominant, LegInVain
from softphone.media.contract.messages import Configure, JoinRoom
from softphone.media.engine.engine import Engine
from tests.media.peer import Driver
from tests.support.signals import speech

S = 50
SILENT = np.zeros(160, np.int16)
VOICES = {who: speech(12.0, seed=who, dbov=-22.0).reshape(-1, 160) for who in range(3)}


class Room:
    """Applications in a room, each with a voice of its own."""

    def __init__(self, count: int) -> None:
        self.driver = Driver(engine := Engine(capacity=8))
        self.engine, self.room, self._ticks = engine, self.driver.room(), 0
        self.legs = [engine.open_app(self.room, lambda frame: None) for _ in range(count)]

    def talk(self, seconds: float, *who: int, gain: Mapping[int, float] | None = None) -> None:
        """Let some talk for a while, the others are silent."""
        for _ in range(round(seconds * S)):
            for index, leg in enumerate(self.legs):
                voice = VOICES[index][self._ticks % len(VOICES[index])]
                said = (voice * (gain or {}).get(index, 1.0)).astype(np.int16)
                self.engine.push(leg, said if index in who else SILENT)
            self._ticks += 1
            self.driver.tick()

    def told(self, kind: type) -> list[object]:
        found: list[object] = [event for event in self.driver.events if isinstance(event, kind)]
        self.driver.events.clear()
        return found


@contextmanager
def talking(count: int, *, muted: bool = False) -> Iterator[Room]:
    """Give a room of so many; its first is muted, if any is."""
    room = Room(count)
    if muted:
        room.engine.handle(Configure(room.legs[0], muted=True), 0.0)
        room.talk(0.5)
    yield room
    room.engine.close(2000.0)


def test_who_talks_on_takes_the_floor_and_keeps_it_in_silence() -> None:
    with talking(3) as room:
        first, second, _ = room.legs
        room.talk(2.0, 0)
        assert room.told(LegDominant) == [LegDominant(first, True)]
        room.talk(3.0)
        room.talk(2.0, 0)
        assert room.told(LegDominant) == []
        room.talk(2.0)
        room.talk(2.5, 1)
        assert room.told(LegDominant) == [LegDominant(first, False), LegDominant(second, True)]


@pytest.mark.parametrize(("seconds", "pause"), [(0.1, 1.0), (0.3, 1.0), (0.3, 3.0)])
def test_a_cough_takes_no_floor(seconds: float, pause: float) -> None:
    with talking(2) as room:
        room.talk(2.0, 0)
        room.told(LegDominant)
        for _ in range(3):
            room.talk(0.6)
            room.talk(seconds, 1, gain={1: 3.0})
            room.talk(pause)
            room.talk(1.5, 0)
        assert room.told(LegDominant) == []


def test_nor_does_a_cough_take_one_that_nobody_has() -> None:
    with talking(2) as room:
        room.talk(0.3, 1, gain={1: 3.0})
        room.talk(3.0)
        assert room.told(LegDominant) == []


def test_who_is_muted_or_goes_has_the_floor_no_more() -> None:
    with talking(2) as room:
        first, second = room.legs
        room.talk(2.0, 0)
        room.engine.handle(Configure(first, muted=True), 0.0)
        room.talk(0.1)
        assert room.told(LegDominant) == [LegDominant(first, True), LegDominant(first, False)]
        room.talk(2.0, 1)
        elsewhere = room.driver.room()
        room.engine.handle(JoinRoom(second, elsewhere), 0.0)
        room.talk(0.1)
        assert room.told(LegDominant) == [LegDominant(second, True), LegDominant(second, False)]
        room.talk(2.0, 1)
        assert room.told(LegDominant) == [LegDominant(second, True)], "of the other room"


def test_who_talks_while_muted_is_told_once_until_it_pauses() -> None:
    with talking(2, muted=True) as room:
        room.talk(9.0, 0)
        assert room.told(LegInVain) == [LegInVain(room.legs[0])]
        room.talk(6.0)
        room.talk(4.0, 0)
        assert room.told(LegInVain) == [LegInVain(room.legs[0])]


def test_a_cough_while_muted_is_no_talk() -> None:
    with talking(2, muted=True) as room:
        for _ in range(4):
            room.talk(0.4, 0, gain={0: 3.0})
            room.talk(1.2)
        assert room.told(LegInVain) == []


def test_what_comes_while_another_talks_may_be_its_echo() -> None:
    with talking(2, muted=True) as room:
        room.talk(6.0, 0, 1)
        assert room.told(LegInVain) == []


def test_the_noise_of_a_muted_line_is_no_talk() -> None:
    with talking(2, muted=True) as room:
        random = np.random.default_rng(3)
        for _ in range(20 * S):
            room.engine.push(room.legs[0], random.normal(0, 32768 * 10 ** (-48 / 20), 160).astype(np.int16))
            room.driver.tick()
        assert room.told(LegInVain) == []


@pytest.mark.parametrize("change", [{"deaf": True}, {"muted": False}])
def test_nobody_is_told_who_is_deaf_or_heard(change: dict[str, bool]) -> None:
    with talking(2, muted=True) as room:
        room.engine.handle(Configure(room.legs[0], **change), 0.0)
        room.talk(9.0, 0)
        assert room.told(LegInVain) == []
