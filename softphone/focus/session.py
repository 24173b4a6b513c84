"""Telephony sessions and their parties as values: what the API shows, and what outlives the call.

A session is one or more parties; a conference is a session whose origin is `SessionOrigin.CONFERENCE`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Literal, Self, cast

from mixer.rules.attendance import Participant
from mixer.rules.roles import Place, Role
from mixer.rules.session import Session
from softphone.focus.placed import PlacedCall
from softphone.focus.token import VoiceCallToken, party_id_of
from softphone.store.values import Extension

__all__ = [
    "CallEnd",
    "ConferenceRole",
    "Direction",
    "OUTSIDE",
    "Party",
    "PartyAddress",
    "PartyPath",
    "PartyStatus",
    "RoomKind",
    "SessionOrigin",
    "TALKING",
    "TelephonySession",
    "identity_of",
]

# Of what a ban of somebody from outside is remembered by: no id of an extension, whatever a caller calls itself.
OUTSIDE = "outside:"


def identity_of(number: str, extension_id: str | None) -> str:
    """Give what a ban of somebody is remembered by: the extension, or else the number."""
    return f"{OUTSIDE}{number}" if extension_id is None else extension_id


class SessionOrigin(Enum):
    """How a session began."""

    CALL = "Call"
    CONFERENCE = "Conference"


class RoomKind(Enum):
    """By which entrance a conference is reached."""

    TOKEN = "token"
    "``conf_<token>``."
    EXTENSION = "extension"
    "The number of a conference extension, and its codes."
    BRIDGE = "bridge"
    "The account's bridge number, and the codes of a user."


class PartyStatus(Enum):
    """How far a party's call is."""

    SETUP = "Setup"
    PROCEEDING = "Proceeding"
    ANSWERED = "Answered"
    HOLD = "Hold"
    "Its telephone holds the call."
    DISCONNECTED = "Disconnected"
    GONE = "Gone"
    "It has moved into another session, with its call."


# Of a call that stands.
TALKING = (PartyStatus.ANSWERED, PartyStatus.HOLD)


class ConferenceRole(Enum):
    """What a party of a conference is to the others."""

    HOST = "Host"
    PARTICIPANT = "Participant"
    LISTENER = "Listener"

    @classmethod
    def of(cls, role: Role) -> Self:
        """Give what a role of the rules is to the others."""
        return cls["HOST" if role is Role.MODERATOR else role.name]

    @property
    def word(self) -> Literal["host", "participant", "listener"]:
        """As the control API, events and the history spell it; the value is RingCentral's spelling."""
        return cast('Literal["host", "participant", "listener"]', self.value.lower())


class CallEnd(Enum):
    """Which of the two a party of a call is."""

    CALLER = "caller"
    CALLEE = "callee"


class Direction(Enum):
    """Of a party's call, seen from our extension."""

    INBOUND = "Inbound"
    OUTBOUND = "Outbound"


@dataclass(frozen=True, slots=True)
class PartyAddress:
    """One end of a party's call."""

    number: str
    name: str = ""
    extension_id: str | None = None

    @classmethod
    def of(cls, extension: Extension) -> Self:
        """Give what a party shows that is an extension."""
        return cls(extension.number, extension.name, extension.id)


@dataclass(frozen=True, slots=True)
class PartyPath:
    """The way a party is reached."""

    transport: str
    "Of its signalling: udp, tcp, tls, ws, wss; http: it has joined by HTTP."
    codec: str
    "What it is sent."
    encryption: str
    "The profile of SRTP, DTLS while that is agreed on; empty: none."


