"""Events of the transaction layer for its user."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from softphone.errors import SipError
from softphone.sip.message.message import Request, Response
from softphone.sip.transport.hop import Hop

__all__ = [
    "AckReceived",
    "CancelReceived",
    "Counters",
    "Event",
    "Failure",
    "RequestReceived",
    "ResponseReceived",
    "Terminated",
    "TransactionFailed",
    "TransactionUser",
]


class Failure(StrEnum):
    """Why a transaction failed."""

    TIMEOUT = "timeout"
    TRANSPORT = "transport"
    STOPPED = "stopped"
    """This side wants no answer any more."""


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request, neither ACK nor CANCEL: answer it with `TransactionLayer.respond(key, ...)`."""

    key: str
    request: Request
    source: Hop


@dataclass(frozen=True, slots=True)
class InviteRepeated:
    """An INVITE has come once more: its sender has heard nothing, or only what the transaction has said again."""

    key: str
    size: int
    """Bytes of the datagram."""


@dataclass(frozen=True, slots=True)
class AckReceived:
    """An ACK for a 2xx, once for each time it came; which dialog it belongs to, Call-ID and tags say."""

    request: Request
    source: Hop


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """A CANCEL; the user answers it (200, or 481 when `invite` is None) and then the INVITE (487)."""

    key: str
    """The CANCEL's own transaction."""
    invite: str | None
    """The INVITE's transaction while there is one; if it has been answered finally, the CANCEL changes nothing."""
    request: Request
    source: Hop


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to a request of ours: any provisional, one final; of 2xx to INVITE also the repeated ones."""

    key: str
    response: Response
    source: Hop


@dataclass(frozen=True, slots=True)
class TransactionFailed:
    """No final response will come (client), or the ACK did not come or the response could not go (server)."""

    key: str
    reason: Failure


@dataclass(frozen=True, slots=True)
class Terminated:
    """The transaction is forgotten; nothing more will be told of `key`."""

    key: str


Event = (
    RequestReceived | InviteRepeated | AckReceived | CancelReceived | ResponseReceived | TransactionFailed | Terminated
)


class TransactionUser(Protocol):
    """Who sends a request: told what becomes of it."""

    def on_response(self, response: Response) -> None:
        """Take a response; of an INVITE every 2xx comes, retransmissions included (RFC 6026)."""

    def on_failure(self, reason: Failure | SipError) -> None:
        """Take notice that no final response will come."""


@dataclass(slots=True)
class Counters:
    """What was not worth an event, counted."""

    bad: int = 0
    """Messages that could not be used, answered or not."""
    stray: int = 0
    """Responses that belong to no transaction."""
    refused: int = 0
    """Requests answered with 503, there being too many transactions."""
