"""Code words: what a line makes of some of them is no word of anybody else's."""

import itertools

import numpy as np
import pytest

from mixer import g711
from softphone.load.media.codes import FIRST, NAMES, WORD, codes, name_of, waves
from softphone.load.media.ears import HEARD, listen, waves_at

APART = range(-2, 3)


def test_every_talker_has_a_name_of_its_own() -> None:
    assert len({name_of(number) for number in range(NAMES)}) == NAMES
    assert len({bytes(word) for word in codes()}) == len(codes())


def test_no_product_of_two_of_the_first_words_is_another_of_them() -> None:
    words = codes()[: len(FIRST)]
    around = {bytes(sign * np.roll(word, shift)) for word in words for shift in range(WORD) for sign in (-1, 1)}
    assert len(around) == 2 * WORD * len(FIRST)
    for one, other in itertools.combinations_with_replacement(range(len(FIRST)), 2):
        for apart in APART:
            product = words[one] * np.roll(words[other], apart)
            assert bytes(product) not in around or (one == other and not apart), (one, other, apart)


@pytest.mark.parametrize("count", [3, 4, 6])
@pytest.mark.parametrize("law", ["ULAW", "ALAW"])
def test_what_a_codec_makes_of_others_is_not_taken_for_a_talker(count: int, law: str) -> None:
    """Each is missing in turn; the others are cut into frames anew, as a bridge does that hears them at other times."""
    encode, decode = getattr(g711, f"ENCODE_{law}"), getattr(g711, f"DECODE_{law}")
    tones = tuple(name_of(number)[0] for number in range(count))
    said = [waves(number, -16.0, 8000).reshape(-1).astype(np.int32) for number in range(count)]
    rng, blocks, talkers = np.random.default_rng(count), waves_at(8000, tones), np.arange(count)
    for missing in range(count):
        for _ in range(12):
            late = 40 * rng.integers(-4, 5, count)
            mix = sum(np.roll(said[k], late[k]) for k in range(count) if k != missing)
            pcm = g711.decode(g711.encode(np.clip(mix, -32767, 32767).astype(np.int16), encode), decode)
            frames = pcm.reshape(WORD, -1).astype(np.float32)
            parts = np.stack([frames @ block for block in blocks], axis=1)
            series = np.hypot(parts[..., :4], parts[..., 4:]).reshape(1, WORD, -1)
            known = listen(series, np.array([WORD]), talkers, talkers).known[0]
            assert known[missing] != HEARD
            assert (known[talkers != missing] == HEARD).all()
