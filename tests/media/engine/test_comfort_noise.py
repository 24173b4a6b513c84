"""The noise that is heard in the pauses of a party is like what ffmpeg described (RFC 3389): level and spectrum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer import g711
from mixer.comfort import colour, comfort, set_noise, white_noise
from mixer.frame import ABSENT
from mixer.party import reset, table
from mixer.rate import rate_record
from tests.media.codecs.lines import Peer as Ffmpeg
from tests.media.codecs.lines import Samples
from tests.media.peer import Driver, Peer, codes

RATE_HZ = 8000
KINDS = {"white": [1.0], "falling": [0.9**k for k in range(40)], "rising": [(-0.7) ** k for k in range(20)]}


def coloured(kind: str, dbov: float) -> Samples:
    """Noise of a level whose spectrum falls, rises, or is flat."""
    wave = np.convolve(np.random.default_rng(9).standard_normal(4 * RATE_HZ), KINDS[kind], "same")
    sound: Samples = np.rint(wave / np.sqrt(np.mean(wave**2)) * 32_768 * 10 ** (dbov / 20)).astype(np.int16)
    return sound


def level(sound: Samples) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) / 32_768**2))


def spectrum(sound: Samples) -> NDArray[np.float64]:
    """Power in eight equal bands, in dB of the whole."""
    whole = len(sound) // 256 * 256
    power = np.abs(np.fft.rfft(sound[:whole].reshape(-1, 256) * np.hanning(256), axis=1)[:, 1:]) ** 2
    bands = power.mean(axis=0).reshape(8, -1).sum(axis=1)
    share: NDArray[np.float64] = 10 * np.log10(bands / bands.sum())
    return share


@pytest.mark.parametrize("kind", KINDS)
def test_the_noise_of_their_description_is_like_what_they_described(
    driver: Driver, peers: list[Peer], kind: str
) -> None:
    room = driver.room()
    driver.open(peers[0], room)
    driver.open(peers[1], room)
    for frame in codes(400, 10):
        peers[0].say(frame)
        driver.tick()
    sound, made = coloured(kind, -45.0), list[Samples]()
    peers[0].payload_type = 13
    for description in Ffmpeg("comfortnoise", RATE_HZ).encode(sound[:5120].reshape(-1, 640)):
        peers[0].say(description)
        driver.tick(5)
        peers[1].heard()
        driver.tick(50)
        sent = b"".join(datagram[12:] for datagram in peers[1].heard())
        made.append(g711.decode(np.frombuffer(sent, np.uint8), g711.DECODE_ULAW))
    assert abs(np.mean([level(each) for each in made]) + 45) < 1.5
    assert np.mean([np.abs(spectrum(each) - spectrum(sound)).max() for each in made]) < 3


@given(st.integers(0, 127), st.binary(max_size=40))
def test_no_description_is_louder_than_a_room_or_rings(softness: int, description: bytes) -> None:
    party, rate, noise = table(1)[0], rate_record(RATE_HZ, 0.1, 0), white_noise(RATE_HZ)
    reset(party, 1 << 16)
    set_noise(party, -float(softness))
    colour(party, np.frombuffer(b"\xee" + description + b"\xee", np.uint8), 1, len(description))
    made = np.full((15, 160), ABSENT, np.int16)
    for k, frame in enumerate(made):
        comfort(party, rate, frame, frame, noise, 160 * k, False)
    sound = np.where(made == ABSENT, 0, made)
    assert np.abs(party.reflections).max() < 1
    assert not sound.any() or level(sound) < -30
