"""What is true of all members at all times: every live leg has one keeper, which lists it, and the books agree."""

from softphone.focus.focus import Focus
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.session import ConferenceRole, Stage

INSIDE = (Stage.JOINED, Stage.HELD)


def astray(focus: Focus) -> list[str]:
    """Where the lists of who is here disagree; empty: nowhere."""
    legs = focus.context.legs.items()
    found = [f"leg {leg}: {member.party.id} has {member.leg}" for leg, member in legs if member.leg != leg]
    found += [f"leg {leg}: nobody keeps {m.party.id}" for leg, m in legs if not m.keeper.keeps(m)]
    for room in focus.rooms.values():
        found += [f"{name}: not its keeper" for name, member in room.members.items() if member.keeper is not room]
        found += [f"{name}: its call is over" for name, member in room.members.items() if member.over]
        if isinstance(room, ConferenceRoom):
            found += _books(room)
    return found


def _books(room: ConferenceRoom) -> list[str]:
    """Where the rules, the members and what is shown of them differ."""
    members, known = room.members, room._rules.parties
    found: list[str] = []
    if list(members) != list(room.session.parties) or set(members) != set(known):
        found.append(f"{room.session.id}: {list(members)}, shown {list(room.session.parties)}, ruled {list(known)}")
        return found
    for name, member in members.items():
        shown, ruled = member.party, known[name]
        if shown is not room.session.parties[name] or shown.id != name:
            found.append(f"{name}: another party is shown")
        if shown.role is not ConferenceRole.of(ruled.role):
            found.append(f"{name}: shown as {shown.role}")
        # The microphone of somebody who waits is shown when it comes in.
        muted = shown.muted if shown.stage in INSIDE else ruled.muted
        if shown.stage is not Stage(ruled.place.value) or (muted, shown.deaf) != (ruled.muted, ruled.deaf):
            found.append(f"{name}: shown {shown.stage}, muted {shown.muted}, deaf {shown.deaf}")
    return found
