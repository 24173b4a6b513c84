"""A telephone of text templates that is called: the test says what it answers, and sees all that comes."""

import asyncio
from typing import Self

from tests.support.processes import LOOPBACK
from tests.support.raw import SDP, header, offer


class Callee(asyncio.DatagramProtocol):
    """Entered it listens on a UDP port; what comes and is not asked for just now stays in `unread`."""

    def __init__(self) -> None:
        self.unread: list[str] = []
        self.seen: list[str] = []
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, 0))
        self.port: int = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *unused: object) -> None:
        self._transport.close()

    @property
    def uri(self) -> str:
        return f"sip:callee@{LOOPBACK}:{self.port}"

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.peer = address
        if data.strip():
            self.seen.append(data.decode())
            self.unread.append(data.decode())
            self._came.set()

    async def receive(self, start: str) -> str:
        """The next message that begins with `start`, a method or a status."""
        wanted = f"SIP/2.0 {start}" if start.isdigit() else f"{start} "
        async with asyncio.timeout(30.0):
            while True:
                for place, message in enumerate(self.unread):
                    if message.startswith(wanted):
                        return self.unread.pop(place)
                self._came.clear()
                await self._came.wait()

    def answer(self, request: str, status: str, *, tag: str = "t", headers: str = "", body: str = "") -> None:
        """Answer a request; `headers` are whole lines."""
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        copied = "".join(f"{name}: {header(request, name)}\r\n" for name in names)
        if "tag=" not in header(request, "To"):
            copied = copied.replace(f"To: {header(request, 'To')}", f"To: {header(request, 'To')};tag={tag}")
        kind = f"Content-Type: {SDP}\r\n" if body else ""
        contact = f"Contact: <{self.uri}>\r\n" if "Contact" not in headers else ""
        text = f"SIP/2.0 {status}\r\n{copied}{contact}{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        self.raw(text)

    def raw(self, text: str) -> None:
        """Send anything to who sent last."""
        self._transport.sendto(text.encode(), self.peer)

    async def take(self, body: str | None = None) -> str:
        """Answer the next INVITE with 200 and take its ACK; returns the INVITE."""
        invite = await self.receive("INVITE")
        self.answer(invite, "200 OK", body=offer() if body is None else body)
        await self.receive("ACK")
        return invite

    def ask(self, invite: str, method: str, *, number: int, headers: str = "", body: str = "") -> None:
        """Send a request in the dialog of an INVITE that was answered with the tag ``t``."""
        uri = header(invite, "Contact").strip("<>").partition(">")[0]
        self.raw(
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {LOOPBACK}:{self.port};branch=z9hG4bK-{method}{number}\r\n"
            f"From: {header(invite, 'To')};tag=t\r\nTo: {header(invite, 'From')}\r\n"
            f"Call-ID: {header(invite, 'Call-ID')}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <{self.uri}>\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
        )
