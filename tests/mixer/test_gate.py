from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer import Bridge, GateSettings
from mixer.bridge import DEFAULT_GATE
from mixer.floor import HALF_TICKS
from mixer.frame import SILENCE_DBOV
from mixer.gate import find_leaders, gate_record, level_dbov, update_gate, update_loudness
from mixer.party import Parties, Rooms
from tests.mixer.rows import seated

LOUD, SOFT = -20.0, -90.0
KNOWN = 2 * HALF_TICKS + 20  # ticks until the noise of a line is known


def test_levels_are_dbov() -> None:
    at = np.arange(160)
    frames = np.array([np.full(160, 32767), np.zeros(160), 32767 * np.sin(2 * np.pi * at / 16), np.full(160, 328)])
    levels = [level_dbov(frame) for frame in frames.astype(np.int16)]
    np.testing.assert_allclose(levels, [0, SILENCE_DBOV, -3.01, -40], atol=0.02)


def changes(levels: Iterable[float], gate: GateSettings | None = DEFAULT_GATE, mute_at: int = -1) -> list[int]:
    """Tell frame by frame whether the gate of a row opens (1) or closes (-1)."""
    (p,), _ = seated([0])
    found, settings = [], gate_record(gate)
    for k, level in enumerate(levels):
        p.level, p.muted = level, k == mute_at
        found.append(int(update_gate(p, settings, False)))
    return found


def talked(found: list[int]) -> NDArray[np.bool_]:
    """Tell frame by frame whether the gate is open."""
    return np.cumsum(found) > 0


def test_the_gate_opens_at_once_and_closes_after_the_hangover() -> None:
    found = changes([SOFT, LOUD, LOUD, SOFT, SOFT, LOUD] + [SOFT] * 8, GateSettings(hangover_s=0.1))
    assert (found.index(1), found.index(-1)) == (1, 11)
    assert np.count_nonzero(found) == 2


def test_without_a_threshold_any_sound_is_talk() -> None:
    assert changes([SILENCE_DBOV, -80.0, SILENCE_DBOV], None) == [0, 1, -1]


def test_who_may_not_talk_stops_at_once() -> None:
    assert changes([LOUD, LOUD, LOUD], mute_at=1) == [1, -1, 1]


def noise(level: float, ticks: int, spread_db: float = 1.5) -> list[float]:
    """Levels of the frames of a noise, which spread the more the narrower it is."""
    return (level + np.random.default_rng(5).normal(0, spread_db, ticks)).tolist()


@pytest.mark.parametrize("level", [-70.0, -60.0, -50.0, -46.0])
@pytest.mark.parametrize("spread_db", [0.5, 2.0])
def test_steady_noise_is_no_talk_once_it_is_known(level: float, spread_db: float) -> None:
    assert not talked(changes(noise(level, KNOWN + 3000, spread_db)))[KNOWN:].any()


@pytest.mark.parametrize("floor", [-127.0, -75.0, -66.0, -60.0])
@pytest.mark.parametrize("level", [-42.0, -50.0])
def test_soft_words_are_talk_over_a_quiet_line(floor: float, level: float) -> None:
    lull = noise(floor, KNOWN) if floor > SILENCE_DBOV else [SILENCE_DBOV] * KNOWN
    found = changes([*lull, level, level - 3, level])
    assert found[KNOWN] == 1 and np.count_nonzero(found[KNOWN:]) == 1


def test_who_talks_for_long_keeps_talking() -> None:
    """Words of 0.3 s at -30 dBov with gaps of 0.1 s over a floor of -60, for a minute."""
    words = ([-30.0] * 15 + [-60.0] * 5) * 150
    assert talked(changes(words)).all()


def test_noise_that_grows_is_talk_for_seconds_only() -> None:
    found = talked(changes([*noise(-65, KNOWN), *noise(-48, 3 * KNOWN)]))
    assert found[KNOWN + 1] and not found[2 * KNOWN + 25 :].any()


