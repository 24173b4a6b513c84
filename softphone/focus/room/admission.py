"""As what somebody comes into a conference."""

from dataclasses import dataclass
from typing import Self

from mixer.rules.roles import PartyKind, Role
from mixer.rules.state import Participant
from softphone.focus.session import Party, identity_of
from softphone.store.values import Extension
from softphone.text import shown

__all__ = ["Admission"]


@dataclass(frozen=True, slots=True)
class Admission:
    """As what somebody comes in."""

    number: str
    name: str = ""
    caller: Extension | None = None
    "None: somebody from outside."
    role: Role = Role.PARTICIPANT
    kind: PartyKind = PartyKind.INSIDE
    spoken: str = ""
    "Id of its recorded name; empty: it has none."
    host: str = ""
    "Where its call came from: an address."
    muted: bool = False
    "This and what follows it brings along from another conference."
    deaf: bool = False
    volume_in_db: float = 0.0
    volume_out_db: float = 0.0

    def __post_init__(self) -> None:
        """Clean what a stranger calls itself: here it comes in, to rosters, events, the history and recordings."""
        object.__setattr__(self, "number", shown(self.number) or "anonymous")
        object.__setattr__(self, "name", shown(self.name))

    @property
    def identity(self) -> str:
        """What a ban is remembered by; nothing of somebody who hides its number."""
        if self.caller is None and self.number == "anonymous":
            return ""
        return identity_of(self.number, None if self.caller is None else self.caller.id)

    @classmethod
    def of(cls, known: Participant, party: Party, caller: Extension | None) -> Self:
        """Say as what a party, which is the extension `caller` if any, goes on into another conference."""
        return cls(
            party.caller.number,
            party.caller.name,
            caller,
            known.role,
            known.kind,
            known.sound,
            muted=known.muted,
            deaf=known.deaf,
            volume_in_db=known.input_db,
            volume_out_db=known.output_db,
        )
