"""The interface of a SIP node to its calls and registrations."""

from collections.abc import Coroutine
from typing import Any, Protocol

from softphone.sip.dialog.table import DialogUser, EstablishedUser
from softphone.sip.message.message import Request, Response
from softphone.sip.transaction.events import TransactionUser
from softphone.sip.transaction.machine import Timers
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.capabilities import Capabilities
from softphone.sip.ua.refresh import SessionSettings
from softphone.sip.where.attempt import RequestAttempt
from softphone.sip.where.locate import Target

__all__ = ["Node"]


class Node(Protocol):
    """A node: its transactions, its dialogs and its flows; `softphone.sip.driver.Driver` is one."""

    timers: Timers
    capabilities: Capabilities
    session: SessionSettings

    def send(self, request: Request, target: Target, user: TransactionUser) -> RequestAttempt:
        """Send a request; raises SipNetworkError when its target asks for what is not spoken here."""

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop: the connection that it names, else one to its address; None over UDP."""

    def ping(self, target: Hop) -> None:
        """Send what keeps the way to a peer open (RFC 5626 section 4.4.1)."""

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

    def give_up(self, key: str) -> None:
        """Send an answer, or a request, no more."""

    def acknowledge(self, ack: Request, target: Target) -> None:
        """Send an ACK for a 2xx, once, outside any transaction."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run in the background, until the driver stops."""