@dataclass(slots=True)
class Party:
    """One participant of a session."""

    id: str
    "``p-<session hex>-<n>``, n counts from 1."
    caller: PartyAddress
    callee: PartyAddress
    direction: Direction
    end: CallEnd | None = None
    "Which end it is of a call of two parties; None in a conference."
    extension_id: str | None = None
    "Of the extension that this party is; None for somebody from outside."
    facts: Participant | None = None
    "What the rules of the session hold of it; None before they have let it in or let it wait."
    arrival: int = 0
    "Rises with each that comes into the session: the order of arrival."
    status: PartyStatus = PartyStatus.SETUP
    path: PartyPath | None = None
    "None before anything is agreed on."
    talking: bool = False
    dominant: bool = False
    "Whether it has the floor."
    echoing: bool = False
    "Whether it returns what it is sent."
    parked: bool = False
    "Whether it waits in a call that the other end has parked."
    orbit: str = ""
    "The number that is called to pick it up; empty: there is none."
    told: PartyStatus | None = None
    "The status that watchers were told last."
    answered: bool = False
    "Whether its call was answered, ever."
    moved_to: str | None = None
    "Of one that is gone: its party id in the other session."
    placed: PlacedCall | None = None
    "Its call, where the server has placed it on somebody's behalf: it has a name of its own, wherever the party goes."
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    "When it was last changed: what it may do and hear, or its role."

    def hung_up(self, reason: str) -> None:
        """Tell of its call that it is over, where the server has placed it."""
        if self.placed is not None:
            self.placed.end(reason)

    @property
    def call_id(self) -> str:
        """Name its call."""
        return self.id if self.placed is None else self.placed.id

    @property
    def address(self) -> PartyAddress:
        """Its own end of its call."""
        return self.callee if self.end is CallEnd.CALLEE else self.caller

    @property
    def role(self) -> ConferenceRole | None:
        """What it is to the others; None in a call of two parties."""
        return None if self.facts is None or self.end is not None else ConferenceRole.of(self.facts.role)

    @property
    def place(self) -> Place:
        """How far in it is."""
        return Place.JOINED if self.facts is None else self.facts.place

    @property
    def group(self) -> int:
        """The breakout group that it is in; 0: the main room."""
        return 0 if self.facts is None else self.facts.group

    @property
    def stands_alone(self) -> bool:
        """Whether it is on hold, or its telephone holds the call."""
        return self.place is Place.HELD or self.status is PartyStatus.HOLD

    @property
    def muted(self) -> bool:
        """Whether its microphone is off."""
        return self.facts is not None and self.facts.muted

    @property
    def deaf(self) -> bool:
        """Whether it hears nothing."""
        return self.facts is not None and self.facts.deaf

    @property
    def volume_in_db(self) -> float:
        """What the others hear of it is so much louder."""
        return 0.0 if self.facts is None else self.facts.input_db

    @property
    def volume_out_db(self) -> float:
        """What it hears is so much louder."""
        return 0.0 if self.facts is None else self.facts.output_db

    @property
    def hidden(self) -> bool:
        """Whether it is a hidden listener, whom only administrators know of."""
        return self.facts is not None and self.facts.hidden

    @property
    def labels(self) -> Mapping[str, str]:
        """What somebody in control has written on it."""
        return {} if self.facts is None else self.facts.labels

    @property
    def whispers_to(self) -> tuple[str, ...] | None:
        """Ids of the only parties that hear it; None: it is heard by all."""
        return None if self.facts is None else self.facts.whispers_to

    def user(self, *, called: bool) -> str:
        """Give the user part of its URI in rosters: of a participant for all its calls, and of nobody else.

        That is its number where it is known to be its own: of an extension that has proved who it is, and of somebody
        that we have called. Others may write anything into their From, or nothing: they get a pseudonym (RFC 4575
        section 5.6), the party's id.

        Parameters
        ----------
        called
            Whether we called it.
        """
        return self.caller.number if called or self.extension_id is not None else self.id


