"""As what somebody comes into a conference, and how it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass

from mixer.effects import Prompt
from mixer.roles import Kind, Role
from softphone.focus.accounts import Extension
from softphone.focus.context import Header

__all__ = ["Admission", "Parting"]


@dataclass(frozen=True, slots=True)
class Admission:
    """As what somebody comes in."""

    number: str
    name: str = ""
    caller: Extension | None = None
    "None: somebody from outside."
    role: Role = Role.PARTICIPANT
    kind: Kind = Kind.INSIDE
    spoken: str = ""
    "Id of its recorded name; empty: it has none."
    host: str = ""
    "Where its call came from: an address."

    @property
    def identity(self) -> str:
        """What a ban is remembered by; nothing of somebody who hides its number."""
        if self.caller is not None:
            return self.caller.id
        return "" if self.number == "anonymous" else self.number


@dataclass(frozen=True, slots=True)
class Parting:
    """How somebody leaves."""

    reason: str
    say: tuple[Prompt, ...] = ()
    headers: Sequence[Header] = ()
    "Of the BYE."
