import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer import Bridge, BridgeFull, FrameError, NoSuchRoom, QueueFull, UnknownRow
from mixer.dtmf import dtmf
from tests.mixer.test_playout import tone
from tests.support.packets import Packet, bridge_of, deliver, packets_of

Pcm = NDArray[np.int16]


def constant(value: int, samples: int = 160) -> Pcm:
    return np.full(samples, value, np.int16)


class Hall:
    """A bridge whose parties each say a constant of their own, tick after tick."""

    def __init__(self, bridge: Bridge, values: dict[int, int]) -> None:
        self.bridge, self.values, self.k = bridge, values, 0

    def tick(self, ticks: int = 1) -> dict[int, int]:
        """What each row hears at the end of the last tick."""
        for _ in range(ticks):
            at_s = self.k * 0.02
            said = [
                Packet(at_s, self.k, self.k * 160, constant(v), row, marker=not self.k)
                for row, v in self.values.items()
            ]
            deliver(self.bridge, said, at_s + 0.02)
            self.last = self.bridge.tick(at_s + 0.02)
            self.k += 1
        return {row: int(self.last.frame_for(row)[-1]) for row in self.values}


@pytest.fixture
def hall() -> Hall:
    return Hall(bridge_of(4), {0: 1, 1: 10, 2: 100, 3: 1000})


def test_mix_minus(hall: Hall) -> None:
    assert hall.tick(3) == {0: 1110, 1: 1101, 2: 1011, 3: 111}
    assert int(hall.last.room_frame(0)[0]) == 1111


def test_mute_deaf_gain_and_hold(hall: Hall) -> None:
    hall.bridge.roster.set_muted(1, True)
    hall.bridge.roster.set_deaf(2, True)
    hall.bridge.roster.set_gain_in(3, 2.0)
    hall.bridge.roster.set_gain_out(0, 3.0)
    assert hall.tick(3) == {0: 6300, 1: 2101, 2: 0, 3: 101}
    assert hall.bridge.usual.heard[:, 0].tolist() == [1, 0, 100, 2000]
    hall.bridge.roster.set_send(0, False)
    hall.bridge.roster.set_receive(3, False)
    hall.tick(30)
    assert hall.last.frame_of_row[0] == -1
    assert int(hall.last.frame_for(1)[-1]) == 101


def test_listeners_share_the_frame_of_their_room(hall: Hall) -> None:
    del hall.values[3], hall.values[2]
    hall.tick(2)
    assert hall.last.frame_of_row[2] == hall.last.frame_of_row[3] == hall.bridge.usual.first_room
    assert len(hall.bridge.usual.frames) == 2 + 1 + 1


def test_moving_changes_who_hears_whom_with_the_next_tick(hall: Hall) -> None:
    hall.tick(2)
    side = hall.bridge.roster.add_room()
    hall.bridge.roster.move(0, side)
    hall.bridge.roster.move(1, side)
    assert hall.tick() == {0: 10, 1: 1, 2: 1000, 3: 100}
    hall.bridge.roster.move(0, -1)
    hall.tick(2)  # one frame more, in which the room is faded out
    assert hall.last.frame_of_row[0] == -1
    hall.bridge.roster.remove_room(side)
    hall.tick(2)
    assert hall.last.frame_of_row[1] == -1


def test_a_removed_party_is_heard_no_more_and_its_row_starts_clean(hall: Hall) -> None:
    hall.tick(2)
    hall.bridge.roster.remove(3)
    del hall.values[3]
    with pytest.raises(BridgeFull):
        hall.bridge.add_party(0)
    assert hall.tick() == {0: 110, 1: 101, 2: 11}
    assert hall.bridge.add_party(0) == 3
    assert hall.bridge.counters(3).received == 0
    assert hall.tick(5) == {0: 110, 1: 101, 2: 11}


def test_alone_one_hears_silence() -> None:
    assert Hall(bridge_of(1), {0: 5000}).tick(3) == {0: 0}


def test_packets_of_empty_rows_are_ignored() -> None:
    bridge = Bridge(2)
    deliver(bridge, [Packet(0.0, 1, 0, constant(5), 1)], 0.02)
    bridge.tick(0.02)
    assert not bridge.usual.heard.any()


