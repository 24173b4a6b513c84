"""Commands for several parties: selection of the targets, and the command for each."""

from collections.abc import Callable, Collection
from dataclasses import replace

from mixer.rules.attendance import IN_ROOM, Participant
from mixer.rules.effects import Effect, Selected
from mixer.rules.events import Change, Select
from mixer.rules.roles import Place, Role, Selector
from mixer.rules.state import SessionState

__all__ = ["carry_out", "chosen"]

_ROLES = {
    Selector.ALL: tuple(Role),
    Selector.OTHERS: (Role.PARTICIPANT, Role.LISTENER),
    Selector.MODERATOR: (Role.MODERATOR,),
    Selector.PARTICIPANT: (Role.PARTICIPANT,),
    Selector.LISTENER: (Role.LISTENER,),
}


def chosen(session: SessionState, which: Selector, places: Collection[Place], by: str = "") -> list[Participant]:
    """List who is meant, in the order they came; it costs as much as they are many.

    Parameters
    ----------
    places
        Where they may be.
    by
        The party that commands, which is none of the others; empty: nobody in the room.
    """
    if which is Selector.LAST:
        last = session.parties.last_inside if IN_ROOM & set(places) else session.parties.last_at(places)
        return [last] if last is not None else []
    those = [party for place in places for party in session.parties.at(place, *_ROLES[which])]
    others = which is Selector.OTHERS
    return sorted((party for party in those if not (others and party.name == by)), key=lambda party: party.number)


def carry_out(
    session: SessionState, event: Select, places: Collection[Place], rule: Callable[[Change], list[Effect]]
) -> list[Effect]:
    """Do to each that is chosen what `rule` says.

    Parameters
    ----------
    places
        Where one of the changes has a meaning.
    """
    names = tuple(party.name for party in chosen(session, event.which, places, event.by))
    effects: list[Effect] = [Selected(names)]
    for name in names:
        for change in event.changes:
            effects += rule(replace(change, party=name))
    return effects
