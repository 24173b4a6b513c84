"""The Replaces header (RFC 3891)."""

from dataclasses import dataclass
from typing import Self

from softphone.errors import BadMessage
from softphone.sip.dialog.dialog import Dialog, DialogId
from softphone.sip.message.grammar import parse_params
from softphone.sip.message.message import Request

__all__ = ["Replaces"]

# Section 6.1: what a side without a tag, as of RFC 2543, is named by.
NO_TAG = "0"


@dataclass(frozen=True, slots=True)
class Replaces:
    """What names the dialog, as its receiver sees it."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value; raises BadMessage."""
        call_id, *pieces = (piece.strip() for piece in text.split(";"))
        params = parse_params(pieces)
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not call_id or "," in text or not to_tag or not from_tag:
            raise BadMessage("Bad Replaces")
        return cls(call_id, to_tag, from_tag, "early-only" in params)

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """Read that of a request; None: it has none.

        Raises
        ------
        BadMessage
            It is none, there are several, it stands beside Join (RFC 3911), or in another request than an INVITE.
        """
        values = request.get_all("Replaces")
        if not values:
            return None
        if len(values) > 1 or request.method != "INVITE" or request.get("Join") is not None:
            raise BadMessage("Bad Replaces")
        return cls.parse(values[0])

    @classmethod
    def naming(cls, dialog: Dialog) -> Self:
        """Name a dialog of ours as its peer sees it: what a third party is to be given."""
        return cls(dialog.call_id, dialog.remote.tag or NO_TAG, dialog.local.tag or NO_TAG)

    def names(self) -> list[DialogId]:
        """Give what the dialog may be named here; a zero is a tag, or none (section 3)."""
        local = [self.to_tag, *([""] if self.to_tag == NO_TAG else [])]
        remote = [self.from_tag, *([""] if self.from_tag == NO_TAG else [])]
        return [DialogId(self.call_id, mine, theirs) for mine in local for theirs in remote]

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"
