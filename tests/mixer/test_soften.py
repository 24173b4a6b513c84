"""What is heard where nothing sounds: a little noise, which is in no recording and gives way to every voice."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import Bridge
from tests.support.signals import level_dbov, noise

Pcm = NDArray[np.int16]


class Hall:
    """A bridge of a few local parties in one room; ticks, and what each is sent."""

    def __init__(self, parties: int = 3, noise_dbov: float = -70.0, rate_hz: int = 8000) -> None:
        self.bridge = Bridge(12, rate_hz, noise_dbov=noise_dbov)
        self.room = self.bridge.roster.add_room()
        self.rows = [self.bridge.add_party(self.room, local=True) for _ in range(parties)]
        self.samples, self.tick = rate_hz // 50, 0

    def run(self, ticks: int, said: Pcm | None = None) -> list[Pcm]:
        """What each party is sent, and last what is recorded of the room, while the first says something."""
        heard: list[list[Pcm]] = [[] for _ in range(len(self.rows) + 1)]
        for k in range(ticks):
            if said is not None:
                self.bridge.push(self.rows[0], said[k * self.samples : (k + 1) * self.samples])
            self.tick += 1
            tick = self.bridge.tick(0.02 * self.tick)
            for row, each in zip(self.rows, heard, strict=False):
                each.append(tick.frame_for(row).copy())
            heard[-1].append(tick.recorded_frame(self.room, self.bridge.usual.number).copy())
        return [np.concatenate(each) for each in heard]


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
@pytest.mark.parametrize("level", [-70.0, -50.0])
def test_a_silent_room_sounds_a_little_and_is_recorded_as_silence(rate_hz: int, level: float) -> None:
    hall = Hall(noise_dbov=level, rate_hz=rate_hz)
    hall.bridge.roster.tape({hall.room: 1 << hall.bridge.usual.number})
    *heard, recorded = hall.run(50)
    for each in heard:
        assert level_dbov(each) == pytest.approx(level, abs=0.5)
    assert not recorded.any()


def test_without_it_silence_is_silence() -> None:
    assert not any(each.any() for each in Hall(noise_dbov=-127.0).run(20))
    assert not any(each.any() for each in Hall(noise_dbov=-200.0).run(20))


def test_voices_are_as_they_are() -> None:
    hall, plain, said = Hall(), Hall(noise_dbov=-127.0), noise(160 * 30, dbov=-26.0)
    for part in (hall, plain):
        part.bridge.roster.tape({part.room: 1 << part.bridge.usual.number})
    heard, expected = hall.run(30, said), plain.run(30, said)
    for with_noise, without in zip(heard[1:3], expected[1:3], strict=True):
        sounding = without.reshape(-1, 160).any(axis=1)
        np.testing.assert_array_equal(with_noise.reshape(-1, 160)[sounding], without.reshape(-1, 160)[sounding])
    np.testing.assert_array_equal(heard[-1], expected[-1])


def test_who_talks_alone_hears_a_line_that_lives() -> None:
    hall = Hall()
    heard = hall.run(30, noise(160 * 30, dbov=-26.0))
    assert level_dbov(heard[0][1600:]) == pytest.approx(-70.0, abs=1.0)


def test_the_deaf_hear_it_too_and_two_rooms_not_the_same() -> None:
    hall = Hall()
    other = hall.bridge.roster.add_room()
    hall.rows.append(hall.bridge.add_party(other, local=True))
    hall.bridge.roster.set_deaf(hall.rows[1], True)
    heard = hall.run(20)
    assert level_dbov(heard[1]) == pytest.approx(-70.0, abs=1.0)
    alike = np.corrcoef(heard[0].astype(float), heard[3].astype(float))[0, 1]
    assert abs(alike) < 0.2


def test_it_goes_on_from_tick_to_tick() -> None:
    heard = Hall(noise_dbov=-45.0).run(60)[1].astype(float)
    inner, edges = np.abs(np.diff(heard)), np.abs(heard[160::160] - heard[159:-1:160])
    assert edges.mean() == pytest.approx(inner.mean(), rel=0.35)
