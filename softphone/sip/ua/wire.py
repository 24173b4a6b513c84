"""What calls and registrations need of the driver below them, and what it tells them in return."""

from collections.abc import Coroutine
from typing import Any, Protocol

from softphone.sip.dialog.table import DialogUser, EstablishedUser
from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.transaction.machine import Timers
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.methods import Capabilities
from softphone.sip.ua.refresh import SessionSettings

__all__ = ["Listener", "Wire"]


class Listener(Protocol):
    """Who asked: told what becomes of a request."""

    def on_response(self, response: Response) -> None:
        """Take a response; of an INVITE every 2xx comes, retransmissions included (RFC 6026)."""

    def on_failure(self, reason: str) -> None:
        """Take notice that no final response will come: ``timeout`` or ``transport``."""


class Wire(Protocol):
    """The driver, seen from above."""

    timers: Timers
    capabilities: Capabilities
    session: SessionSettings

    def send(self, request: Request, target: Hop, listener: Listener) -> str:
        """Send a request in a transaction of its own; returns the transaction's key."""

    async def resolve(self, target: Hop) -> Hop:
        """Look a host name up; addresses come back as they are. Raises SipNetworkError."""

    def is_open(self, target: Hop) -> bool:
        """Whether the flow that a hop names still exists; of UDP nobody can tell, so it does."""

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop: the connection that it names, else one to its address; None over UDP."""

    def ping(self, target: Hop) -> None:
        """Send what keeps the way to a peer open (RFC 5626 section 4.4.1)."""

    def forget(self, key: str) -> None:
        """Send a request that is no INVITE no more, and wait for no answer to it."""

    def enter(self, call: EstablishedUser) -> None:
        """Let the requests of a call's dialog find it, until it closes."""

    def enter_early(self, early: DialogUser) -> None:
        """Let the requests of an early dialog find it."""

    def leave_early(self, early: DialogUser) -> None:
        """Let them find it no more."""

    def respond(self, key: str, response: Response, *, once: bool = False) -> None:
        """Answer the request that came with `key`; a 2xx to INVITE may be given again and again.

        `once`: by UDP it is sent once, and the request forgotten.
        """

    def acknowledge(self, ack: Request, target: Hop) -> None:
        """Send an ACK for a 2xx, once, outside any transaction."""

    def cancel(self, key: str, headers: Headers = ()) -> None:
        """Send the CANCEL for an INVITE, with further headers; the transaction is given up when its time is over."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run in the background, until the driver stops."""
