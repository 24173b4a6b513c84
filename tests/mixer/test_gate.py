import numpy as np
import pytest

from mixer.gate import SILENCE_DBOV, Gate, GateSettings, level_dbov
from mixer.lead import Lead

LOUD, SOFT = np.float32(-20), np.float32(-90)


def test_levels_are_dbov() -> None:
    at = np.arange(160)
    frames = np.array([np.full(160, 32767), np.zeros(160), 32767 * np.sin(2 * np.pi * at / 16), np.full(160, 328)])
    np.testing.assert_allclose(level_dbov(frames.astype(np.int16)), [0, SILENCE_DBOV, -3.01, -40], atol=0.02)


def test_the_gate_opens_at_once_and_closes_after_the_hangover() -> None:
    gate = Gate(1, GateSettings(-50, 0.1), 0.02)
    levels = [SOFT, LOUD, LOUD, SOFT, SOFT, LOUD] + [SOFT] * 8
    events = [gate.update(np.array([level]), np.array([True])) for level in levels]
    assert [k for k, (started, _) in enumerate(events) if len(started)] == [1]
    assert [k for k, (_, stopped) in enumerate(events) if len(stopped)] == [11]


def test_without_settings_any_sound_is_talk() -> None:
    gate = Gate(2, None, 0.02)
    started, _ = gate.update(np.array([SILENCE_DBOV, -80], np.float32), np.array([True, True]))
    assert started.tolist() == [1]
    _, stopped = gate.update(np.array([SILENCE_DBOV, SILENCE_DBOV], np.float32), np.array([True, True]))
    assert stopped.tolist() == [1]


def test_who_may_not_talk_stops_at_once() -> None:
    gate = Gate(1, GateSettings(), 0.02)
    gate.update(np.array([LOUD]), np.array([True]))
    _, stopped = gate.update(np.array([LOUD]), np.array([False]))
    assert stopped.tolist() == [0]
    assert not gate.talking.any()


@pytest.fixture
def lead() -> Lead:
    return Lead(4, 2)


def speak(lead: Lead, levels: list[float], room: list[int], ticks: int = 50) -> list[int]:
    level = np.array(levels, np.float32)
    for _ in range(ticks):
        lead.update(level, level > -60, np.array(room, np.int32))
    return lead.dominant.tolist()


def test_the_loudest_of_each_room_leads(lead: Lead) -> None:
    assert lead.dominant.tolist() == [-1, -1]
    assert speak(lead, [-20, -30, -127, -40], [0, 0, 1, 1]) == [0, 3]


def test_little_louder_is_not_enough_and_a_pause_does_not_end_the_lead(lead: Lead) -> None:
    room = [0, 0, 1, 1]
    speak(lead, [-20, -127, -127, -127], room)
    assert speak(lead, [-20, -18, -127, -127], room)[0] == 0
    assert speak(lead, [-127, -127, -127, -127], room, 200)[0] == 0
    assert speak(lead, [-127, -18, -127, -127], room)[0] == 1


def test_who_leaves_no_longer_leads(lead: Lead) -> None:
    speak(lead, [-20, -127, -127, -127], [0, 0, 1, 1])
    assert speak(lead, [-127] * 4, [1, 0, 1, 1], 1) == [-1, -1]
