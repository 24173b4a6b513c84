"""What is known of a conference at one moment, and the questions that more than one rule asks of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mixer.rules.effects import Effect
from mixer.rules.events import Event
from mixer.rules.keypad import Keypad, Menu
from mixer.rules.roles import PartyKind, Place, RecordingState, Role
from mixer.rules.settings import Settings

__all__ = [
    "IN_ROOM",
    "Carried",
    "DialOut",
    "Participant",
    "PartyRule",
    "Phase",
    "Rule",
    "SessionState",
    "Table",
    "menu_name",
    "table_of",
]

# Held parties are in the room, though they neither hear it nor are heard.
IN_ROOM = frozenset({Place.JOINED, Place.HELD})


class Phase(Enum):
    """Where a conference is in its life."""

    UNCLAIMED = "unclaimed"
    OPEN = "open"
    EMPTY = "empty"
    ENDED = "ended"


@dataclass(slots=True)
class Participant:
    """One call, from its coming to its leaving."""

    name: str
    role: Role
    kind: PartyKind
    identity: str
    sound: str
    "Id of its recorded name; empty: none."
    keypad: Keypad
    muted: bool
    since: float
    place: Place = Place.WAITING
    deaf: bool = False
    input_db: float = 0.0
    output_db: float = 0.0
    whisper: tuple[str, ...] | None = None
    "Whom it wants to be heard by; None: the room."
    whispers_to: tuple[str, ...] | None = None
    "Those of them who can hear it now, as last told."
    left_alone: bool = False
    "Whether the only other party put the call on hold."
    music: str | None = None
    "Id of the music it hears, as last told; None: no music."

    @property
    def audible(self) -> bool:
        """Whether anybody may hear it."""
        return self.place is Place.JOINED and not self.muted


@dataclass(slots=True)
class DialOut:
    """A number that rings, or the party that answered."""

    id: int
    by: str
    role: Role
    confirm: bool
    party: str = ""
    "Empty while it rings."


@dataclass(frozen=True, slots=True)
class Carried:
    """A command that a party gave by keys."""

    party: str
    command: str
    "As in menus."
    number: str
    "Whom it is about, where the command takes a number."
    done: bool
    "Whether it was carried out; else it means nothing for this party, or now."


@dataclass(slots=True)
class SessionState:
    """One conference; only the functions of `mixer.rules` change it."""

    settings: Settings
    ends: tuple[float, str] | None
    "When it ends if nobody comes, and why."
    state: Phase = Phase.UNCLAIMED
    parties: dict[str, Participant] = field(default_factory=dict)
    "In the order they came."
    invitations: dict[int, DialOut] = field(default_factory=dict)
    invited: int = 0
    "Invitations ever."
    locked: bool = False
    muted_all: bool = False
    listen_only: bool = False
    "Whether the moderator took away the right to unmute oneself."
    notices: bool = False
    recording: RecordingState = RecordingState.OFF
    recorded: bool = False
    "Whether `Settings.record_enabled` had its effect."
    recording_by_setting: bool = False
    "Whether the recording that is made was begun by it, not by somebody."
    started: bool = False
    "Whether a host has come."
    host_ends: float | None = None
    "When it ends because of a host that left."
    banned: set[str] = field(default_factory=set)
    talkers: set[str] = field(default_factory=set)
    heard_at: float = 0.0
    "When somebody was last heard."
    typing: set[str] = field(default_factory=set)
    "Parties with half a sequence of keys."
    carried: list[Carried] = field(default_factory=list)
    "Commands by keys that nobody has been told of yet."
    moved: bool = False
    "Whether who hears music or a whisper is to be settled again."

    @property
    def joined(self) -> list[Participant]:
        """Who hears the room."""
        return [party for party in self.parties.values() if party.place is Place.JOINED]

    @property
    def size(self) -> int:
        """Calls that count: all but those who were invited and have not said yes."""
        return sum(party.place is not Place.INVITED for party in self.parties.values())

    @property
    def pending(self) -> list[DialOut]:
        """Invitations that ring or wait for a 1."""
        return [one for one in self.invitations.values() if not one.party or self._asked(one.party)]

    def _asked(self, name: str) -> bool:
        return self.parties[name].place is Place.INVITED

    @property
    def awaits_host(self) -> bool:
        """Whether who comes now waits for the host."""
        return self.settings.hosted and self.settings.wait_for_host and not self.started

    def has_host(self) -> bool:
        """Whether a moderator is in the room."""
        return any(party.role is Role.MODERATOR and party.place in IN_ROOM for party in self.parties.values())

    def starts_muted(self, role: Role) -> bool:
        """Whether a party of `role` begins with its microphone off."""
        return role is Role.LISTENER or (self.muted_all and role is not Role.MODERATOR)

    def may_unmute(self, party: Participant) -> bool:
        """Whether the party's own microphone is its own affair."""
        if party.role is Role.LISTENER:
            return False
        return party.role is Role.MODERATOR or not (self.settings.mute_non_moderator or self.listen_only)

    def is_heard(self) -> bool:
        """Whether somebody is talking so that others can hear it."""
        return any(self.parties[name].audible for name in self.talkers)

    def reaches(self, party: Participant) -> tuple[str, ...] | None:
        """Say who of those a party whispers to can hear it now; None when it does not whisper."""
        if party.whisper is None or party.place not in IN_ROOM:
            return None
        there = (self.parties.get(name) for name in party.whisper if name != party.name)
        return tuple(other.name for other in there if other is not None and other.place is Place.JOINED)


Rule = Callable[[SessionState, Any, float], list[Effect]]
PartyRule = Callable[[SessionState, Participant, Any, float], list[Effect]]
Table = Mapping[Phase, Mapping[type[Event], Rule]]


def menu_name(menu: Menu, role: Role, kind: PartyKind) -> str:
    """Name the keys of a party: an extension has those of its role, others of ``<kind>_<role>``, or else ``<kind>``."""
    if kind is PartyKind.INSIDE:
        return role.value
    special = f"{kind.value}_{role.value}"
    return special if special in menu.roles else kind.value


def table_of(menu: Menu, role: Role, kind: PartyKind) -> Mapping[str, str]:
    """Keys of a party -> names of commands."""
    return menu.of(menu_name(menu, role, kind))
