"""The rules of a conference, as tables; `mixer.rules.session.Conference` goes by them.

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

from collections.abc import Mapping
from typing import Any, get_args

from mixer.rules import admission, commands, dialout, parties
from mixer.rules.effects import Effect
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
    PeerHeld,
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
from mixer.rules.lifetime import end, nothing
from mixer.rules.roles import Place
from mixer.rules.state import PartyRule, Phase, Rule, SessionState, Table

__all__ = ["PLACES", "RULES"]


def _of_party(room: SessionState, event: Any, now: float) -> list[Effect]:
    """Do what the place of the party says that the event names."""
    party = room.parties.get(event.party)
    return PLACES[party.place][type(event)](room, party, event, now) if party is not None else []


# Every event about a party, at every place where the party may be.
_BEFORE: Mapping[type[Event], PartyRule] = {
    Leave: admission.leave,
    Kick: admission.kick,
    SetMuted: parties.set_muted,
    SetVolume: parties.set_volume,
    SetRole: parties.set_role,
    Keys: nothing,
    Talking: nothing,
    PeerHeld: nothing,
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
# Every event in every state. Time does nothing of its own: `Session.handle` does what was due before any event.
_NOBODY: Mapping[type[Event], Rule] = {
    **dict.fromkeys(_BEFORE, nothing),
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
    End: end,
    Time: nothing,
}
RULES: Table = {
    Phase.UNCLAIMED: _NOBODY,
    Phase.EMPTY: _NOBODY,
    Phase.OPEN: {**_NOBODY, **dict.fromkeys(_BEFORE, _of_party)},
    Phase.ENDED: {
        **dict.fromkeys(get_args(Event), nothing),
        Join: admission.refuse,
        InviteAnswered: dialout.refuse_answer,
    },
}
