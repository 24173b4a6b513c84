"""Lookup of dialogs for messages: confirmed ones, and early ones of ringing phones."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from softphone.sip.dialog.dialog import Dialog, DialogId, dialog_id
from softphone.sip.message.fields import CSeq
from softphone.sip.message.message import Request
from softphone.sip.transport.hop import Hop

__all__ = ["DialogTable", "DialogUser", "EstablishedUser"]


class DialogUser(Protocol):
    """What takes the requests that come in a dialog."""

    dialog: Dialog

    def receive(self, key: str, request: Request, source: Hop) -> bool:
        """Take a request that is neither ACK nor CANCEL; False if it is none of its own."""

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of the INVITE that came in this transaction."""


class EstablishedUser(DialogUser, Protocol):
    """The same, of a dialog that lasts: a call."""

    on_closed: Callable[[], None] | None
    """Called when the dialog is over."""

    def repeated(self, size: int) -> None:
        """Take note that its INVITE has come once more, of so many bytes."""

    def acknowledged(self, ack: Request) -> None:
        """Take the ACK for a 2xx."""


REMEMBERED = 1_000
"""Dialogs that are over and still known to have been there."""

Origin = tuple[str, str | None]
"""Call-ID and From tag of an INVITE."""


class DialogTable:
    """The dialogs there are, by identifier, by peer and by the transaction of their INVITE."""

    def __init__(self) -> None:
        self._dialogs: dict[DialogId, EstablishedUser] = {}
        self._peers: dict[tuple[str, str], EstablishedUser] = {}
        self._invites: dict[str, EstablishedUser] = {}
        self._came: dict[tuple[str, str], CSeq] = {}
        self._asked: dict[str, Origin] = {}
        self._origins: Counter[Origin] = Counter()
        self._early: dict[DialogId, DialogUser] = {}
        self._over: dict[int, None] = {}  # hashes of their names, which peers make as long as they like

    def calls(self) -> list[EstablishedUser]:
        """Return all calls."""
        return list(self._dialogs.values())

    def enter(self, call: EstablishedUser) -> None:
        """Take a call in, until it closes."""
        self._enter(call, "")

    def enter_incoming(self, call: EstablishedUser, key: str, invite: Request) -> None:
        """Take a call in, until it closes, whose INVITE came in the transaction `key`."""
        self._enter(call, key)
        self._invites[key] = call
        self._came[call.dialog.id.call_id, call.dialog.id.remote_tag] = invite.cseq

    def enter_early(self, early: DialogUser) -> None:
        """Take in the dialog of a telephone that rings."""
        self._early[early.dialog.id] = early

    def leave_early(self, early: DialogUser) -> None:
        """Forget it: it has become a call, or nothing."""
        self._early.pop(early.dialog.id, None)

    def find(self, request: Request) -> DialogUser | None:
        """Find the call that a request inside a dialog belongs to, or what may become one: by Call-ID and tags."""
        return self.named(dialog_id(request))

    def named(self, name: DialogId) -> DialogUser | None:
        """Find the call of a dialog, or what may become one: of a subscription the peer's tag is not known first."""
        return self._dialogs.get(name) or self._early.get(name) or self._early.get(replace(name, remote_tag=""))

    def is_over(self, name: DialogId) -> bool:
        """Whether there was such a call lately."""
        return hash(name) in self._over

    def acknowledged(self, ack: Request) -> EstablishedUser | None:
        """Find the call that an ACK belongs to; some telephones put a random To tag there."""
        return self._dialogs.get(dialog_id(ack)) or self._peers.get((ack.call_id, ack.from_.tag or ""))

    def is_merged(self, request: Request) -> bool:
        """Whether an INVITE has come before by another way (RFC 3261 section 8.2.2.2)."""
        return self._came.get((request.call_id, request.from_.tag or "")) == request.cseq

    def asked(self, key: str, invite: Request) -> None:
        """Take note of an INVITE of ours, until its transaction is forgotten."""
        self._asked[key] = origin = invite.call_id, invite.from_.tag
        self._origins[origin] += 1

    def is_ours(self, invite: Request) -> bool:
        """Whether an INVITE that came is one that we have sent, straight or by a proxy, which keeps its tags."""
        return (invite.call_id, invite.from_.tag) in self._origins

    def by_key(self, key: str) -> EstablishedUser | None:
        """Find the call whose INVITE came in this transaction."""
        return self._invites.get(key)

    def terminated(self, key: str) -> None:
        """Forget a transaction."""
        self._invites.pop(key, None)
        if (origin := self._asked.pop(key, None)) is not None:
            self._origins[origin] -= 1
            if not self._origins[origin]:
                del self._origins[origin]

    def _enter(self, call: EstablishedUser, key: str) -> None:
        name = call.dialog.id
        self._dialogs[name] = call
        self._peers[name.call_id, name.remote_tag] = call
        call.on_closed = lambda: self._leave(name, key)

    def _leave(self, name: DialogId, key: str) -> None:
        self._invites.pop(key, None)
        call = self._dialogs.pop(name, None)
        self._over[hash(name)] = None
        if len(self._over) > REMEMBERED:
            del self._over[next(iter(self._over))]
        peer = name.call_id, name.remote_tag
        if self._peers.get(peer) is call:
            self._peers.pop(peer, None)
            self._came.pop(peer, None)
