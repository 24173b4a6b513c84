"""Whispers, sources and what is left out of recordings, against an oracle in plain Python."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer import Bridge, NoSuchRoom, UnknownRow
from tests.mixer.rows import Stream

Pcm = NDArray[np.int16]
FADED = 80  # samples


@dataclass
class Party:
    """What the oracle knows of one row."""

    value: int
    room: int
    deaf: bool = False
    muted: bool = False
    recorded: bool = True
    ears: bool = True
    to: set[int] | None = None


@dataclass
class Stage:
    """A bridge whose rows each push a constant of their own, and the oracle beside it."""

    bridge: Bridge
    parties: dict[int, Party] = field(default_factory=dict)

    def add(self, room: int, value: int, *, source: bool = False) -> int:
        row = self.bridge.add_source(room) if source else self.bridge.add_party(room, local=True)
        self.parties[row] = Party(value, room, ears=not source)
        return row

    def whisper(self, row: int, to: set[int] | None) -> None:
        self.bridge.roster.set_whisper(row, None if to is None else sorted(to))
        self.parties[row].to = to

    def move(self, row: int, room: int) -> None:
        self.bridge.roster.move(row, room)
        party = self.parties[row]
        if party.room != room:
            party.room, party.to = room, None

    def remove(self, row: int) -> None:
        self.bridge.roster.remove(row)
        del self.parties[row]
        for party in self.parties.values():
            if party.to is not None:
                party.to.discard(row)

    def flip(self, row: int, name: str, switch: Callable[[int, bool], None]) -> None:
        on = not getattr(self.parties[row], name)
        setattr(self.parties[row], name, on)
        switch(row, on)

    def tick(self) -> None:
        for row, party in self.parties.items():
            self.bridge.push(row, np.full(self.bridge.usual.samples, party.value, np.int16))
        self.bridge.roster.tape(dict.fromkeys(np.flatnonzero(self.bridge.roster.room_exists).tolist(), 1))
        self.last = self.bridge.tick(0.0)

    def hears(self, row: int) -> int:
        """What the bridge gives a row, the same sample again and again once what has changed is faded."""
        (value,) = set(self.last.frame_for(row)[FADED:].tolist())
        return int(value)

    def should_hear(self, row: int) -> int:
        """What it should: the room but itself, unless deaf, and everything whispered to it, by itself as well."""
        me, total = self.parties[row], 0
        for other, party in self.parties.items():
            if party.muted:
                continue
            if party.to is not None:
                total += party.value if row in party.to else 0
            elif other != row and party.room == me.room != -1 and not me.deaf:
                total += party.value
        return total

    def should_record(self, room: int) -> int:
        here = [p for p in self.parties.values() if p.room == room and p.to is None and not p.muted]
        return sum(party.value for party in here if party.recorded)

    def agree(self, rooms: list[int]) -> None:
        self.tick()
        for row in self.parties:
            assert self.last.frame_of_row[row] < 0 or self.hears(row) == self.should_hear(row), row
        self.tick()
        for row, party in self.parties.items():
            sent = self.last.frame_of_row[row] >= 0
            whispered_to = any(row in (p.to or ()) for p in self.parties.values())
            assert sent == (party.ears and (party.room != -1 or whispered_to))
            if sent:
                assert self.hears(row) == self.should_hear(row), row
        for room in rooms:
            assert set(self.last.recorded_frame(room).tolist()) == {self.should_record(room)}
            assert set(self.last.room_frame(room).tolist()) == {
                sum(p.value for p in self.parties.values() if p.room == room and p.to is None and not p.muted)
            }


@pytest.fixture
def stage() -> Stage:
    """Four parties in room 0."""
    bridge = Bridge(12, gate=None)
    made = Stage(bridge)
    room = bridge.roster.add_room()
    for value in (1, 10, 100, 1000):
        made.add(room, value)
    return made


def test_a_whisper_reaches_its_listener_and_nobody_else(stage: Stage) -> None:
    stage.whisper(3, {0})
    stage.tick()
    assert [stage.hears(row) for row in range(4)] == [1110, 101, 11, 111]
    assert int(stage.last.room_frame(0)[0]) == 111
    assert stage.last.private[3] and stage.last.said_by(3).all()
    stage.whisper(3, None)
    stage.tick()
    assert [stage.hears(row) for row in range(4)] == [1110, 1101, 1011, 111]
    assert not stage.last.private[3] and stage.last.said_by(3).all()


def test_whispered_to_in_another_room_in_none_and_deaf(stage: Stage) -> None:
    side = stage.bridge.roster.add_room()
    stage.move(0, side)
    stage.move(1, -1)
    stage.bridge.roster.set_deaf(2, True)
    stage.tick()
    stage.tick()
    assert stage.last.frame_of_row[1] == -1 and stage.hears(2) == 0
    stage.whisper(3, {0, 1, 2})
    stage.tick()
    assert [stage.hears(row) for row in range(4)] == [1000, 1000, 1000, 100]


def test_who_is_whispered_to_gets_silence_in_between(stage: Stage) -> None:
    stage.move(1, -1)
    stage.whisper(0, {1})
    stage.parties[0].value = 0
    stage.tick()
    assert stage.last.frame_of_row[1] >= 0 and stage.hears(1) == 0


def test_listeners_of_the_very_same_share_one_frame() -> None:
    bridge = Bridge(60, gate=None)
    stage, room = Stage(bridge), bridge.roster.add_room()
    waiting = [stage.add(room, 0) for _ in range(50)]
    for row in waiting:
        bridge.roster.set_deaf(row, True)
    talker = stage.add(room, 7)
    music = stage.add(-1, 500, source=True)
    stage.whisper(music, set(waiting))
    stage.tick()
    assert {stage.hears(row) for row in waiting} == {500} and stage.hears(talker) == 0
    assert len(set(stage.last.frame_of_row[waiting].tolist())) == 1
    # the waiting share one, the talker has its own, then the room and silence
    assert len(bridge.usual.frames) == 4
    bridge.roster.set_gain_out(waiting[0], 2.0)
    stage.tick()
    assert stage.hears(waiting[0]) == 1000 and stage.hears(waiting[1]) == 500
    assert len(bridge.usual.frames) == 5


def test_who_leaves_is_out_of_every_whisper(stage: Stage) -> None:
    stage.whisper(3, {0})
    stage.remove(0)
    stage.agree([0])
    assert [stage.hears(row) for row in (1, 2)] == [100, 10], "a whisper that has lost its listener got loose"
    stage.bridge.tick(0.0)
    assert stage.add(0, 5) == 0
    stage.agree([0])
    stage.whisper(3, {0, 1})
    stage.remove(3)
    stage.agree([0])
    stage.bridge.tick(0.0)
    assert stage.add(0, 9) == 3
    stage.agree([0])


def test_who_changes_rooms_speaks_to_the_new_one_and_still_hears_whispers(stage: Stage) -> None:
    side = stage.bridge.roster.add_room()
    stage.whisper(3, {0})
    stage.whisper(2, {1})
    stage.move(3, 0)
    assert stage.parties[3].to == {0}, "it did not change rooms"
    stage.move(1, side)
    stage.move(3, side)
    stage.agree([0, side])
    assert stage.hears(1) == 1100
    stage.whisper(3, {0})
    stage.bridge.roster.remove_room(side)
    stage.move(3, 0)
    stage.parties[3].to = None
    stage.parties[1].room = -1
    stage.agree([0])


def test_muted_whisperers_are_not_heard(stage: Stage) -> None:
    stage.whisper(3, {0})
    stage.bridge.roster.set_muted(3, True)
    stage.parties[3].muted = True
    stage.agree([0])


def test_nobody_is_whispered_to_who_is_not_there(stage: Stage) -> None:
    for row, to in ((9, [0]), (0, [1, 9])):
        with pytest.raises(UnknownRow):
            stage.bridge.roster.set_whisper(row, to)
    with pytest.raises(UnknownRow):
        stage.bridge.roster.set_recorded(9, False)
    with pytest.raises(NoSuchRoom):
        stage.bridge.add_source(5)
    stage.agree([0])


def test_sources_are_heard_without_gate_and_never_talk() -> None:
    bridge = Bridge(4)
    stage, room = Stage(bridge), bridge.roster.add_room()
    listener, source = stage.add(room, 0), stage.add(room, 3, source=True)
    stage.tick()
    assert stage.hears(listener) == 3, "far below what opens a gate"
    assert stage.last.frame_of_row[source] == -1
    stage.parties[source].value = 9000
    for _ in range(3):
        stage.tick()
        assert not len(stage.last.talking_started) and not bridge.talking.any() and bridge.rooms["dominant"][room] == -1
    assert stage.hears(listener) == 9000
    stage.move(source, -1)
    stage.tick()
    assert stage.hears(listener) == 0


def test_who_whispers_talks_but_does_not_lead_the_room() -> None:
    bridge = Bridge(4)
    stage, room = Stage(bridge), bridge.roster.add_room()
    coach, learner = stage.add(room, 9000), stage.add(room, 0)
    stage.whisper(coach, {learner})
    stage.tick()
    assert stage.last.talking_started.tolist() == [coach]
    assert bridge.rooms["dominant"][room] == -1
    stage.move(coach, -1)
    stage.whisper(coach, {learner})
    stage.tick()
    assert bridge.talking[coach] and stage.hears(learner) == 9000
    stage.whisper(coach, None)
    stage.tick()
    assert stage.last.talking_stopped.tolist() == [coach]


def test_left_out_of_the_recording_but_heard(stage: Stage) -> None:
    stage.bridge.roster.set_recorded(3, False)
    stage.parties[3].recorded = False
    stage.agree([0])
    assert stage.hears(0) == 1110
    stage.bridge.roster.set_recorded(3, True)
    stage.parties[3].recorded = True
    stage.agree([0])
    stage.bridge.roster.set_recorded(3, False)
    stage.remove(3)
    stage.bridge.tick(0.0)
    assert stage.add(0, 4) == 3, "the next in its row is recorded"
    stage.agree([0])


def test_a_recording_is_limited_like_the_room() -> None:
    bridge = Bridge(8, gate=None)
    stage, room = Stage(bridge), bridge.roster.add_room()
    for _ in range(3):
        stage.add(room, 30000)
    bridge.roster.set_recorded(stage.add(room, 1, source=True), False)
    for _ in range(5):
        stage.tick()
        recorded = stage.last.recorded_frame(room).astype(int)
        assert recorded.min() > 30000, "wrapped"
        assert np.abs(recorded - stage.last.room_frame(room)).max() <= 1


ROWS, ROOMS = 8, 3
steps = st.lists(
    st.tuples(
        st.sampled_from(("whisper", "speak", "move", "deaf", "mute", "record", "remove", "add", "source")),
        st.integers(0, ROWS - 1),
        st.integers(-1, ROOMS - 1),
        st.sets(st.integers(0, ROWS - 1), max_size=4),
    ),
    min_size=1,
    max_size=40,
)


def act(stage: Stage, name: str, row: int, room: int, others: set[int]) -> None:
    """Do one thing to the bridge and to the oracle, if it can be done."""
    if name in ("add", "source"):
        if stage.bridge.roster._free_rows:
            stage.add(room, 1 << len(stage.parties), source=name == "source")
    elif row in stage.parties:
        {
            "whisper": lambda: stage.whisper(row, others & stage.parties.keys()),
            "speak": lambda: stage.whisper(row, None),
            "move": lambda: stage.move(row, room),
            "deaf": lambda: stage.flip(row, "deaf", stage.bridge.roster.set_deaf),
            "mute": lambda: stage.flip(row, "muted", stage.bridge.roster.set_muted),
            "record": lambda: stage.flip(row, "recorded", stage.bridge.roster.set_recorded),
            "remove": lambda: stage.remove(row),
        }[name]()


@settings(max_examples=150, deadline=None)
@given(steps)
def test_everybody_hears_exactly_what_the_oracle_says(acts: list[tuple[str, int, int, set[int]]]) -> None:
    bridge = Bridge(ROWS, gate=None)
    stage = Stage(bridge)
    rooms = [bridge.roster.add_room() for _ in range(ROOMS)]
    for k in range(5):
        stage.add(rooms[k % 2], 1 << 2 * k)
    for step in acts:
        act(stage, *step)
        stage.agree(rooms)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_gains_and_full_scale_against_the_limiter_alone(data: st.DataObject) -> None:
    """A whispered-to talker with a gain hears the limited, scaled, exact sum."""
    level = st.integers(-32767, 32767)
    me, other, whisper = (data.draw(level) for _ in range(3))
    gain = data.draw(st.sampled_from([0.25, 1.0, 3.0]))
    bridge = Bridge(4, gate=None)
    stage, room = Stage(bridge), bridge.roster.add_room()
    row = stage.add(room, me)
    stage.add(room, other)
    stage.whisper(stage.add(-1, whisper, source=True), {row})
    bridge.roster.set_gain_out(row, gain)
    bridge.tick(0.0)  # in which it glides
    stream = Stream()
    for _ in range(3):
        stage.tick()
        mix = np.full(160, round((other + whisper) * gain))
        np.testing.assert_array_equal(stage.last.frame_for(row), stream.narrow(mix))


def test_two_circles_are_told_apart_in_the_last_room_too() -> None:
    """Who hears a circle in no room hears nothing of another circle, even where there are as many rooms as fit."""
    bridge = Bridge(6, gate=None)
    rooms = [bridge.roster.add_room() for _ in range(6)]
    stage = Stage(bridge)
    first, second = stage.add(rooms[0], 100), stage.add(rooms[0], 1000)
    listener = stage.add(rooms[5], 1)
    stage.add(rooms[5], 10)
    deaf = stage.add(rooms[0], 0)
    stage.flip(deaf, "deaf", bridge.roster.set_deaf)
    stage.whisper(first, {listener})
    stage.whisper(second, {deaf})
    stage.agree(rooms)
