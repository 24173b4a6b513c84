"""Sound and payloads for tests of codecs: speech, noise, and the same codec in ffmpeg's hands."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from softphone.media.codecs.payloads import Payloads

Samples = NDArray[np.int16]
SOUNDS = Path(__file__).parents[3] / "softphone" / "sounds" / "en"
PROMPTS = ("conf-hostmenu", "conf-getpin")


@cache
def speech(rate_hz: int, seconds: float = 4.0) -> Samples:
    """Prompts, one after the other, at half of full scale."""
    sound = np.concatenate([_prompt(SOUNDS / f"{name}.flac", rate_hz) for name in PROMPTS])
    repeated: Samples = (np.resize(sound, int(seconds * rate_hz)) * (16_384 / np.abs(sound).max())).astype(np.int16)
    return repeated


def _prompt(path: Path, rate_hz: int) -> NDArray[np.float32]:
    sound, rate = soundfile.read(path, dtype="float32")
    resampled: NDArray[np.float32] = soxr.resample(sound, rate, rate_hz)
    return resampled


def noise(rate_hz: int, seconds: float = 1.0, level: float = 12_000.0) -> Samples:
    """White noise, loud enough to be clipped now and then."""
    wave = np.random.default_rng(7).standard_normal(int(seconds * rate_hz)) * level
    return np.clip(np.rint(wave), -32_767, 32_767).astype(np.int16)


def frames(sound: Samples, samples: int) -> Samples:
    """Cut sound in frames; shape (frames, samples)."""
    whole = len(sound) // samples * samples
    return sound[:whole].reshape(-1, samples)


def laid(payloads: list[bytes]) -> Payloads:
    """Lay payloads out in memory as datagrams lie there: in places of equal size, behind a header."""
    place = max([len(each) for each in payloads], default=0) + 13
    data = np.full(len(payloads) * place, 0xA5, np.uint8)
    for i, each in enumerate(payloads):
        data[i * place + 12 : i * place + 12 + len(each)] = np.frombuffer(each, np.uint8)
    at = np.arange(len(payloads), dtype=np.int64) * place + 12
    return Payloads(data, at, np.array([len(each) for each in payloads], np.int64))


class Peer:
    """A codec of ffmpeg: the same in the hands of somebody else."""

    def __init__(self, name: str, rate_hz: int, sample: str = "s16", **options: str) -> None:
        self.name, self.rate_hz, self.sample, self.options = name, rate_hz, sample, options

    def encode(self, sound: Samples) -> list[bytes]:
        """Encode frames; int16, shape (frames, samples)."""
        context = self._open("w")
        packets: list[bytes] = []
        for i, frame in enumerate(sound):
            one = av.AudioFrame.from_ndarray(frame[None], "s16", "mono")
            one.sample_rate, one.pts = self.rate_hz, i * len(frame)
            packets += [bytes(each) for each in context.encode(one)]
        return packets + [bytes(each) for each in context.encode(None)]

    def decode(self, payloads: list[bytes]) -> Samples:
        """Decode payloads to one piece of sound."""
        context = self._open("r")
        return np.concatenate([each for payload in payloads for each in self._decoded(context, payload)])

    @staticmethod
    def _decoded(context: Any, payload: bytes) -> Iterator[Samples]:
        for frame in context.decode(av.Packet(payload)):
            sound = frame.to_ndarray()[0]
            yield sound if sound.dtype == np.int16 else np.rint(np.clip(sound, -1, 1) * 32_767).astype(np.int16)

    def _open(self, mode: str) -> Any:
        context = cast(Any, av.CodecContext).create(self.name, mode)
        context.sample_rate, context.layout, context.format = self.rate_hz, "mono", self.sample
        context.options = self.options
        context.open()
        return context
