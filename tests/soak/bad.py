"""Bad guests: forged calls, phones that vanish, garbage, wild RTP, wrong passwords, readers that never read.

    python -m tests.soak.bad 'JSON of Target'

Each kind is a coroutine that comes back at its rate; the counts are what it did. All addresses are of 127.0.0.0/8,
which is loopback as a whole: a "stranger" is a socket bound to any of them.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

SEED = 20261


class Target(msgspec.Struct, frozen=True):
    """Whom to trouble: SIP address, HTTP port, a worker, a bearer token, a conference's token, and for how long."""

    host: str
    sip_port: int
    http_port: int
    worker: int
    bearer: str
    token: str
    bridge: str
    seconds: float


def stranger(chance: random.Random) -> socket.socket:
    """Give a UDP socket at some other address of loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((f"127.{chance.randint(1, 250)}.{chance.randint(0, 250)}.{chance.randint(1, 250)}", 0))
    sock.setblocking(False)
    return sock


def sdp(host: str, port: int, direction: str = "sendrecv") -> str:
    """An offer of PCMU."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP 0"]
    return "\r\n".join([*lines, f"a={direction}", ""])


def udp_ports(pid: int) -> list[int]:
    """List the UDP ports that a process has now (Linux): a worker has more for each party behind a NAT."""
    with contextlib.suppress(OSError):
        sockets = {os.readlink(each)[8:-1] for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}
        rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
        return [int(row[1].partition(":")[2], 16) for row in rows if row[9] in sockets]
    return []


class Guests:
    """All bad guests of one server."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.chance = random.Random(SEED)
        self.done: Counter[str] = Counter()
        self.sip = (target.host, target.sip_port)
        self.number = 0
        self.ports: list[int] = []

    def request(self, sock: socket.socket, method: str, user: str, body: str = "", headers: str = "") -> str:
        """A well-formed request from `sock`, in a dialog of its own."""
        self.number += 1
        host, port = sock.getsockname()
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:{user}@{self.sip[0]}:{self.sip[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-bad-{self.number}\r\n"
            f"From: <sip:x{self.number}@{host}>;tag=t{self.number}\r\nTo: <sip:{user}@{self.sip[0]}>\r\n"
            f"Call-ID: bad-{self.number}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:x@{host}:{port}>\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def forge(self) -> None:
        """An INVITE whose sender never acknowledges, to whatever answers strangers."""
        user = self.chance.choice([self.target.token, self.target.bridge, "202", "102", "nobody"])
        with stranger(self.chance) as sock:
            sock.sendto(self.request(sock, "INVITE", user, sdp(sock.getsockname()[0], 9)).encode(), self.sip)

    def wrong_password(self) -> None:
        """A REGISTER with credentials that somebody made up."""
        digest = (
            'Authorization: Digest username="102", realm="softphone.local", nonce="0", uri="sip:x", response="0"\r\n'
        )
        with stranger(self.chance) as sock:
            sock.sendto(self.request(sock, "REGISTER", "102", headers=digest).encode(), self.sip)

    def garbage(self) -> None:
        """Random bytes at each UDP port; those of parties are looked up from time to time."""
        if self.done["garbage"] % 30 == 0:
            self.ports = [self.sip[1], *udp_ports(self.target.worker)]
        with stranger(self.chance) as sock:
            data = self.chance.randbytes(self.chance.randint(1, 1300))
            for port in self.ports:
                sock.sendto(self.chance.choice([b"", b"\x80\x00", b"\x80\xc8", b"INVITE "]) + data, (self.sip[0], port))

    async def vanish(self) -> None:
        """A phone that joins, speaks with wild timestamps and sources, and is gone without BYE."""
        direction = self.chance.choice(["sendrecv", "sendrecv", "sendonly", "inactive"])
        loop = asyncio.get_running_loop()
        with stranger(self.chance) as sock, stranger(self.chance) as media:
            host, port = media.getsockname()
            request = self.request(sock, "INVITE", self.target.token, sdp(host, port, direction))
            sock.sendto(request.encode(), self.sip)
            answer = ""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(4):
                    while not answer.startswith("SIP/2.0 200"):
                        answer = (await loop.sock_recv(sock, 65536)).decode()
                        if answer.startswith(("SIP/2.0 4", "SIP/2.0 5")):
                            self.done["vanish refused " + answer[8:11]] += 1
                            return
            if not answer.startswith("SIP/2.0 200"):
                self.done["vanish unanswered"] += 1
                return
            to = answer.partition("\r\nTo: ")[2].partition("\r\n")[0]
            ack = request.replace("INVITE", "ACK").partition("\r\nContent-Type")[0] + "\r\nContent-Length: 0\r\n\r\n"
            old = f"To: <sip:{self.target.token}@{self.sip[0]}>"
            sock.sendto(ack.replace(old, "To: " + to).replace("branch=z9hG4bK", "branch=z9hG4bK-a").encode(), self.sip)
            port = int(answer.partition("m=audio ")[2].split()[0])
            for k in range(25):
                wild = self.chance.random() < 0.3
                stamp = self.chance.getrandbits(32) if wild else k * 160
                ssrc = self.chance.choice([1, 1, 1, 2]) if wild else 1
                packet = struct.pack("!BBHII", 0x80, 0, k, stamp, ssrc) + self.chance.randbytes(160)
                media.sendto(packet, (self.sip[0], port))
                await asyncio.sleep(0.02)

    async def spoil_tcp(self) -> None:
        """A connection that sends garbage, or half a message, and stays a while."""
        port = self.chance.choice([self.sip[1], self.target.http_port])
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(self.sip[0], port)
            start = self.chance.choice(
                [b"", b"INVITE sip:x SIP/2.0\r\n", b"POST /x HTTP/1.1\r\nContent-Length: 9999\r\n\r\n"]
            )
            writer.write(start + self.chance.randbytes(self.chance.randint(0, 3000)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), 5.0)
            writer.close()

    async def never_read(self) -> None:
        """Ask for the event stream and read nothing of it, until it is ended."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        with sock, contextlib.suppress(OSError):
            await loop.sock_connect(sock, (self.sip[0], self.target.http_port))
            head = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.target.bearer}\r\n\r\n"
            await loop.sock_sendall(sock, head.encode())
            await asyncio.sleep(60)

    async def often(self, kind: str, per_second: float, act: Callable[[], object]) -> None:
        """Do this at its rate; what is a coroutine goes on by itself."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with asyncio.TaskGroup() as tasks:
            while loop.time() - begin < self.target.seconds:
                outcome = act()
                if asyncio.iscoroutine(outcome):
                    tasks.create_task(outcome)
                self.done[kind] += 1
                await asyncio.sleep(max(begin + self.done[kind] / per_second - loop.time(), 0.0))

    async def run(self) -> dict[str, int]:
        """All of them at once; the counts."""
        await asyncio.gather(
            self.often("forged INVITEs", 20, self.forge),
            self.often("wrong passwords", 5, self.wrong_password),
            self.often("garbage", 30, self.garbage),
            self.often("vanished phones", 1, self.vanish),
            self.often("spoiled connections", 2, self.spoil_tcp),
            self.often("readers that never read", 0.2, self.never_read),
        )
        return dict(self.done)


def main() -> int:
    guests = Guests(msgspec.json.decode(sys.argv[1], type=Target))
    json.dump(asyncio.run(guests.run()), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
