"""Streams of an engine, tick by tick: what a client hears, what is heard of it, and what is lost where one is slow."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from mixer.frame import TICK_S
from softphone.errors import MediaError, MediaFull, NoSuchLeg
from softphone.media.contract.leg import LegInfo
from softphone.media.contract.messages import CloseLeg, Configure, CreateRoom, Failed, JoinRoom, OpenStream, RemoveRoom
from softphone.media.contract.streams import AudioStreamEnded, AudioStreamStarted
from softphone.media.engine.audio_streams import MOST_AHEAD_S, MOST_FRAMES, AudioStream
from softphone.media.engine.engine import Engine

LOUD, SOFT = 8000, 1000


class Paper:
    """A door without sockets: the test is the client."""

    def __init__(self, most: int = 3) -> None:
        self.port, self.most = 8090, most
        self.told: deque[tuple[AudioStream, str]] = deque()
        self.there: dict[int, AudioStream] = {}
        self.over: list[str] = []

    def add(self, stream: AudioStream) -> None:
        self.there[stream.leg] = stream

    def remove(self, stream: AudioStream) -> None:
        del self.there[stream.leg]
        self.over.append(stream.reason)

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self.over.append("door")


class Stage:
    """An engine with a room in which two talk, each at a level of its own."""

    def __init__(self, rate_hz: int = 8000) -> None:
        self.door, self.now = Paper(), 100.0
        self.engine = Engine(capacity=16, gate=False, streams=self.door)
        self.room = self.ask(CreateRoom()).value
        self.heard: list[np.ndarray[Any, Any]] = []
        self.loud = self.engine.open_app(self.room, lambda frame: self.heard.append(frame.copy()), rate_hz)
        self.soft = self.engine.open_app(self.room, lambda frame: None, rate_hz)
        self.rate_hz = rate_hz
        self.events: list[object] = []

    def close(self) -> None:
        self.engine.close(self.now)

    def ask(self, request: Any) -> Any:
        answer = self.engine.handle(request, self.now)
        if isinstance(answer, Failed):
            raise answer.error()
        return answer

    def open(self, **wish: Any) -> AudioStream:
        info = self.ask(OpenStream("key", wish.pop("room", self.room), **{"rate_hz": self.rate_hz, **wish}))
        assert isinstance(info, LegInfo) and (info.port, info.rtcp_port) == (8090, 0)
        return self.door.there[info.leg]

    def claimed(self, **wish: Any) -> AudioStream:
        """A stream whose client has come."""
        stream = self.open(**wish)
        self.door.told.append((stream, ""))
        self.ticks(1, talk=False)
        assert self.events.pop() == AudioStreamStarted(stream.leg)
        stream.frames.clear()
        return stream

    def ticks(self, count: int, *, talk: bool = True) -> None:
        for _ in range(count):
            for leg, level in ((self.loud, LOUD), (self.soft, SOFT)):
                if talk:
                    self.engine.push(leg, np.full(round(self.rate_hz * TICK_S), level, np.int16))
            self.engine.tick(self.now, self.now)
            self.now += TICK_S
            self.events += [each for each in self.engine.events() if isinstance(each, ENDS)]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with closing(Stage()) as made:
        yield made


ENDS = (AudioStreamStarted, AudioStreamEnded)


def levels(stream: AudioStream) -> list[int]:
    """What is there of each frame, at its end."""
    found = [int(frame[-1]) for frame in stream.frames]
    stream.frames.clear()
    return found


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
def test_a_listener_hears_the_room_and_is_not_heard(rate_hz: int) -> None:
    with closing(Stage(rate_hz)) as stage:
        stream = stage.claimed()
        stage.ticks(5)
        assert {len(frame) for frame in stream.frames} == {round(rate_hz * TICK_S)}
        assert levels(stream)[2:] == [pytest.approx(LOUD + SOFT, abs=2)] * 3
        stream.inbox.append(np.full(4000, 500, np.int16))
        stream.given += 4000
        stage.ticks(5)
        assert stage.heard[-1][-1] == pytest.approx(SOFT, abs=2)


def test_nothing_is_kept_before_the_client_comes(stage: Stage) -> None:
    stream = stage.open()
    stage.ticks(5)
    assert levels(stream) == []


def test_a_stream_of_a_party_has_that_party_alone_while_it_is_there(stage: Stage) -> None:
    stream = stage.claimed(source=stage.soft)
    stage.ticks(5)
    assert levels(stream)[2:] == [pytest.approx(SOFT, abs=2)] * 3
    other = stage.ask(CreateRoom()).value
    stage.ask(JoinRoom(stage.soft, other))
    stage.ticks(5)
    assert levels(stream)[1:] == [0] * 4, "what it says elsewhere is of no concern here"
    stage.ask(JoinRoom(stage.soft, stage.room))
    stage.ask(Configure(stage.soft, muted=True))
    stage.ticks(5)
    assert levels(stream)[2:] == [0] * 3
    stage.ask(CloseLeg(stage.soft))
    stage.soft = stage.engine.open_app(stage.room, lambda frame: None)
    stage.ticks(1)
    assert stage.events == [AudioStreamEnded(stream.leg, "party left")] and stage.door.over == ["party left"]
    stage.ask(CloseLeg(stream.leg))
    stage.ticks(1)
    assert len(stage.events) == 1, "the end is told once"


def test_who_speaks_is_heard_once_it_is_let_in_and_does_not_hear_itself(stage: Stage) -> None:
    stream = stage.claimed(says=True)
    stream.inbox.append(np.full(8000, 500, np.int16))
    stream.given += 8000
    stage.ticks(5)
    assert stage.heard[-1][-1] == pytest.approx(SOFT, abs=2) and levels(stream)[2:] == [0] * 3
    stage.ask(JoinRoom(stream.leg, stage.room))
    stage.ask(Configure(stream.leg, muted=False, deaf=False, answered=True))
    stage.ticks(8)
    assert stage.heard[-1][-1] == pytest.approx(SOFT + 500, abs=2)
    assert levels(stream)[-1] == pytest.approx(LOUD + SOFT, abs=2)
    stage.ticks(50)
    assert stage.heard[-1][-1] == pytest.approx(SOFT, abs=2), "a second of speech is a second"


def test_what_is_cleared_is_not_said_and_marks_keep_their_place(stage: Stage) -> None:
    stream = stage.claimed(says=True)
    stage.ask(JoinRoom(stream.leg, stage.room))
    for name in ("one", "two", "three"):
        stream.inbox += [np.full(800, 500, np.int16), name]
        stream.given += 800
    stage.ticks(7, talk=False)
    assert list(stream.marks) == ["one"]
    stream.inbox += [None, np.full(160, 700, np.int16), "four"]
    stream.clears += 1
    stream.given += 160
    stage.ticks(6, talk=False)
    assert list(stream.marks) == ["one", "two", "three", "four"]
    said = [int(frame[-1]) for frame in stage.heard[-6:]]
    assert 500 not in said[1:] and said[-1] == 0
    assert max(int(frame.max()) for frame in stage.heard[-6:]) == pytest.approx(700, abs=2)


def test_a_slow_client_loses_the_oldest_and_it_is_counted(stage: Stage) -> None:
    stream = stage.claimed()
    stage.ticks(MOST_FRAMES + 25)
    assert len(stream.frames) == MOST_FRAMES
    stage.ask(CloseLeg(stream.leg))
    stage.ticks(1)
    assert stage.events == [AudioStreamEnded(stream.leg, "closed", dropped_s=0.5)]


def test_a_client_that_says_more_than_may_wait_loses_the_oldest_and_it_is_counted(stage: Stage) -> None:
    stream = stage.claimed(says=True)
    for level in range(1, round(MOST_AHEAD_S) + 11):
        stream.inbox.append(np.full(8000, level, np.int16))
        stream.given += 8000
    stage.ask(JoinRoom(stream.leg, stage.room))
    stage.ticks(4, talk=False)
    assert stage.heard[-1][-1] == 11, "ten seconds are left out, at the front"
    stage.ask(CloseLeg(stream.leg))
    stage.ticks(1, talk=False)
    assert stage.events == [AudioStreamEnded(stream.leg, "closed", unsaid_s=10.0)]


def test_a_stream_that_nobody_comes_for_is_over(stage: Stage) -> None:
    stream = stage.open(claim_s=0.1)
    stage.ticks(5)
    assert stage.events == []
    stage.ticks(2)
    assert stage.events == [AudioStreamEnded(stream.leg, "unclaimed")] and stage.door.there == {}


def test_a_stream_ends_with_its_client_or_its_room(stage: Stage) -> None:
    first, second, third = stage.claimed(), stage.claimed(source=stage.loud), stage.claimed(says=True)
    stage.door.told.append((first, "disconnected"))
    stage.ticks(1)
    assert stage.events == [AudioStreamEnded(first.leg, "disconnected")]
    stage.ask(RemoveRoom(stage.room))
    stage.ticks(1)
    assert stage.events[1:] == [AudioStreamEnded(second.leg, "room removed")]
    assert set(stage.door.there) == {third.leg}, "who is a party is let go as one"


def test_what_cannot_be_opened_leaves_nothing(stage: Stage) -> None:
    legs = stage.engine.legs
    for wish, error in (
        ({"rate_hz": 11_025}, MediaError),
        ({"source": 999}, NoSuchLeg),
        ({"room": 999}, NoSuchLeg),
    ):
        with pytest.raises(error):
            stage.open(**wish)
    assert stage.engine.legs == legs and stage.door.there == {}
    for _ in range(3):
        stage.open()
    with pytest.raises(MediaFull):
        stage.open()
    stage.engine._streams._door = None
    with pytest.raises(MediaError, match="no streams"):
        stage.open()
