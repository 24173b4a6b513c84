"""RTP headers and telephone events as arrays: a batch of datagrams in, one array per field out.

Nothing here loops over packets. A header with the usual first byte (0x80: version 2 and no extras) is twelve fixed
bytes; the rare ones with CSRCs, an extension or padding are worked out together as a second, small batch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EVENT", "HEADER", "HEADER_SIZE", "KEYS", "Headers", "is_rtcp", "parse"]

HEADER_SIZE = 12
# RFC 3550 section 5.1: the fixed header
HEADER = np.dtype([("first", "u1"), ("second", "u1"), ("seq", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")])
# RFC 4733 section 2.3: the payload of a telephone-event packet
EVENT = np.dtype([("event", "u1"), ("flags", "u1"), ("duration", ">u2")])
EVENT_END = 0x80
# RFC 4733 section 3.2: event codes 0 to 15
KEYS = "0123456789*#ABCD"
VERSION_2 = 0x80
PADDING = 0x20
EXTENSION = 0x10


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of n datagrams, one array of shape (n,) per field (RFC 3550 section 5.1).

    Attributes
    ----------
    valid
        bool; the other fields mean something only where this is true.
    payload_type
        uint8, 0 to 127.
    marker
        bool.
    seq
        uint16.
    timestamp, ssrc
        uint32.
    offset, size
        int32, where the payload begins in the datagram and how many bytes it has (padding left out).
    """

    valid: NDArray[np.bool_]
    payload_type: NDArray[np.uint8]
    marker: NDArray[np.bool_]
    seq: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    ssrc: NDArray[np.uint32]
    offset: NDArray[np.int32]
    size: NDArray[np.int32]


def is_rtcp(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell RTCP from RTP on a shared port by the second byte (RFC 5761 section 4).

    Parameters
    ----------
    data
        uint8, shape (n, size) with size of at least 2.

    Returns
    -------
    NDArray
        bool, shape (n,).
    """
    return (data[:, 1] - np.uint8(192)) < 32  # unsigned: 192..223 becomes 0..31, all else is larger


def parse(data: NDArray[np.uint8], length: NDArray[np.int32]) -> Headers:
    """Read the headers of a batch.

    Parameters
    ----------
    data
        uint8, shape (n, size), one datagram per row, size of at least 12.
    length
        int32, shape (n,), bytes in use of each row, 0 to size.

    Returns
    -------
    Headers
        Whatever the bytes are, nothing raises; what is not RTP is marked not valid.
    """
    fixed = np.ascontiguousarray(data[:, :HEADER_SIZE]).view(HEADER)[:, 0]
    first, second = fixed["first"].astype(np.uint8), fixed["second"].astype(np.uint8)
    valid = ((first & 0xC0) == VERSION_2) & (length >= HEADER_SIZE)
    offset = np.full(len(data), HEADER_SIZE, np.int32)
    size = length.astype(np.int32) - HEADER_SIZE
    odd = np.flatnonzero(valid & (first != VERSION_2))
    if odd.size:
        offset[odd], size[odd], valid[odd] = _extras(data[odd], length[odd], first[odd])
    return Headers(
        valid,
        second & np.uint8(0x7F),
        second >= 0x80,
        fixed["seq"].astype(np.uint16),
        fixed["timestamp"].astype(np.uint32),
        fixed["ssrc"].astype(np.uint32),
        offset,
        size,
    )


def _extras(
    data: NDArray[np.uint8], length: NDArray[np.int32], first: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Payload offset, payload size and validity of headers that carry CSRCs, an extension or padding."""
    each = np.arange(len(data))
    length = length.astype(np.int32)
    offset = HEADER_SIZE + 4 * (first & 0x0F).astype(np.int32)
    last = data.shape[1] - 1
    words_at = np.minimum(offset + 2, last - 1)
    words = (data[each, words_at].astype(np.int32) << 8) | data[each, words_at + 1]
    extended = (first & EXTENSION) != 0
    valid = ~extended | (offset + 4 <= length)
    offset = np.where(extended, offset + 4 + 4 * words, offset).astype(np.int32)
    padded = (first & PADDING) != 0
    padding = np.where(padded, data[each, np.clip(length - 1, 0, last)], 0).astype(np.int32)
    size = (length - offset - padding).astype(np.int32)
    return offset, size, valid & (size >= 0) & (~padded | (padding > 0))
