"""G.711 (ITU-T): mu-law and A-law by table.

Decoding is one look-up in 256 entries. Encoding is one look-up in 65,536 entries, addressed by the sample's bits read
as uint16, so that no arithmetic is left per sample. The tables are built once from the segments of the standard.
"""

import numpy as np
from numpy.typing import NDArray

# Both laws code sign, a 3-bit segment and a 4-bit step. Values below are on the 16-bit scale.
_CODES = np.arange(256, dtype=np.int32)
_SAMPLES = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
_ULAW_BIAS = 0x84  # 33 on the 14-bit scale: makes every segment start at a power of two
_ULAW_CLIP = 32635  # the largest magnitude the biased 15 bits can hold
_ALAW_FLIP = 0x55  # even bits are inverted on the line so that silence has transitions


def _ulaw_decode_table() -> NDArray[np.int16]:
    code = ~_CODES & 0xFF
    magnitude = (((code & 0x0F) << 3) + _ULAW_BIAS << (code >> 4 & 7)) - _ULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decode_table() -> NDArray[np.int16]:
    code = _CODES ^ _ALAW_FLIP
    step, segment = (code & 0x0F) << 4, code >> 4 & 7
    magnitude = np.where(segment == 0, step + 8, step + 0x108 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _segment(magnitude: NDArray[np.int32], first: int) -> NDArray[np.int32]:
    """Count the powers of two, from `first` upwards, that the magnitude reaches (0..7)."""
    powers = first << np.arange(7, dtype=np.int32)
    return np.searchsorted(powers, magnitude, side="right").astype(np.int32)


def _ulaw_encode_table() -> NDArray[np.uint8]:
    # The standard works on 14 bits: the shift rounds towards minus infinity, as every reference coder does.
    sample = _SAMPLES >> 2
    magnitude = np.minimum(np.abs(sample), _ULAW_CLIP >> 2) + (_ULAW_BIAS >> 2)
    segment = _segment(magnitude, 0x40)
    code = segment << 4 | magnitude >> segment + 1 & 0x0F
    inverted: NDArray[np.uint8] = (~(code | np.where(sample < 0, 0x80, 0)) & 0xFF).astype(np.uint8)
    return inverted


def _alaw_encode_table() -> NDArray[np.uint8]:
    # 13 bits; negative values are coded by their ones' complement, so -1 and 0 fall in the same step.
    sample = _SAMPLES >> 3
    magnitude = np.where(sample < 0, ~sample, sample)
    segment = _segment(magnitude, 0x20)
    code = segment << 4 | magnitude >> np.maximum(segment, 1) & 0x0F
    return (code ^ np.where(sample < 0, 0, 0x80) ^ _ALAW_FLIP).astype(np.uint8)


DECODE_ULAW = _ulaw_decode_table()
"""int16, shape (256,): the sample of each mu-law code."""
DECODE_ALAW = _alaw_decode_table()
"""int16, shape (256,): the sample of each A-law code."""
ENCODE_ULAW = _ulaw_encode_table()
"""uint8, shape (65536,): the mu-law code of each sample, addressed by its bits as uint16."""
ENCODE_ALAW = _alaw_encode_table()
"""uint8, shape (65536,): the A-law code of each sample, addressed by its bits as uint16."""


def decode(codes: NDArray[np.uint8], table: NDArray[np.int16]) -> NDArray[np.int16]:
    """
    Turn codes into samples.

    Parameters
    ----------
    codes : ndarray of uint8
        Any shape.
    table : ndarray of int16
        `DECODE_ULAW` or `DECODE_ALAW`.

    Returns
    -------
    ndarray of int16
        -32124..32124 (mu-law) or -32256..32256 (A-law).
    """
    return table[codes]


def encode(pcm: NDArray[np.int16], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    Turn samples into codes.

    Parameters
    ----------
    pcm : ndarray of int16
        Any shape; the last axis contiguous.
    table : ndarray of uint8
        `ENCODE_ULAW` or `ENCODE_ALAW`.

    Returns
    -------
    ndarray of uint8
        One code per sample.
    """
    return table[pcm.view(np.uint16)]
