"""RTCP packets as values (RFC 3550 section 6): parse and build, and the round-trip time.

Reports come a few per leg and minute, so unlike RTP they are read one by one. A compound packet is read as far as it
makes sense; what follows the first broken packet is left out. What we send ourselves is made for many legs at once,
see `layout`.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Goodbye",
    "PacketType",
    "Report",
    "ReportBlock",
    "RtcpError",
    "SenderInfo",
    "SourceDescription",
    "cname_item",
    "compact_ntp",
    "layout",
    "parse",
    "round_trip_s",
]

# Seconds between 1900, where NTP time begins, and 1970, where Unix time does (RFC 5905 section 6).
NTP_EPOCH_S = 2_208_988_800
CNAME = 1
_COMMON = struct.Struct(">BBH")
_SENDER = struct.Struct(">IIIII")
_BLOCK = struct.Struct(">IIIIII")


class RtcpError(ValueError):
    """The bytes are not a compound RTCP packet."""


class PacketType(IntEnum):
    """RFC 3550 section 12.1."""

    SR = 200
    RR = 201
    SDES = 202
    BYE = 203


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source (RFC 3550 section 6.4.1).

    `fraction_lost` is in 1/256, `jitter` in timestamp units, `last_report` a compact NTP time, `delay` in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    total_lost: int
    highest_seq: int
    jitter: int
    last_report: int
    delay: int

    def __bytes__(self) -> bytes:
        lost = (self.fraction_lost & 0xFF) << 24 | max(-0x800000, min(self.total_lost, 0x7FFFFF)) & 0xFFFFFF
        return _BLOCK.pack(self.ssrc, lost, self.highest_seq, self.jitter, self.last_report, self.delay)

    @classmethod
    def parse(cls, data: bytes) -> "ReportBlock":
        """Read 24 bytes."""
        ssrc, lost, highest, jitter, last_report, delay = _BLOCK.unpack(data)
        total = (lost & 0x7FFFFF) - (lost & 0x800000)
        return cls(ssrc, lost >> 24, total, highest, jitter, last_report, delay)


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What a sender says of itself (RFC 3550 section 6.4.1); `ntp` is a 64-bit NTP time."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """A sender report, or without `sender` a receiver report."""

    ssrc: int
    sender: SenderInfo | None = None
    blocks: tuple[ReportBlock, ...] = ()

    def __bytes__(self) -> bytes:
        body = struct.pack(">I", self.ssrc)
        if self.sender is not None:
            s = self.sender
            body += _SENDER.pack(
                s.ntp >> 32, s.ntp & 0xFFFFFFFF, s.timestamp, s.packets & 0xFFFFFFFF, s.octets & 0xFFFFFFFF
            )
        kind = PacketType.RR if self.sender is None else PacketType.SR
        return _packet(kind, len(self.blocks), body + b"".join(bytes(block) for block in self.blocks))

    @classmethod
    def parse(cls, kind: int, count: int, body: bytes) -> "Report":
        """Read the body of a packet of type `kind` with `count` report blocks; too short raises RtcpError."""
        start = 4 if kind == PacketType.RR else 24
        if len(body) < start + 24 * count:
            raise RtcpError("report is too short for its blocks")
        ssrc = int.from_bytes(body[:4])
        sender = None
        if kind == PacketType.SR:
            high, low, timestamp, packets, octets = _SENDER.unpack(body[4:24])
            sender = SenderInfo(high << 32 | low, timestamp, packets, octets)
        blocks = tuple(ReportBlock.parse(body[i : i + 24]) for i in range(start, start + 24 * count, 24))
        return cls(ssrc, sender, blocks)


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """The canonical name of a source (RFC 3550 section 6.5); other items are not kept."""

    ssrc: int
    cname: str

    def __bytes__(self) -> bytes:
        name = self.cname.encode()[:255]
        body = struct.pack(">IBB", self.ssrc, CNAME, len(name)) + name + b"\0"
        return _packet(PacketType.SDES, 1, body + bytes(-len(body) % 4))

    @classmethod
    def parse(cls, body: bytes) -> "SourceDescription":
        """Read the first chunk; too short raises RtcpError."""
        if len(body) < 4:
            raise RtcpError("source description is too short")
        at, name = 4, ""
        while at + 2 <= len(body) and body[at]:
            end = at + 2 + body[at + 1]
            if body[at] == CNAME:
                name = body[at + 2 : end].decode(errors="replace")
            at = end
        return cls(int.from_bytes(body[:4]), name)


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sources that have left (RFC 3550 section 6.6)."""

    ssrcs: tuple[int, ...]

    def __bytes__(self) -> bytes:
        return _packet(PacketType.BYE, len(self.ssrcs), struct.pack(f">{len(self.ssrcs)}I", *self.ssrcs))

    @classmethod
    def parse(cls, count: int, body: bytes) -> "Goodbye":
        """Read `count` sources; too short raises RtcpError."""
        if len(body) < 4 * count:
            raise RtcpError("goodbye is too short for its sources")
        return cls(struct.unpack(f">{count}I", body[: 4 * count]))