@dataclass(slots=True)
class TelephonySession:
    """A call or conference from its creation to its end."""

    id: str
    "``s-`` and 32 hex digits."
    origin: SessionOrigin
    owner_id: str | None
    "Extension id of whoever made it; the host of a conference."
    token: VoiceCallToken | None = None
    "Of a conference: the capability to join."
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    parties: dict[str, Party] = field(default_factory=dict)
    "Who is there, by party id, in the order of arrival."
    hidden: dict[str, Party] = field(default_factory=dict, repr=False)
    "Hidden listeners, who are not among the parties: only administrators know of them."
    kind: RoomKind = RoomKind.TOKEN
    extension: str | None = None
    "Number of the conference extension, or of the user whose bridge room it is."
    extension_id: str | None = None
    "Its id."
    name: str = ""
    "By which its owner finds it again; empty: it has none."
    rules: Session | None = field(default=None, repr=False, compare=False)
    "What decides, once it has a room."
    dominant: str | None = None
    "The party that has the floor of the main room; None: nobody has talked for long enough yet, or who did is gone."
    watchers: list[Callable[[str], None]] = field(default_factory=list, repr=False, compare=False)
    "Told of a party whose telephone holds its call, or does so no more: no event tells that."
    _next: int = 2
    _numbered: int = 0
    _host_came: bool = False
    _came: int = 0
    _calls: dict[str, dict[str, Party]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """List the parties that are there from the beginning."""
        for party in self.parties.values():
            self.expect(party)

    @property
    def locked(self) -> bool:
        """Whether nobody gets in."""
        return self.rules is not None and self.rules.locked

    @property
    def restricted(self) -> bool:
        """Whether only those on a list come in by themselves."""
        return self.rules is not None and self.rules.allowed is not None

    @property
    def muted_all(self) -> bool:
        """Whether who comes in begins muted, unless it is a moderator."""
        return self.rules is not None and self.rules.muted_all

    @property
    def notices(self) -> bool:
        """Whether comings and goings are told to the room."""
        return self.rules is not None and self.rules.notices

    def user(self, main_number: str) -> str:
        """Give the user part of the URI of a conference: what is called to join it."""
        if self.token is not None:
            return str(self.token)
        return main_number if self.kind is RoomKind.BRIDGE else self.extension or ""

    def arrive(self, party: Party) -> None:
        """Have a party from now on."""
        self._came += 1
        party.arrival = self._came
        self.expect(party)

    def expect(self, party: Party) -> None:
        """Show a party that is still being called; nobody is shown a hidden listener."""
        if party.hidden:
            self.hidden[party.id] = party
            return
        self.parties[party.id] = party
        if party.extension_id is not None:
            self._calls.setdefault(party.extension_id, {})[party.id] = party

    def leave(self, party_id: str) -> None:
        """Have a party no more; one that is not there is no error."""
        self.hidden.pop(party_id, None)
        if self.dominant == party_id:
            self.dominant = None
        party = self.parties.pop(party_id, None)
        if party is not None:
            self._strike(party)

    def calls_of(self, extension_id: str) -> Collection[Party]:
        """Give the parties that are an extension's, in the order they came."""
        return self._calls.get(extension_id, {}).values()

    def is_led_by(self, extension: Extension) -> bool:
        """Whether an extension decides about it and all its parties: it made it, is its host, or administers all."""
        if extension.admin or self.owner_id == extension.id:
            return True
        return any(party.role is ConferenceRole.HOST for party in self.calls_of(extension.id))

    def became(self, party: Party, who: PartyAddress) -> None:
        """Show from now on who a party is; each party of a call of two shows both."""
        self._strike(party)
        party.extension_id = who.extension_id
        if party.id in self.parties:
            self.expect(party)
        for each in [party] if party.end is None else list(self.parties.values()):
            if party.end is CallEnd.CALLEE:
                each.callee = who
            else:
                each.caller = who

    def _strike(self, party: Party) -> None:
        if party.extension_id is None:
            return
        own = self._calls.get(party.extension_id, {})
        own.pop(party.id, None)
        if not own:
            self._calls.pop(party.extension_id, None)

    def next_number(self) -> int:
        """Give a number for what is told of it, above all before."""
        self._numbered += 1
        return self._numbered

    def new_party_id(self, *, host: bool) -> str:
        """Give the next party id of this session.

        Number 1 is kept for the host, or caller, whenever it comes: clients take the lowest number for it.
        """
        if host and not self._host_came:
            self._host_came = True
            number = 1
        else:
            number, self._next = self._next, self._next + 1
        return party_id_of(self.id, number)
