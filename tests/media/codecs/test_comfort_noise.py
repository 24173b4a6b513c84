"""Comfort noise against ffmpeg's, both ways: level and spectrum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from softphone.media.codecs.comfort_noise import ORDER, ComfortNoise, describe
from softphone.media.codecs.payloads import Payloads
from tests.media.codecs.lines import Peer, Samples, laid

RATE_HZ = 8000
ROW = np.zeros(1, np.int64)


def coloured(kind: str, dbov: float, seconds: float = 4.0) -> Samples:
    """Noise of a level whose spectrum falls, rises, or is flat."""
    white = np.random.default_rng(9).standard_normal(int(seconds * RATE_HZ) + 1)
    taps = {"white": [1.0], "falling": [0.9**k for k in range(40)], "rising": [(-0.7) ** k for k in range(20)]}[kind]
    wave = np.convolve(white, taps, "same")
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


def ours(payload: bytes, seconds: float = 4.0) -> Samples:
    noise, pcm = ComfortNoise(1, RATE_HZ), np.zeros((1, 160), np.int16)
    noise.take(ROW, laid([payload]))
    made = []
    for _ in range(int(seconds * 50)):
        noise.make(ROW, pcm)
        made.append(pcm[0].copy())
    return np.concatenate(made)


def described(sound: Samples, room: int = ORDER + 1) -> bytes:
    out = np.zeros((1, room), np.uint8)
    return out[0, : describe(sound[None, :1600], out)[0]].tobytes()


KINDS = ["white", "falling", "rising"]


@pytest.mark.parametrize("kind", KINDS)
def test_noise_of_their_description_is_like_what_they_described(kind: str) -> None:
    sound = coloured(kind, -50.0)
    payloads = Peer("comfortnoise", RATE_HZ).encode(sound[:5120].reshape(-1, 640))
    made = [ours(payload, 1.0) for payload in payloads]
    assert abs(np.mean([level(each) for each in made]) + 50) < 1.5
    assert np.mean([np.abs(spectrum(each) - spectrum(sound)).max() for each in made]) < 3


@pytest.mark.parametrize("kind", KINDS)
def test_their_noise_of_our_description_is_like_what_was_described(kind: str) -> None:
    sound, peer = coloured(kind, -50.0), Peer("comfortnoise", RATE_HZ)
    payload, theirs = described(sound), peer.encode(sound[:640].reshape(1, 640))[0]
    heard = peer.decode([payload] * 60)
    assert np.abs(spectrum(heard) - spectrum(sound)).max() < 2
    assert abs(level(heard) - level(peer.decode([theirs] * 60))) < 1.5  # theirs is some 6 dB too low, whoever describes
    assert abs(level(ours(payload)) + 50) < 1
    assert np.abs(spectrum(ours(payload)) - spectrum(sound)).max() < 2


@pytest.mark.parametrize("dbov", [-36, -50, -70])
def test_a_level_alone_is_white_noise_of_it(dbov: int) -> None:
    sound = ours(bytes([-dbov]))
    assert abs(level(sound) - dbov) < 0.5
    assert np.ptp(spectrum(sound)) < 1
    assert described(coloured("white", dbov), room=1) in (bytes([-dbov - 1]), bytes([-dbov]), bytes([-dbov + 1]))


@pytest.mark.parametrize("payload", [b"", b"\x7f", b"\xff\x00\xff"])
def test_the_lowest_level_is_silence(payload: bytes) -> None:
    assert not ours(payload, 0.1).any()
    assert described(np.zeros(1600, np.int16))[0] == 127


@given(st.binary(max_size=40))
def test_no_description_is_louder_than_a_room_or_rings(payload: bytes) -> None:
    sound = ours(payload, 0.3)
    assert not sound.any() or level(sound) < -30


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=14)), min_size=1, max_size=6))
def test_descriptions_are_read_within_themselves_and_the_last_counts(lines: list[tuple[int, bytes]]) -> None:
    rows, payloads = np.array([row for row, _ in lines]), laid([each for _, each in lines])
    one, other = ComfortNoise(4, RATE_HZ), ComfortNoise(4, RATE_HZ)
    one.take(rows, payloads)
    around = np.ones(len(payloads.data), np.bool_)
    for start, size in zip(payloads.offset, payloads.size, strict=True):
        around[start : start + size] = False
    payloads.data[around] = 0x11
    for row, payload in dict(lines).items():
        other.take(np.array([row]), laid([payload]))
    one_again = ComfortNoise(4, RATE_HZ)
    one_again.take(rows, payloads)
    for each in (other, one_again):
        np.testing.assert_array_equal(one.level, each.level)
        np.testing.assert_array_equal(one.reflections, each.reflections)
    assert np.abs(one.reflections).max() < 1


def test_what_is_said_to_lie_elsewhere_is_not_read() -> None:
    noise = ComfortNoise(1, RATE_HZ)
    noise.take(ROW, laid([bytes([40])]))
    assert noise.level[0] == pytest.approx(327.68), "-40 dBov"
    noise.take(ROW, Payloads(np.full(10, 40, np.uint8), np.array([10]), np.array([5])))
    assert noise.level[0] == 0


def test_rows_make_noise_of_their_own_and_fall_silent() -> None:
    noise, pcm = ComfortNoise(3, RATE_HZ), np.zeros((3, 160), np.int16)
    noise.take(np.arange(3), laid([bytes([40])] * 3))
    noise.make(np.arange(3), pcm)
    assert not (pcm[0] == pcm[1]).all() and not (pcm[1] == pcm[2]).all()
    noise.reset(np.array([1]))
    noise.make(np.arange(3), pcm)
    assert pcm[0].any() and not pcm[1].any() and pcm[2].any()
