"""The codecs that the bridge carries, as a telephone has them: a row of `make bench-sound` each."""

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mixer import g711
from softphone.codec import codec
from softphone.media.codecs.opus import OpusEncoder
from softphone.media.codecs.payloads import Payloads
from softphone.opus import OpusParameters
from tests.media.codecs.any import decoder, encoder

Pcm = NDArray[np.int16]


class JudgedCodec(Struct, frozen=True, kw_only=True):
    """
    One codec.

    Attributes
    ----------
    leg
        What a leg that talks it has in its `LegSpec`.
    rate_hz, clock_hz
        Of its sound, and of its timestamps.
    encode, decode
        A whole recording into payloads of 20 ms, and back; the decoder conceals nothing.
    mode
        Of PESQ: "nb" (ITU-T P.862.1, 8 kHz) or "wb" (P.862.2, 16 kHz).
    """

    name: str
    leg: dict[str, Any]
    rate_hz: int
    clock_hz: int
    encode: Callable[[Pcm], list[bytes]]
    decode: Callable[[list[bytes]], Pcm]
    mode: str

    @property
    def samples(self) -> int:
        """In a packet."""
        return self.rate_hz // 50


def _g711(name: str, payload_type: int, encoding: NDArray[np.uint8], decoding: NDArray[np.int16]) -> JudgedCodec:
    def encode(pcm: Pcm) -> list[bytes]:
        frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160)
        return [frame.tobytes() for frame in g711.encode(frames, encoding)]

    def decode(payloads: list[bytes]) -> Pcm:
        return g711.decode(np.frombuffer(b"".join(payloads), np.uint8), decoding)

    leg = {"codec": name, "payload_type": payload_type}
    return JudgedCodec(name=name, leg=leg, rate_hz=8000, clock_hz=8000, encode=encode, decode=decode, mode="nb")


def _wide(name: str) -> JudgedCodec:
    spoken, row = codec(name), np.zeros(1, np.int64)

    def encode(pcm: Pcm) -> list[bytes]:
        coder, out = encoder(spoken, 1, spoken.rate_hz), np.zeros((1, 2000), np.uint8)
        if isinstance(coder, OpusEncoder):
            coder.configure(row, OpusParameters(fec=True))
        frames = pcm[: len(pcm) // 320 * 320].reshape(-1, 1, 320)
        return [out[0, : coder.encode(row, frame, out)[0]].tobytes() for frame in frames]

    def decode(payloads: list[bytes]) -> Pcm:
        coder, pcm, parts = decoder(spoken, 1, spoken.rate_hz), np.zeros((1, 4000), np.int16), []
        for payload in payloads:
            laid = Payloads(np.frombuffer(payload, np.uint8), np.zeros(1, np.int64), np.array([len(payload)]))
            parts.append(pcm[0, : coder.decode(row, laid, pcm)[0]].copy())
        return np.concatenate(parts)

    leg = {"codec": name, "payload_type": spoken.payload_type}
    clock = spoken.clock_hz
    return JudgedCodec(name=name, leg=leg, rate_hz=16_000, clock_hz=clock, encode=encode, decode=decode, mode="wb")


CODECS = (
    _g711("PCMU", 0, g711.ENCODE_ULAW, g711.DECODE_ULAW),
    _g711("PCMA", 8, g711.ENCODE_ALAW, g711.DECODE_ALAW),
    _wide("G722"),
    _wide("OPUS"),
)
