"""Numbers called by a conference, until the call fails or the party leaves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mixer.rules.roles import Role

__all__ = ["DialOut", "DialOuts"]


@dataclass(slots=True)
class DialOut:
    """A number that rings, or the party that answered."""

    id: int
    by: str
    role: Role
    confirm: bool
    hidden: bool = False
    party: str = ""
    "Empty while it rings."


class DialOuts(Mapping[int, DialOut]):
    """Them all, by id, in the order they were made."""

    def __init__(self) -> None:
        self._all: dict[int, DialOut] = {}
        self._ringing: dict[int, DialOut] = {}
        self._by: dict[str, dict[int, DialOut]] = {}
        self._made = 0

    def __getitem__(self, invitation: int) -> DialOut:
        return self._all[invitation]

    def __iter__(self) -> Iterator[int]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def ringing(self) -> tuple[DialOut, ...]:
        """Those that nobody has answered yet."""
        return tuple(self._ringing.values())

    def last_by(self, party: str) -> DialOut | None:
        """Give the last that a party made, whatever became of it; None: there is none."""
        own = self._by.get(party)
        return next(reversed(own.values())) if own else None

    def add(self, by: str, role: Role, confirm: bool, *, hidden: bool = False) -> DialOut:
        """Have one more; it rings."""
        self._made += 1
        made = DialOut(self._made, by, role, confirm, hidden)
        self._all[made.id] = self._ringing[made.id] = made
        self._by.setdefault(by, {})[made.id] = made
        return made

    def answer(self, invitation: DialOut, party: str) -> None:
        """Take notice of who answered."""
        invitation.party = party
        del self._ringing[invitation.id]

    def remove(self, invitation: int) -> None:
        """Have one no more; 0 is none."""
        gone = self._all.pop(invitation, None)
        if gone is not None:
            self._ringing.pop(invitation, None)
            own = self._by[gone.by]
            del own[invitation]
            if not own:
                del self._by[gone.by]

    def clear(self) -> None:
        """Have none any more."""
        for invitation in list(self._all):
            self.remove(invitation)
