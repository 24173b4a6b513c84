"""The file for Wireshark, read by a reader of our own and by tshark."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from softphone.traced import TracedMessage, pcap
from tests.sip.wire import invite_bytes
from tests.support import peers
from tests.support.packet_file import Captured, packets

MOMENT = datetime(2030, 1, 2, 3, 4, 5, 678, UTC)
LOCAL = ("192.0.2.9", 5060)


def message(data: bytes, *, sent: bool = False, transport: str = "udp", remote: str = "192.0.2.1") -> TracedMessage:
    return TracedMessage(1, MOMENT, sent, transport, LOCAL, (remote, 40_000), data)


def shark(folder: Path, content: bytes, *fields: str) -> list[list[str]]:
    """What tshark reads: the fields of each packet."""
    peers.require("tshark")
    path = folder / "trace.pcap"
    path.write_bytes(content)
    ports = [word for kind in ("udp", "tcp") for word in ("-d", f"{kind}.port==5060,sip")]
    wanted = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), *ports, "-T", "fields", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_a_datagram_each_way() -> None:
    came, went = packets(pcap([message(b"one"), message(b"three", sent=True)]))
    remote = ("192.0.2.1", 40_000)
    at = int(MOMENT.timestamp()) * 1_000_000 + 678
    assert came == Captured(at, remote, LOCAL, None, b"one")
    assert went == Captured(at, LOCAL, remote, None, b"three")


def test_a_stream_is_without_gaps_in_each_direction() -> None:
    long = b"x" * 150_001
    parts = [message(b"ab", transport="tcp"), message(long, transport="tcp"), message(b"!", transport="tcp", sent=True)]
    found = packets(pcap(parts))
    for source in (LOCAL, ("192.0.2.1", 40_000)):
        due = 1
        for each in found:
            if each.source == source:
                assert each.sequence == due
                due += len(each.data)
    assert b"".join(each.data for each in found) == b"ab" + long + b"!"


@pytest.mark.parametrize(
    ("remote", "shown"),
    [("2001:db8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"), ("phone.example", "0.0.0.0"), ("", "0.0.0.0")],
)
def test_any_address(remote: str, shown: str) -> None:
    (found,) = packets(pcap([message(b"odd", remote=remote)]))
    assert found.source == (shown, 40_000) and found.data == b"odd"


def test_nothing_is_a_file_too() -> None:
    assert packets(pcap([])) == []


def test_wireshark_reads_it(tmp_path: Path) -> None:
    invite = invite_bytes(Call_ID="seen")
    content = pcap(
        [
            *(message(invite, sent=sent, transport=by) for by in ("udp", "tcp") for sent in (False, True)),
            message(invite, remote="2001:db8::1"),
        ]
    )
    found = shark(tmp_path, content, "ip.src", "ipv6.src", "sip.Method", "sip.Call-ID", "_ws.malformed")
    assert [each[2:] for each in found] == [["INVITE", "seen", ""]] * 5
    assert [each[0] for each in found] == ["192.0.2.1", "192.0.2.9", "192.0.2.1", "192.0.2.9", ""]
    assert found[4][1] == "2001:db8::1"
