"""Numbers that are rung, and join when they answer and press 1."""

from mixer.rules import announcements
from mixer.rules.admission import enter, make_party, obstacle, refused, remove, stand
from mixer.rules.effects import DropInvite, Effect, Invite
from mixer.rules.events import CancelInvite, Dial, InviteAnswered, InviteFailed, Keys
from mixer.rules.roles import Place
from mixer.rules.state import DialOut, Participant, SessionState

__all__ = ["answered", "cancel", "confirm", "dial", "drop_last_of", "failed", "refuse_answer"]

# What who was invited presses to come in, as the prompt says.
YES = "1"


def dial(room: SessionState, event: Dial, now: float) -> list[Effect]:
    """Ring a number, unless whoever answers could not come in anyway."""
    no_use = _no_use(room)
    if no_use:
        return announcements.say(room, event.by, no_use) if event.by else []
    room.invited += 1
    room.invitations[room.invited] = DialOut(room.invited, event.by, event.role, event.confirm)
    pleasantry = announcements.say(room, event.by, "pls-wait-connect-call") if event.by else []
    return [Invite(room.invited, event.number, event.by), *pleasantry]


def _no_use(room: SessionState) -> str:
    """Say with a prompt why nobody can be invited now; empty: somebody can."""
    if room.locked:
        return "conf-locked"
    pending = len(room.pending)
    no_place = room.members + pending >= room.settings.max_members
    return "conf-full" if no_place or pending >= room.settings.max_invited else ""


def answered(room: SessionState, event: InviteAnswered, now: float) -> list[Effect]:
    """Ask who answered whether it wants in, or let it in at once."""
    if event.party in room.parties:
        return []
    invitation = room.invitations.get(event.invitation)
    if invitation is None or invitation.party:
        return [refused(room, event.party, "cancelled")]
    reason = obstacle(room, event.identity, invitation.role)
    if reason:
        del room.invitations[invitation.id]
        return [refused(room, event.party, reason)]
    party = make_party(room, event.party, invitation.role, event.kind, now)
    party.identity, party.sound = event.identity, event.name
    invitation.party = party.name
    return stand(room, party, Place.INVITED) if invitation.confirm else enter(room, party, now)


def refuse_answer(room: SessionState, event: InviteAnswered, now: float) -> list[Effect]:
    """Refuse who answered: it is over."""
    return [refused(room, event.party, "ended")]


def confirm(room: SessionState, party: Participant, event: Keys, now: float) -> list[Effect]:
    """Take the yes of somebody invited; other keys are slips."""
    if event.digit != YES:
        return []
    reason = obstacle(room, party.identity, party.role)
    return remove(room, party, reason, now) if reason else enter(room, party, now)


def failed(room: SessionState, event: InviteFailed, now: float) -> list[Effect]:
    """Tell who invited that nobody comes."""
    invitation = room.invitations.get(event.invitation)
    if invitation is None or invitation.party:
        return []
    del room.invitations[invitation.id]
    return announcements.say(room, invitation.by, "vm-nobodyavail") if invitation.by in room.parties else []


def cancel(room: SessionState, event: CancelInvite, now: float) -> list[Effect]:
    """Take an invitation back."""
    invitation = room.invitations.get(event.invitation)
    return _drop(room, invitation, now) if invitation is not None else []


def drop_last_of(room: SessionState, party: Participant, now: float) -> list[Effect] | None:
    """Take back the last invitation of a party, whatever became of it; None when there is none."""
    own = [one for one in room.invitations.values() if one.by == party.name]
    return _drop(room, own[-1], now) if own else None


def _drop(room: SessionState, invitation: DialOut, now: float) -> list[Effect]:
    if invitation.party:
        return remove(room, room.parties[invitation.party], "dropped", now)
    del room.invitations[invitation.id]
    return [DropInvite(invitation.id)]
