"""The rules of a conference, as tables; `mixer.rules.session.Conference` goes by them.

A conference is in one of four states::

    UNCLAIMED ──somebody──► OPEN ──last Leave──► EMPTY ──somebody──► OPEN
        │                    │                     │
        └────── time ────────┴──────── End ────────┴── time ──► ENDED   (final)

and each party of an open one at one of five places::

    Join ────────► LOBBY ──Admit──► WAITING ──host comes──► JOINED ◄──hold──► HELD
    InviteAnswered ► INVITED ──1──────┴───────────────────────┘

each step is skipped where the settings do not ask for it. Only who has joined hears and is heard. A locked room lets
nobody on to JOINED, from wherever, but for moderators where the settings let them pass.

A microphone is on or off, whoever turned it: ``*1`` turns one's own, ``*91`` turns off all but the moderators' and lets
late joiners begin muted, ``*90`` turns them on again, those that were turned off by their owners as well. A listener's
microphone is never on. `mixer.rules` has the rules one by one; the two tables here say which applies when.
"""

from collections.abc import Mapping
from typing import Any, get_args

from mixer.rules import admission, commands, dialout, events, groups, parties, room_events, selection
from mixer.rules.effects import Effect
from mixer.rules.lifetime import end, nothing
from mixer.rules.roles import Place
from mixer.rules.state import PartyRule, Phase, Rule, SessionState, Table

__all__ = ["PLACES", "RULES"]


def _of_party(session: SessionState, event: Any, now: float) -> list[Effect]:
    """Do what the place of the party says that the event names."""
    party = session.parties.get(event.party)
    return PLACES[party.place][type(event)](session, party, event, now) if party is not None else []


# Every event about a party, at every place where the party may be.
_BEFORE: Mapping[type[events.Event], PartyRule] = {
    events.Leave: admission.leave,
    events.Kick: admission.kick,
    events.SetMuted: parties.set_muted,
    events.SetVolume: parties.set_volume,
    events.SetRole: parties.set_role,
    events.SetLabels: parties.set_labels,
    events.Keys: nothing,
    events.Talking: nothing,
    events.SpokeMuted: nothing,
    events.PeerHeld: nothing,
    events.SetDeaf: parties.not_inside,
    events.SetHeld: parties.not_inside,
    events.SetWhisper: parties.not_inside,
    events.SetGroup: parties.not_inside,
    events.Admit: admission.not_in_lobby,
    events.Reject: admission.not_in_lobby,
    events.Park: parties.not_a_call,
    events.WaitAlone: parties.not_a_call,
}
_INSIDE: Mapping[type[events.Event], PartyRule] = {
    **_BEFORE,
    events.Keys: commands.keys,
    events.Talking: parties.talking,
    events.SpokeMuted: parties.spoke_muted,
    events.SetDeaf: parties.set_deaf,
    events.SetHeld: parties.set_held,
    events.SetWhisper: parties.set_whisper,
    events.SetGroup: groups.set_group,
}
PLACES: Mapping[Place, Mapping[type[events.Event], PartyRule]] = {
    Place.INVITED: {**_BEFORE, events.Keys: dialout.confirm},
    Place.LOBBY: {**_BEFORE, events.Admit: admission.admit, events.Reject: admission.reject},
    Place.WAITING: _BEFORE,
    Place.JOINED: _INSIDE,
    Place.HELD: _INSIDE,
}
# Where a change of many has a meaning: a party elsewhere is not chosen.
_MEANT: Mapping[type[events.Event], frozenset[Place]] = {
    kind: frozenset(place for place in Place if PLACES[place][kind] not in (parties.not_inside, admission.not_in_lobby))
    for kind in get_args(events.Change)
}


def _select(session: SessionState, event: events.Select, now: float) -> list[Effect]:
    """Do the same to all who are chosen."""
    meant = {place for change in event.changes for place in _MEANT[type(change)]}
    return selection.carry_out(session, event, meant, lambda each: _of_party(session, each, now))


# Every event in every state. Time does nothing of its own: `Session.handle` does what was due before any event.
_NOBODY: Mapping[type[events.Event], Rule] = {
    **dict.fromkeys(_BEFORE, nothing),
    events.Join: admission.join,
    events.InviteAnswered: dialout.answered,
    events.InviteFailed: dialout.failed,
    events.CancelInvite: dialout.cancel,
    room_events.Dial: dialout.dial,
    room_events.Unban: admission.unban,
    room_events.SetAllowed: admission.set_allowed,
    events.Select: _select,
    room_events.MuteAll: parties.mute_all,
    room_events.Lock: parties.lock,
    room_events.SetNotices: parties.set_notices,
    room_events.SetRecording: parties.set_recording,
    room_events.NewSettings: parties.new_settings,
    room_events.OpenGroups: groups.open_groups,
    room_events.EndGroups: groups.end_groups,
    events.End: end,
    events.Time: nothing,
}
RULES: Table = {
    Phase.UNCLAIMED: _NOBODY,
    Phase.EMPTY: _NOBODY,
    Phase.OPEN: {**_NOBODY, **dict.fromkeys(_BEFORE, _of_party)},
    Phase.ENDED: {
        **dict.fromkeys(get_args(events.Event), nothing),
        events.Join: admission.refuse,
        events.InviteAnswered: dialout.refuse_answer,
    },
}
