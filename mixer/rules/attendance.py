"""The parties of a session, with counts and lists that are kept up to date, so that no query walks over all."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from mixer.rules.keypad import Keypad
from mixer.rules.roles import PartyKind, Place, Role

__all__ = ["IN_ROOM", "MOST_LABELS", "Attendance", "Participant"]

# Held parties are in the room, though they neither hear it nor are heard.
IN_ROOM = frozenset({Place.JOINED, Place.HELD})
# On one party; rosters of a thousand are read as a whole.
MOST_LABELS = 16


@dataclass(slots=True)
class Participant:
    """One call, from its coming to its leaving.

    Its place, group, role, microphone and number, whom it whispers to and whether it was left alone change by
    `Attendance`.
    """

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
    levelled: bool = False
    "Whether its voice is brought to one level, slowly."
    invitation: int = 0
    "Id of the invitation that it answered; 0: it came by itself."
    whisper: tuple[str, ...] | None = None
    "Whom it wants to be heard by; None: the room."
    whispers_to: tuple[str, ...] | None = None
    "Those of them who can hear it now, as last told."
    left_alone: bool = False
    "Whether the only other party put the call on hold."
    music: str | None = None
    "Id of the music it hears, as last told; None: no music."
    hidden: bool = False
    "Whether it is not counted, told of or waited for: a listener whom only administrators know of."
    labels: Mapping[str, str] = field(default_factory=dict)
    "What somebody in control has written on it."
    warned: float = float("-inf")
    "When it was last told that it talks with its microphone off."
    group: int = 0
    "The breakout group that it is in; 0: the main room."
    ends: bool = False
    "Whether the conference is over when it leaves."
    number: int = 0
    "Rises with each that comes: the order of coming."

    @property
    def audible(self) -> bool:
        """Whether anybody may hear it."""
        return self.place is Place.JOINED and not self.muted


_NUMBER = attrgetter("number")


class Attendance(Mapping[str, Participant]):
    """The parties of a session by name, in the order they came.

    What it is asked costs the same however many are there; only a list of those at a place costs as many as are in it.
    """

    def __init__(self) -> None:
        self._there: OrderedDict[str, Participant] = OrderedDict()
        self._at: dict[Place, dict[Role, dict[str, Participant]]] = {
            place: {role: {} for role in Role} for place in Place
        }
        self._hearing: dict[int, dict[str, Participant]] = {}
        self._hidden: set[str] = set()
        self._inside: list[tuple[int, str]] = []
        self._came = 0
        self._talking: set[str] = set()
        self._heard: set[str] = set()
        self._whispering: dict[str, set[str]] = {}
        self._unsettled: set[str] = set()

    def __getitem__(self, name: str) -> Participant:
        return self._there[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._there)

    def __len__(self) -> int:
        return len(self._there)

    # What rules ask.

    @property
    def visible(self) -> int:
        """How many are there, but for hidden listeners, whom no other count or list has either."""
        return len(self._there) - len(self._hidden)

    @property
    def hidden(self) -> list[Participant]:
        """List the hidden listeners."""
        return [self._there[name] for name in self._hidden]

    def count(self, place: Place) -> int:
        """Say how many are at a place."""
        return sum(len(those) for those in self._at[place].values())

    def at(self, place: Place, *roles: Role) -> list[Participant]:
        """List those of these roles, or of all, who are at a place, in the order they came."""
        lists = self._at[place]
        return sorted((party for role in roles or Role for party in lists[role].values()), key=_NUMBER)

    @property
    def oldest(self) -> Participant | None:
        """Who has been there longest."""
        return next(iter(self._there.values()), None)

    def hearing(self, group: int = 0) -> int:
        """Say how many have joined who are in a breakout group, or in the main room."""
        return len(self._hearing.get(group, ()))

    def around(self, party: Participant) -> list[Participant]:
        """List the others who have joined and are where a party is, in the order they came."""
        there = self._hearing.get(party.group, {}).values()
        return sorted((other for other in there if other is not party), key=_NUMBER)

    def alone(self, group: int = 0) -> Participant | None:
        """Give the only one there; None: nobody is, or several are."""
        there = self._hearing.get(group, {})
        return next(iter(there.values())) if len(there) == 1 else None

    @property
    def has_host(self) -> bool:
        """Whether a moderator is in the room."""
        return any(self._at[place][Role.MODERATOR] for place in IN_ROOM)

    @property
    def hosts(self) -> int:
        """How many moderators are there, in the room or before it; none that has yet to press 1."""
        there = (roles for place, roles in self._at.items() if place is not Place.INVITED)
        return sum(len(roles[Role.MODERATOR]) for roles in there)

    @property
    def inside(self) -> list[Participant]:
        """Those who are in the room, in the order they came."""
        return [self._there[name] for _, name in self._inside]

    @property
    def last_inside(self) -> Participant | None:
        """Who came last of those who are in the room."""
        return self._there[self._inside[-1][1]] if self._inside else None

    def last_at(self, places: Collection[Place]) -> Participant | None:
        """Give who came last of those at some places: by looking at all who came later."""
        return next((party for party in reversed(self._there.values()) if party.place in places), None)

    @property
    def anybody_heard(self) -> bool:
        """Whether somebody is talking so that others can hear it."""
        return bool(self._heard)

    # What changes.

    def add(self, party: Participant) -> None:
        """Have a party from now on, at its place."""
        self._came += 1
        party.number = self._came
        self._there[party.name] = party
        self._enter(party)

    def remove(self, party: Participant) -> None:
        """Have a party no more."""
        self.talks(party, False)
        self.whisper(party, None)
        self._strike(party)
        del self._there[party.name]

    def clear(self) -> None:
        """Have nobody any more."""
        for party in list(self._there.values()):
            self.remove(party)

    def move(self, party: Participant, place: Place) -> None:
        """Put a party somewhere else."""
        self._strike(party)
        party.place = place
        self._enter(party)
        self._hear(party)

    def send(self, party: Participant, group: int) -> None:
        """Put a party into a breakout group, or (0) the main room."""
        self._strike(party)
        party.group = group
        self._enter(party)

    def give_role(self, party: Participant, role: Role) -> None:
        """Make a party something else."""
        self._strike(party)
        party.role = role
        self._enter(party)

    def mute(self, party: Participant, on: bool) -> None:
        """Turn a microphone off or on."""
        party.muted = on
        self._hear(party)

    def talks(self, party: Participant, on: bool) -> None:
        """Take notice that a party begins or ceases to talk."""
        (self._talking.add if on else self._talking.discard)(party.name)
        self._hear(party)

    def whisper(self, party: Participant, to: tuple[str, ...] | None) -> None:
        """Let a party be heard by some alone, who may be not there yet, or again by the room (None)."""
        for listener in party.whisper or ():
            whispering = self._whispering.get(listener, set())
            whispering.discard(party.name)
            if not whispering:
                self._whispering.pop(listener, None)
        party.whisper = to
        for listener in to or ():
            self._whispering.setdefault(listener, set()).add(party.name)
        self._unsettled.add(party.name)

    def leave_alone(self, party: Participant, on: bool) -> None:
        """Take notice that the only other party holds the call, or does so no more."""
        party.left_alone = on
        self._unsettled.add(party.name)

    # Who hears music, and whose whisper reaches whom, is settled after each event.

    def unsettle(self) -> None:
        """Let all be settled again."""
        self._unsettled.update(self._there)

    def unsettled(self) -> list[Participant]:
        """Take those of whom it may have changed since this was last asked, in the order they came."""
        if not self._unsettled:
            return []
        those = sorted((self._there[name] for name in self._unsettled if name in self._there), key=_NUMBER)
        self._unsettled.clear()
        return those

    def _enter(self, party: Participant) -> None:
        """Enter a party into the lists."""
        if party.hidden:
            self._hidden.add(party.name)
            self._unsettled.add(party.name)
            return
        before = self.alone(party.group)
        self._at[party.place][party.role][party.name] = party
        if party.place is Place.JOINED:
            self._hearing.setdefault(party.group, {})[party.name] = party
        if party.place in IN_ROOM:
            insort(self._inside, (party.number, party.name))
        self._moved(party, before)

    def _strike(self, party: Participant) -> None:
        """Strike a party out of the lists."""
        if party.hidden:
            self._hidden.discard(party.name)
            self._unsettled.add(party.name)
            return
        before = self.alone(party.group)
        del self._at[party.place][party.role][party.name]
        if party.place is Place.JOINED:
            self._no_longer_hears(party)
        if party.place in IN_ROOM:
            del self._inside[bisect_left(self._inside, (party.number, party.name))]
        self._moved(party, before)

    def _moved(self, party: Participant, before: Participant | None) -> None:
        self._unsettled.add(party.name)
        self._unsettled.update(self._whispering.get(party.name, ()))
        for alone in (before, self.alone(party.group)):
            if alone is not None:
                self._unsettled.add(alone.name)

    def _no_longer_hears(self, party: Participant) -> None:
        there = self._hearing[party.group]
        del there[party.name]
        if not there:
            del self._hearing[party.group]

    def _hear(self, party: Participant) -> None:
        heard = party.audible and party.name in self._talking
        (self._heard.add if heard else self._heard.discard)(party.name)