def test_local_parties_say_what_is_pushed_and_nothing_else() -> None:
    bridge = bridge_of(2)
    player = Bridge(2, gate=None)
    room = player.roster.add_room()
    row, listener = player.add_party(room, local=True), player.add_party(room)
    voice = np.arange(1, 401, dtype=np.int16)
    assert player.push(row, voice[:250]) == 250
    assert player.push(row, voice[250:]) == 400
    heard = np.concatenate([player.tick(k * 0.02).frame_for(listener).copy() for k in range(5)])
    np.testing.assert_array_equal(heard, np.concatenate((voice, np.zeros(400))))
    assert player.queued(row) == 0
    assert player.push(row, voice[:100]) == 100
    np.testing.assert_array_equal(player.tick(0.2).frame_for(listener)[:100], voice[:100])
    with pytest.raises(QueueFull):
        player.push(row, np.zeros(5000, np.int16))
    assert player.queued(row) == 0
    with pytest.raises(UnknownRow):
        bridge.push(0, voice)


@pytest.mark.parametrize(("pushed", "ticks"), [(0, 0), (1, 0), (333, 1), (1600, 3), (1600, 0)])
def test_what_is_flushed_is_not_said_and_what_is_pushed_then_is(pushed: int, ticks: int) -> None:
    player = Bridge(2, gate=None)
    room = player.roster.add_room()
    row, listener = player.add_party(room, local=True), player.add_party(room)
    player.push(row, np.full(pushed, 7, np.int16))
    for k in range(ticks):
        player.tick(k * 0.02)
    waits = max(0, pushed - 160 * ticks)
    fading = min(waits, 80)
    assert player.flush(row) == waits - fading and player.queued(row) == fading
    player.push(row, constant(9)[:80])
    heard = np.concatenate([player.tick((ticks + k) * 0.02).frame_for(listener).copy() for k in range(12)])
    assert (np.diff(heard[:fading]) <= 0).all(), "what is cut off fades"
    np.testing.assert_array_equal(heard[fading:], np.concatenate((constant(9)[:80], np.zeros(12 * 160 - 80 - fading))))


def test_the_lowest_sample_is_no_absence() -> None:
    bridge = Bridge(1, gate=None)
    row = bridge.add_party(bridge.roster.add_room(), local=True)
    bridge.push(row, constant(-32768))
    np.testing.assert_array_equal(bridge.tick(0.0).said_by(row), -32767)


def test_wrong_use_is_told() -> None:
    bridge = bridge_of(1)
    for call in (bridge.roster.remove_room, bridge.add_party, lambda room: bridge.roster.move(0, room)):
        with pytest.raises(NoSuchRoom):
            call(7)
    with pytest.raises(UnknownRow):
        bridge.roster.set_muted(5, True)
    with pytest.raises(FrameError):
        Bridge(1, 11025)
    with pytest.raises(FrameError):
        deliver(bridge, [Packet(0, 1, 0, constant(1)[None])], 0.0)


def test_a_newcomer_is_not_as_loud_as_whoever_sat_there() -> None:
    bridge = Bridge(2, gate=None)
    room = bridge.roster.add_room()
    loud, other = bridge.add_party(room), bridge.add_party(room)
    hall = Hall(bridge, {loud: 20000})
    hall.tick(20)
    bridge.roster.remove(loud)
    hall.values = {}
    hall.tick()
    assert bridge.add_party(room) == loud
    hall.values = {loud: 300, other: 1000}
    hall.tick(10)
    assert hall.bridge.rooms["dominant"][room] == other


@pytest.mark.parametrize("ending", ["mute", "move", "remove", "remove_room", "silence"])
def test_every_start_of_talk_is_followed_by_one_stop(ending: str) -> None:
    bridge = Bridge(2)
    room = bridge.roster.add_room()
    row = bridge.add_party(room)
    hall = Hall(bridge, {row: 8000})
    hall.tick(3)
    assert bridge.talking[row]
    assert bridge.level_dbov[row] == pytest.approx(-12.2, abs=0.1)
    assert hall.bridge.rooms["dominant"][room] == row
    end = {
        "mute": lambda: bridge.roster.set_muted(row, True),
        "move": lambda: bridge.roster.move(row, -1),
        "remove": lambda: bridge.roster.remove(row),
        "remove_room": lambda: bridge.roster.remove_room(room),
        "silence": hall.values.clear,
    }
    end[ending]()
    hall.tick()
    stops = hall.last.talking_stopped.tolist()
    assert stops == ([] if ending == "silence" else [row])
    for _ in range(40):
        hall.tick()
        stops += hall.last.talking_stopped.tolist()
        assert not len(hall.last.talking_started)
    assert stops == [row]


def disturb(hall: Hall, row: int, act: str) -> None:
    """Do something to a row, if it can be done."""
    bridge = hall.bridge
    there = bool(bridge.roster.active[row])
    if act == "remove" and there:
        bridge.roster.remove(row)
    elif act in ("mute", "unmute") and there:
        bridge.roster.set_muted(row, act == "mute")
    elif act == "add" and bridge.roster._free_rows:
        bridge.add_party(0)
    elif act == "talk":
        hall.values[row] = 3000
    elif act == "quiet":
        hall.values.pop(row, None)


