"""Messages as a file for Wireshark: classic pcap (draft-ietf-opsawg-pcap) with IP and UDP or TCP headers made up."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from softphone.traced import Place, TracedMessage

__all__ = ["PCAP", "pcap"]

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
