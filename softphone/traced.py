"""Traced SIP messages, as values to show and as a file for Wireshark; secrets are overwritten in them already.

The file is classic pcap (draft-ietf-opsawg-pcap), with IP and UDP or TCP headers made up.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Protocol

__all__ = ["PCAP", "TracedCall", "TracedMessage", "Tracing", "pcap"]

Place = tuple[str, int]
"""IP address and port."""


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message as it passed; one that was sent again is there as often.

    Attributes
    ----------
    number
        Grows with each message of the server.
    """

    number: int
    time: datetime
    sent: bool
    transport: str
    local: Place
    remote: Place
    data: bytes

    @property
    def line(self) -> str:
        """The request line or status line."""
        return self.data.lstrip(b"\r\n").partition(b"\r\n")[0].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class TracedCall:
    """What has one Call-ID: a call, a registration, a subscription, or a single request.

    Attributes
    ----------
    id
        Short, made of the Call-ID.
    number
        Of the last message (`TracedMessage.number`).
    status
        Of the last response to what it began with; None: there was none.
    running
        Whether it is a call that was answered and is not over.
    left_out
        Messages between the first ones and the last ones that are no longer kept.
    """

    id: str
    number: int
    call_id: str
    caller: str
    callee: str
    method: str
    status: int | None
    running: bool
    first: datetime
    last: datetime
    count: int
    left_out: int


class Tracing(Protocol):
    """Where what passed can be read."""

    def calls(self) -> list[tuple[datetime, str]]:
        """List what is there: the time of its first message, and the `TracedCall.id`."""

    def call(self, name: str) -> TracedCall | None:
        """Find one by `TracedCall.id` or Call-ID."""

    def messages(self, name: str | None = None) -> Iterator[TracedMessage]:
        """Give the messages of one, or all, in the order in which they passed.

        Which ones is settled at once; the work of showing them is done as they are taken, in any thread.
        """


PCAP = "application/vnd.tcpdump.pcap"

# LINKTYPE_RAW: a packet begins with its IP header, of version 4 or 6.
RAW = 101
# An IP packet has 65,535 bytes at most; what is longer came by TCP, and goes in pieces.
LONGEST = 65_000
UDP, TCP = 17, 6
PSH_ACK = 0x18
WINDOW = 65_535


def pcap(messages: Iterable[TracedMessage]) -> bytes:
    """Write messages, in this order, as a pcap file.

    Addresses that are none become 0.0.0.0.
    """
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LONGEST + 100, RAW)]
    said: defaultdict[tuple[Place, Place], int] = defaultdict(lambda: 1)
    for message in messages:
        seconds = int(message.time.timestamp())
        for packet in _packets(message, said):
            parts += [struct.pack("<IIII", seconds, message.time.microsecond, len(packet), len(packet)), packet]
    return b"".join(parts)


def _packets(message: TracedMessage, said: defaultdict[tuple[Place, Place], int]) -> Iterator[bytes]:
    there = message.local, message.remote
    source, target = there if message.sent else there[::-1]
    for start in range(0, len(message.data), LONGEST):
        piece = message.data[start : start + LONGEST]
        if message.transport == "udp":
            header = struct.pack("!HHHH", source[1], target[1], 8 + len(piece), 0)
            yield _ip(source, target, UDP, header, piece, checksum_at=6)
        else:
            place = said[source, target], said[target, source]
            ports = struct.pack("!HH", source[1], target[1])
            header = ports + struct.pack("!IIBBHHH", *place, 5 << 4, PSH_ACK, WINDOW, 0, 0)
            said[source, target] = (place[0] + len(piece)) & 0xFFFFFFFF
            yield _ip(source, target, TCP, header, piece, checksum_at=16)


def _ip(source: Place, target: Place, protocol: int, header: bytes, data: bytes, *, checksum_at: int) -> bytes:
    addresses = [_address(host) for host, _ in (source, target)]
    if {len(each) for each in addresses} == {4, 16}:
        addresses = [each if len(each) == 16 else bytes(10) + b"\xff\xff" + each for each in addresses]
    ends, length = b"".join(addresses), len(header) + len(data)
    # The sum over a header of ours alone, as both versions of IP have it (RFC 9293 section 3.1, RFC 768).
    total = _checksum(ends + struct.pack("!II", length, protocol) + header + data) or 0xFFFF
    payload = header[:checksum_at] + struct.pack("!H", total) + header[checksum_at + 2 :] + data
    if len(ends) == 32:
        return struct.pack("!IHBB", 6 << 28, length, protocol, 64) + ends + payload
    first, rest = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0, 64, protocol), ends
    return first + struct.pack("!H", _checksum(first + rest)) + rest + payload


def _address(host: str) -> bytes:
    try:
        return ip_address(host.partition("%")[0]).packed
    except ValueError:
        return bytes(4)


def _checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
