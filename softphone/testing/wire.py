"""A wire in memory between SIP stacks: every message is recorded, and those that a rule names are lost."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from softphone.errors import UnresolvedName
from softphone.resolver import Record, Resolver
from softphone.sip.dispatcher import OnInvite, OnRequest
from softphone.sip.driver import StackSettings
from softphone.sip.stack import NO_HANDLERS, Stack
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop, Send

DELAY_S = 0.01

Rule = Callable[[str, int], bool]
"""Whether a message is lost: its first line, and how many with this line went before."""


def keep_all(line: str, before: int) -> bool:
    """Lose nothing."""
    return False


@dataclass
class Ether:
    """Who is there by port, and what was sent: first lines in order."""

    lost: Rule = keep_all
    sent: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    targets: list[Hop] = field(default_factory=list)
    carriers: dict[int, "_Carrier"] = field(default_factory=dict)
    under_way: "deque[tuple[_Carrier, bytes, Hop]]" = field(default_factory=deque)
    ports: int = 5000
    pings: list[tuple[int, int]] = field(default_factory=list)
    flows: dict[tuple[int, int], Flow] = field(default_factory=dict)

    def stack(
        self,
        settings: StackSettings | None = None,
        *,
        on_invite: OnInvite | None = None,
        on_request: Mapping[str, OnRequest] = NO_HANDLERS,
    ) -> Stack:
        """Make a stack on this wire; its port is the next that is free unless the settings name one."""
        settings = settings or StackSettings(tcp=False)
        return Stack(
            settings,
            on_invite=on_invite,
            on_request=on_request,
            transport=self.transport,
            resolver=_NoNames(),
        )

    def transport(self, receive: Callable[[bytes, Hop], None], failed: object = None) -> "_Carrier":
        """Make the carrier of a stack."""
        return _Carrier(self, receive)

    def deliver(self, send: Send, sender: Hop) -> None:
        """Record a message, and let it arrive after a moment unless it is lost."""
        line = send.data.split(b"\r\n")[0].decode("utf-8", "replace")
        lost = self.lost(line, self.sent.count(line))
        self.sent.append(line)
        self.messages.append(send.data)
        self.targets.append(send.target)
        to = self.carriers.get(send.target.port)
        if to is not None and not lost:
            self.under_way.append((to, send.data, sender))
            asyncio.get_running_loop().call_later(DELAY_S, self._arrive)

    def open_flow(self, port: int, target: Hop) -> Flow:
        """Return the connection from a port to a peer; there is one as soon as somebody sends by TCP."""
        ends = port, target.port
        flow = self.flows.get(ends)
        if flow is None or not flow.is_open:
            flow = self.flows[ends] = Flow(target, lambda: self.close_flow(ends))
        return flow

    def close_flow(self, ends: tuple[int, int]) -> None:
        """Close a connection, as its peer does, or its loss."""
        self.flows[ends].closed()

    def _arrive(self) -> None:
        """Deliver the oldest: of timers for one time the loop takes any first."""
        to, data, sender = self.under_way.popleft()
        to.receive(data, sender)

    def inject(self, text: str, port: int, source_port: int = 9) -> None:
        """Let somebody without a stack send a message, line feeds made into CRLF."""
        data = text.replace("\n", "\r\n").encode()
        self.carriers[port].receive(data, Hop("udp", "127.0.0.1", source_port))

    def methods(self) -> list[str]:
        """List what was sent, in short: methods and status codes."""
        return [line.split(" ")[1 if line.startswith("SIP/2.0") else 0] for line in self.sent]


class _NoNames(Resolver):
    async def records(self, kind: str, name: str) -> tuple[Record, ...]:
        raise UnresolvedName(f"cannot resolve {name!r}: no names here")


class _Carrier:
    def __init__(self, ether: Ether, receive: Callable[[bytes, Hop], None]) -> None:
        self._ether = ether
        self.receive = receive
        self.port = 0
        self.ports: dict[str, int] = {}

    async def start(self, host: str, port: int, *, tcp: bool = True, host6: str = "") -> None:
        self._ether.ports += 1
        self.port = port or self._ether.ports
        self._ether.carriers[self.port] = self

    async def stop(self) -> None:
        self._ether.carriers.pop(self.port, None)

    def send(self, send: Send) -> None:
        transport = send.target.transport
        if transport == "tcp" and not send.data.startswith(b"SIP/"):
            self._ether.open_flow(self.port, send.target)
        self._ether.deliver(send, Hop(transport, "127.0.0.1", self.port))

    def flow(self, target: Hop) -> Flow | None:
        flow = self._ether.flows.get((self.port, target.port))
        return flow if flow is not None and flow.is_open and target.transport == "tcp" else None

    def ping(self, target: Hop) -> None:
        self._ether.pings.append((self.port, target.port))
