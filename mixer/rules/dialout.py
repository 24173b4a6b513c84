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


def dial(session: SessionState, event: Dial, now: float) -> list[Effect]:
    """Ring a number, unless whoever answers could not come in anyway."""
    no_use = _no_use(session)
    if no_use:
        return announcements.say(session, event.by, no_use) if event.by else []
    session.invited += 1
    session.invitations[session.invited] = DialOut(session.invited, event.by, event.role, event.confirm)
    pleasantry = announcements.say(session, event.by, "pls-wait-connect-call") if event.by else []
    return [Invite(session.invited, event.number, event.by), *pleasantry]


def _no_use(session: SessionState) -> str:
    """Say with a prompt why nobody can be invited now; empty: somebody can."""
    if session.locked:
        return "conf-locked"
    pending = len(session.pending)
    no_place = session.size + pending >= session.settings.max_members
    return "conf-full" if no_place or pending >= session.settings.max_invited else ""


def answered(session: SessionState, event: InviteAnswered, now: float) -> list[Effect]:
    """Ask who answered whether it wants in, or let it in at once."""
    if event.party in session.parties:
        return []
    invitation = session.invitations.get(event.invitation)
    if invitation is None or invitation.party:
        return [refused(session, event.party, "cancelled")]
    reason = obstacle(session, event.identity, invitation.role)
    if reason:
        del session.invitations[invitation.id]
        return [refused(session, event.party, reason)]
    party = make_party(session, event.party, invitation.role, event.kind, now)
    party.identity, party.sound = event.identity, event.name
    invitation.party = party.name
    return stand(session, party, Place.INVITED) if invitation.confirm else enter(session, party, now)


def refuse_answer(session: SessionState, event: InviteAnswered, now: float) -> list[Effect]:
    """Refuse who answered: it is over."""
    return [refused(session, event.party, "ended")]


def confirm(session: SessionState, party: Participant, event: Keys, now: float) -> list[Effect]:
    """Take the yes of somebody invited; other keys are slips."""
    if event.digit != YES:
        return []
    reason = obstacle(session, party.identity, party.role)
    return remove(session, party, reason, now) if reason else enter(session, party, now)


def failed(session: SessionState, event: InviteFailed, now: float) -> list[Effect]:
    """Tell who invited that nobody comes."""
    invitation = session.invitations.get(event.invitation)
    if invitation is None or invitation.party:
        return []
    del session.invitations[invitation.id]
    return announcements.say(session, invitation.by, "vm-nobodyavail") if invitation.by in session.parties else []


def cancel(session: SessionState, event: CancelInvite, now: float) -> list[Effect]:
    """Take an invitation back."""
    invitation = session.invitations.get(event.invitation)
    return _drop(session, invitation, now) if invitation is not None else []


def drop_last_of(session: SessionState, party: Participant, now: float) -> list[Effect] | None:
    """Take back the last invitation of a party, whatever became of it; None when there is none."""
    own = [one for one in session.invitations.values() if one.by == party.name]
    return _drop(session, own[-1], now) if own else None


def _drop(session: SessionState, invitation: DialOut, now: float) -> list[Effect]:
    if invitation.party:
        return remove(session, session.parties[invitation.party], "dropped", now)
    del session.invitations[invitation.id]
    return [DropInvite(invitation.id)]
