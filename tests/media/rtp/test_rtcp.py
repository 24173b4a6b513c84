"""Reports as values, against bytes laid out by hand after RFC 3550 section 6."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.media.rtp.rtcp import (
    Goodbye,
    Report,
    ReportBlock,
    RtcpError,
    SenderInfo,
    SourceDescription,
    compact_ntp,
    layout,
    parse,
    round_trip_s,
)

SENDER_REPORT = bytes.fromhex(
    "81c8000c 11223344 b44db705 20000000 00000140 00000002 00000140"
    "55667788 40fffffe 00010005 00000010 b7052000 00054000".replace(" ", "")
)
DESCRIPTION = bytes.fromhex("81ca0003 11223344 0103 612e62 000000".replace(" ", ""))
BYE = bytes.fromhex("81cb0001 11223344".replace(" ", ""))


def test_compound_packet() -> None:
    report, description, goodbye = parse(SENDER_REPORT + DESCRIPTION + BYE)
    block = ReportBlock(0x55667788, 0x40, -2, 0x10005, 16, 0xB7052000, 0x54000)
    assert report == Report(0x11223344, SenderInfo(0xB44DB70520000000, 320, 2, 320), (block,))
    assert description == SourceDescription(0x11223344, "a.b")
    assert goodbye == Goodbye((0x11223344,))
    assert bytes(report) + bytes(description) + bytes(goodbye) == SENDER_REPORT + DESCRIPTION + BYE


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize("sender", [False, True])
def test_packets_laid_out_for_many_legs_are_those_of_the_values(sender: bool, block: bool) -> None:
    packets = np.repeat(layout("a.b", sender, block), 2)
    packets["ssrc"] = packets["described"] = 0x11223344
    if sender:
        for name, value in {"ntp": 0xB44DB70520000000, "timestamp": 320, "packets": 2, "octets": 320}.items():
            packets[name] = value
    if block:
        told = (0x55667788, 0x40FFFFFE, 0x10005, 16, 0xB7052000, 0x54000)
        for name, value in zip(("source", "lost", "highest", "jitter", "last_report", "delay"), told, strict=True):
            packets[name] = value
    report, description, _ = parse(SENDER_REPORT + DESCRIPTION + BYE)
    assert isinstance(report, Report)
    same = Report(report.ssrc, report.sender if sender else None, report.blocks if block else ())
    assert [packet.tobytes() for packet in packets] == [bytes(same) + bytes(description)] * 2


def test_round_trip_of_the_rfc() -> None:
    # RFC 3550 figure 2: A = b710:8000, LSR = b705:2000, DLSR = 0005:4000, round trip 6.125 s
    block = ReportBlock(1, 0, 0, 0, 0, 0xB7052000, 0x00054000)
    assert round_trip_s(block, 0xB7108000) == 6.125
    assert round_trip_s(ReportBlock(1, 0, 0, 0, 0, 0, 0), 0xB7108000) is None
    assert round_trip_s(block, 0xB7052000 - 0x10000) is None


def test_compact_time() -> None:
    assert compact_ntp(0.5) == (2_208_988_800 << 16 | 0x8000) & 0xFFFFFFFF


def test_what_follows_a_broken_packet_is_left_out() -> None:
    assert len(parse(SENDER_REPORT + DESCRIPTION + BYE[:5])) == 2


@pytest.mark.parametrize(
    "data", [b"\x80", SENDER_REPORT[:20], b"\x40" + SENDER_REPORT[1:], bytes.fromhex("85c80006") + bytes(24)]
)
def test_broken_first_packet(data: bytes) -> None:
    with pytest.raises(RtcpError):
        parse(data)


@given(st.binary(max_size=100), st.sampled_from([0x80, 0x81, 0x9F]), st.sampled_from([200, 201, 202, 203, 204]))
def test_any_bytes_are_read_or_refused(body: bytes, first: int, kind: int) -> None:
    body = body[: len(body) & ~3]
    with contextlib.suppress(RtcpError):
        parse(bytes([first, kind]) + (len(body) // 4).to_bytes(2) + body)
