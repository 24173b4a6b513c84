"""Pure tones as audio files, and finding them in what somebody heard. Knows nothing of the mixer it helps to judge."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
RATE_HZ = 8000
# The clocks of phones drift by 1 %, and a playout buffer that catches up after a stall plays 2.5 % faster for seconds.
OFF = 0.04


def sine(hz: float, seconds: float, *, amplitude: float = 0.25, rate_hz: int = RATE_HZ) -> Pcm:
    """int16, shape (samples,); `amplitude` 1 is full scale."""
    instants = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint(32767 * amplitude * np.sin(2 * np.pi * hz * instants)).astype(np.int16)


def write_wav(path: Path, pcm: Pcm, rate_hz: int = RATE_HZ) -> Path:
    """Mono, 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.astype("<i2").tobytes())
    return path


def read_wav(path: Path) -> tuple[Pcm, int]:
    """Samples and rate of a mono 16-bit file; one whose header was never finished is read to its end."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2), f"{path} is not mono 16 bit"
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16), file.getframerate()


def write_mulaw(path: Path, pcm: Pcm) -> Path:
    """Raw G.711 mu-law, by the segment formula of the standard (no table of ours)."""
    magnitude = np.minimum(np.abs(pcm.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    codes = ~(np.where(pcm < 0, 128, 0) | exponent << 4 | mantissa) & 255
    path.write_bytes(codes.astype(np.uint8).tobytes())
    return path


def read_mulaw(path: Path) -> Pcm:
    """The other way round."""
    return from_mulaw(path.read_bytes())


def from_mulaw(sound: bytes) -> Pcm:
    """Samples of raw G.711 mu-law."""
    codes = ~np.frombuffer(sound, np.uint8).astype(np.int32) & 255
    magnitude = (((codes & 15) << 3) + 132 << ((codes >> 4) & 7)) - 132
    return np.where(codes & 128, -magnitude, magnitude).astype(np.int16)


def amplitude_of(pcm: Pcm, hz: float, rate_hz: int = RATE_HZ, *, off: float = OFF) -> float:
    """Amplitude (full scale 1) of the component at `hz`, or off it by this part of it."""
    if not len(pcm):
        return 0.0
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64) * np.hanning(len(pcm)))) ** 2
    bins = np.fft.rfftfreq(len(pcm), 1 / rate_hz)
    near = np.abs(bins - hz) <= max(off * hz, 2 * rate_hz / len(pcm))
    # A sine of amplitude a under a Hann window of n samples has the one-sided energy a^2 n^2 3/32.
    return float(np.sqrt(np.sum(spectrum[near]) * 32 / 3) / (len(pcm) * 32767))


def mostly(pcm: Pcm, hz: float, rate_hz: int = RATE_HZ) -> float:
    """Amplitude at `hz` in the middlemost of all tenths of a second: a stall chops the tone in some of them."""
    piece = rate_hz // 10
    return float(
        np.median([amplitude_of(part, hz, rate_hz) for part in pcm[: len(pcm) // piece * piece].reshape(-1, piece)])
    )


def tones_in(
    pcm: Pcm, candidates: list[float], *, floor: float = 0.02, rate_hz: int = RATE_HZ, off: float = OFF
) -> set[float]:
    """Those of `candidates` that are louder than `floor` (full scale 1) in `pcm`; `off` as for `amplitude_of`."""
    return {hz for hz in candidates if amplitude_of(pcm, hz, rate_hz, off=off) > floor}
