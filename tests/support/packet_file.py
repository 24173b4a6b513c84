"""A reader of pcap files of its own: what was carried, from whom to whom."""

import struct
from dataclasses import dataclass
from ipaddress import ip_address


@dataclass(frozen=True)
class Captured:
    """One packet: IP version, ports and what they carried; `sequence` of TCP, None of UDP."""

    time_us: int
    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int | None
    data: bytes


def packets(file: bytes) -> list[Captured]:
    """The packets of a file whose link type is RAW; every length in it has to be true."""
    magic, major, minor, _, _, snap, kind = struct.unpack("<IHHiIII", file[:24])
    assert (magic, major, minor, kind) == (0xA1B2C3D4, 2, 4, 101)
    found, at = [], 24
    while at < len(file):
        seconds, micros, length, original = struct.unpack("<IIII", file[at : at + 16])
        assert length == original <= snap and micros < 1_000_000
        packet = file[at + 16 : at + 16 + length]
        assert len(packet) == length
        found.append(_of_ip(seconds * 1_000_000 + micros, packet))
        at += 16 + length
    return found


def _of_ip(time_us: int, packet: bytes) -> Captured:
    if packet[0] >> 4 == 4:
        assert packet[0] == 0x45 and struct.unpack("!H", packet[2:4])[0] == len(packet) and _sum(packet[:20]) == 0xFFFF
        protocol, ends, payload = packet[9], (packet[12:16], packet[16:20]), packet[20:]
    else:
        assert packet[0] >> 4 == 6 and struct.unpack("!H", packet[4:6])[0] == len(packet) - 40
        protocol, ends, payload = packet[6], (packet[8:24], packet[24:40]), packet[40:]
    assert _sum(b"".join(ends) + struct.pack("!II", len(payload), protocol) + payload) == 0xFFFF
    hosts = [str(ip_address(each)) for each in ends]
    ports = struct.unpack("!HH", payload[:4])
    sequence = None
    if protocol == 17:
        assert struct.unpack("!H", payload[4:6])[0] == len(payload)
        data = payload[8:]
    else:
        assert protocol == 6
        sequence, data = struct.unpack("!I", payload[4:8])[0], payload[(payload[12] >> 4) * 4 :]
    return Captured(time_us, (hosts[0], ports[0]), (hosts[1], ports[1]), sequence, data)


def _sum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
