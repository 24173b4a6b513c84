"""RTP headers: a batch of datagrams in, one record per datagram out."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from softphone.media.rtp.header import HEADER_SIZE

__all__ = ["ASIDE", "INVALID", "MEDIA", "PARSED", "REPORT", "Parsed", "audio_level", "is_report", "is_rtp", "parse"]

VERSION_2 = 0x80
PADDING = 0x20
EXTENSION = 0x10


PARSED = np.dtype(
    [
        ("seq", np.int64),
        ("timestamp", np.int64),
        ("ssrc", np.int64),
        ("offset", np.int64),  # where the payload begins in the datagram
        ("length", np.int64),  # bytes of payload, padding left out
        ("payload_type", np.uint8),
        ("marker", np.bool_),
        ("kind", np.int8),
    ],
    align=True,
)
"""What `parse` says of a datagram (RFC 3550 section 5.1); all but `kind` mean something for `MEDIA` only."""
MEDIA, REPORT, INVALID, ASIDE = 0, 1, 2, 3
"""Kinds of datagrams: RTP, RTCP, neither, STUN or DTLS (RFC 7983)."""
Parsed: TypeAlias = Any
"""Records of dtype `PARSED`, or one of them, as kernels see them."""


@kernel
def parse(data: NDArray[np.uint8], length: NDArray[np.uint32], which: NDArray[np.int64], out: Parsed) -> None:
    """Read the headers of a batch.

    Parameters
    ----------
    data
        uint8, shape (n, size), one datagram per row, size of at least 12.
    length
        uint32, shape (n,), bytes in use of each row, 0 to size.
    which
        int64, the rows that are read.
    out
        Records of dtype `PARSED`, shape (n,), written. Whatever the bytes are, offset and length lie within the
        datagram.
    """
    for i in which:
        _parse(data[i], np.int64(length[i]), out[i])


@kernel
def is_report(d: NDArray[np.uint8]) -> bool:
    """Tell RTCP from RTP on a shared port, by the second byte (RFC 5761 section 4)."""
    return bool(192 <= d[1] < 224)


@kernel
def is_rtp(d: NDArray[np.uint8], length: Int) -> bool:
    """Tell whether a datagram that is no report begins as RTP does."""
    return bool(length >= HEADER_SIZE and d[0] & 0xC0 == VERSION_2)


@kernel
def _parse(d: NDArray[np.uint8], length: Int, out: Parsed) -> None:
    if d[0] < 4 or 20 <= d[0] < 64:
        out.kind = ASIDE if length > HEADER_SIZE else INVALID
        return
    if is_report(d):
        out.kind = REPORT
        return
    out.kind = INVALID
    if not is_rtp(d, length):
        return
    offset, end = _payload(d, length)
    if end < offset:
        return
    out.kind, out.offset, out.length = MEDIA, offset, end - offset
    out.payload_type, out.marker = d[1] & np.uint8(0x7F), d[1] >= 0x80
    out.seq = np.int64(d[2]) << 8 | np.int64(d[3])
    out.timestamp, out.ssrc = _word(d, 4), _word(d, 8)


@kernel
def _payload(d: NDArray[np.uint8], length: Int) -> tuple[Int, Int]:
    """Give where the payload begins and ends; it ends before it begins where the lengths do not fit."""
    offset, end = HEADER_SIZE + 4 * (np.int64(d[0]) & 0x0F), length
    if d[0] & EXTENSION:
        if offset + 4 > length:
            return offset, 0
        offset += 4 + 4 * (np.int64(d[offset + 2]) << 8 | np.int64(d[offset + 3]))
    if d[0] & PADDING:
        padding = np.int64(d[length - 1])
        end = end - padding if padding > 0 else 0
    return offset, end


@kernel
def audio_level(d: NDArray[np.uint8], offset: Int, number: Int) -> int:
    """Give how loud a packet says it is, in -dBov (RFC 6464): 0 to 127, which is silence; -1: it does not say.

    Parameters
    ----------
    d, offset
        A datagram, and where its payload begins, as `parse` says.
    number
        Of the header extension, in its form of one byte (RFC 8285 section 4.2); 0: none.
    """
    if number == 0 or not d[0] & EXTENSION:
        return -1
    at = HEADER_SIZE + 4 * (np.int64(d[0]) & 0x0F)
    if d[at] != 0xBE or d[at + 1] != 0xDE:
        return -1
    at += 4
    while at + 1 < offset:
        named = d[at] >> 4
        if named == number:
            return int(d[at + 1] & 0x7F)
        if named == 15:
            return -1
        at += 2 + (np.int64(d[at]) & 0x0F) if named else 1  # a byte of nothing else is padding
    return -1


@kernel
def _word(d: NDArray[np.uint8], at: int) -> Int:
    """Read 32 bits."""
    return np.int64(d[at]) << 24 | np.int64(d[at + 1]) << 16 | np.int64(d[at + 2]) << 8 | np.int64(d[at + 3])
