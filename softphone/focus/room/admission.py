"""As what somebody comes into a conference, and under which name."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from mixer.rules.attendance import Participant
from mixer.rules.events import Join
from mixer.rules.roles import PartyKind, Role
from softphone.errors import CallRefused
from softphone.focus.party.identity import caller_of
from softphone.focus.session import Party, identity_of
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension
from softphone.text import distinct, shown, skeleton

__all__ = ["Admission", "Namesakes", "NotAdmitted"]

# Why somebody is not let in, and how a call is refused then: the status, and the phrase if it is not the standard one.
REFUSALS: Mapping[str, tuple[int] | tuple[int, str]] = {
    "full": (486,),
    "locked": (403, "Conference Locked"),
    "banned": (403,),
    "not_listed": (403,),
    "nobody_there": (480, "Nobody There"),
    "ended": (410,),
    "unknown": (404,),
    "wrong_code": (403,),
    "code_needed": (403,),
    "account_needed": (403,),
    "too_many_codes": (403, "Too Many Wrong Codes"),
    "too_many_there": (403,),
    "pass_used": (410, "Pass Used"),
    "pass_expired": (410, "Pass Expired"),
    "pass_revoked": (410, "Pass Revoked"),
}


class NotAdmitted(CallRefused):
    """Somebody is not let into a conference, whatever way it comes.

    Parameters
    ----------
    why
        One of the table above.
    wait_s
        How long the same would come to the same; 0: not known.
    """

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(*REFUSALS[why])
        self.why, self.wait_s = why, wait_s


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
    levelled: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    brought: bool = False
    "Whether the host brings it in: it needs a place besides the host's."
    hidden: bool = False
    "Whether it is a hidden listener."
    invited: bool = False
    "Whether somebody in control lets it in, on whatever list it is."

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
            levelled=self.levelled,
            brought=self.brought,
            invited=self.invited,
            hidden=self.hidden,
            labels=self.labels,
        )

    @classmethod
    def of_call(
        cls,
        call: InviteSession,
        caller: Extension | None,
        stranger: PartyKind,
        role: Role = Role.PARTICIPANT,
        *,
        trusted: bool = False,
    ) -> Self:
        """Say as what a call comes in, by what it says and has proved.

        Parameters
        ----------
        caller
            The extension that has proved to be it; None: somebody from outside.
        stranger
            The kind of somebody from outside, who may be `trusted` to say who it is.
        """
        host = call.source.host
        if caller is not None:
            return cls(caller.number, caller.name, caller, role, PartyKind.INSIDE, host=host)
        who = caller_of(call.invite, trusted=trusted)
        return cls(who.number, who.name, None, role, stranger, host=host)

    @classmethod
    def of(cls, known: Participant, party: Party, caller: Extension | None, *, brought: bool = False) -> Self:
        """Say as what a party, which is the extension `caller` if any, goes on into a conference."""
        return cls(
            party.address.number,
            party.address.name,
            caller,
            known.role,
            known.kind,
            known.sound,
            muted=known.muted,
            deaf=known.deaf,
            volume_in_db=known.input_db,
            volume_out_db=known.output_db,
            levelled=known.levelled,
            brought=brought,
            invited=True,
            hidden=known.hidden,
            labels=known.labels,
        )


@dataclass(frozen=True, slots=True)
class Namesake:
    """The name that a party bears."""

    own: str
    "Skeleton of what it calls itself."
    user: str
    "Whose call it is: calls of one extension are one user."
    shown: str
    number: int
    "Of those with that name."


class Namesakes:
    """The names of a conference: no two users bear the same; it costs the same however many would."""

    def __init__(self) -> None:
        self._borne: dict[str, Namesake] = {}
        self._bearers: dict[str, set[Namesake]] = {}
        self._users: dict[tuple[str, str], Namesake] = {}
        self._calls: Counter[Namesake] = Counter()
        self._free: dict[str, int] = {}
        self._sharing: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._borne)

    def name(self, party: Party) -> str:
        """Give the name that a party is shown under: its own, with a number when another party already bears it.

        Calls of one extension are one user, and keep one name. Who has no name is nobody's namesake.
        """
        if not party.caller.name:
            return ""
        own, user = skeleton(party.caller.name), party.extension_id or party.id
        named = self._users.get((own, user)) or self._give(party.caller.name, own, user)
        self._borne[party.id] = named
        self._calls[named] += 1
        return named.shown

    def _give(self, name: str, own: str, user: str) -> Namesake:
        shown, number = distinct(name, lambda bare: self._is_anothers(bare, user), self._free.get(own, 1))
        named = Namesake(own, user, shown, number)
        self._users[own, user], self._free[own] = named, number + 1
        self._bearers.setdefault(skeleton(shown), set()).add(named)
        self._sharing[own] += 1
        return named

    def _is_anothers(self, bare: str, user: str) -> bool:
        # All that look alike are one user's.
        return any(each.user != user for each in self._bearers.get(bare, ()))

    def gone(self, party_id: str) -> None:
        """Forget a party that left: its name is free for the next."""
        named = self._borne.pop(party_id, None)
        if named is None:
            return
        self._calls[named] -= 1
        if self._calls[named] > 0:
            return
        del self._calls[named], self._users[named.own, named.user]
        bearers = self._bearers[skeleton(named.shown)]
        bearers.discard(named)
        if not bearers:
            del self._bearers[skeleton(named.shown)]
        self._free[named.own] = min(named.number, self._free[named.own])
        self._sharing[named.own] -= 1
        if not self._sharing[named.own]:
            del self._sharing[named.own], self._free[named.own]
