"""A telephone of text templates on a UDP socket: no line of ours reads or writes its messages."""

import re
import socket
import time
from types import TracebackType
from typing import Self

from tests.support.processes import LOOPBACK

SDP = "application/sdp"


def offer(direction: str = "sendrecv") -> str:
    """What it offers; nobody listens to port 9."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 0"]
    return "\r\n".join([*lines, f"a={direction}", ""])


def header(message: str, name: str) -> str:
    """A header's value; empty if there is none."""
    found = re.search(rf"^{name}: *(.*?)\r$", message, re.MULTILINE)
    return found[1] if found else ""


class RawPhone:
    """One caller to `address`. What comes and is not asked for just now stays in `unread`."""

    def __init__(self, address: tuple[str, int], user: str, call_id: str = "raw-1") -> None:
        self.address = address
        self.user = user
        self.call_id = call_id
        self.to = f"<sip:{user}@{address[0]}>"
        self.number = 0
        self.unread: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.port = self.socket.getsockname()[1]

    def send(
        self, method: str, body: str = "", *, number: int | None = None, headers: str = "", kind: str = SDP
    ) -> None:
        """Send a request; ACK and CANCEL take the `number` of their INVITE; `kind` is the type of its body."""
        self.number += number is None
        number = number or self.number
        kind = f"Content-Type: {kind}\r\n" if body else ""
        self.raw(
            f"{method} sip:{self.user}@{self.address[0]}:{self.address[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {LOOPBACK}:{self.port};branch=z9hG4bK-{self.call_id}-{number}{method}\r\n"
            f"From: <sip:raw@{LOOPBACK}>;tag=raw\r\nTo: {self.to}\r\nCall-ID: {self.call_id}\r\n"
            f"CSeq: {number} {method}\r\nMax-Forwards: 70\r\nContact: <sip:raw@{LOOPBACK}:{self.port}>\r\n"
            f"{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def raw(self, text: str) -> None:
        """Send anything."""
        self.socket.sendto(text.encode(), self.address)

    def receive(self, start: str, cseq: str = "", timeout_s: float = 30.0) -> str:
        """The next message that begins with `start`, a method or a status; of this CSeq, if one is given."""
        wanted = f"SIP/2.0 {start}" if start.isdigit() else f"{start} "
        deadline = time.monotonic() + timeout_s
        while True:
            for place, message in enumerate(self.unread):
                if message.startswith(wanted) and header(message, "CSeq").startswith(cseq):
                    return self.unread.pop(place)
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                self.unread.append(self.socket.recv(65536).decode(errors="replace"))
            except TimeoutError:
                lines = [message.partition("\r\n")[0] for message in self.unread]
                raise AssertionError(f"no {start} came, but {lines}") from None

    def invite(self, body: str = "", *, ack: str = "", kind: str = SDP) -> str:
        """INVITE, 200 and an ACK with the body `ack`; the 200, and not one of an earlier INVITE that came twice."""
        self.send("INVITE", body, kind=kind)
        answer = self.receive("200", f"{self.number} INVITE")
        self.to = header(answer, "To")
        self.send("ACK", ack, number=self.number)
        return answer

    def answer(self, request: str, status: str = "200 OK") -> None:
        """Answer a request that came."""
        copied = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        self.raw(f"SIP/2.0 {status}\r\n{copied}Content-Length: 0\r\n\r\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()