def test_a_pause_of_digital_silence_does_not_make_noise_talk() -> None:
    found = talked(changes([*noise(-50, KNOWN), *[SILENCE_DBOV] * 1000, *noise(-50, 1000)]))
    assert not found[KNOWN:].any()


def test_what_is_loud_is_talk_however_steady() -> None:
    assert talked(changes([-33.0] * 2000)).all()


class Crowd:
    """Parties of a room, the first of whom says what is given; the others are silent, and hear at `ears_hz`."""

    def __init__(self, parties: int, rate_hz: int = 8000, ears_hz: int | None = None) -> None:
        self.bridge, self.samples = Bridge(parties + 2, ears_hz or rate_hz), rate_hz // 50
        self.room = self.bridge.roster.add_room()
        self.rows = [self.bridge.add_party(self.room, local=True) for _ in range(parties)]
        self.bridge.set_rate(self.rows[0], rate_hz)
        self.talking: list[list[int]] = []
        self._noise, self._ticks = np.random.default_rng(2), 0

    def run(self, said: NDArray[np.int16]) -> NDArray[np.int16]:
        """Give what the second party hears, while the others are silent."""
        heard = []
        for frame in said.reshape(-1, self.samples):
            self.bridge.push(self.rows[0], frame)
            tick = self.bridge.tick(0.02 * self._ticks)
            self._ticks += 1
            self.talking.append(np.flatnonzero(self.bridge.talking).tolist())
            heard.append(tick.frame_for(self.rows[1]).copy())
        return np.concatenate(heard)

    def noise(self, ticks: int, dbov: float = -62.0) -> NDArray[np.int16]:
        """Noise of so many frames."""
        wave = self._noise.normal(0, 32768 * 10 ** (dbov / 20), ticks * self.samples)
        return np.rint(wave).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_a_small_room_hears_all_that_is_said_bit_by_bit(rate_hz: int) -> None:
    crowd = Crowd(6, rate_hz)
    said = np.concatenate([crowd.noise(60), crowd.noise(1, -45), crowd.noise(30)])
    np.testing.assert_array_equal(crowd.run(said), said)
    assert not any(crowd.talking[:60]) and crowd.talking[60] == [0]


def test_a_large_room_hears_those_alone_who_talk() -> None:
    crowd = Crowd(7)
    assert not crowd.run(crowd.noise(60))[160 * 7 :].any()  # the first frame, and as it is faded
    word = crowd.noise(10, -30)
    np.testing.assert_array_equal(crowd.run(word)[80:], word[80:])


