"""Dial-out: numbers that are called and join after they answer and press 1."""

from mixer.rules import announcements
from mixer.rules.admission import enter, let_in, make_party, no_hidden, obstacle, refused, remove, stand
from mixer.rules.attendance import Participant
from mixer.rules.effects import Denied, Effect
from mixer.rules.events import CancelInvite, InviteAnswered, InviteFailed, Keys
from mixer.rules.invitations import DialOut
from mixer.rules.roles import Place, Role
from mixer.rules.room_effects import DropInvite, Invite
from mixer.rules.room_events import Dial
from mixer.rules.state import SessionState

__all__ = ["answered", "cancel", "confirm", "dial", "drop_last_of", "failed", "refuse_answer"]

# What who was invited presses to come in, as the prompt says.
YES = "1"


def dial(session: SessionState, event: Dial, now: float) -> list[Effect]:
    """Ring a number, unless whoever answers could not come in anyway."""
    no_use = no_hidden(session) if event.hidden else _no_use(session, event.role)
    if no_use:
        told = announcements.say(session, event.by, f"conf-{no_use}") if event.by else []
        return [Denied(event.by, no_use), *told]
    made = session.invitations.add(event.by, event.role, event.confirm, hidden=event.hidden)
    pleasantry = announcements.say(session, event.by, "pls-wait-connect-call") if event.by else []
    return [Invite(made.id, event.number, event.by, event.hidden), *pleasantry]


def _no_use(session: SessionState, role: Role) -> str:
    """Say why nobody of a role can be invited now; empty: somebody can."""
    if session.shut_to(role):
        return "locked"
    pending = session.pending
    no_place = session.full_for(role, coming=pending)
    return "full" if no_place or pending >= session.settings.max_invited else ""


def answered(session: SessionState, event: InviteAnswered, now: float) -> list[Effect]:
    """Ask who answered whether it wants in, or let it in at once."""
    if event.party in session.parties:
        return []
    invitation = session.invitations.get(event.invitation)
    if invitation is None or invitation.party:
        return [refused(session, event.party, "cancelled")]
    hidden = invitation.hidden
    reason = obstacle(session, event.identity, invitation.role, invited=True, hidden=hidden)
    if reason:
        session.invitations.remove(invitation.id)
        return [refused(session, event.party, reason)]
    party = make_party(session, event, invitation.role, now, hidden=hidden)
    party.invitation = invitation.id
    session.invitations.answer(invitation, party.name)
    if hidden:
        return let_in(session, party, now)
    return stand(session, party, Place.INVITED) if invitation.confirm else enter(session, party, now)


def refuse_answer(session: SessionState, event: InviteAnswered, now: float) -> list[Effect]:
    """Refuse who answered: it is over."""
    return [refused(session, event.party, "ended")]


def confirm(session: SessionState, party: Participant, event: Keys, now: float) -> list[Effect]:
    """Take the yes of somebody invited; other keys are slips."""
    if event.digit != YES:
        return []
    reason = obstacle(session, party.identity, party.role, invited=True)
    return remove(session, party, reason, now) if reason else enter(session, party, now)


def failed(session: SessionState, event: InviteFailed, now: float) -> list[Effect]:
    """Tell who invited that nobody comes."""
    invitation = session.invitations.get(event.invitation)
    if invitation is None or invitation.party:
        return []
    session.invitations.remove(invitation.id)
    return announcements.say(session, invitation.by, "vm-nobodyavail") if invitation.by in session.parties else []


def cancel(session: SessionState, event: CancelInvite, now: float) -> list[Effect]:
    """Take an invitation back."""
    invitation = session.invitations.get(event.invitation)
    return _drop(session, invitation, now) if invitation is not None else []


def drop_last_of(session: SessionState, party: Participant, now: float) -> list[Effect] | None:
    """Take back the last invitation of a party, whatever became of it; None when there is none."""
    last = session.invitations.last_by(party.name)
    return _drop(session, last, now) if last is not None else None


def _drop(session: SessionState, invitation: DialOut, now: float) -> list[Effect]:
    if invitation.party:
        return remove(session, session.parties[invitation.party], "dropped", now)
    session.invitations.remove(invitation.id)
    return [DropInvite(invitation.id)]
