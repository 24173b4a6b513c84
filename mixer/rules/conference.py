"""The rules of a room as a value: `(event, now) -> effects`. Nothing here rings, mixes, speaks or reads a clock.

Whoever runs a conference tells `Conference.handle` what happened, carries out the effects it returns, in order, and
asks `Conference.deadline` when to tell it that time has passed.

A conference is in one of four states::

    UNCLAIMED ──somebody──► OPEN ──last Leave──► EMPTY ──somebody──► OPEN
        │                    │                     │
        └────── time ────────┴──────── End ────────┴── time ──► ENDED   (final)

and each party of an open one at one of five places::

    Join ────────► LOBBY ──Admit──► WAITING ──host comes──► JOINED ◄──hold──► HELD
    InviteAnswered ► INVITED ──1──────┴───────────────────────┘

each step is skipped where the settings do not ask for it. Only who has joined hears and is heard. A locked room lets
nobody on to JOINED, from wherever, whoever it is.

A microphone is on or off, whoever turned it: ``*1`` turns one's own, ``*91`` turns off all but the moderators' and lets
late joiners begin muted, ``*90`` turns them on again, those that were turned off by their owners as well. A listener's
microphone is never on. `mixer.rules` has the rules one by one; the two tables here say which applies when.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from mixer.rules import admission, announcements, commands, dialout, lifetime, parties
from mixer.rules.effects import (
    Effect,
)
from mixer.rules.events import (
    Admit,
    CancelInvite,
    Dial,
    End,
    Event,
    InviteAnswered,
    InviteFailed,
    Join,
    Keys,
    Kick,
    Leave,
    Lock,
    MuteAll,
    NewSettings,
    Reject,
    SetDeaf,
    SetHeld,
    SetMuted,
    SetNotices,
    SetRecording,
    SetRole,
    SetVolume,
    SetWhisper,
    Talking,
    Time,
    Unban,
)
from mixer.rules.lifetime import Timer
from mixer.rules.roles import Place, RecordingState
from mixer.rules.settings import Settings
from mixer.rules.state import Carried, Party, Room, State

__all__ = ["PLACES", "RULES", "Conference"]


class Conference:
    """One conference.

    Parameters
    ----------
    settings
        What may differ.
    now
        When it was made, in seconds of the clock that all later times are told in.
    """

    def __init__(self, settings: Settings, now: float) -> None:
        self._room = Room(
            settings,
            ends=(now + settings.claim_timeout_s, "unclaimed"),
            muted_all=settings.mute_non_moderator,
            notices=settings.entry_notices,
        )

    @property
    def settings(self) -> Settings:
        """In force."""
        return self._room.settings

    @property
    def state(self) -> State:
        """Where the conference is in its life."""
        return self._room.state

    @property
    def locked(self) -> bool:
        """Whether nobody gets in."""
        return self._room.locked

    @property
    def muted_all(self) -> bool:
        """Whether late joiners begin muted."""
        return self._room.muted_all

    @property
    def notices(self) -> bool:
        """Whether the room is told who comes and leaves."""
        return self._room.notices

    @property
    def recording(self) -> RecordingState:
        """What the recorder does."""
        return self._room.recording

    @property
    def ringing(self) -> tuple[int, ...]:
        """Invitations that nobody has answered yet."""
        return tuple(one.id for one in self._room.invitations.values() if not one.party)

    @property
    def parties(self) -> Mapping[str, Party]:
        """Who is there, in the order they came: to be looked at, never to be changed."""
        return self._room.parties

    @property
    def banned(self) -> frozenset[str]:
        """Identities that are not let in."""
        return frozenset(self._room.banned)

    @property
    def members(self) -> int:
        """Calls that count towards `Settings.max_members`: all but those who are asked to press 1."""
        return self._room.members

    @property
    def muted(self) -> Mapping[str, bool]:
        """The parties that are there, in the order they came; whether their microphone is off."""
        return {party.name: party.muted for party in self.parties.values()}

    def hears(self, listener: str, speaker: str) -> bool:
        """Say whether one party hears another when it speaks.

        Raises
        ------
        KeyError
            One of them is not there.
        """
        ear, mouth = self.parties[listener], self.parties[speaker]
        if ear is mouth or not mouth.audible or ear.place is not Place.JOINED:
            return False
        return not ear.deaf if mouth.whisper is None else listener in mouth.whisper

    def carried(self) -> list[Carried]:
        """Take what parties have commanded by keys since this was last asked."""
        taken, self._room.carried = self._room.carried, []
        return taken

    @property
    def deadline(self) -> float | None:
        """When a `Time` event is due; None while nothing waits for time."""
        return min((timer.when for timer in self._timers()), default=None)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Say what follows from an event.

        What was due before `now` comes first, so a late `Time` does no harm.

        Parameters
        ----------
        event
            What happened.
        now
            When.

        Returns
        -------
        list[Effect]
            To be carried out in this order; empty when nothing changes.

        Raises
        ------
        KeypadError
            The digit of a `Keys` event is no key.
        """
        room = self._room
        effects = self._due(now)
        heard = room.is_heard()
        effects += RULES[room.state][type(event)](room, event, now)
        if heard or room.is_heard():
            room.heard_at = now
        effects += self._due(now)
        return effects + announcements.settle(room)

    def _due(self, now: float) -> list[Effect]:
        """Do what was due until `now`, in the order of time."""
        effects: list[Effect] = []
        while (timer := min(self._timers(), key=lambda timer: timer.when, default=None)) and timer.when <= now:
            effects += timer.act()
        return effects

    def _timers(self) -> Iterator[Timer]:
        for source in (lifetime.timers, admission.stays, dialout.patience, commands.pauses):
            yield from source(self._room)


