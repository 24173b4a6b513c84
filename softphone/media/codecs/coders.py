"""What decodes and encodes a codec that remembers, for all legs and streams at once."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from softphone.codec import Codec
from softphone.errors import MediaError
from softphone.media.codecs.g722 import G722
from softphone.media.codecs.opus import OpusDecoder, OpusEncoder
from softphone.media.codecs.payloads import Payloads

__all__ = ["CODERS", "Coders", "Decoder", "Encoder", "decoder", "encoder"]


class Rows(Protocol):
    """States as rows: of a leg each in a decoder, of a stream each in an encoder."""

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Let some rows begin anew, as for somebody else."""

    def copy(self, source: int, target: int) -> None:
        """Let a row go on as another one would."""


class Decoder(Rows, Protocol):
    """Decodes a codec to one sampling rate."""

    def decode(
        self,
        rows: NDArray[np.int64],
        payloads: Payloads,
        pcm: NDArray[np.int16],
        missing: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """Decode payloads, whatever bytes they hold.

        Parameters
        ----------
        rows
            int64, shape (n,): whose each is. Those of one row follow each other as they were sent.
        payloads
            n of them.
        pcm
            int16, shape (n, samples), C order: the sound of each is written from the left; what does not fit is cut.
            Samples are -32767..32767.
        missing
            int64, shape (n,): samples that are missing before each payload; None: none. A decoder that can make them up
            writes them before its own; others take no notice.

        Returns
        -------
        NDArray
            int64, shape (n,): how many samples of each row of `pcm` were written, those that were made up included.
        """


class Encoder(Rows, Protocol):
    """Encodes sound of one sampling rate."""

    def encode(self, rows: NDArray[np.int64], frames: NDArray[np.int16], out: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Encode frames.

        Parameters
        ----------
        rows
            int64, shape (n,): of which stream each is.
        frames
            int16, shape (n, samples), C order, of one of the codec's `frames_ms`.
        out
            uint8, shape (n, bytes), C order, with room for the largest: the payload of each is written from the left.

        Returns
        -------
        NDArray
            int64, shape (n,): how many bytes each payload has.
        """


class Coders(NamedTuple):
    """Make a decoder and an encoder of one codec, for so many rows and sound of so many Hz."""

    decoder: Callable[[int, int], Decoder]
    encoder: Callable[[int, int], Encoder]


def _g722(capacity: int, _rate_hz: int) -> G722:
    """Make either of the two; it has one sampling rate."""
    return G722(capacity)


CODERS: Mapping[str, Coders] = {"G722": Coders(_g722, _g722), "OPUS": Coders(OpusDecoder, OpusEncoder)}
"""By the encodings of `softphone.codec.TABLE` that are stateful, in upper case."""


def decoder(codec: Codec, capacity: int, rate_hz: int) -> Decoder:
    """Make what decodes a codec.

    Parameters
    ----------
    codec
        One of `softphone.codec.TABLE` that is stateful; the others are decoded and encoded by the tick itself.
    capacity
        How many legs have a state of their own.
    rate_hz
        Of the sound that is wanted; one of its `rates_hz`.

    Raises
    ------
    MediaError
        It does not decode to that rate, or its library is not there.
    """
    _check(codec, rate_hz)
    return CODERS[codec.encoding.upper()].decoder(capacity, rate_hz)


def encoder(codec: Codec, capacity: int, rate_hz: int) -> Encoder:
    """Make what encodes a codec; parameters and errors are those of :func:`decoder`, for streams in place of legs."""
    _check(codec, rate_hz)
    return CODERS[codec.encoding.upper()].encoder(capacity, rate_hz)


def _check(codec: Codec, rate_hz: int) -> None:
    if rate_hz not in codec.rates_hz:
        raise MediaError(f"{codec.name} has no sound at {rate_hz} Hz, but at {codec.rates_hz}")
