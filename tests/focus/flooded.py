"""Somebody who writes other people's addresses into datagrams, and what they are sent for it, in bytes."""

from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from softphone.focus.session import TelephonySession
from softphone.sip.transport.hop import Hop, Send
from tests.focus.switchboard import Switchboard, play

VICTIM = Hop("udp", "203.0.113.9", 9)
BRIDGE = "+16505550100"
# As in RFC 9000 section 8.1.
FACTOR = 3


class Flooded:
    """A switchboard, and somebody who writes other people's addresses into datagrams."""

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        self.received: dict[str, list[bytes]] = defaultdict(list)
        self.forged = 0
        self.number = 0
        object.__setattr__(board.stack.settings, "trying", False)  # as the server's are
        deliver = board.ether.deliver

        def counting(send: Send, sender: Hop) -> None:
            self.received[send.target.host].append(send.data)
            deliver(send, sender)

        board.ether.deliver = counting  # type: ignore[method-assign]

    def forge(
        self,
        method: str,
        user: str,
        body: str = "",
        *,
        source: Hop = VICTIM,
        headers: str = "",
        tag: str = "",
        agent: str = "a telephone like any other 1.0",
    ) -> str:
        """Send a request with somebody's address; gives its Call-ID."""
        self.number += 1
        kind = "" if "Content-Type" in headers or not body else "Content-Type: application/sdp\r\n"
        text = (
            f"{method} sip:{user}@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {source.host}:{source.port};branch=z9hG4bK-{self.number};rport\r\n"
            f"From: <sip:caller@{source.host}>;tag=f{self.number}\r\nTo: <sip:{user}@127.0.0.1>{tag}\r\n"
            f"Call-ID: forged-{self.number}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:caller@{source.host}:{source.port}>\r\nUser-Agent: {agent}\r\n"
            f"{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        self.send(text, source)
        return f"forged-{self.number}"

    def send(self, text: bytes, source: Hop) -> None:
        """Send a datagram with somebody's address."""
        self.forged += len(text)
        self.last = text, source
        self.board.ether.carriers[self.board.stack.port].receive(text, source)

    def least(self, source: Hop = VICTIM) -> None:
        """Send the shortest INVITE that is answered."""
        self.number += 1
        text = (
            f"INVITE sip:{BRIDGE}@h SIP/2.0\r\nv:SIP/2.0/UDP {source.host}:9;branch=z9hG4bK{self.number}\r\n"
            f"f:<sip:a@b>;tag=f\r\nt:<sip:h>\r\ni:{self.number}\r\nCSeq:1 INVITE\r\nm:<sip:a>\r\nl:0\r\n\r\n"
        ).encode()
        self.send(text, source)

    def first_lines(self, host: str = VICTIM.host) -> list[str]:
        return [data.split(b"\r\n")[0].decode() for data in self.received[host]]

    @property
    def reflected(self) -> int:
        return sum(len(data) for data in self.received[VICTIM.host])


Work = Callable[[Flooded], Coroutine[Any, Any, None]]


def flood(folder: Path, work: Work, **sections: dict[str, Any]) -> Flooded:
    made: list[Flooded] = []

    async def scene(board: Switchboard) -> None:
        made.append(Flooded(board))
        await work(made[0])

    play(folder, scene, **sections)
    return made[0]


async def conference(flooded: Flooded, **options: Any) -> TelephonySession:
    focus = flooded.board.focus
    return await focus.create_conference(flooded.board.paper.accounts.extensions["101"], **options)


async def open_room(flooded: Flooded) -> str:
    return str((await conference(flooded)).token)
