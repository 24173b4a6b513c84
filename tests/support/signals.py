"""Signals that several tests need, and how to compare what came out with what went in."""

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Float = NDArray[np.float64]


def to_pcm(wave: Float) -> Pcm:
    """Full scale 1 -> int16, clipped to +-32767."""
    return np.clip(np.rint(wave * 32768.0), -32767, 32767).astype(np.int16)


def level_dbov(pcm: Pcm) -> float:
    """Mean power of all samples; -127 for silence."""
    power = float(np.mean((pcm.astype(np.float64) / 32768.0) ** 2))
    return max(10.0 * float(np.log10(power + 1e-20)), -127.0)


def noise(samples: int, *, dbov: float = -30.0, seed: int = 0) -> Pcm:
    """White Gaussian noise."""
    return to_pcm(np.random.default_rng(seed).standard_normal(samples) * 10.0 ** (dbov / 20.0))


# Formants of five vowels (first three resonances in Hz), from any phonetics table.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def speech(seconds: float, rate_hz: int = 8000, *, dbov: float = -20.0, seed: int = 0) -> Pcm:
    """Something voiced: harmonics of a gliding pitch under wandering formants, in syllables, and some breath."""
    random = np.random.default_rng(seed)
    samples = round(seconds * rate_hz)
    knots = np.arange(0, samples + rate_hz, rate_hz // 5)
    instants = np.arange(samples)
    pitch = np.interp(instants, knots, random.uniform(85, 260, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    vowels = np.array(VOWELS, dtype=np.float64)[random.integers(0, len(VOWELS), len(knots))]
    formants = [np.interp(instants, knots, vowels[:, i]) for i in range(3)]
    wave = np.zeros(samples)
    for harmonic in range(1, 40):
        at = harmonic * pitch
        gain = sum(1.0 / (1.0 + ((at - f) / (60.0 + 0.06 * f)) ** 2) for f in formants) / harmonic
        wave += np.where(at < 0.45 * rate_hz, gain, 0.0) * np.sin(harmonic * phase)
    wave += 0.01 * random.standard_normal(samples)
    wave *= np.clip(np.sin(2 * np.pi * 1.7 * instants / rate_hz) * 3 + 1.5, 0.0, 1.0)
    return to_pcm(wave * 10.0 ** (dbov / 20.0) / np.sqrt(np.mean(wave**2)))


def delay_samples(sent: Pcm, received: Pcm) -> int:
    """How many samples `received` lies behind `sent`, where their correlation peaks (negative: ahead)."""
    size = 1 << (len(sent) + len(received) - 1).bit_length()
    spectrum = np.fft.rfft(received.astype(np.float64), size) * np.conj(np.fft.rfft(sent.astype(np.float64), size))
    peak = int(np.argmax(np.fft.irfft(spectrum, size)))
    return peak if peak < size // 2 else peak - size


def snr_db(sent: Pcm, received: Pcm) -> float:
    """Signal-to-noise ratio of `received` against `sent`, aligned and scaled as fits best; over what both cover."""
    delay = delay_samples(sent, received)
    a = sent[max(-delay, 0) :].astype(np.float64)
    b = received[max(delay, 0) :].astype(np.float64)
    length = min(len(a), len(b))
    a, b = a[:length], b[:length]
    gain = float(np.dot(a, b) / max(np.dot(a, a), 1e-9))
    error = float(np.sum((b - gain * a) ** 2))
    return 10.0 * float(np.log10(max(gain * gain * float(np.dot(a, a)), 1e-12) / max(error, 1e-12)))


def at_sender_clock(pcm: Pcm, ppm: float) -> Pcm:
    """`pcm` as a sender whose clock runs `ppm` fast is heard by us: the same sound in fewer samples of ours."""
    places = np.arange(0, len(pcm) - 1, 1.0 + ppm * 1e-6)
    heard: Pcm = np.rint(np.interp(places, np.arange(len(pcm)), pcm)).astype(np.int16)
    return heard
