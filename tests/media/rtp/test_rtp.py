"""Headers as arrays, against packets laid out by hand after RFC 3550 section 5.1."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mixer.kernel import records
from softphone.media.rtp import rtp


def parsed(*datagrams: bytes, size: int = 256) -> rtp.Parsed:
    data = np.zeros((len(datagrams), size), np.uint8)
    for row, datagram in zip(data, datagrams, strict=True):
        row[: len(datagram)] = np.frombuffer(datagram, np.uint8)
    found = records(len(datagrams), rtp.PARSED)
    rtp.parse(data, np.array([len(datagram) for datagram in datagrams], np.uint32), np.arange(len(datagrams)), found)
    return found.view(np.recarray)


def plain(first: int = 0x80, second: int = 0, rest: bytes = b"") -> bytes:
    return struct.pack(">BBHII", first, second, 0xFFFE, 0xFFFFFF60, 0xDEADBEEF) + rest


def test_fixed_header() -> None:
    found = parsed(plain(second=0x80 | 8, rest=b"x" * 160))
    assert found.kind[0] == rtp.MEDIA and found.marker[0]
    assert (found.payload_type[0], found.seq[0], found.timestamp[0], found.ssrc[0]) == (
        8,
        0xFFFE,
        0xFFFFFF60,
        0xDEADBEEF,
    )
    assert (found.offset[0], found.length[0]) == (12, 160)


def test_sources_extension_and_padding_move_the_payload() -> None:
    sources = plain(0x82, rest=bytes(8) + b"ab")
    extension = plain(0x90, rest=b"\xbe\xde\0\x01" + bytes(4) + b"abc")
    padded = plain(0xA0, rest=b"abcd" + b"\0\0\x03")
    everything = plain(0xB1, rest=bytes(4) + b"\xbe\xde\0\0" + b"z" + b"\0\x02")
    found = parsed(sources, extension, padded, everything)
    assert (found.kind == rtp.MEDIA).all()
    assert found.offset.tolist() == [20, 20, 12, 20]
    assert found.length.tolist() == [2, 3, 4, 1]


def test_what_is_no_rtp_is_not_valid() -> None:
    wrong = [
        plain(0x40),  # version 1
        plain()[:11],
        b"",
        plain(0x8F, rest=b"short"),  # fifteen sources announced
        plain(0x90, rest=b"\xbe\xde\xff\xff"),  # an extension longer than any datagram
        plain(0x90, rest=b"\xbe"),
        plain(0xA0, rest=b"ab\0"),  # padding of nothing
        plain(0xA0, rest=b"ab\xff"),  # padding longer than the packet
    ]
    assert (parsed(*wrong).kind == rtp.INVALID).all()


@given(st.lists(st.binary(max_size=256), min_size=1, max_size=50))
def test_any_bytes_give_a_payload_inside_the_datagram_or_none(datagrams: list[bytes]) -> None:
    found = parsed(*datagrams)
    ok, length = found.kind == rtp.MEDIA, np.array([len(datagram) for datagram in datagrams])
    assert np.all(found.offset[ok] >= 12)
    assert np.all(found.length[ok] >= 0)
    assert np.all(found.offset[ok] + found.length[ok] <= length[ok])


def test_rtcp_is_told_by_its_packet_type() -> None:
    found = parsed(*(bytes([0x80, kind]) for kind in range(256)))
    assert np.flatnonzero(found.kind == rtp.REPORT).tolist() == list(range(192, 224))
