"""Where a known sound is in what was heard."""

import numpy as np

from softphone.load.media.alignment import align
from tests.support.signals import noise
from tests.support.tones import sine


def test_a_sound_is_found_at_its_place() -> None:
    burst = noise(2000, seed=1)
    heard = noise(8000, dbov=-50.0, seed=2)
    heard[1234 : 1234 + 2000] += burst // 2
    place, likeness = align(burst, heard)
    assert place == 1234
    assert likeness > 0.9
    assert align(burst, noise(8000, seed=3))[1] < 0.2
    assert align(burst, sine(440, 1.0))[1] < 0.2
    assert align(burst, heard, 1234)[0] == 1234 > align(burst, heard, 1000)[0]
    assert align(burst, heard[:2500], 2000)[0] == 1234, "its end is missing"
    assert align(burst, np.zeros(8000, np.int16))[1] == 0.0