Packet = Report | SourceDescription | Goodbye


def parse(data: bytes) -> list[Packet]:
    """Read a compound packet (RFC 3550 section 6.1).

    Returns
    -------
    list
        The packets of known type up to the first that is broken.

    Raises
    ------
    RtcpError
        When not even the first packet can be read.
    """
    packets: list[Packet] = []
    at = 0
    while at < len(data):
        try:
            packet, at = _next(data, at)
        except RtcpError:
            if at == 0:
                raise
            break
        packets += [packet] if packet is not None else []
    return packets


def layout(cname: str, sender: bool, block: bool) -> NDArray[np.void]:
    """Lay out the compound packet of a report and the name of its source.

    Parameters
    ----------
    cname
        The name.
    sender
        Whether it is a sender report: fields ntp, timestamp, packets, octets.
    block
        Whether it says something of a source: fields source, lost (fraction and total), highest, jitter, last_report,
        delay.

    Returns
    -------
    NDArray
        A record array of shape (1,): what all such packets have in common, and names for what they do not; beside
        those above, ssrc and described are both to be the SSRC of the leg, and items its name.
    """
    info = SenderInfo(0, 0, 0, 0) if sender else None
    report = bytes(Report(0, info, (ReportBlock(0, 0, 0, 0, 0, 0, 0),) if block else ()))
    description = bytes(SourceDescription(0, cname))
    fields = ["ssrc"]
    fields += ["ntp", "timestamp", "packets", "octets"] if sender else []
    fields += ["source", "lost", "highest", "jitter", "last_report", "delay"] if block else []
    # No gaps: numpy does not copy them.
    kinds: list[tuple[str, str]] = [("report", "V4"), *((name, ">u8" if name == "ntp" else ">u4") for name in fields)]
    kinds += [("description", "V4"), ("described", ">u4"), ("items", f"V{len(description) - 8}")]
    packet: NDArray[np.void] = np.frombuffer(report + description, np.dtype(kinds))
    return packet


def cname_item(cname: str) -> bytes:
    """Give the items of a source description: what `layout` calls items, for a name as long as the one it was given."""
    return bytes(SourceDescription(0, cname))[8:]


def compact_ntp(unix_s: float) -> int:
    """Give the middle 32 bits of the NTP time (RFC 3550 section 4) of a Unix time in seconds."""
    return ntp(unix_s) >> 16 & 0xFFFFFFFF


def ntp(unix_s: float) -> int:
    """Give the 64-bit NTP time of a Unix time in seconds."""
    return int((unix_s + NTP_EPOCH_S) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def round_trip_s(block: ReportBlock, arrival: int) -> float | None:
    """Give the round-trip time in seconds (RFC 3550 section 6.4.1, figure 2).

    Parameters
    ----------
    block
        What the peer says of us.
    arrival
        Compact NTP time at which it came.

    Returns
    -------
    float or None
        None when the peer has not seen a report of ours, or when its numbers give no time between 0 and 60 s.
    """
    if not block.last_report:
        return None
    units = arrival - block.last_report - block.delay & 0xFFFFFFFF
    # the peer's clock is coarser than ours: a few units below zero are zero
    units = 0 if units > 0xFFFFFF00 else units
    return units / 65536 if units < 60 * 65536 else None


def _next(data: bytes, at: int) -> tuple[Packet | None, int]:
    """Read the packet at `at`: the packet (None for a type that we do not know) and where the next one begins."""
    if len(data) < at + 4 or data[at] >> 6 != 2:
        raise RtcpError("not version 2")
    first, kind, words = _COMMON.unpack_from(data, at)
    end = at + 4 + 4 * words
    if end > len(data):
        raise RtcpError("packet is shorter than its length field")
    body, count = data[at + 4 : end], first & 0x1F
    if kind in (PacketType.SR, PacketType.RR):
        return Report.parse(kind, count, body), end
    if kind == PacketType.SDES and count:
        return SourceDescription.parse(body), end
    if kind == PacketType.BYE:
        return Goodbye.parse(count, body), end
    return None, end


def _packet(kind: int, count: int, body: bytes) -> bytes:
    """Put the common header in front of `body`, whose length is a multiple of four."""
    return _COMMON.pack(0x80 | count, kind, len(body) // 4) + body
