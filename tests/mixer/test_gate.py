import numpy as np
import pytest

from mixer.gate import SILENCE_DBOV, find_leaders, level_dbov, update_gate, update_loudness
from mixer.party import Parties, Rooms
from tests.mixer.rows import seated

LOUD, SOFT = -20.0, -90.0


def test_levels_are_dbov() -> None:
    at = np.arange(160)
    frames = np.array([np.full(160, 32767), np.zeros(160), 32767 * np.sin(2 * np.pi * at / 16), np.full(160, 328)])
    levels = [level_dbov(frame) for frame in frames.astype(np.int16)]
    np.testing.assert_allclose(levels, [0, SILENCE_DBOV, -3.01, -40], atol=0.02)


def changes(levels: list[float], threshold: float = -50.0, hangover: int = 5, mute_at: int = -1) -> list[int]:
    """Tell frame by frame whether the gate of a row opens (1) or closes (-1)."""
    (p,), _ = seated([0])
    found = []
    for k, level in enumerate(levels):
        p.level, p.muted = level, k == mute_at
        found.append(int(update_gate(p, threshold, hangover)))
    return found


def test_the_gate_opens_at_once_and_closes_after_the_hangover() -> None:
    found = changes([SOFT, LOUD, LOUD, SOFT, SOFT, LOUD] + [SOFT] * 8)
    assert (found.index(1), found.index(-1)) == (1, 11)
    assert np.count_nonzero(found) == 2


def test_without_a_threshold_any_sound_is_talk() -> None:
    assert changes([SILENCE_DBOV, -80.0, SILENCE_DBOV], SILENCE_DBOV, 0) == [0, 1, -1]


def test_who_may_not_talk_stops_at_once() -> None:
    assert changes([LOUD, LOUD, LOUD], mute_at=1) == [1, -1, 1]


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
