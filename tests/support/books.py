"""Books on a conference that are kept from the effects of its rules alone."""

from dataclasses import dataclass

from mixer.rules.effects import (
    Admitted,
    DeafChanged,
    Effect,
    Ended,
    GroupChanged,
    HeldChanged,
    Music,
    MuteChanged,
    PartyLeft,
    Refused,
    RoleChanged,
    Say,
    UnknownKeys,
    Waits,
    WhisperChanged,
)
from mixer.rules.roles import Place, RecordingState
from mixer.rules.room_effects import DropInvite, GroupsChanged, Invite, LockChanged, RecordingChanged

IN_ROOM = {Place.JOINED, Place.HELD}


@dataclass
class Told:
    """What the effects said of a party."""

    place: Place
    muted: bool = False
    deaf: bool = False
    music: bool = False
    whispers: tuple[str, ...] | None = None
    group: int = 0


class Books:
    def __init__(self) -> None:
        self.there: dict[str, Told] = {}
        self.ringing: set[int] = set()
        self.locked = False
        self.groups = 0
        self.recording = RecordingState.OFF
        self.ended = False

    def book(self, effect: Effect) -> None:
        match effect:
            case Admitted(party, muted):
                assert not self.locked, "nobody gets into a locked room"
                told = self.there.setdefault(party, Told(Place.JOINED))
                assert told.place is not Place.JOINED or not told.music
                told.place, told.muted = Place.JOINED, muted
            case Waits(party, place):
                assert place not in IN_ROOM
                assert not self.locked or party in self.there
                self.there.setdefault(party, Told(place)).place = place
            case PartyLeft(party):
                del self.there[party]
            case GroupsChanged(groups):
                assert groups or not any(told.group for told in self.there.values())
                self.groups = len(groups)
            case Ended():
                assert not self.there and not self.groups
                assert not self.ringing
                assert self.recording is RecordingState.OFF
                self.ended = True
            case Refused(party):
                assert party not in self.there
            case _:
                self.book_control(effect)

    def book_control(self, effect: Effect) -> None:
        match effect:
            case MuteChanged(party, muted):
                self.there[party].muted = muted
            case DeafChanged(party, deaf):
                assert self.there[party].deaf != deaf
                self.there[party].deaf = deaf
            case HeldChanged(party, held):
                self.there[party].place = Place.HELD if held else Place.JOINED
            case GroupChanged(party, group):
                assert self.there[party].place in IN_ROOM and 0 <= group <= self.groups
                assert self.there[party].group != group
                self.there[party].group = group
            case WhisperChanged(party, to):
                self.there[party].whispers = to
            case Music(party, on):
                assert self.there[party].music != on
                self.there[party].music = on
            case _:
                self.book_room(effect)

    def book_room(self, effect: Effect) -> None:
        match effect:
            case LockChanged(locked):
                assert self.locked != locked
                self.locked = locked
            case RecordingChanged(state):
                assert self.recording is not state
                assert state is not RecordingState.PAUSED or self.recording is RecordingState.RUNNING
                self.recording = state
            case Invite(invitation):
                assert not self.locked
                self.ringing.add(invitation)
            case DropInvite(invitation):
                self.ringing.remove(invitation)
            case _:
                self.book_words(effect)

    def book_words(self, effect: Effect) -> None:
        match effect:
            case Say(to, prompts):
                assert prompts
                assert to is None or to in self.there
            case UnknownKeys(party, keys):
                assert self.there[party].place in IN_ROOM
                assert keys
            case RoleChanged(party):
                assert party in self.there
