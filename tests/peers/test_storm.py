"""Noise at the open ports of the real server: nothing dies, memory stays bounded, and the next call works."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from softphone import Agent
from tests.support.processes import LOOPBACK, ServerProcess, port_block, resident_bytes
from tests.support.rest import Rest
from tests.support.sounding import PATIENCE_S, until

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]

SEED = 20260
# Answers are remembered for 32 s (RFC 3261, timers H and J), some kilobytes each (17 MB measured
# for all of them).
GROWTH_BYTES = 50_000_000
BURST = 50
REPEAT_S = 2.0

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def message(method: str, token: str, address: tuple[str, int], number: int, body: bytes = b"") -> bytes:
    """A good request, to be spoiled."""
    host, port = address
    head = [
        f"{method} sip:{token}@{host}:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK-storm-{number};rport",
        f"From: <sip:storm@127.0.0.1>;tag=storm-{number}",
        f"To: <sip:{token}@{host}:{port}>",
        f"Call-ID: storm-{number}",
        f"CSeq: 1 {method}",
        "Contact: <sip:storm@127.0.0.1:40000>",
        "Max-Forwards: 70",
        f"Content-Length: {len(body)}",
    ]
    if body:
        head.insert(-1, "Content-Type: application/sdp")
    return "\r\n".join([*head, "", ""]).encode() + body


def shuffled(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\r\n")
    chance.shuffle(lines)
    return b"\r\n".join(lines)


MARKS = [b"\r\n", b"\0", b"\xff\xfe", b";", b'"', b"<", b",", b"%", b":"]
NUMBERS = [b"4294967296", b"-1", b"", b"9" * 40]

# What can happen to the bytes between `here` and `there`.
WOUNDS: list[Callable[[bytes, int, int, random.Random], bytes]] = [
    lambda data, here, there, chance: data[:here] + chance.randbytes(chance.randint(1, 20)) + data[there:],
    lambda data, here, there, chance: data[:here] + data[there:],
    lambda data, here, there, chance: data[:there] + data[here:],
    lambda data, here, there, chance: data[:here] + chance.choice(MARKS) + data[here:],
    lambda data, here, there, chance: shuffled(data, chance),
    lambda data, here, there, chance: data.replace(b"1", chance.choice(NUMBERS), chance.randint(1, 3)),
    lambda data, here, there, chance: data[:here],
]


def spoil(data: bytes, chance: random.Random) -> bytes:
    """One to four small wounds."""
    for _ in range(chance.randint(1, 4)):
        here = chance.randrange(len(data) + 1)
        there = min(here + chance.randint(1, 40), len(data))
        data = chance.choice(WOUNDS)(data, here, there, chance)
    return data


def spoiled_messages(count: int, token: str, address: tuple[str, int]) -> Iterator[bytes]:
    chance = random.Random(SEED)
    for number in range(count):
        method = chance.choice(["INVITE", "REGISTER", "OPTIONS", "BYE", "ACK", "CANCEL", "INFO", "SUBSCRIBE"])
        yield spoil(message(method, token, address, number, SDP if method == "INVITE" else b""), chance)


class Attacker:
    """A UDP socket that looks after each burst whether the server still answers OPTIONS."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.settimeout(REPEAT_S)
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        if data:
            self.socket.sendto(data, self.address)
        self.sent += 1
        if self.sent % BURST == 0:
            self.ping()

    def ping(self) -> None:
        """Read answers until the one to our OPTIONS comes; a server that has died or lost it fails here.

        It is sent again as any request over UDP: what the storm is answered may have filled our own buffer.
        """
        name = f"ping-{self.socket.getsockname()[1]}-{self.sent}"
        request = message("OPTIONS", "ping", self.address, 0).replace(b"storm-0", name.encode())
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.socket.sendto(request, self.address)
            try:
                while f"Call-ID: {name}\r\n".encode() not in self.socket.recv(65536):
                    pass
                return
            except TimeoutError:
                pass
        raise AssertionError(f"no answer to OPTIONS after {self.sent} messages")


@pytest.fixture(scope="module")
def rtp_port() -> int:
    return port_block(4)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, rtp_port: int) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess(folder, "--workers", "1", "--rtp-port", str(rtp_port)) as running:
        yield running


async def next_call_works(server: ServerProcess, rest: Rest) -> None:
    session = rest.conference()
    async with Agent(uri="sip:after@127.0.0.1") as agent:
        call = await agent.invite(server.call_uri(session["voiceCallToken"]))
        async for _ in call.frames():
            break
        await asyncio.to_thread(until, lambda: rest.connected(session["id"]) == 1)
        await call.hangup()


async def test_random_datagrams(server: ServerProcess, rest: Rest, rtp_port: int) -> None:
    chance = random.Random(SEED)
    before = [resident_bytes(pid) for pid in server.pids]
    with Attacker(server.sip_address) as attacker:
        for _ in range(1000):
            data = chance.randbytes(chance.randint(0, 1400))
            attacker.send(data)
            for port in (rtp_port, rtp_port + 1):
                attacker.socket.sendto(chance.choice([b"\x80", b"\x80\x00", b""]) + data[:1300], (LOOPBACK, port))
        attacker.ping()
    await next_call_works(server, rest)
    after = [resident_bytes(pid) for pid in server.pids]
    assert all(b - a < 20_000_000 for a, b in zip(before, after, strict=True)), (before, after)


async def test_mutated_messages(server: ServerProcess, rest: Rest) -> None:
    before = resident_bytes(server.pid)
    with Attacker(server.sip_address) as attacker:
        for data in spoiled_messages(10_000, rest.token(), server.sip_address):
            attacker.send(data)
        attacker.ping()
    assert resident_bytes(server.pid) - before < GROWTH_BYTES
    assert server.running
    await next_call_works(server, rest)
    assert "Traceback" not in server.err, server.words()
