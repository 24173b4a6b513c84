"""Admission, waiting, leaving and removal of parties."""

from mixer.rules import announcements, lifetime
from mixer.rules.attendance import IN_ROOM, Participant
from mixer.rules.effects import (
    Admitted,
    DeafChanged,
    Denied,
    Effect,
    LabelsChanged,
    PartyLeft,
    Refused,
    VolumeChanged,
    Waits,
)
from mixer.rules.events import Admit, InviteAnswered, Join, Kick, Leave, Reject
from mixer.rules.roles import Place, Role
from mixer.rules.room_effects import RestrictedChanged
from mixer.rules.room_events import SetAllowed, Unban
from mixer.rules.state import Phase, SessionState, keypad_of

# Hidden listeners of one room: they take no place that anybody could count.
MOST_HIDDEN = 10

__all__ = [
    "admit",
    "begin",
    "enter",
    "join",
    "kick",
    "leave",
    "leave_lobby",
    "let_in",
    "make_party",
    "no_hidden",
    "not_in_lobby",
    "obstacle",
    "refused",
    "refuse",
    "reject",
    "remove",
    "set_allowed",
    "unban",
]


def join(session: SessionState, event: Join, now: float) -> list[Effect]:
    """Let a call in, to the room or a place before it, or refuse it."""
    if event.party in session.parties:
        return []
    besides = session.parties.hosts if event.brought else 0
    reason = obstacle(session, event.identity, event.role, besides=besides, invited=event.invited, hidden=event.hidden)
    if reason:
        return [refused(session, event.party, reason)]
    party = make_party(session, event, event.role, now, muted=event.muted, hidden=event.hidden)
    if event.hidden:
        return let_in(session, party, now)
    lobby = session.settings.lobby and event.role is not Role.MODERATOR
    came = stand(session, party, Place.LOBBY) if lobby else enter(session, party, now)
    return came + _brought_along(party, event)


def _brought_along(party: Participant, event: Join) -> list[Effect]:
    """Let a party that was moved hear, and be heard, as before."""
    effects: list[Effect] = []
    party.deaf = event.deaf
    party.input_db, party.output_db, party.levelled = event.input_db, event.output_db, event.levelled
    if party.deaf:
        effects.append(DeafChanged(party.name, True))
    if party.input_db or party.output_db or party.levelled:
        effects.append(VolumeChanged(party.name, party.input_db, party.output_db, party.levelled))
    if event.labels:
        party.labels = event.labels
        effects.append(LabelsChanged(party.name, party.labels))
    return effects


def refuse(session: SessionState, event: Join, now: float) -> list[Effect]:
    """Refuse a call: it is over."""
    return [refused(session, event.party, "ended")]


def refused(session: SessionState, name: str, reason: str) -> Refused:
    """Say no."""
    return Refused(name, reason, announcements.farewell(session, reason))


def obstacle(
    session: SessionState, identity: str, role: Role, *, besides: int = 0, invited: bool = False, hidden: bool = False
) -> str:
    """Say why somebody cannot come in now; empty: nothing is in the way.

    Parameters
    ----------
    besides
        So many of those who are there take no place.
    invited
        Whether it comes because somebody in control wants it.
    hidden
        Whether it is to be a hidden listener.
    """
    if identity and identity in session.banned:
        return "banned"
    if hidden:
        return no_hidden(session)
    if not invited and not _is_listed(session, identity, role):
        return "not_listed"
    if session.shut_to(role):
        return "locked"
    return "full" if session.full_for(role, besides=besides) else ""


def no_hidden(session: SessionState) -> str:
    """Say why no hidden listener can come now; empty: one can. It takes no place, and needs somebody to listen to."""
    if session.locked:
        return "locked"
    if not session.parties.visible:
        return "nobody_there"
    return "full" if len(session.parties.hidden) >= MOST_HIDDEN else ""


def _is_listed(session: SessionState, identity: str, role: Role) -> bool:
    """Whether nothing but a list keeps somebody out; moderators are on every list."""
    return session.allowed is None or role is Role.MODERATOR or identity in session.allowed


def make_party(
    session: SessionState,
    event: Join | InviteAnswered,
    role: Role,
    now: float,
    *,
    muted: bool = False,
    hidden: bool = False,
) -> Participant:
    """Take notice of a call; the conference is claimed."""
    keypad = keypad_of(session.settings, role, event.kind)
    role = Role.LISTENER if hidden else role
    muted = muted or session.microphones.start_muted(role)
    party = Participant(event.party, role, event.kind, event.identity, event.name, keypad, muted, now, hidden=hidden)
    session.parties.add(party)
    session.state, session.ends = Phase.OPEN, None
    return party


