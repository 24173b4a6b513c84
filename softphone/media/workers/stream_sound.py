"""The binary messages of streams: L16 or Opus, made of what a client hears, and read of what it says."""

from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from mixer.frame import TICK_S
from softphone.codec import codec
from softphone.media.codecs.coders import decoder, encoder
from softphone.media.codecs.opus import LARGEST, LONGEST_S
from softphone.media.codecs.payloads import Payloads
from softphone.media.contract.streams import OPUS
from softphone.media.engine.audio_streams import lane_rate

__all__ = ["Hears", "Says", "hears", "says"]

Pcm = NDArray[np.int16]
ROW = np.zeros(1, np.int64)


class Hears(Protocol):
    """Makes messages of what is heard."""

    def __call__(self, frame: Pcm) -> list[bytes]:
        """Give the messages of 20 ms, at whatever rate they were said; those at another rate may come a frame later."""


class Says(Protocol):
    """Reads what is said."""

    def __call__(self, message: bytes) -> Pcm:
        """Give the sound of a message, at `lane_rate`; raises ValueError where it holds none of the encoding."""


def hears(encoding: str, rate_hz: int) -> Hears:
    """Make what encodes; raises MediaError where there is no libopus."""
    return _OpusOut(lane_rate(rate_hz)) if encoding == OPUS else _LinearOut(rate_hz)


def says(encoding: str, rate_hz: int) -> Says:
    """Make what decodes; raises MediaError where there is no libopus."""
    return _OpusIn(lane_rate(rate_hz)) if encoding == OPUS else _LinearIn(rate_hz)


class _Cut:
    """Cuts what is heard, at whatever rate, into 20 ms of another."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz, self._samples = rate_hz, round(rate_hz * TICK_S)
        self._from, self._resample = rate_hz, soxr.ResampleStream(rate_hz, rate_hz, 1, dtype="int16", quality="LQ")
        self._rest = np.zeros(0, np.int16)

    def __call__(self, frame: Pcm) -> Pcm:
        hz = round(len(frame) / TICK_S)
        if hz == self._rate_hz and not len(self._rest):
            return frame.reshape(1, -1)
        if hz != self._from:
            self._from = hz
            self._resample = soxr.ResampleStream(hz, self._rate_hz, 1, dtype="int16", quality="LQ")
        heard = np.concatenate((self._rest, self._resample.resample_chunk(frame)))
        whole = len(heard) // self._samples * self._samples
        self._rest = heard[whole:]
        pieces: Pcm = heard[:whole].reshape(-1, self._samples)
        return pieces


class _LinearOut:
    def __init__(self, rate_hz: int) -> None:
        self._cut = _Cut(rate_hz)

    def __call__(self, frame: Pcm) -> list[bytes]:
        return [piece.astype("<i2").tobytes() for piece in self._cut(frame)]


class _LinearIn:
    def __init__(self, rate_hz: int) -> None:
        hz, self._resample = lane_rate(rate_hz), None
        if hz != rate_hz:
            self._resample = soxr.ResampleStream(rate_hz, hz, 1, dtype="int16", quality="LQ")

    def __call__(self, message: bytes) -> Pcm:
        if len(message) % 2:
            raise ValueError("half a sample")
        pcm = np.frombuffer(message, "<i2").astype(np.int16)
        if self._resample is not None:
            pcm = self._resample.resample_chunk(pcm)
        return np.maximum(pcm, -32767)


class _OpusOut:
    """A packet of 20 ms in each message (RFC 6716)."""

    def __init__(self, rate_hz: int) -> None:
        self._cut, self._encoder = _Cut(rate_hz), encoder(codec("OPUS"), 1, rate_hz)
        self._packet = np.zeros((1, LARGEST + 1), np.uint8)

    def __call__(self, frame: Pcm) -> list[bytes]:
        return [self._encoded(piece[None]) for piece in self._cut(frame)]

    def _encoded(self, piece: Pcm) -> bytes:
        size = int(self._encoder.encode(ROW, np.ascontiguousarray(piece), self._packet)[0])
        return self._packet[0, :size].tobytes()


class _OpusIn:
    """A packet of up to 120 ms in each message."""

    def __init__(self, rate_hz: int) -> None:
        self._decoder = decoder(codec("OPUS"), 1, rate_hz)
        self._pcm = np.zeros((1, round(LONGEST_S * rate_hz)), np.int16)

    def __call__(self, message: bytes) -> Pcm:
        packet = Payloads(np.frombuffer(message, np.uint8), ROW, np.array([len(message)], np.int64))
        samples = int(self._decoder.decode(ROW, packet, self._pcm)[0]) if message else 0
        if not samples:
            raise ValueError("no packet of Opus")
        return self._pcm[0, :samples].copy()
