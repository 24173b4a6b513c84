"""Automatic gain: voices of a room come to one level, what lies under them does not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import Bridge
from mixer.agc import LEAST_DB, MOST_DB
from softphone.load.speech import levelled
from tests.bench.speech import clips
from tests.support.signals import level_dbov, noise, speech

Pcm = NDArray[np.int16]


def heard(said: Pcm, *, rate_hz: int = 8000, on: bool = True, gated: bool = True) -> Pcm:
    """What others hear of who says this."""
    bridge = Bridge(2, rate_hz) if gated else Bridge(2, rate_hz, gate=None)
    room = bridge.roster.add_room()
    bridge.roster.level_voices(room, on)
    row = bridge.add_party(room, local=True)
    bridge.add_party(room, local=True)
    samples, parts = rate_hz // 50, []
    for k in range(len(said) // samples):
        bridge.push(row, said[k * samples : (k + 1) * samples])
        parts.append(bridge.tick(0.02 * k).said_by(row).copy())
    return np.concatenate(parts)


def active_dbov(pcm: Pcm, rate_hz: int = 8000) -> float:
    """Level of the frames in which somebody speaks: those less than 20 dB below the loudest."""
    frames = pcm[: len(pcm) // (rate_hz // 50) * (rate_hz // 50)].reshape(-1, rate_hz // 50).astype(float)
    power = np.mean(frames**2, axis=1)
    return float(10 * np.log10(np.mean(power[power > power.max() / 100]) / 32768**2))


def spoken(rate_hz: int, dbov: float) -> Pcm:
    """Real speech, 24 s of it."""
    return np.tile(levelled(clips(rate_hz)[0], dbov), 3)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_every_voice_comes_to_one_level(rate_hz: int) -> None:
    loud = [
        active_dbov(heard(spoken(rate_hz, dbov), rate_hz=rate_hz)[-8 * rate_hz :], rate_hz) for dbov in (-38, -26, -16)
    ]
    assert max(loud) - min(loud) < 4.0
    assert -32.0 < min(loud) < max(loud) < -23.0


def test_a_voice_too_soft_or_too_loud_is_changed_by_so_much_and_no_more() -> None:
    for dbov, most in ((-50.0, MOST_DB), (-6.0, LEAST_DB)):
        said = speech(30.0, dbov=dbov)
        gained = active_dbov(heard(said)[-40_000:]) - active_dbov(said[-40_000:])
        assert gained == pytest.approx(float(most), abs=1.0)


def test_it_is_off_where_nobody_wants_it() -> None:
    said = speech(6.0, dbov=-40.0)
    np.testing.assert_array_equal(heard(said, on=False), heard(said, on=False, gated=True))
    assert active_dbov(heard(said, on=False)) == pytest.approx(active_dbov(said), abs=0.5)


def test_the_noise_of_a_line_is_not_lifted() -> None:
    said = heard(np.concatenate((speech(2.0, dbov=-26.0), noise(8000 * 20, dbov=-58.0))))
    assert level_dbov(said[-16_000:]) < -56.0
    assert level_dbov(heard(noise(8000 * 20, dbov=-50.0))[-16_000:]) == pytest.approx(-44.5, abs=2.0)


def test_a_soft_voice_over_noise_is_lifted_with_it_and_the_noise_alone_does_not_open_the_gate() -> None:
    pause, voice = noise(8000 * 3, dbov=-62.0), speech(3.0, dbov=-40.0)
    said = np.concatenate([pause, voice] * 4 + [pause])
    under = noise(len(said), dbov=-62.0, seed=2)
    bridge = Bridge(2)
    room = bridge.roster.add_room()
    bridge.roster.level_voices(room, True)
    row = bridge.add_party(room, local=True)
    talking = []
    for k in range(len(said) // 160):
        bridge.push(row, said[160 * k : 160 * k + 160] + under[160 * k : 160 * k + 160])
        bridge.tick(0.02 * k)
        talking.append(bool(bridge.talking[row]))
    assert not any(talking[-100:])
    assert all(any(talking[150 + 300 * k : 300 + 300 * k]) for k in range(4))


def test_gain_moves_without_a_step() -> None:
    at = np.arange(8000 * 12)
    swelling = 1 + 0.97 * np.sin(2 * np.pi * at / 8000)
    said = heard(np.rint(300 * swelling * np.sin(2 * np.pi * 200 / 8000 * at)).astype(np.int16)).astype(float)
    last = said[-8000:]
    assert np.abs(last).max() > 900
    steep = np.abs(np.diff(said, 2)).max()
    assert steep <= 1.05 * np.abs(np.diff(last, 2)).max()


def test_the_voice_of_one_party_is_levelled_in_a_room_that_is_not() -> None:
    bridge = Bridge(3)
    room = bridge.roster.add_room()
    rows = [bridge.add_party(room, local=True) for _ in range(2)]
    bridge.roster.set_levelled(rows[0], True)
    said, parts = speech(12.0, dbov=-40.0), []
    for k in range(600):
        for row in rows:
            bridge.push(row, said[160 * k : 160 * k + 160])
        tick = bridge.tick(0.02 * k)
        parts.append([tick.said_by(row).copy() for row in rows])
    wanted, other = np.concatenate(parts, axis=1)
    assert active_dbov(wanted[300 * 160 :]) > -34.0
    np.testing.assert_array_equal(other[160:], said[160 : len(other)])
    bridge.roster.remove(rows[0])
    bridge.tick(12.0)
    assert bridge.add_party(room, local=True) == rows[0]
    assert not bridge.parties[rows[0]].levelled


def test_who_leaves_a_levelled_room_is_heard_as_before() -> None:
    bridge = Bridge(3)
    levelled, plain = bridge.roster.add_room(), bridge.roster.add_room()
    bridge.roster.level_voices(levelled, True)
    row = bridge.add_party(levelled, local=True)
    said, parts = speech(12.0, dbov=-40.0), []
    for k in range(600):
        if k == 450:
            bridge.roster.move(row, plain)
        bridge.push(row, said[160 * k : 160 * k + 160])
        parts.append(bridge.tick(0.02 * k).said_by(row).copy())
    sound = np.concatenate(parts)
    assert active_dbov(sound[300 * 160 : 449 * 160]) > -34.0
    np.testing.assert_array_equal(sound[460 * 160 : 560 * 160], said[460 * 160 : 560 * 160])
    bridge.roster.remove_room(levelled)
    assert bridge.roster.add_room() == levelled
    assert not bridge.rooms[levelled].levelled
