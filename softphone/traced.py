"""What passed over SIP, as values to be shown: secrets are blotted in them already."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["TracedCall", "TracedMessage", "Tracing"]

Place = tuple[str, int]
"""IP address and port."""


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message as it passed; one that was sent again is there as often.

    Attributes
    ----------
    number
        Grows with each message of the server.
    """

    number: int
    time: datetime
    sent: bool
    transport: str
    local: Place
    remote: Place
    data: bytes

    @property
    def line(self) -> str:
        """The request line or status line."""
        return self.data.lstrip(b"\r\n").partition(b"\r\n")[0].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class TracedCall:
    """What has one Call-ID: a call, a registration, a subscription, or a single request.

    Attributes
    ----------
    id
        Short, made of the Call-ID.
    number
        Of the last message (`TracedMessage.number`).
    status
        Of the last response to what it began with; None: there was none.
    running
        Whether it is a call that was answered and is not over.
    left_out
        Messages between the first ones and the last ones that are no longer kept.
    """

    id: str
    number: int
    call_id: str
    caller: str
    callee: str
    method: str
    status: int | None
    running: bool
    first: datetime
    last: datetime
    count: int
    left_out: int


class Tracing(Protocol):
    """Where what passed can be read."""

    def calls(self) -> list[tuple[datetime, str]]:
        """List what is there: the time of its first message, and the `TracedCall.id`."""

    def call(self, name: str) -> TracedCall | None:
        """Find one by `TracedCall.id` or Call-ID."""

    def messages(self, name: str | None = None) -> Iterator[TracedMessage]:
        """Give the messages of one, or all, in the order in which they passed.

        Which ones is settled at once; the work of showing them is done as they are taken, in any thread.
        """
