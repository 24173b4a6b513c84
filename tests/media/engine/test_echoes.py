"""The engine tells whose peer returns what it is sent, by sound that goes through the bridge."""

from collections import deque

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.media.contract.leg import LegEchoing
from softphone.media.contract.messages import JoinRoom
from softphone.media.engine.engine import Engine
from tests.media.peer import Driver
from tests.support.signals import speech

DELAY_TICKS = 9


@pytest.mark.parametrize("every", [None, 25])
def test_a_leg_that_returns_what_it_hears_is_told_and_nobody_else(every: int | None) -> None:
    """Even while another goes from room to room, as often as talkers are looked at."""
    driver = Driver(engine := Engine(capacity=8))
    room, heard = driver.room(), deque([np.zeros(160, np.int16)] * DELAY_TICKS)

    def returned(frame: NDArray[np.int16]) -> None:
        heard.append(frame // 2)

    talker, listener = (engine.open_app(room, lambda frame: None) for _ in range(2))
    echoing = engine.open_app(room, returned)
    rooms, other = [driver.room(), driver.room()], engine.open_app(room, lambda frame: None)
    random, silent = np.random.default_rng(1), False
    for k, frame in enumerate(speech(14.0).reshape(-1, 160)):
        if not k % 40:  # phrases, and pauses between them
            silent = random.random() < 0.3
        if every and not (k + 1) % every:
            engine.handle(JoinRoom(other, rooms[k // every % 2]), driver.now)
        engine.push(talker, np.zeros(160, np.int16) if silent else frame)
        engine.push(echoing, heard.popleft())
        driver.tick()
    engine.close(2000.0)
    assert [event for event in driver.events if isinstance(event, LegEchoing)] == [
        LegEchoing(echoing, True)
    ] and listener