def enter(session: SessionState, party: Participant, now: float) -> list[Effect]:
    """Let a party into the room, or make it wait for the host."""
    if session.awaits_host and party.role is not Role.MODERATOR:
        return stand(session, party, Place.WAITING)
    return let_in(session, party, now)


def stand(session: SessionState, party: Participant, place: Place) -> list[Effect]:
    """Let a party wait at a place before the room."""
    session.parties.move(party, place)
    return [Waits(party.name, place), *announcements.waits(session, party)]


def let_in(session: SessionState, party: Participant, now: float) -> list[Effect]:
    """Let a party into the room; a host brings in those who waited for it."""
    session.parties.move(party, Place.JOINED)
    if not party.hidden:
        session.heard_at = now
    effects: list[Effect] = [Admitted(party.name, party.muted), *announcements.arrived(session, party)]
    if party.role is Role.MODERATOR:
        lifetime.host_came(session)
        effects += begin(session, now)
    return effects + lifetime.recorded_from(session, party)


def begin(session: SessionState, now: float) -> list[Effect]:
    """Let in those who wait for a host that has come, as far as the room is not locked to them."""
    # Without a host only one who was made a host meanwhile gets in, and lets in the others.
    meant = (Role.MODERATOR,) if session.awaits_host else tuple(Role)
    roles = [role for role in meant if not session.shut_to(role)]
    waiting = session.parties.at(Place.WAITING, *roles) if roles else []
    return [effect for party in waiting for effect in _stop_waiting(session, party, now)]


def _stop_waiting(session: SessionState, party: Participant, now: float) -> list[Effect]:
    # A host among those who wait lets in the others before their turn comes here.
    if party.place is not Place.WAITING:
        return []
    return [*announcements.say(session, party.name, "conf-placeintoconf"), *let_in(session, party, now)]


def admit(session: SessionState, party: Participant, event: Admit, now: float) -> list[Effect]:
    """Let a party on from the lobby; nobody gets into a locked room, so there it stays."""
    return [Denied(party.name, "locked")] if session.shut_to(party.role) else enter(session, party, now)


def not_in_lobby(session: SessionState, party: Participant, event: Admit | Reject, now: float) -> list[Effect]:
    """Say no: the doorman has nothing to do with this party."""
    return [Denied(party.name, "not_in_lobby")]


def leave_lobby(session: SessionState, now: float) -> list[Effect]:
    """Let all on from a lobby that is no more; nobody while the room is locked."""
    if session.settings.lobby or session.locked:
        return []
    return [effect for party in session.parties.at(Place.LOBBY) for effect in enter(session, party, now)]


def leave(session: SessionState, party: Participant, event: Leave, now: float) -> list[Effect]:
    """Forget a party that has gone."""
    return _out(session, party, PartyLeft(party.name, event.reason), now)


def remove(session: SessionState, party: Participant, reason: str, now: float) -> list[Effect]:
    """Send a party away."""
    return _out(session, party, PartyLeft(party.name, reason, announcements.farewell(session, reason)), now)


def _out(session: SessionState, party: Participant, left: PartyLeft, now: float) -> list[Effect]:
    session.parties.remove(party)
    session.typing.pop(party.name, None)
    session.invitations.remove(party.invitation)
    effects: list[Effect] = [left]
    if party.place in IN_ROOM and party.ends:
        return [left, *lifetime.over(session, "host_left")]
    if party.place in IN_ROOM:
        effects += announcements.gone(session, party)
        effects += lifetime.host_left(session, now) if party.role is Role.MODERATOR else []
    if session.parties.visible or party.hidden:
        return effects
    # There is nobody to listen to any more.
    for listener in session.parties.hidden:
        effects += remove(session, listener, "empty", now)
    return effects + lifetime.emptied(session, now)


def reject(session: SessionState, party: Participant, event: Reject, now: float) -> list[Effect]:
    """Send a party away from the lobby."""
    return remove(session, party, "rejected", now)


def kick(session: SessionState, party: Participant, event: Kick, now: float) -> list[Effect]:
    """Send a party away, and perhaps remember not to let it in again."""
    if event.ban and party.identity:
        session.banned.add(party.identity)
    return remove(session, party, "banned" if event.ban and party.identity else "kicked", now)


def unban(session: SessionState, event: Unban, now: float) -> list[Effect]:
    """Let somebody in again."""
    session.banned.discard(event.identity)
    return []


def set_allowed(session: SessionState, event: SetAllowed, now: float) -> list[Effect]:
    """Let in only who is on a list from now on; who is there stays."""
    before, session.allowed = session.allowed, event.identities
    if (before is None) == (event.identities is None):
        return []
    return [RestrictedChanged(event.identities is not None)]
