"""Rooms, recordings and application legs of one engine, and the times of its ticks."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.errors import MediaFull
from softphone.media.contract.frames import frame, read_request
from softphone.media.contract.leg import LegSpec
from softphone.media.contract.messages import (
    CloseLeg,
    Configure,
    CreateRoom,
    Done,
    Failed,
    GetStats,
    JoinRoom,
    LeaveRoom,
    MediaRequest,
    Number,
    OpenLeg,
    Outcome,
    PauseRecording,
    Play,
    PlayTo,
    Record,
    RecordLeg,
    RemoveRoom,
    SendKeys,
    StopRecording,
    Whisper,
    numbers,
)
from softphone.media.engine.desk import RequestDesk
from softphone.media.engine.engine import Engine
from softphone.media.workers.pacer import CATCH_UP_TICKS, RECENT, Pacer
from tests.media.peer import Driver, Peer, tone


@pytest.fixture
def driver() -> Iterator[Driver]:
    engine = Engine(capacity=16, gate=False)
    yield Driver(engine)
    engine.close(2000.0)


class App:
    """An application leg that keeps what it hears."""

    def __init__(self, driver: Driver, room: int) -> None:
        self.frames: list[NDArray[np.int16]] = []
        self.leg = driver.engine.open_app(room, lambda frame: self.frames.append(frame.copy()))

    def peak(self, last: int = 3) -> int:
        return max(int(np.abs(frame).max()) for frame in self.frames[-last:])


def test_applications_talk_without_a_network(driver: Driver) -> None:
    room = driver.room()
    speaker, listener = App(driver, room), App(driver, room)
    sound = tone(400, 1)[0]
    assert driver.engine.push(speaker.leg, sound) == 160
    driver.tick()
    np.testing.assert_array_equal(listener.frames[-1], sound)
    assert speaker.peak() == 0
    driver.tick()
    assert listener.peak(1) == 0


def test_mute_deaf_leave_and_join(driver: Driver) -> None:
    room = driver.room()
    speaker, listener = App(driver, room), App(driver, room)

    def heard(*requests: Configure | JoinRoom | LeaveRoom) -> bool:
        for request in requests:
            assert not isinstance(driver.engine.handle(request, driver.now), Failed)
        for _ in range(4):
            driver.engine.push(speaker.leg, tone(400, 1)[0])
            driver.tick()
        return listener.peak(2) > 0

    assert heard()
    assert not heard(Configure(speaker.leg, muted=True))
    assert heard(Configure(speaker.leg, muted=False))
    assert not heard(Configure(listener.leg, deaf=True))
    assert heard(Configure(listener.leg, deaf=False))
    assert not heard(LeaveRoom(listener.leg))
    assert heard(JoinRoom(listener.leg, room))


def test_what_is_not_there_is_refused(driver: Driver) -> None:
    for request in (
        JoinRoom(1, 1),
        LeaveRoom(1),
        CloseLeg(1),
        RemoveRoom(1),
        Record(1, "x"),
        StopRecording(1),
        Configure(1),
    ):
        reply = driver.engine.handle(request, driver.now)
        assert isinstance(reply, Failed) and reply.kind == "NoSuchLeg"


def test_full(driver: Driver) -> None:
    room = driver.room()
    for _ in range(16):
        App(driver, room)
    with pytest.raises(MediaFull, match="all 16 rows are taken"):
        App(driver, room)
    refused = driver.engine.handle(OpenLeg(LegSpec()), driver.now)
    assert isinstance(refused, Failed) and refused.kind == "MediaFull"


@pytest.mark.parametrize("gain", [-0.1, 16.1, float("inf"), float("nan")])
def test_a_gain_that_is_none_is_refused(driver: Driver, gain: float) -> None:
    app = App(driver, driver.room())
    for request in (Configure(app.leg, gain_in=gain), Configure(app.leg, gain_out=gain)):
        refused = driver.engine.handle(request, driver.now)
        assert isinstance(refused, Failed) and "a gain is 0 to 16" in refused.message


def test_deadlines_are_absolute_and_a_stall_is_made_up_for() -> None:
    pacer = Pacer()
    pacer.start(10.0)
    assert pacer.wake(10.0, 4) == pytest.approx(10.005)
    assert pacer.wake(10.019, 4) == pytest.approx(10.02)
    assert pacer.begin(10.023) == pytest.approx((10.02, 0))
    pacer.done(10.023, 10.025)
    assert pacer.deadline == pytest.approx(10.04)
    assert pacer.begin(10.10) == pytest.approx((10.04, 0))  # late by three ticks: all of them will be done
    pacer.done(10.10, 10.11)
    assert pacer.deadline == pytest.approx(10.06)
    assert (pacer.late_ticks, pacer.skipped_ticks) == (1, 0)
    assert pacer.begin(10.065 + 0.02 * (CATCH_UP_TICKS + 6)) == pytest.approx((10.28, 11))
    pacer.done(10.285, 10.29)
    assert pacer.deadline == pytest.approx(10.3)
    assert (pacer.late_ticks, pacer.skipped_ticks) == (2, 11)
    assert sum(pacer.lateness.counts) == pacer.ticks == 3


def test_durations_are_those_of_the_last_ticks() -> None:
    pacer = Pacer()
    for k in range(RECENT + 10):
        pacer.start(0.0)
        pacer.done(0.0, 0.030 if k < RECENT else 0.001 * (k - RECENT + 1))
        pacer.stop()
    assert pacer.durations_ms(10) == pytest.approx((5.5, 9.91, 10.0))
    assert pacer.durations_ms()[2] == pytest.approx(30.0)
    assert Pacer().durations_ms() == (0.0, 0.0, 0.0)


def test_nothing_to_do_without_legs(driver: Driver) -> None:
    room = driver.room()
    assert not driver.engine.active
    app = App(driver, room)
    assert driver.engine.active
    driver.engine.handle(CloseLeg(app.leg), time.monotonic())
    assert not driver.engine.active


def test_every_request_has_one_who_carries_it_out(driver: Driver) -> None:
    assert set(driver.engine._handlers) == set(MediaRequest.__subclasses__())


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        (CreateRoom(), []),
        (OpenLeg(LegSpec()), []),
        (OpenLeg(LegSpec(), room=3), [("room", 3)]),
        (JoinRoom(5, 3), [("leg", 5), ("room", 3)]),
        (Configure(5, gain_in=2.0), [("leg", 5)]),
        (SendKeys(5, "12"), [("leg", 5)]),
        (Record(3, "a.wav", {5: "anna", 6: "boris"}), [("room", 3), ("leg", 5), ("leg", 6)]),
        (PauseRecording(8, True), [("recording", 8)]),
        (Play(["a.wav"], [5, 6]), [("leg", 5), ("leg", 6)]),
        (PlayTo(9, []), [("playback", 9)]),
        (Whisper(5, None), [("leg", 5)]),
    ],
)
def test_a_request_tells_what_it_is_about(asked: MediaRequest[Any], about: list[tuple[str, int]]) -> None:
    """Numbers of things, and no other numbers, in whatever they are kept."""
    assert numbers(asked) == about
    assert read_request(frame(7, asked)[4:]) == (7, asked)


def test_what_lasts_is_answered_when_it_is_done(driver: Driver, peers: list[Peer], tmp_path: Path) -> None:
    """And each request once, whatever was asked for meanwhile."""
    info, desk, answers = driver.open(peers[0], driver.room()), RequestDesk(driver.engine), list[int]()

    def told() -> dict[int, Outcome]:
        found = {number: message for number, message in desk.told() if number}
        answers.extend(found)
        return found

    desk.ask(1, SendKeys(info.leg, "1"), driver.now)
    desk.ask(2, SendKeys(info.leg, "x"), driver.now)
    desk.ask(3, GetStats(info.leg), driver.now)
    assert sorted(told()) == [2, 3]
    desk.ask(4, RecordLeg(info.leg, str(tmp_path / "a.wav"), 9.0), driver.now)
    desk.ask(5, RecordLeg(info.leg, str(tmp_path / "no" / "a.wav"), 9.0), driver.now)
    desk.ask(6, CloseLeg(info.leg), driver.now)
    driver.engine._tape.close()
    found = told()
    assert found[1] == Done() and isinstance(found[4], Number) and isinstance(found[5], Failed)
    assert sorted(answers) == [1, 2, 3, 4, 5, 6]
