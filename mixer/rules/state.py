"""The state of a conference at one moment, and the questions that several rules ask of it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mixer.rules.attendance import IN_ROOM, Attendance, Participant
from mixer.rules.effects import Effect
from mixer.rules.events import Event
from mixer.rules.invitations import DialOuts
from mixer.rules.keypad import Keypad, Menu
from mixer.rules.microphones import Microphones
from mixer.rules.roles import PartyKind, Place, RecordingState, Role
from mixer.rules.settings import Settings

__all__ = [
    "Carried",
    "Groups",
    "PartyRule",
    "Phase",
    "Rule",
    "SessionState",
    "Table",
    "keypad_of",
    "menu_name",
]


class Phase(Enum):
    """Where a conference is in its life."""

    UNCLAIMED = "unclaimed"
    OPEN = "open"
    EMPTY = "empty"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Carried:
    """A command that a party gave by keys."""

    party: str
    command: str
    "As in menus."
    number: str
    "Whom it is about, where the command takes a number."
    done: bool
    "Whether that is so now, also where there was nothing to do; else it was refused to this party, or now."


@dataclass(slots=True)
class Groups:
    """Breakout groups of a conference; without names there are none."""

    names: tuple[str, ...] = ()
    "Number 1 first."
    may_return: bool = True
    "Whether who is in one may return by itself."
    ends: float | None = None
    "When all return."
    warned: bool = False
    "Whether they were told that it is soon."


@dataclass(slots=True)
class SessionState:
    """One conference; only the functions of `mixer.rules` change it."""

    settings: Settings
    ends: tuple[float, str] | None
    "When it ends if nobody comes, and why."
    state: Phase = Phase.UNCLAIMED
    parties: Attendance = field(default_factory=Attendance)
    invitations: DialOuts = field(default_factory=DialOuts)
    microphones: Microphones = field(init=False)
    locked: bool = False
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
    allowed: frozenset[str] | None = None
    "The only identities that come in by themselves; None: all."
    heard_at: float = 0.0
    "When somebody was last heard."
    typing: OrderedDict[str, None] = field(default_factory=OrderedDict)
    "Parties with half a sequence of keys; who pressed last stands last."
    groups: Groups = field(default_factory=Groups)
    carried: list[Carried] = field(default_factory=list)
    "Commands by keys that nobody has been told of yet."

    def __post_init__(self) -> None:
        """Begin with the microphones as the settings say."""
        self.microphones = Microphones(self.parties, self.settings)

    @property
    def joined(self) -> int:
        """How many hear the room."""
        return self.parties.count(Place.JOINED)

    @property
    def size(self) -> int:
        """Calls that count: all but those who were invited and have not said yes."""
        return self.parties.visible - self.parties.count(Place.INVITED)

    @property
    def pending(self) -> int:
        """Invitations that ring or wait for a 1."""
        return len(self.invitations.ringing) + self.parties.count(Place.INVITED)

    @property
    def awaits_host(self) -> bool:
        """Whether who comes now waits for the host."""
        return self.settings.hosted and self.settings.wait_for_host and not self.started

    def shut_to(self, role: Role) -> bool:
        """Whether the room is locked, for those of a role."""
        return self.locked and not (role is Role.MODERATOR and self.settings.hosts_pass_lock)

    def full_for(self, role: Role, *, besides: int = 0, coming: int = 0) -> bool:
        """Whether there is no place for one more of a role.

        Parameters
        ----------
        besides
            So many of those who are there take no place.
        coming
            So many who are not there yet take one.
        """
        if role is Role.MODERATOR and self.settings.hosts_pass_limit:
            return False
        # Those who wait for the host must not take the host's place, where it needs one.
        kept = self.awaits_host and role is not Role.MODERATOR and not self.settings.hosts_pass_limit
        return self.size - besides + coming >= self.settings.max_members - kept

    def reaches(self, party: Participant) -> tuple[str, ...] | None:
        """Say who of those a party whispers to can hear it now; None when it does not whisper."""
        if party.whisper is None or party.place not in IN_ROOM:
            return None
        named = (self.parties.get(name) for name in party.whisper if name != party.name)
        there = (other for other in named if other is not None and other.group == party.group)
        return tuple(other.name for other in there if other.place is Place.JOINED)


Rule = Callable[[SessionState, Any, float], list[Effect]]
PartyRule = Callable[[SessionState, Participant, Any, float], list[Effect]]
Table = Mapping[Phase, Mapping[type[Event], Rule]]


def menu_name(menu: Menu, role: Role, kind: PartyKind) -> str:
    """Name the keys of a party: an extension has those of its role, others of ``<kind>_<role>``, or else ``<kind>``."""
    if kind is PartyKind.INSIDE:
        return role.value
    special = f"{kind.value}_{role.value}"
    return special if special in menu.roles else kind.value


def keypad_of(settings: Settings, role: Role, kind: PartyKind) -> Keypad:
    """Make what collects the keys of a party."""
    table = settings.menu.of(menu_name(settings.menu, role, kind))
    return Keypad(table, settings.key_timeout_s, eager=settings.keys_go_on)
