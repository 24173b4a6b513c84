"""Against an oracle in plain Python: slow, obvious, exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mixer.desk import sum_rooms
from tests.bench.ears import splatter
from tests.mixer.rows import RATE, Stream, seated
from tests.support.packets import Packet, bridge_of, deliver

Pcm = NDArray[np.int16]


def oracle(heard: Pcm, room: list[int], listener: int) -> list[int]:
    """Everybody in the listener's room but the listener."""
    others = [r for r in range(len(room)) if r != listener and room[r] == room[listener]]
    return [sum(int(heard[r, i]) for r in others) for i in range(heard.shape[1])]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_room_sums_are_exact(data: st.DataObject) -> None:
    rows, rooms = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 5))
    heard = data.draw(arrays.arrays(np.int16, (rows, 160), elements=st.integers(-32767, 32767)))
    room = data.draw(st.lists(st.integers(0, rooms - 1), min_size=rows, max_size=rows))
    talkers = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    out = np.ones((rooms, 160), np.int32)
    parties, places = seated([*room, rooms - 1])
    parties["voiced"][talkers], places["wanted"] = True, 1
    sum_rooms(parties, rows, places, rooms, RATE, heard, heard, out)
    for r in range(rooms):
        here = [t for t in talkers.tolist() if room[t] == r]
        assert out[r].tolist() == [sum(int(heard[t, i]) for t in here) for i in range(160)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_everybody_hears_the_others_of_the_room_exactly(data: st.DataObject) -> None:
    parties = data.draw(st.integers(1, 8))
    room = data.draw(st.lists(st.integers(0, 2), min_size=parties, max_size=parties))
    level = 32767 // 8
    voice = data.draw(arrays.arrays(np.int16, (parties, 160), elements=st.integers(-level, level)))
    bridge = bridge_of(parties, capacity=12)
    rooms = [0, bridge.roster.add_room(), bridge.roster.add_room()]
    for row, place in enumerate(room):
        bridge.roster.move(row, rooms[place])
    bridge.roster.tape(dict.fromkeys(rooms, 1))
    deliver(bridge, [Packet(0.0, 1, 0, voice[row], row) for row in range(parties)], 0.02)
    tick = bridge.tick(0.02)
    np.testing.assert_array_equal(bridge.usual.heard[:parties], voice)
    for row in range(parties):
        assert tick.frame_for(row).tolist() == oracle(voice, room, row)
    for place in rooms:
        here = [r for r in range(parties) if room[r] == place]
        assert tick.room_frame(place).tolist() == voice[here].sum(axis=0, dtype=int).tolist()


def crowd(talkers: int, seconds: int = 4) -> NDArray[np.int64]:
    """Many full-scale tones, each of its own pitch."""
    at = np.arange(seconds * 8000) / 8000
    pitch = np.random.default_rng(1).uniform(120, 900, talkers)
    voices = np.rint(32767 * np.sin(2 * np.pi * pitch[:, None] * at))
    total: NDArray[np.int64] = voices.astype(np.int64).sum(axis=0)
    return total


def test_below_full_scale_every_bit_passes() -> None:
    mix = np.random.default_rng(1).integers(-32767, 32768, 16000)
    np.testing.assert_array_equal(Stream().narrow(mix), mix)


@pytest.mark.parametrize("talkers", [2, 50])
def test_a_shouting_crowd_neither_wraps_nor_sticks_to_full_scale(talkers: int) -> None:
    mix = crowd(talkers)
    out = Stream().narrow(mix).astype(np.int64)
    assert np.all(out * mix >= 0), "a sample changed its sign: it wrapped"
    clipped, stuck = np.clip(mix, -32767, 32767), np.abs(out) >= 32766
    assert not np.any(stuck[1:] & stuck[:-1])
    assert np.any((np.abs(clipped[1:]) == 32767) & (np.abs(clipped[:-1]) == 32767)), "the test must be hard enough"


def test_the_gain_moves_without_zipper() -> None:
    mix = crowd(50)
    out = Stream().narrow(mix)[8000:].astype(np.float64)
    loud = np.abs(mix[8000:]) > 100_000
    gain_db = 20 * np.log10(out[loud] / mix[8000:][loud])
    between = np.diff(np.flatnonzero(loud))
    assert np.abs(np.diff(gain_db))[between == 1].max() < 1.0


def test_the_gain_comes_back_slowly() -> None:
    loud = np.full(160, 65534)
    quiet = np.full(160 * 100, 10000)
    out = Stream().narrow(np.concatenate((loud, quiet)))
    assert np.all(np.diff(out[160:].astype(int)) >= -1)
    assert out[160] < 5100
    np.testing.assert_array_equal(out[-160 * 20 :], 10000)


def gains_db(depth_db: float, ticks: int, rate_hz: int = 8000) -> NDArray[np.float64]:
    """How far below the truth a tone is heard after a sound so much too loud, at the end of each tick."""
    stream, samples = Stream(rate_hz), rate_hz // 50
    stream.narrow(np.full(samples, round(32767 * 10 ** (depth_db / 20))))
    heard = stream.narrow(np.full(samples * ticks, 10_000)).reshape(ticks, -1)[:, -1]
    found: NDArray[np.float64] = 20 * np.log10(heard / 10_000)
    return found


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
@pytest.mark.parametrize("depth_db", [10.0, 15.0, 25.0])
def test_who_talks_after_a_crowd_is_soon_as_loud_as_ever(depth_db: float, rate_hz: int) -> None:
    back = gains_db(depth_db, 60, rate_hz) + depth_db
    assert 0.4 * depth_db < back[14] < 0.7 * depth_db, "within the first 300 ms"
    assert back[-1] == pytest.approx(depth_db, abs=0.01), "within 1.2 s"
    assert np.diff(back).max() < 1.2, "dB a tick"


def test_the_last_of_it_comes_back_slower_than_a_syllable() -> None:
    back = gains_db(1.0, 10)
    assert np.diff(back).max() < 0.2 and back[5] < 0


@pytest.mark.parametrize("depth_db", [3.0, 15.0, 25.0])
def test_a_gain_that_returns_is_no_click(depth_db: float) -> None:
    stream = Stream()
    stream.narrow(np.full(160, round(32767 * 10 ** (depth_db / 20))))
    tone = np.rint(8000 * np.cos(2 * np.pi * 200 / 8000 * np.arange(8000))).astype(np.int64)
    assert splatter(stream.narrow(tone).astype(np.float64)) < -60


def test_a_stream_keeps_its_gain_from_frame_to_frame() -> None:
    loud, soft = Stream(), Stream()
    assert loud.narrow(np.full(160, 60000)).max() == 32767
    np.testing.assert_array_equal(soft.narrow(np.full(160, -20000)), -20000)
    assert (float(loud.gain), float(soft.gain)) == pytest.approx((32767 / 60000, 1))
