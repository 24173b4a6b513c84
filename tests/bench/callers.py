"""The load's way in: a bare SIP caller of many addresses, so that any bridge can be called by name.

Each party calls from its address of 127/8, where its sound comes from as well; all of them share one socket. It does
what a call needs and no more (RFC 3261 section 13): INVITE until something is answered, ACK, BYE at the end.
"""

import os
import re
import select
import socket
import struct
import time
from dataclasses import dataclass, field

from tests.bench.load import free_port, party_host

IP_PKTINFO = 8
AT_ONCE = 12
PATIENCE_S, AGAIN_S = 60.0, 2.0
OFFER = """v=0\r\no=- {number} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {types}\r
a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=rtcp-mux\r\n"""
# As nearly all telephones have them; without, a bridge has to look for keys in the sound.
EVENTS = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
INBAND = bool(os.environ.get("INBAND"))


class Refused(Exception):
    """A call was not answered."""


@dataclass
class Call:
    """One party's call."""

    number: int
    uri: str
    invited: float = 0.0
    to: str = ""
    contact: str = ""
    routes: list[str] = field(default_factory=list)
    target: tuple[str, int] | None = None


class Callers:
    """
    Calls to one server.

    Parameters
    ----------
    server
        Where it listens for SIP over UDP.
    media_port
        Where the parties take sound, each at its address.
    """

    def __init__(self, server: tuple[str, int], media_port: int) -> None:
        self._server, self._media_port, self._port = server, media_port, free_port()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("0.0.0.0", self._port))
        self._calls: list[Call] = []

    @property
    def targets(self) -> list[tuple[str, int]]:
        """Where each party's sound goes."""
        return [call.target for call in self._calls if call.target]

    def call(self, uris: list[str]) -> None:
        """Let more parties call, one each of these; returns when all are answered, raises Refused."""
        waiting = [Call(len(self._calls) + i, uri) for i, uri in enumerate(uris)]
        self._calls += waiting
        deadline = time.monotonic() + PATIENCE_S + len(uris) / 20
        while waiting:
            now = time.monotonic()
            if now > deadline:
                raise Refused(f"{len(waiting)} of {len(uris)} calls were not answered")
            for call in waiting[:AT_ONCE]:
                if now - call.invited > AGAIN_S:
                    call.invited = now
                    self._invite(call)
            self._read(0.05)
            waiting = [call for call in waiting if call.target is None]

    def hang_up(self) -> None:
        """End all calls."""
        for call in self._calls:
            self._send(call, "BYE", call.contact, 2)
            self._read(0.0)
        self._calls = []
        self._read(0.5)

    def close(self) -> None:
        """Close the socket; calls stay as they are."""
        self._socket.close()

    def rest(self) -> None:
        """Acknowledge again what was answered again, and drop all else."""
        self._read(0.0)

    def _read(self, timeout: float) -> None:
        while select.select([self._socket], [], [], timeout)[0]:
            self._take(self._socket.recv(65536).decode(errors="replace"))
            timeout = 0.0

    def _take(self, text: str) -> None:
        head, _, body = text.partition("\r\n\r\n")
        found = re.match(r"SIP/2\.0 (\d{3})", head)
        asked = re.search(r"(?im)^Call-ID\s*:\s*bench-(\d+)-", head)
        method = re.search(r"(?im)^CSeq\s*:\s*\d+ (\w+)", head)
        if not (found and asked and method and method[1] == "INVITE" and int(found[1]) >= 200):
            return
        call = self._calls[int(asked[1])]
        call.to = field_of(head, "To")
        if int(found[1]) >= 300:
            self._send(call, "ACK", call.uri, 1)
            raise Refused(f"{call.uri}: {head.splitlines()[0]}")
        call.contact = re.sub(r".*<([^>]*)>.*", r"\1", field_of(head, "Contact"))
        call.routes = re.findall(r"(?im)^Record-Route\s*:\s*(.*?)\r?$", head)[::-1]
        host, port = re.search(r"(?m)^c=IN IP4 (\S+)", body), re.search(r"(?m)^m=audio (\d+)", body)
        assert host and port, body
        call.target = host[1], int(port[1])
        self._send(call, "ACK", call.contact, 1)

    def _invite(self, call: Call) -> None:
        types = "0" if INBAND else "0 101"
        offer = OFFER.format(number=call.number, host=party_host(call.number), port=self._media_port, types=types)
        offer += "" if INBAND else EVENTS
        self._send(call, "INVITE", call.uri, 1, offer)

    def _send(self, call: Call, method: str, uri: str, cseq: int, body: str = "") -> None:
        host, number = party_host(call.number), call.number
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{self._port};branch=z9hG4bK-{number}-{method}-{self._port};rport",
            "Max-Forwards: 70",
            f"From: <sip:party{number}@{host}>;tag=bench{number}",
            f"To: {call.to or f'<{call.uri}>'}",
            f"Call-ID: bench-{number}-{self._port}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:party{number}@{host}:{self._port}>",
            *(f"Route: {route}" for route in call.routes),
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        source = struct.pack("=I4sI", 0, socket.inet_aton(host), 0)
        data = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        self._socket.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, self._server)


def field_of(head: str, name: str) -> str:
    """The value of a header field that is there once."""
    found = re.search(rf"(?im)^{name}\s*:\s*(.*?)\r?$", head)
    assert found, f"no {name} in {head}"
    return found[1]
