"""Dialogs (RFC 3261 section 12): peers, sequence numbers and route set.

A dialog is made from the first request and a response to it. It is found again by Call-ID and tags alone: real
telephones put odd things into the Request-URI. It builds every later request, and judges the order of those coming in.
"""

from dataclasses import dataclass, replace

from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Message, Request, Response, request
from softphone.sip.message.uri import Uri

__all__ = ["SERVER_CSEQ", "Dialog", "DialogId", "dialog_id"]

SERVER_CSEQ = 1_000_000
"""Some clients correlate by CSeq number alone, over the whole connection, and count from below 10,000 themselves."""

TARGET_REFRESH = ("INVITE", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY")
"""Requests that say our Contact (RFC 3261 section 12.2; RFC 3311, 3515, 6665)."""


@dataclass(frozen=True, slots=True)
class DialogId:
    """What names a dialog (RFC 3261 section 12); a tag is "" where the peer sends none (section 12.1.1)."""

    call_id: str
    local_tag: str
    remote_tag: str


def dialog_id(received: Request) -> DialogId:
    """Name the dialog that a request from the peer belongs to."""
    return DialogId(received.call_id, received.to.tag or "", received.from_.tag or "")


@dataclass
class Dialog:
    """One dialog, early or confirmed.

    Attributes
    ----------
    local, remote
        From and To of the requests that we send, tags included.
    contact
        Our Contact.
    remote_target
        Where our requests go: the URI of the peer's latest Contact.
    route_set
        The Route headers of our requests (RFC 3261 section 12.1).
    local_seq, remote_seq
        The CSeq numbers last used; ``remote_seq`` is None before the peer's first request.
    """

    call_id: str
    local: Address
    remote: Address
    contact: Address
    remote_target: Uri
    route_set: tuple[Address, ...]
    local_seq: int
    remote_seq: int | None = None

    @classmethod
    def from_response(cls, sent: Request, answer: Response) -> "Dialog":
        """Make the caller's dialog from its INVITE and a response with a To tag (RFC 3261 section 12.1.2)."""
        routes = tuple(reversed(answer.record_routes))
        contact = sent.contact or Address(sent.from_.uri)
        dialog = cls(sent.call_id, sent.from_, answer.to, contact, sent.uri, routes, sent.cseq.number)
        dialog.refresh(answer)
        return dialog

    @classmethod
    def from_request(cls, received: Request, local_tag: str, contact: Address) -> "Dialog":
        """Make the callee's dialog from the peer's INVITE and the tag of our answers (RFC 3261 section 12.1.1)."""
        dialog = cls(
            received.call_id,
            received.to if received.to.tag else received.to.with_tag(local_tag),
            received.from_,
            contact,
            received.from_.uri,
            tuple(received.record_routes),
            SERVER_CSEQ,
            received.cseq.number,
        )
        dialog.refresh(received)
        return dialog

    def as_focus(self) -> None:
        """Say in our Contact, from now on, that a conference is here (RFC 4579 section 5.1)."""
        self.contact = replace(self.contact, params={**self.contact.params, "isfocus": None})

    @property
    def id(self) -> DialogId:
        """The name it is found by."""
        return DialogId(self.call_id, self.local.tag or "", self.remote.tag or "")

    def refresh(self, received: Message) -> None:
        """Take the peer's new Contact, if it says one, as remote target (RFC 3261 section 12.2.1.2)."""
        if received.contact is not None:
            self.remote_target = received.contact.uri

    def in_order(self, received: Request) -> bool:
        """Note the CSeq of a request from the peer; False if it is not above the last (RFC 3261 section 12.2.2)."""
        number = received.cseq.number
        if self.remote_seq is not None and number <= self.remote_seq:
            return False
        self.remote_seq = number
        return True

    def next_number(self) -> int:
        """Return the CSeq number for our next request."""
        self.local_seq += 1
        return self.local_seq

    def next_hop(self) -> Uri:
        """Where the next request is sent to: the first route, else the target (RFC 3261 section 8.1.2)."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def request(
        self, method: str, *, headers: Headers = (), content_type: str | None = None, body: bytes | str = b""
    ) -> Request:
        """Build our next request in the dialog (RFC 3261 section 12.2.1.1)."""
        return self._build(method, self.next_number(), headers, content_type, body)

    def ack(
        self, number: int, *, headers: Headers = (), content_type: str | None = None, body: bytes | str = b""
    ) -> Request:
        """Build the ACK for the 2xx to our INVITE of that CSeq number (RFC 3261 section 13.2.2.4)."""
        return self._build("ACK", number, headers, content_type, body)

    def _build(
        self, method: str, number: int, headers: Headers, content_type: str | None, body: bytes | str
    ) -> Request:
        uri, routes = self._route()
        return request(
            method,
            uri,
            from_=self.local,
            to=self.remote,
            call_id=self.call_id,
            cseq=number,
            contact=self.contact if method in TARGET_REFRESH else None,
            routes=[", ".join(map(str, routes))] if routes else [],
            headers=headers,
            content_type=content_type,
            body=body,
        )

    def _route(self) -> tuple[Uri, tuple[Address, ...]]:
        """Request-URI and Route; a strict router wants its own URI first and the target last (section 12.2.1.1)."""
        if not self.route_set or "lr" in self.route_set[0].uri.params:
            return self.remote_target, self.route_set
        first, *rest = self.route_set
        return replace(first.uri, headers="", text=""), (*rest, Address(self.remote_target))
