"""No gain changes in a step: who is muted, moves, leaves or changes volume is faded, within one frame."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import Bridge

HZ, LEVEL = 200.0, 8000
# A tone that is faded within 10 ms moves by a little more from sample to sample than it does by itself.
STEADY = LEVEL * 2 * np.pi * HZ / 8000
MOST = 1.2 * STEADY


def tone(ticks: int, level: float = LEVEL) -> NDArray[np.int16]:
    return (level * np.sin(2 * np.pi * HZ * np.arange(160 * ticks) / 8000)).astype(np.int16)


class Scene:
    """A speaker and a listener in a room, and another room; every frame that the listener hears."""

    def __init__(self) -> None:
        self.bridge = Bridge(6)
        self.room, self.other = self.bridge.roster.add_room(), self.bridge.roster.add_room()
        self.speaker = self.bridge.add_party(self.room, local=True)
        self.listener = self.bridge.add_party(self.room, local=True)
        self.heard: list[NDArray[np.int16]] = []
        self.own: list[NDArray[np.int16]] = []
        self._said, self._ticks = tone(60), 0

    def run(self, ticks: int, *, talks: bool = True) -> None:
        for _ in range(ticks):
            if talks:
                self.bridge.push(self.speaker, self._said[160 * self._ticks : 160 * (self._ticks + 1)])
            tick = self.bridge.tick(0.02 * self._ticks)
            self.heard.append(tick.frame_for(self.listener).copy())
            self.own.append(tick.frame_for(self.speaker).copy())
            self._ticks += 1

    @property
    def steepest(self) -> int:
        return int(np.abs(np.diff(np.concatenate(self.heard).astype(int))).max())


Change = Callable[[Scene], object]


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (lambda s: s.bridge.roster.set_muted(s.speaker, True), lambda s: s.bridge.roster.set_muted(s.speaker, False)),
        (lambda s: s.bridge.roster.set_gain_in(s.speaker, 0.1), lambda s: s.bridge.roster.set_gain_in(s.speaker, 1.0)),
        (lambda s: s.bridge.roster.set_gain_in(s.speaker, 0.0), lambda s: s.bridge.roster.set_gain_in(s.speaker, 2.0)),
        (
            lambda s: s.bridge.roster.set_gain_out(s.listener, 0.0),
            lambda s: s.bridge.roster.set_gain_out(s.listener, 1),
        ),
        (lambda s: s.bridge.roster.set_deaf(s.listener, True), lambda s: s.bridge.roster.set_deaf(s.listener, False)),
        (lambda s: s.bridge.roster.move(s.speaker, s.other), lambda s: s.bridge.roster.move(s.speaker, s.room)),
        (lambda s: s.bridge.roster.move(s.listener, s.other), lambda s: s.bridge.roster.move(s.listener, s.room)),
        (lambda s: s.bridge.roster.move(s.speaker, -1), lambda s: s.bridge.roster.move(s.speaker, s.room)),
        (
            lambda s: s.bridge.roster.set_whisper(s.speaker, []),
            lambda s: s.bridge.roster.set_whisper(s.speaker, None),
        ),
    ],
    ids=["mute", "volume", "to nothing", "own volume", "deaf", "move", "the listener moves", "no room", "whisper"],
)
def test_what_changes_glides(change: Change, back: Change) -> None:
    scene = Scene()
    scene.run(10)
    change(scene)
    scene.run(10)
    away = np.concatenate(scene.heard[11:])
    back(scene)
    scene.run(10)
    assert np.abs(away).max() <= 0.1 * LEVEL + 1, "the change is over within a tick"
    assert np.abs(scene.heard[-1]).max() >= LEVEL - 1
    assert scene.steepest <= (2 * MOST if np.abs(scene.heard[-1]).max() > LEVEL else MOST)


def test_who_leaves_the_bridge_is_faded_out() -> None:
    scene = Scene()
    scene.run(10)
    scene.bridge.push(scene.speaker, tone(1))
    scene.bridge.roster.remove(scene.speaker)
    scene.run(5, talks=False)
    assert scene.steepest <= MOST and not np.concatenate(scene.heard[11:]).any()


def test_what_is_cut_off_is_faded_out_and_the_rest_is_dropped() -> None:
    scene = Scene()
    scene.run(10)
    scene.bridge.push(scene.speaker, tone(4))
    assert scene.bridge.flush(scene.speaker) == 4 * 160 - 80
    scene.run(5, talks=False)
    assert scene.steepest <= MOST and not np.concatenate(scene.heard[11:]).any()


def test_nobody_hears_himself_while_he_is_faded() -> None:
    scene = Scene()
    scene.run(10)
    scene.bridge.roster.set_muted(scene.speaker, True)
    scene.run(3)
    scene.bridge.roster.set_muted(scene.speaker, False)
    scene.run(3)
    scene.bridge.roster.move(scene.speaker, scene.other)
    scene.run(3)
    scene.bridge.roster.set_deaf(scene.speaker, True)
    scene.run(3)
    assert not np.concatenate(scene.own).any()


def test_a_listener_that_moves_while_it_is_whispered_to_goes_from_room_to_room() -> None:
    scene = Scene()
    coach = scene.bridge.add_party(scene.other, local=True)
    scene.bridge.roster.set_whisper(coach, [scene.listener])
    for k in range(20):
        scene.bridge.push(coach, tone(1, 1000))
        if k == 10:
            scene.bridge.roster.move(scene.listener, scene.other)
        scene.run(1)
    assert scene.steepest <= MOST + 0.2 * STEADY and np.abs(scene.heard[-1]).max() <= 1001


def test_two_who_change_places_hear_all_of_each_room_once() -> None:
    """Fades of one voice are complementary: both rooms together hear what was said, to the last unit."""
    scene = Scene()
    spy = scene.bridge.add_party(scene.other, local=True)
    scene.run(10)
    scene.bridge.roster.move(scene.speaker, scene.other)
    said = tone(60)[160 * 10 : 160 * 11]
    scene.bridge.push(scene.speaker, said)
    tick = scene.bridge.tick(0.2)
    both = tick.frame_for(scene.listener).astype(int) + tick.frame_for(spy)
    np.testing.assert_array_equal(both, said)


def test_the_next_room_of_a_number_hears_nothing_of_the_one_before() -> None:
    scene = Scene()
    scene.run(10)
    scene.bridge.roster.remove_room(scene.room)
    assert scene.bridge.roster.add_room() == scene.room
    stranger = scene.bridge.add_party(scene.room, local=True)
    scene.bridge.push(scene.speaker, tone(1))
    assert not scene.bridge.tick(0.2).frame_for(stranger).any()
