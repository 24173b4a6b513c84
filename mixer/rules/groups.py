"""Breakout groups: parties of a conference talk apart for a while, and return.

A group has a number from 1 on; 0 is the main room. Who is in one stays a party of the conference, with its name, role
and keys: groups say who hears whom, and nothing else. Who comes in comes into the main room.
"""

from itertools import chain

from mixer.rules import announcements, lifetime
from mixer.rules.attendance import IN_ROOM, Participant
from mixer.rules.effects import Denied, Effect, GroupChanged
from mixer.rules.events import SetGroup
from mixer.rules.roles import Role
from mixer.rules.room_effects import GroupsChanged
from mixer.rules.room_events import EndGroups, OpenGroups
from mixer.rules.state import Groups, SessionState

__all__ = ["all_return", "dealt", "end_groups", "open_groups", "set_group", "warn"]

# So long before the end all are told of it.
WARN_S = 60.0


def open_groups(session: SessionState, event: OpenGroups, now: float) -> list[Effect]:
    """Open groups, and send those into them who are meant."""
    if session.groups.names:
        return [Denied("", "groups_open")]
    parties = dealt(session, len(event.names)) if event.parties is None else event.parties
    absent = [name for name in chain(*parties) if not _is_inside(session, name)]
    if absent:
        return [Denied(absent[0], "not_inside")]
    session.groups = Groups(event.names, event.may_return)
    _end_in(session.groups, event.ends_in_s, now)
    effects: list[Effect] = [GroupsChanged(event.names, event.ends_in_s or None)]
    for number, names in enumerate(parties, 1):
        for name in names:
            effects += _send(session, session.parties[name], number)
    return effects


def dealt(session: SessionState, groups: int) -> tuple[tuple[str, ...], ...]:
    """Deal out all in the room but the moderators, in the order they came: no group has two more than another."""
    those = [party.name for party in session.parties.inside if party.role is not Role.MODERATOR]
    return tuple(tuple(those[first::groups]) for first in range(groups))


def _is_inside(session: SessionState, name: str) -> bool:
    party = session.parties.get(name)
    return party is not None and party.place in IN_ROOM


def set_group(session: SessionState, party: Participant, event: SetGroup, now: float) -> list[Effect]:
    """Send a party into a group, or back; both sides are told, as of who comes and leaves."""
    if not 0 <= event.group <= len(session.groups.names):
        return [Denied(party.name, "no_group")]
    if event.own and not _may(session, party, event.group):
        return [Denied(party.name, "may_not_return")]
    before = party.group
    if before == event.group:
        return []
    sent = _send(session, party, event.group)
    return [*sent, *announcements.gone(session, party, before), *announcements.entry(session, party)]


def _may(session: SessionState, party: Participant, group: int) -> bool:
    """Whether a party may go somewhere by itself: a moderator anywhere, others back."""
    return party.role is Role.MODERATOR or (group == 0 and session.groups.may_return)


def _send(session: SessionState, party: Participant, group: int) -> list[Effect]:
    # As the mixer has it: who comes into a room speaks to it.
    session.parties.whisper(party, None)
    session.parties.send(party, group)
    return [GroupChanged(party.name, group), *announcements.sent(session, party)]


def end_groups(session: SessionState, event: EndGroups, now: float) -> list[Effect]:
    """Let all return, at once or in a while."""
    if not session.groups.names:
        return [Denied("", "no_groups")]
    if not event.in_s:
        return all_return(session)
    _end_in(session.groups, event.in_s, now)
    told = announcements.groups_end(session, event.in_s)
    return [GroupsChanged(session.groups.names, event.in_s), *told]


def _end_in(groups: Groups, seconds: float, now: float) -> None:
    groups.ends = now + seconds if seconds else None
    groups.warned = seconds <= WARN_S


def warn(session: SessionState) -> list[Effect]:
    """Tell all that the groups end soon."""
    session.groups.warned = True
    return announcements.groups_end(session, WARN_S)


def all_return(session: SessionState) -> list[Effect]:
    """Send all back to the main room; the groups are no more."""
    away = [party for party in session.parties.values() if party.group]
    effects = [effect for party in away for effect in _send(session, party, 0)]
    return [*effects, *lifetime.no_groups(session)]
