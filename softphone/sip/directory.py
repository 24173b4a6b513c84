"""Which call a message belongs to."""

from collections import Counter

from softphone.sip.call import Call
from softphone.sip.dialog import DialogId, dialog_id
from softphone.sip.early import EarlyDialog
from softphone.sip.message import Request
from softphone.sip.usage import Usage

__all__ = ["Directory"]


Origin = tuple[str, str | None]
"""Call-ID and From tag of an INVITE."""


class Directory:
    """The calls there are, by dialog, by peer and by the transaction of their INVITE."""

    def __init__(self) -> None:
        self._dialogs: dict[DialogId, Usage] = {}
        self._peers: dict[tuple[str, str], Usage] = {}
        self._invites: dict[str, Call] = {}
        self._asked: dict[str, Origin] = {}
        self._origins: Counter[Origin] = Counter()
        self._early: dict[DialogId, EarlyDialog] = {}

    def calls(self) -> list[Usage]:
        """Return all calls."""
        return list(self._dialogs.values())

    def enter(self, call: Usage, key: str | None = None) -> None:
        """Take a call in, until it closes; `key` is the transaction of an incoming INVITE."""
        name = call.dialog.id
        self._dialogs[name] = call
        self._peers[name.call_id, name.remote_tag] = call
        call.on_closed = lambda: self._leave(name, key)
        if key is not None and isinstance(call, Call):
            self._invites[key] = call

    def enter_early(self, early: EarlyDialog) -> None:
        """Take in the dialog of a telephone that rings."""
        self._early[early.dialog.id] = early

    def leave_early(self, early: EarlyDialog) -> None:
        """Forget it: it has become a call, or nothing."""
        self._early.pop(early.dialog.id, None)

    def find(self, request: Request) -> Usage | EarlyDialog | None:
        """Find the call that a request inside a dialog belongs to, or what may become one: by Call-ID and tags."""
        name = dialog_id(request)
        return self._dialogs.get(name) or self._early.get(name)

    def acknowledged(self, ack: Request) -> Usage | None:
        """Find the call that an ACK belongs to; some telephones put a random To tag there."""
        return self._dialogs.get(dialog_id(ack)) or self._peers.get((ack.call_id, ack.from_.tag or ""))

    def is_merged(self, request: Request) -> bool:
        """Whether an INVITE has come before by another way (RFC 3261 section 8.2.2.2)."""
        call = self._peers.get((request.call_id, request.from_.tag or ""))
        return isinstance(call, Call) and call.direction == "in" and call.invite.cseq == request.cseq

    def asked(self, key: str, invite: Request) -> None:
        """Take note of an INVITE of ours, until its transaction is forgotten."""
        self._asked[key] = origin = invite.call_id, invite.from_.tag
        self._origins[origin] += 1

    def is_ours(self, invite: Request) -> bool:
        """Whether an INVITE that came is one that we have sent, straight or by a proxy, which keeps its tags."""
        return (invite.call_id, invite.from_.tag) in self._origins

    def by_key(self, key: str) -> Call | None:
        """Find the call whose INVITE came in this transaction."""
        return self._invites.get(key)

    def terminated(self, key: str) -> None:
        """Forget a transaction."""
        self._invites.pop(key, None)
        if (origin := self._asked.pop(key, None)) is not None:
            self._origins[origin] -= 1
            if not self._origins[origin]:
                del self._origins[origin]

    def _leave(self, name: DialogId, key: str | None) -> None:
        self._invites.pop(key or "", None)
        call = self._dialogs.pop(name, None)
        if self._peers.get((name.call_id, name.remote_tag)) is call:
            self._peers.pop((name.call_id, name.remote_tag), None)
