"""Every codec of the table in one shape: those without memory too, packet by packet, by the loops of the tick."""

import numpy as np
from numpy.typing import NDArray

from softphone.codec import Codec
from softphone.errors import MediaError
from softphone.media.codecs import coders, l16
from softphone.media.codecs.coders import Decoder, Encoder
from softphone.media.codecs.g711 import LAWS, compress, expand
from softphone.media.codecs.payloads import Payloads, bounds

__all__ = ["decoder", "encoder"]


def decoder(spoken: Codec, capacity: int, rate_hz: int) -> Decoder:
    """As `softphone.media.codecs.coders.decoder`, of any codec."""
    return coders.decoder(spoken, capacity, rate_hz) if spoken.stateful else Plain(spoken, rate_hz)


def encoder(spoken: Codec, capacity: int, rate_hz: int) -> Encoder:
    """As `softphone.media.codecs.coders.encoder`, of any codec."""
    return coders.encoder(spoken, capacity, rate_hz) if spoken.stateful else Plain(spoken, rate_hz)


class Plain:
    """A codec that remembers nothing."""

    def __init__(self, spoken: Codec, rate_hz: int) -> None:
        if rate_hz not in spoken.rates_hz:
            raise MediaError(f"{spoken.name} has no sound at {rate_hz} Hz, but at {spoken.rates_hz}")
        self._law = LAWS.get(spoken.encoding)

    def decode(
        self,
        rows: NDArray[np.int64],
        payloads: Payloads,
        pcm: NDArray[np.int16],
        missing: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        made = np.zeros(len(rows), np.int64)
        for i in range(len(rows)):
            start, size = bounds(len(payloads.data), payloads.offset[i], payloads.size[i])
            made[i] = min(size if self._law else size // 2, pcm.shape[1])
            if self._law:
                expand(self._law.decoding, payloads.data, start, made[i], pcm[i])
            else:
                l16.read(payloads.data, start, made[i], pcm[i])
        return made

    def encode(self, rows: NDArray[np.int64], frames: NDArray[np.int16], out: NDArray[np.uint8]) -> NDArray[np.int64]:
        size = 1 if self._law else 2
        samples = min(frames.shape[1], out.shape[1] // size)
        for frame, to in zip(frames, out, strict=True):
            if self._law:
                compress(self._law.encoding, frame, samples, to)
            else:
                l16.write(frame, samples, to)
        return np.full(len(frames), samples * size, np.int64)

    def reset(self, rows: NDArray[np.int64]) -> None:
        pass

    def copy(self, source: int, target: int) -> None:
        pass
