"""As what somebody comes into a conference, and under which name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from mixer.rules.attendance import Participant
from mixer.rules.events import Join
from mixer.rules.roles import PartyKind, Role
from softphone.focus.session import Party, identity_of
from softphone.store.values import Extension
from softphone.text import distinct, shown, skeleton

__all__ = ["Admission", "Namesakes"]


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

    def event(self, party: str) -> Join:
        """Give what the rules are told of it, as `party`."""
        return Join(
            party,
            self.role,
            self.kind,
            self.identity,
            self.spoken,
            muted=self.muted,
            deaf=self.deaf,
            input_db=self.volume_in_db,
            output_db=self.volume_out_db,
        )

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


# Names of parties that left are forgotten when there are so many more of them than parties.
SLACK = 64


class Namesakes:
    """The names of a conference.

    Parameters
    ----------
    parties
        Who is there, by party id, now and later.
    """

    def __init__(self, parties: Mapping[str, Party]) -> None:
        self._parties = parties
        self._bearers: dict[str, set[str]] = {}

    def name(self, party: Party) -> str:
        """Give the name that a party is shown under: its own, with a number when another party already bears it.

        Calls of one extension are one user, and keep one name. Who has no name is nobody's namesake.
        """
        if not party.caller.name:
            return ""
        name = distinct(party.caller.name, lambda bare: self._is_anothers(bare, party))
        if len(self._bearers) > 2 * len(self._parties) + SLACK:
            self._forget()
        self._bearers.setdefault(skeleton(name), set()).add(party.id)
        return name

    def _is_anothers(self, bare: str, party: Party) -> bool:
        bearers = self._bearers.get(bare, set())
        bearers.intersection_update(self._parties)
        return any(each != party.id and not _same_user(self._parties[each], party) for each in bearers)

    def _forget(self) -> None:
        self._bearers = {bare: there for bare, ids in self._bearers.items() if (there := ids & self._parties.keys())}


def _same_user(one: Party, other: Party) -> bool:
    return one.extension_id is not None and one.extension_id == other.extension_id