Rule = Callable[[Room, Any, float], list[Effect]]
PartyRule = Callable[[Room, Party, Any, float], list[Effect]]


def _nothing(*_: object) -> list[Effect]:
    """Do nothing."""
    return []


def _of_party(room: Room, event: Any, now: float) -> list[Effect]:
    """Do what the place of the party says that the event names."""
    party = room.parties.get(event.party)
    return PLACES[party.place][type(event)](room, party, event, now) if party is not None else []


def _end(room: Room, event: End, now: float) -> list[Effect]:
    return lifetime.over(room, event.reason)


# Every event about a party, at every place where the party may be.
_BEFORE: Mapping[type[Event], PartyRule] = {
    Leave: admission.leave,
    Kick: admission.kick,
    SetMuted: parties.set_muted,
    SetVolume: parties.set_volume,
    SetRole: parties.set_role,
    Keys: _nothing,
    Talking: _nothing,
    SetDeaf: parties.not_inside,
    SetHeld: parties.not_inside,
    SetWhisper: parties.not_inside,
    Admit: admission.not_in_lobby,
    Reject: admission.not_in_lobby,
}
_INSIDE: Mapping[type[Event], PartyRule] = {
    **_BEFORE,
    Keys: commands.keys,
    Talking: parties.talking,
    SetDeaf: parties.set_deaf,
    SetHeld: parties.set_held,
    SetWhisper: parties.set_whisper,
}
PLACES: Mapping[Place, Mapping[type[Event], PartyRule]] = {
    Place.INVITED: {**_BEFORE, Keys: dialout.confirm},
    Place.LOBBY: {**_BEFORE, Admit: admission.admit, Reject: admission.reject},
    Place.WAITING: _BEFORE,
    Place.JOINED: _INSIDE,
    Place.HELD: _INSIDE,
}
# Every event in every state. Time does nothing of its own: `Conference.handle` does what was due before any event.
_NOBODY: Mapping[type[Event], Rule] = {
    **dict.fromkeys(_BEFORE, _nothing),
    Join: admission.join,
    InviteAnswered: dialout.answered,
    InviteFailed: dialout.failed,
    CancelInvite: dialout.cancel,
    Dial: dialout.dial,
    Unban: admission.unban,
    MuteAll: parties.mute_all,
    Lock: parties.lock,
    SetNotices: parties.set_notices,
    SetRecording: parties.set_recording,
    NewSettings: parties.new_settings,
    End: _end,
    Time: _nothing,
}
RULES: Mapping[State, Mapping[type[Event], Rule]] = {
    State.UNCLAIMED: _NOBODY,
    State.EMPTY: _NOBODY,
    State.OPEN: {**_NOBODY, **dict.fromkeys(_BEFORE, _of_party)},
    State.ENDED: {
        **dict.fromkeys(get_args(Event), _nothing),
        Join: admission.refuse,
        InviteAnswered: dialout.refuse_answer,
    },
}