def test_who_may_not_speak_makes_no_room_large() -> None:
    crowd = Crowd(9)
    for row in crowd.rows[6:]:
        crowd.bridge.roster.set_muted(row, True)
    crowd.run(crowd.noise(10))
    said = crowd.noise(20)
    np.testing.assert_array_equal(crowd.run(said), said)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_a_gate_opens_within_5_ms_and_closes_within_100_without_a_step(rate_hz: int) -> None:
    crowd = Crowd(7, rate_hz)
    at = np.arange(rate_hz // 50 * 60)
    hum = np.rint(20 * np.cos(2 * np.pi * 100 / rate_hz * at)).astype(np.int16)  # -67 dBov
    crowd.run(hum)
    loud = np.rint(4000 * np.cos(2 * np.pi * 100 / rate_hz * at[: rate_hz // 10])).astype(np.int16)
    up = crowd.run(loud).astype(int)
    assert np.abs(np.diff(up)).max() < 1.35 * 4000 * max(2 * np.pi * 100 / rate_hz, 1 / (0.005 * rate_hz))
    np.testing.assert_array_equal(up[rate_hz // 200 :], loud[rate_hz // 200 :])
    down = crowd.run(hum)
    peaks = np.abs(down.reshape(60, -1)).max(axis=1)
    assert (peaks[:20] == 20).all(), "the hangover"
    assert peaks[20:25].tolist() == sorted(peaks[20:25], reverse=True) and peaks[23] > 5 and not peaks[25:].any()


@pytest.mark.parametrize(("rate_hz", "ears_hz"), [(16000, 8000), (8000, 48000)])
def test_a_gate_closes_without_a_step_for_ears_at_another_rate(rate_hz: int, ears_hz: int) -> None:
    crowd = Crowd(7, rate_hz, ears_hz)
    hum = np.rint(400 * np.cos(2 * np.pi * 100 / rate_hz * np.arange(rate_hz)))
    crowd.run((0.05 * hum).astype(np.int16))
    crowd.run(hum[: rate_hz // 10].astype(np.int16))
    down = crowd.run((0.05 * hum).astype(np.int16))[ears_hz // 50 :].astype(int)
    steady = 20 * 2 * np.pi * 100 / ears_hz
    assert np.abs(np.diff(down)).max() < steady + 2 and np.abs(down).max() >= 20 and not down[ears_hz * 3 // 5 :].any()


def test_a_gate_that_opens_while_it_closes_goes_on_from_there() -> None:
    crowd = Crowd(7)
    at = np.arange(160 * 24)
    hum = np.rint(20 * np.cos(2 * np.pi * 100 / 8000 * at)).astype(np.int16)
    crowd.run(np.concatenate([np.tile(hum, 3), 10 * hum[:160], hum[: 160 * 21]]))
    again = np.abs(crowd.run(10 * hum[:160])).astype(int)
    assert again[0] > 20 and again[80] == 200, "it begins at what was left, not at nothing"


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_listener_never_hears_more_than_was_said(data: st.DataObject) -> None:
    """Whoever comes, goes, is muted, moves or whispers while gates open and close: fades only take away."""
    crowd = Crowd(8)
    roster, other = crowd.bridge.roster, crowd.bridge.roster.add_room()
    acts = [
        lambda: roster.set_muted(0, True),
        lambda: roster.set_muted(0, False),
        lambda: roster.move(0, other),
        lambda: roster.move(0, crowd.room),
        lambda: roster.set_whisper(0, [1]),
        lambda: roster.set_whisper(0, None),
        lambda: roster.set_muted(7, True),
        lambda: roster.set_muted(7, False),
    ]
    for _ in range(data.draw(st.integers(1, 30))):
        acts[data.draw(st.integers(0, len(acts) - 1))]()
        said = crowd.noise(data.draw(st.integers(1, 7)), data.draw(st.sampled_from([-62.0, -25.0])))
        assert (np.abs(crowd.run(said)) <= np.abs(said)).all()


@pytest.fixture
def table() -> tuple[Parties, Rooms]:
    return seated([0, 0, 1, 1])


def speak(table: tuple[Parties, Rooms], levels: list[float], room: list[int], ticks: int = 50) -> list[int]:
    parties, rooms = table
    parties["level"], parties["room"], parties["talking"] = levels, room, np.array(levels) > -60
    for _ in range(ticks):
        for p in parties:
            update_loudness(p)
        find_leaders(parties, len(parties), rooms, len(rooms))
    leaders: list[int] = rooms["dominant"].tolist()
    return leaders


def test_the_loudest_of_each_room_leads(table: tuple[Parties, Rooms]) -> None:
    assert table[1]["dominant"].tolist() == [-1, -1]
    assert speak(table, [-20, -30, -127, -40], [0, 0, 1, 1]) == [0, 3]


def test_little_louder_is_not_enough_and_a_pause_does_not_end_the_lead(table: tuple[Parties, Rooms]) -> None:
    room = [0, 0, 1, 1]
    speak(table, [-20, -127, -127, -127], room)
    assert speak(table, [-20, -18, -127, -127], room)[0] == 0
    assert speak(table, [-127, -127, -127, -127], room, 200)[0] == 0
    assert speak(table, [-127, -18, -127, -127], room)[0] == 1


def test_who_leaves_no_longer_leads(table: tuple[Parties, Rooms]) -> None:
    speak(table, [-20, -127, -127, -127], [0, 0, 1, 1])
    assert speak(table, [-127] * 4, [1, 0, 1, 1], 1) == [-1, -1]