ACTS = ("mute", "unmute", "remove", "add", "talk", "quiet")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ACTS)), max_size=60))
def test_starts_and_stops_alternate_whatever_happens(steps: list[tuple[int, str]]) -> None:
    bridge = bridge_of(4)
    hall, talking = Hall(bridge, {}), set[int]()
    for row, act in steps:
        disturb(hall, row, act)
        hall.tick()
        started, stopped = set(hall.last.talking_started.tolist()), set(hall.last.talking_stopped.tolist())
        assert not started & talking
        assert stopped <= talking
        talking = talking - stopped | started
    assert talking == set(np.flatnonzero(bridge.talking).tolist())


def test_gated_noise_is_not_mixed() -> None:
    bridge = Bridge(7)
    room = bridge.roster.add_room()
    hall = Hall(bridge, {bridge.add_party(room): 20, bridge.add_party(room): 8000})
    assert hall.tick(3) == {0: 8000, 1: 20}
    for _ in range(5):
        bridge.add_party(room)
    assert hall.tick(8) == {0: 8000, 1: 0}
    bridge.roster.set_gain_out(0, 2.0)
    assert hall.tick() == {0: 16000, 1: 0}


def test_digits_dialled_in_the_voice_band() -> None:
    bridge = Bridge(1)
    row = bridge.add_party(local=True, inband_keys=True)
    keys: list[tuple[int, str]] = []
    wave = np.concatenate((np.zeros(800, np.int16), dtmf("5#", 8000), np.zeros(800, np.int16)))
    for k in range(0, len(wave), 160):
        bridge.push(row, wave[k : k + 160])
        keys += bridge.tick(k / 8000).keys
    assert keys == [(row, "5"), (row, "#")]


@pytest.mark.parametrize(("late_s", "ppm"), [(0.0, -10_000), (0.0, 10_000), (0.018, 0), (0.018, -10_000)])
def test_keys_in_the_sound_of_a_party_that_is_played_faster_or_slower(late_s: float, ppm: float) -> None:
    """Because of its clock, or because its packets come later from the ninth on."""
    bridge, said = Bridge(1), "1234567890*#"
    row = bridge.add_party(inband_keys=True)
    quiet = np.zeros(1600, np.int16)
    wave = np.concatenate((quiet, dtmf(said, 8000, duration_s=0.08, gap_s=0.07), quiet))
    packets = packets_of(wave, ppm=ppm, delay_s=lambda k: late_s if k > 8 else 0.0)
    keys = ""
    for k in range(len(packets) + 10):
        deliver(bridge, [each for each in packets if k <= each.at_s / 0.02 < k + 1], (k + 1) * 0.02)
        keys += "".join(key for _, key in bridge.tick((k + 1) * 0.02).keys)
    assert (row, keys) == (0, said)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_fifty_shouting_parties_are_limited(rate_hz: int) -> None:
    bridge = Bridge(50, rate_hz, gate=None)
    room = bridge.roster.add_room()
    rows = [bridge.add_party(room, local=True) for _ in range(50)]
    heard = []
    for k in range(50):
        for row in rows:
            voice = tone(1, rate_hz, 150 + 13 * row, 32767)
            bridge.push(row, voice[k * bridge.usual.samples : (k + 1) * bridge.usual.samples])
        heard.append(bridge.tick(k * 0.02).frame_for(0).copy())
    stuck = np.abs(np.concatenate(heard).astype(int)) >= 32766
    assert stuck.any()
    assert not np.any(stuck[1:] & stuck[:-1])


@pytest.mark.parametrize("gone", [[9], [9, 8, 7], [3], [3, 9], list(range(10))])
def test_the_rows_in_use_end_where_the_last_one_is(gone: list[int]) -> None:
    bridge = Bridge(16)
    rows, rooms = [bridge.add_party() for _ in range(10)], [bridge.roster.add_room() for _ in range(10)]
    for each in gone:
        bridge.roster.remove(rows[each])
        bridge.roster.remove_room(rooms[each])
    assert bridge.roster.rows_end == 10, "those that are gone have a last tick"
    bridge.tick(0.0)
    end = max((row + 1 for row in range(10) if row not in gone), default=0)
    assert (bridge.roster.rows_end, bridge.roster.rooms_end) == (end, end)
    bridge.add_party()
    assert bridge.roster.rows_end == max(end, min(gone) + 1)
