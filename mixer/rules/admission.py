"""Who comes in, who waits, and who leaves or is sent away."""

from mixer.rules import announcements, lifetime
from mixer.rules.effects import Admitted, DeafChanged, Denied, Effect, PartyLeft, Refused, VolumeChanged, Waits
from mixer.rules.events import Admit, Join, Kick, Leave, Reject, Unban
from mixer.rules.keypad import Keypad
from mixer.rules.roles import PartyKind, Place, Role
from mixer.rules.state import IN_ROOM, Participant, Phase, SessionState, table_of

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
    "not_in_lobby",
    "obstacle",
    "refused",
    "refuse",
    "reject",
    "remove",
    "unban",
]


def join(room: SessionState, event: Join, now: float) -> list[Effect]:
    """Let a call in, to the room or a place before it, or refuse it."""
    if event.party in room.parties:
        return []
    reason = obstacle(room, event.identity, event.role)
    if reason:
        return [refused(room, event.party, reason)]
    party = make_party(room, event.party, event.role, event.kind, now)
    party.identity, party.sound = event.identity, event.name
    party.muted = party.muted or event.muted
    lobby = room.settings.lobby and event.role is not Role.MODERATOR
    came = stand(room, party, Place.LOBBY) if lobby else enter(room, party, now)
    return came + _brought_along(party, event)


def _brought_along(party: Participant, event: Join) -> list[Effect]:
    """Let a party that was moved hear, and be heard, as before."""
    effects: list[Effect] = []
    party.deaf, party.input_db, party.output_db = event.deaf, event.input_db, event.output_db
    if party.deaf:
        effects.append(DeafChanged(party.name, True))
    if party.input_db or party.output_db:
        effects.append(VolumeChanged(party.name, party.input_db, party.output_db))
    return effects


def refuse(room: SessionState, event: Join, now: float) -> list[Effect]:
    """Refuse a call: it is over."""
    return [refused(room, event.party, "ended")]


def refused(room: SessionState, name: str, reason: str) -> Refused:
    """Say no."""
    return Refused(name, reason, announcements.farewell(room, reason))


def obstacle(room: SessionState, identity: str, role: Role) -> str:
    """Say why somebody cannot come in now; empty: nothing is in the way."""
    if identity and identity in room.banned:
        return "banned"
    if room.locked:
        return "locked"
    # Those who wait for the host must not take the host's place.
    kept = 1 if room.awaits_host and role is not Role.MODERATOR else 0
    return "full" if room.members >= room.settings.max_members - kept else ""


def make_party(room: SessionState, name: str, role: Role, kind: PartyKind, now: float) -> Participant:
    """Take notice of a call; the conference is claimed."""
    keypad = Keypad(table_of(room.settings.menu, role, kind), room.settings.key_timeout_s)
    party = Participant(name, role, kind, "", "", keypad, room.starts_muted(role), now)
    room.parties[name] = party
    room.state, room.ends = Phase.OPEN, None
    return party


def enter(room: SessionState, party: Participant, now: float) -> list[Effect]:
    """Let a party into the room, or make it wait for the host."""
    if room.awaits_host and party.role is not Role.MODERATOR:
        return stand(room, party, Place.WAITING)
    return let_in(room, party, now)


def stand(room: SessionState, party: Participant, place: Place) -> list[Effect]:
    """Let a party wait at a place before the room."""
    party.place, room.moved = place, True
    return [Waits(party.name, place), *announcements.waits(room, party)]


def let_in(room: SessionState, party: Participant, now: float) -> list[Effect]:
    """Let a party into the room; a host brings in those who waited for it."""
    party.place, room.moved, room.heard_at = Place.JOINED, True, now
    effects: list[Effect] = [Admitted(party.name, party.muted), *announcements.arrived(room, party)]
    if party.role is Role.MODERATOR:
        lifetime.host_came(room)
        effects += begin(room, now)
    return effects + lifetime.recorded_from(room, party)


def begin(room: SessionState, now: float) -> list[Effect]:
    """Let in those who wait for a host that has come; nobody while the room is locked."""
    if room.locked:
        return []
    waiting = [party for party in room.parties.values() if party.place is Place.WAITING]
    return [effect for party in waiting for effect in _stop_waiting(room, party, now)]


def _stop_waiting(room: SessionState, party: Participant, now: float) -> list[Effect]:
    # A host among those who wait, made one meanwhile, lets in the others before their turn comes here.
    if party.place is not Place.WAITING or (room.awaits_host and party.role is not Role.MODERATOR):
        return []
    return [*announcements.say(room, party.name, "conf-placeintoconf"), *let_in(room, party, now)]


def admit(room: SessionState, party: Participant, event: Admit, now: float) -> list[Effect]:
    """Let a party on from the lobby; nobody gets into a locked room, so there it stays."""
    return [Denied(party.name, "locked")] if room.locked else enter(room, party, now)


def not_in_lobby(room: SessionState, party: Participant, event: Admit | Reject, now: float) -> list[Effect]:
    """Say no: the doorman has nothing to do with this party."""
    return [Denied(party.name, "not_in_lobby")]


def leave_lobby(room: SessionState, now: float) -> list[Effect]:
    """Let all on from a lobby that is no more; nobody while the room is locked."""
    if room.settings.lobby or room.locked:
        return []
    those = [party for party in room.parties.values() if party.place is Place.LOBBY]
    return [effect for party in those for effect in enter(room, party, now)]


def leave(room: SessionState, party: Participant, event: Leave, now: float) -> list[Effect]:
    """Forget a party that has gone."""
    return _out(room, party, PartyLeft(party.name, event.reason), now)


def remove(room: SessionState, party: Participant, reason: str, now: float) -> list[Effect]:
    """Send a party away."""
    return _out(room, party, PartyLeft(party.name, reason, announcements.farewell(room, reason)), now)


def _out(room: SessionState, party: Participant, left: PartyLeft, now: float) -> list[Effect]:
    del room.parties[party.name]
    room.talkers.discard(party.name)
    room.typing.discard(party.name)
    room.invitations = {key: one for key, one in room.invitations.items() if one.party != party.name}
    room.moved = True
    effects: list[Effect] = [left]
    if party.place in IN_ROOM:
        effects += announcements.gone(room, party)
        effects += lifetime.host_left(room, now) if party.role is Role.MODERATOR else []
    return effects if room.parties else effects + lifetime.emptied(room, now)


def reject(room: SessionState, party: Participant, event: Reject, now: float) -> list[Effect]:
    """Send a party away from the lobby."""
    return remove(room, party, "rejected", now)


def kick(room: SessionState, party: Participant, event: Kick, now: float) -> list[Effect]:
    """Send a party away, and perhaps remember not to let it in again."""
    if event.ban and party.identity:
        room.banned.add(party.identity)
    return remove(room, party, "banned" if event.ban and party.identity else "kicked", now)


def unban(room: SessionState, event: Unban, now: float) -> list[Effect]:
    """Let somebody in again."""
    room.banned.discard(event.identity)
    return []
