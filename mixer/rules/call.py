"""The rules of a call of two parties: the events and effects of a conference, by another table.

Both ends are participants, with a microphone, ears, a volume, a hold with music and a recording as in a conference. A
key goes to the other end, whoever leaves ends the call, and what only a conference has (a lock, a lobby, roles,
whispers, invitations) is denied.

A phone that puts the call on hold leaves the other end with music: nobody else is there to be listened to.
"""

from collections.abc import Mapping
from typing import Any, get_args

from mixer.rules import admission, events, lifetime, parties, room_events
from mixer.rules.attendance import Participant
from mixer.rules.effects import Denied, Effect, KeyPassed, Refused
from mixer.rules.lifetime import end, nothing
from mixer.rules.settings import Settings
from mixer.rules.state import PartyRule, Phase, SessionState, Table

__all__ = ["CALL", "RULES"]

# Two parties without a host; who calls is not asked for anything, and no prompt speaks.
CALL = Settings(max_members=2, hosted=False)


def _of_party(session: SessionState, event: Any, now: float) -> list[Effect]:
    party = session.parties.get(event.party)
    return PARTY[type(event)](session, party, event, now) if party is not None else []


def _leave(session: SessionState, party: Participant, event: events.Leave, now: float) -> list[Effect]:
    """End the call: nobody is left to talk to; one that only one was in may go on where that one goes."""
    alone = "moved" if event.reason == "moved" else "cancelled"
    reason = "hung up" if len(session.parties) > 1 else alone
    left = admission.leave(session, party, event, now)
    return [*left, *lifetime.over(session, reason)]


def _kick(session: SessionState, party: Participant, event: events.Kick, now: float) -> list[Effect]:
    return _leave(session, party, events.Leave(party.name, "kicked"), now)


def _park(session: SessionState, party: Participant, event: events.Park, now: float) -> list[Effect]:
    """Leave the other end waiting."""
    if len(session.parties) < 2:
        return [Denied(party.name, "nobody_waits")]
    left = admission.leave(session, party, events.Leave(party.name, event.reason), now)
    for other in session.parties.values():
        session.parties.leave_alone(other, event.music)
    return left


def _wait(session: SessionState, party: Participant, event: events.WaitAlone, now: float) -> list[Effect]:
    """Play music to who is alone; of two nobody waits."""
    if len(session.parties) > 1:
        return [Denied(party.name, "nobody_waits")]
    session.parties.leave_alone(party, True)
    return []


def _join(session: SessionState, event: events.Join, now: float) -> list[Effect]:
    """Let somebody in; who waits for that does so no more."""
    for other in session.parties.values():
        session.parties.leave_alone(other, False)
    return admission.join(session, event, now)


def _key(session: SessionState, party: Participant, event: events.Keys, now: float) -> list[Effect]:
    """Pass a key on; one pressed before the other end is there is nobody's."""
    return [KeyPassed(other.name, event.digit) for other in session.parties.values() if other is not party]


def _peer_held(session: SessionState, party: Participant, event: events.PeerHeld, now: float) -> list[Effect]:
    """Play music to the other end of a phone that holds the call."""
    for other in session.parties.values():
        if other is not party:
            session.parties.leave_alone(other, event.on)
    return []


def _no_conference(session: SessionState, event: Any, now: float) -> list[Effect]:
    """Say no: only a conference has that."""
    return [Denied(getattr(event, "party", ""), "no_conference")]


def _refuse(session: SessionState, event: events.Join | events.InviteAnswered, now: float) -> list[Effect]:
    return [Refused(event.party, "ended")]


PARTY: Mapping[type[events.Event], PartyRule] = {
    events.Leave: _leave,
    events.Kick: _kick,
    events.Park: _park,
    events.WaitAlone: _wait,
    events.Keys: _key,
    events.PeerHeld: _peer_held,
    events.SetMuted: parties.set_muted,
    events.SetVolume: parties.set_volume,
    events.SetDeaf: parties.set_deaf,
    events.SetHeld: parties.set_held,
    events.SetLabels: parties.set_labels,
    events.Talking: parties.talking,
    events.SpokeMuted: parties.spoke_muted,
}
_LIVE: Mapping[type[events.Event], Any] = {
    **dict.fromkeys(get_args(events.Event), _no_conference),
    **dict.fromkeys(PARTY, _of_party),
    events.Join: _join,
    room_events.SetRecording: parties.set_recording,
    events.InviteFailed: nothing,
    events.CancelInvite: nothing,
    room_events.NewSettings: nothing,
    events.InviteAnswered: _refuse,
    events.End: end,
    events.Time: nothing,
}
RULES: Table = {
    **dict.fromkeys((Phase.UNCLAIMED, Phase.OPEN, Phase.EMPTY), _LIVE),
    Phase.ENDED: {
        **dict.fromkeys(get_args(events.Event), nothing),
        events.Join: _refuse,
        events.InviteAnswered: _refuse,
    },
}
