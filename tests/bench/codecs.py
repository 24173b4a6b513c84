"""The codecs that the bridge carries, as a telephone has them: a row of `make bench-sound` each."""

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mixer import g711

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


CODECS = (
    _g711("PCMU", 0, g711.ENCODE_ULAW, g711.DECODE_ULAW),
    _g711("PCMA", 8, g711.ENCODE_ALAW, g711.DECODE_ALAW),
)
